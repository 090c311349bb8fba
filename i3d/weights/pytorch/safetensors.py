"""Reads a .safetensors file: length of the JSON header, header, arrays.

arrays = safetensors.read("model.safetensors")     # {key: numpy array}
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
_MAX_DIMENSIONS = 64  # as NumPy's
_MAX_COUNT = 2**63


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
    with open(path, "rb") as file:
        entries, start = _header(path, file)
        return {key: _array(file, start, *entry) for key, entry in entries.items()}


def shapes(path):
    """Returns {key: shape} of what `read` returns, without reading the numbers.

    Raises:
      FileNotFoundError, WeightsError: as `read`.
    """
    with open(path, "rb") as file:
        entries, _ = _header(path, file)
        return {key: shape for key, (_, shape, _) in entries.items()}


def _header(path, file):
    """Returns ({key: (dtype, shape, (begin, end))}, where the numbers begin), all checked."""
    size = Path(path).stat().st_size
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= size - 8:
        raise WeightsError(f"{path}: not a safetensors file, or a truncated one")
    try:
        header = json.loads(file.read(length))
        room = size - 8 - length
        entries = {
            key: _entry(room, **entry) for key, entry in header.items() if key != "__metadata__"
        }
        if sum(end - begin for _, _, (begin, end) in entries.values()) > room:
            raise ValueError("tensors overlap")
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        reason = (str(error) or "damaged").splitlines()[0]
        raise WeightsError(f"{path}: not a whole safetensors file: {reason:.200}") from error
    return entries, 8 + length


def _entry(room, dtype, shape, data_offsets):
    """Returns (dtype, shape, (begin, end)) of a tensor that lies within `room` bytes."""
    if dtype not in _DTYPES:
        raise ValueError(f"dtype {dtype!r:.40}; expected one of {', '.join(_DTYPES)}")
    begin, end = data_offsets
    numbers = (begin, end, *shape)
    counts = all(type(number) is int and 0 <= number < _MAX_COUNT for number in numbers)
    if not counts or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("a shape or an offset is no list of counts")
    wanted = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    if not begin <= end <= room or end - begin != wanted:
        raise ValueError(f"bytes {begin} to {end} are not {tuple(shape)} of {dtype} in this file")
    return dtype, tuple(shape), (begin, end)


def _array(file, start, dtype, shape, span):
    file.seek(start + span[0])
    array = np.frombuffer(file.read(span[1] - span[0]), _DTYPES[dtype]).reshape(shape)
    return from_bfloat16(array) if dtype == "BF16" else array
