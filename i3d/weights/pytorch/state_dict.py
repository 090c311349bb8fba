"""Reads the state dict of a PyTorch checkpoint (.pth, .pt) without PyTorch.

arrays = state_dict.read("tsn_r50_1x1x3.pth")
arrays["backbone.conv1.conv.weight"]              # float32 [64, 3, 7, 7], numpy

Nothing in the file is executed (see `unpickle`), and of its numbers only those of the state
dict are read. Both layouts of `torch.save` are known: the zip archive of PyTorch 1.6 and later,
and the older sequence of pickles; of TorchScript archives, as OpenAI published CLIP, the
parameters and buffers are read.
"""

import io
import math
import mmap
import struct
import zipfile
from collections import defaultdict

import numpy as np

from i3d.weights.errors import WeightsError
from i3d.weights.pytorch import places, unpickle

_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
_ZIP = b"PK\x03\x04"
# What zipfile raises for damaged archives, besides errors of ours.
_DAMAGE = (
    ValueError,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,
    LookupError,
    OverflowError,
    struct.error,
)
_TAR = slice(257, 262)  # where a tar archive has "ustar"
# What a storage holds; bfloat16 is the upper half of a float32.
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "<c8",
    "ComplexDoubleStorage": "<c16",
    "UntypedStorage": "u1",
}


def is_torch(path):
    """Returns whether the file at `path` begins as those of `torch.save` do."""
    with open(path, "rb") as file:
        head = file.read(64)
    return head.startswith(_ZIP) or _MAGIC in head[:32]


def read(path, averages=False):
    """Returns the arrays of the state dict in the file.

    The state dict is the saved dict itself or lies in it, see `places`.

    Args:
      path: file written by `torch.save`.
      averages: True for the moving averages of the weights.

    Returns:
      {key: numpy array} in the order of the file; bfloat16 as float32, all else in its dtype.

    Raises:
      FileNotFoundError: no such file.
      WeightsError: not such a file, a damaged one, or one without a state dict or without
        averages; one line.
    """
    return _opened(path, lambda *found: _materialise(*found), averages)


def shapes(path, averages=False):
    """Returns {key: shape} of what `read` returns, without reading the numbers.

    Raises:
      FileNotFoundError, WeightsError: as `read`, but damage to the numbers is not noticed.
    """
    return _opened(path, lambda tensors, _: {key: t.shape for key, t in tensors.items()}, averages)


def _opened(path, use, averages):
    """Returns what `use` makes of the tensors and the function that reads a storage."""
    with open(path, "rb") as file:
        try:
            return use(*_tensors(file, averages))
        except _DAMAGE as error:
            reason = str(error) or "truncated"  # zipfile's EOFError says nothing
            raise WeightsError(f"{path}: {reason.splitlines()[0]}") from error


def _tensors(file, averages):
    head = file.read(512)
    file_bytes = file.seek(0, 2)
    file.seek(0)
    if head.startswith(_ZIP):
        value, read_storage = _open_zip(file, file_bytes)
    elif _MAGIC in head[:32]:
        value, read_storage = _open_sequence(file, file_bytes)
    elif head[_TAR] == b"ustar":
        raise ValueError("a tar archive, as PyTorch before 0.1.10 wrote; save it with a newer one")
    else:
        raise ValueError(f"not a PyTorch file: it begins with {head[:8]!r}" if head else "empty")
    tensors = places.find(value, averages)
    if sum(math.prod(max(n, 1) for n in t.shape) for t in tensors.values()) > file_bytes:
        raise ValueError("damaged: its tensors have more elements than the file has bytes")
    return tensors, read_storage


def _open_zip(file, file_bytes):
    """Returns the pickled value and the function storage -> its bytes, of a zip archive."""
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise ValueError("truncated or damaged: the directory at its end is missing") from error
    records = {info.filename.partition("/")[2]: info for info in archive.infolist()}
    left = 2 * file_bytes  # of what is read; records may overlap in a made-up archive

    def read_record(name):
        nonlocal left
        info = records.get(name)
        if info is None or info.file_size > file_bytes:
            raise ValueError(f"damaged: the record {name} is missing or larger than the file")
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed; expected what torch.save writes")
        left -= info.file_size
        if left < 0:
            raise ValueError("damaged: its records have more bytes than the file")
        return archive.read(info)  # a wrong checksum is a BadZipFile

    if "model.weights.h5" in records or "model.weights.h5" in archive.NameToInfo:
        raise ValueError("a .keras archive; expected weights: model.save_weights('a.weights.h5')")
    if "data.pkl" not in records:
        raise ValueError("a zip archive without data.pkl; expected what torch.save writes")
    if "byteorder" in records and read_record("byteorder") != b"little":
        raise ValueError("big-endian; expected little-endian, as most machines write it")
    value, _ = unpickle.read(io.BytesIO(read_record("data.pkl")))
    if "constants.pkl" in records or any(name.startswith("code/") for name in records):
        value = places.of_torchscript(value)
    return value, lambda storage: read_record(f"data/{storage.key}")


def _open_sequence(file, file_bytes):
    """As `_open_zip`, of magic number, version, system, value, keys, then each storage's bytes."""
    # Through a map, a length that the file only claims is cut to what it has.
    file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _, version, system = (unpickle.read(file)[0] for _ in range(3))
    if version != 1001 or not isinstance(system, dict):
        raise ValueError("of an unknown protocol; expected 1001, as torch.save writes")
    if system.get("little_endian") is not True:
        raise ValueError("big-endian; expected little-endian, as most machines write it")
    value, storages = unpickle.read(file)
    keys, _ = unpickle.read(file)
    known = isinstance(keys, list) and all(isinstance(k, str) and k in storages for k in keys)
    if not known:
        raise ValueError("damaged: it lists storages that it does not use")
    spans = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        size = count * _dtype(storages[key]).itemsize
        spans[key] = (file.tell(), size)
        if file.tell() + size > file_bytes:
            raise ValueError(f"truncated: {file_bytes:,} bytes, storage {key} goes beyond")
        file.seek(size, 1)

    def read_storage(storage):
        if storage.key not in spans:
            raise ValueError(f"damaged: storage {storage.key} is missing")
        position, size = spans[storage.key]
        file.seek(position)
        return file.read(size)

    return value, read_storage


def _materialise(tensors, read_storage):
    """Returns {key: array}, reading each storage once and keeping none."""
    by_storage = defaultdict(list)
    for key, tensor in tensors.items():
        by_storage[tensor.storage.key].append(key)
    arrays = dict.fromkeys(tensors)
    for keys in by_storage.values():
        data = read_storage(tensors[keys[0]].storage)
        for key in keys:
            arrays[key] = _array(key, tensors[key], data)
    return arrays


def _array(key, tensor, data):
    dtype = _dtype(tensor.storage)
    count = tensor.storage.numel
    if len(data) < count * dtype.itemsize:
        raise ValueError(f"truncated: {key} has {len(data)} bytes for {count} {dtype}")
    start = tensor.storage.start + tensor.offset
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, dtype)
    if start + reach >= count:
        raise ValueError(f"damaged: {key} goes beyond its storage of {count} elements")
    base = np.frombuffer(data, dtype, count)[start:]
    steps = zip(tensor.shape, tensor.strides, strict=True)  # of one element, any stride will do
    strides = [step * dtype.itemsize if n > 1 else 0 for n, step in steps]
    array = np.lib.stride_tricks.as_strided(base, tensor.shape, strides, writeable=False).copy()
    return from_bfloat16(array) if tensor.storage.kind == "BFloat16Storage" else array


def from_bfloat16(bits):
    """Returns the float32 array of bfloat16 numbers given as uint16."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _dtype(storage):
    if storage.kind not in _DTYPES:
        raise ValueError(f"holds a {storage.kind}; expected one of {', '.join(_DTYPES)}")
    return np.dtype(_DTYPES[storage.kind])
