"""Reads the index of a TF1 checkpoint: names, types and shapes of its variables.

    entries = read("checkpoints/rgb_imagenet/model.ckpt")
    entries["RGB/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d/b"].shape          # (400,)

The index is read without TensorFlow and held against the files of numbers, so that nobody asks
for more than there is.

Source: LevelDB's table format, and TensorFlow's tensor_bundle.proto and tensor_shape.proto.
"""

import math
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np

from i3d.weights.errors import WeightsError

FOOTER_BYTES = 48
MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_LONGEST_NAME = 1000
_MOST_AXES = 64
_MOST = 2**62  # elements or bytes
# Types that weights come in, by TensorFlow's numbers of them.
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?"}
_TYPES |= {14: ml_dtypes.bfloat16, 17: "<u2", 19: "<f2", 22: "<u4", 23: "<u8"}


class Variable(NamedTuple):
    """One variable.

    Attributes:
      dtype: of its numbers, little-endian.
      shape: tuple of counts.
      file: Path of the file of numbers that it lies in.
      offset: where it starts there, bytes.
      check: 4 bytes, the masked CRC-32C of its own; b"" where none is stored.
    """

    dtype: np.dtype
    shape: tuple
    file: Path
    offset: int
    check: bytes


def read(prefix):
    """Returns {name: Variable} of the checkpoint, those of numbers, in the order of the names.

    Args:
      prefix: path before `.index` and `.data-00000-of-00001`.

    Raises:
      WeightsError: it is damaged, or numbers are missing; one line.
    """
    index = Path(f"{prefix}.index")
    try:
        return _variables(index.read_bytes(), prefix)
    except (ValueError, IndexError) as error:
        reason = str(error) or "damaged"
        raise WeightsError(f"{prefix}: not a whole TF1 checkpoint: {reason}") from error


def _variables(table, prefix):
    found, shards, files = {}, 0, {}
    for name, value in _table(table):
        fields = _fields(value)
        if not name:
            shards = _last(fields, 1, 1)
            if _last(fields, 2, 0):
                raise ValueError("its numbers are big-endian; save it on a little-endian machine")
            continue
        dtype, shape = _last(fields, 1, 0), _shape(fields.get(2, []))
        offset, size = _last(fields, 4, 0), _last(fields, 5, 0)
        if dtype not in _TYPES:  # text: what TF2 says of its objects
            continue
        shard = _last(fields, 3, 0)
        dtype = np.dtype(_TYPES[dtype])
        if shard not in files:
            if not shard < shards < 100_000:
                raise ValueError(f"{name!r:.80} lies in file {shard} of {shards}")
            numbers = Path(f"{prefix}.data-{shard:05d}-of-{shards:05d}")
            if not numbers.is_file():
                raise ValueError(f"{numbers.name} is missing")
            files[shard] = numbers, numbers.stat().st_size
        numbers, most = files[shard]
        if fields.get(7):
            raise ValueError(f"{name!r:.80} is stored in slices; save it whole")
        if size != math.prod(shape) * dtype.itemsize or offset + size > most:
            raise ValueError(f"{name!r:.80} does not lie in the file of numbers; truncated?")
        check = fields.get(6, [b""])[-1]
        found[name.decode("utf-8")] = Variable(dtype, shape, numbers, offset, check)
    return found


def _shape(messages):
    """Returns the shape in the messages of the field of an entry."""
    sizes = [
        _last(_fields(part), 1, 0) for message in messages for part in _fields(message).get(2, [])
    ]
    if len(sizes) > _MOST_AXES or any(size > _MOST for size in sizes):
        raise ValueError("a shape of too many or too large axes")
    return tuple(sizes)


def _table(data):
    """Yields (key, value), bytes, of a table."""
    if len(data) < FOOTER_BYTES or data[-8:] != MAGIC:
        raise ValueError("its .index is no table of a checkpoint")
    footer, place = data[-FOOTER_BYTES:], 0
    for _ in range(2):  # what is said of the metaindex is not needed
        _, place = _varint(footer, place)
    offset, place = _varint(footer, place)
    size, _ = _varint(footer, place)
    seen = 0
    for _, handle in _block(data, offset, size):
        offset, place = _varint(handle, 0)
        size, _ = _varint(handle, place)
        seen += size
        if seen > len(data):
            raise ValueError("the blocks of its .index overlap")
        yield from _block(data, offset, size)


def _block(data, offset, size):
    """Yields (key, value) of a block; each key is stored by what differs from the one before."""
    if offset + size + 5 > len(data) or size < 4:
        raise ValueError("a block of its .index is missing")
    if data[offset + size]:
        raise ValueError("its .index is compressed; expected one as TensorFlow writes it")
    block = data[offset : offset + size]
    end = size - 4 - 4 * int.from_bytes(block[-4:], "little")
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        if shared > len(key) or place + own + length > end or shared + own > _LONGEST_NAME:
            raise ValueError("a name of its .index is damaged")
        key = key[:shared] + block[place : place + own]
        place += own
        yield key, block[place : place + length]
        place += length


def _fields(message):
    """Returns {number: [values]} of a message: ints, or bytes, those of a checksum among them."""
    if not isinstance(message, bytes):
        raise ValueError("an entry of its .index is damaged")
    found: dict = {}
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(message, place)
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            value, place = message[place : place + width], place + width
        elif kind == 2:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        else:
            raise ValueError("an entry of its .index is damaged")
        found.setdefault(tag >> 3, []).append(value)
    if place > len(message):
        raise ValueError("an entry of its .index is truncated")
    return found


def _last(fields, number, default):
    """Returns the last value of a field of a count."""
    value = fields.get(number, [default])[-1]
    if not isinstance(value, int):
        raise ValueError("an entry of its .index is damaged")
    return value


def _varint(data, place):
    """Returns (number, place after it); seven bits a byte, the lowest first."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of its .index is too long")
