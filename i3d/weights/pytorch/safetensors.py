"""Reads a .safetensors file: the length of a JSON header, the header, the numbers.

arrays = safetensors_file.read("model.safetensors")     # {key: numpy array}
"""

import json
import math
from pathlib import Path

import numpy as np

from i3d.weights.errors import WeightsError
from i3d.weights.pytorch.state_dict import from_bfloat16

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read(path):
    """Returns the arrays of the file.

    Args:
      path: a .safetensors file.

    Returns:
      {key: numpy array} in the order of the header; bfloat16 as float32, all else in its dtype.

    Raises:
      FileNotFoundError: no such file.
      WeightsError: not such a file, or a damaged one; one line.

    Source: the format as github.com/huggingface/safetensors describes it.
    """
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            raise WeightsError(f"{path}: not a safetensors file, or a truncated one")
        try:
            header = json.loads(file.read(length))
            entries = {key: entry for key, entry in header.items() if key != "__metadata__"}
            spans = [entry["data_offsets"] for entry in entries.values()]
            if sum(end - begin for begin, end in spans) > size - 8 - length:
                raise ValueError("tensors overlap")
            return {key: _array(file, 8 + length, size, **entries[key]) for key in entries}
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            reason = (str(error) or "damaged").splitlines()[0]
            raise WeightsError(f"{path}: not a whole safetensors file: {reason}") from error


def _array(file, start, size, dtype, shape, data_offsets):
    if dtype not in _DTYPES:
        raise ValueError(f"dtype {dtype!r}; expected one of {', '.join(_DTYPES)}")
    begin, end = data_offsets
    wanted = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    if not 0 <= begin <= end <= size - start or end - begin != wanted:
        raise ValueError(f"bytes {begin} to {end} are not {shape} of {dtype} in this file")
    file.seek(start + begin)
    array = np.frombuffer(file.read(wanted), _DTYPES[dtype]).reshape(shape)
    return from_bfloat16(array) if dtype == "BF16" else array
