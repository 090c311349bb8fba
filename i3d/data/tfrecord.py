"""Reads and writes TFRecord files with their checksums, without TensorFlow.

    tfrecord.write(file, data)                         # appends to a file open for writing

    for record in tfrecord.read("videos-train.tfrecord-00000-of-00016"):
        record.problem or record.data                  # "" and the bytes, or what is wrong

TensorFlow's own reader gives up a file at the first damaged record, and takes an accelerator; to
import it for its writer costs a worker 500 MB and seconds.
"""

import functools
import mmap
import os
import struct
from typing import NamedTuple

import numpy as np

LEAST_BYTES = 16  # of a record: its length and two checksums
_HEAD = struct.Struct("<QI")  # length and checksum
_MOST_BYTES = 1 << 31  # of a record's data; protobuf has no larger messages
_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed


class Record(NamedTuple):
    """One record.

    Attributes:
      number: from 0.
      offset: where it starts in the file, bytes.
      data: its bytes; b"" where something is wrong.
      problem: "", or what is wrong.
    """

    number: int
    offset: int
    data: bytes
    problem: str


def write(file, data):
    """Appends one record (bytes) to a binary file, as tf.io.TFRecordWriter would."""
    length = struct.pack("<Q", len(data))
    checks = (struct.pack("<I", masked_crc(part)) for part in (length, data))
    file.writelines((length, next(checks), data, next(checks)))


def read(path):
    """Yields the Records of a file; goes on after a damaged one where the next can be found.

    Raises:
      OSError: the file cannot be read.

    Source: the format is a length (8 bytes, little-endian), its masked CRC-32C, the data and
    theirs: https://www.tensorflow.org/tutorials/load_data/tfrecord.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        offset = number = 0
        while offset < size:
            data, problem, follows = _record(file, size - offset)
            yield Record(number, offset, data, problem)
            if not follows:
                return
            offset, number = file.tell(), number + 1


def views(path):
    """Yields the data of each record as a memoryview of the file; checksums are not looked at.

    What is not read of a view is not read from disk. It ends where the file is cut off.

    Raises:
      OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size, offset = os.fstat(file.fileno()).st_size, 0
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
    while offset + LEAST_BYTES <= size:
        length, _ = _HEAD.unpack(whole[offset : offset + _HEAD.size])
        if offset + LEAST_BYTES + length > size:
            return
        yield whole[offset + _HEAD.size : offset + _HEAD.size + length]
        offset += LEAST_BYTES + length


def oversized(path):
    """Returns the number of the first record that states more than a record can have, or None.

    Looks at lengths alone, up to the first damaged one. TensorFlow ends the process where it
    cannot have as much memory as a length states.

    Raises:
      OSError: the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        handle = file.fileno()
        size, offset, number = os.fstat(handle).st_size, 0, 0
        while offset + LEAST_BYTES <= size:
            length, check = _HEAD.unpack(os.pread(handle, 12, offset))
            if length > _MOST_BYTES:
                return number if masked_crc(struct.pack("<Q", length)) == check else None
            offset, number = offset + LEAST_BYTES + length, number + 1
    return None


def _record(file, left):
    """Returns (data, problem, whether the next record can be found) of the record that begins."""
    head = file.read(12)
    if len(head) < 12:
        return b"", "the file ends within it", False
    length, check = _HEAD.unpack(head)
    if masked_crc(head[:8]) != check:
        return b"", "its length is damaged, so what follows cannot be read", False
    if length + LEAST_BYTES > left:
        return b"", "the file ends within it", False
    data = file.read(length)
    (check,) = struct.unpack("<I", file.read(4))
    return (data, "", True) if masked_crc(data) == check else (b"", "its checksum is wrong", True)


def masked_crc(data):
    """Returns the checksum of bytes as TFRecord files keep it: CRC-32C, turned and shifted."""
    crc = int(_compiled()(np.frombuffer(data, np.uint8), _TABLES))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _tables():
    """Returns uint32 [8, 256]: the CRC of each byte with 0 to 7 zero bytes after it."""
    tables = np.zeros((8, 256), np.uint32)
    tables[0] = np.arange(256)
    for _ in range(8):
        tables[0] = (tables[0] >> 1) ^ np.where(tables[0] & 1, np.uint32(_CASTAGNOLI), 0)
    for row in range(1, 8):
        tables[row] = (tables[row - 1] >> 8) ^ tables[0][tables[row - 1] & 255]
    return tables


_TABLES = _tables()


@functools.cache
def _compiled():
    """Returns the function that computes a CRC-32C; Numba takes half a second to import."""
    from numba import njit

    return njit(nogil=True)(_crc32c)


def _crc32c(data, tables):
    """Eight bytes at a time: Kounavis and Berry 2005, "slicing by 8"."""
    crc = np.uint32(0xFFFFFFFF)
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        value = np.uint32(0)
        for k in range(8):
            byte = data[i + k]
            if k < 4:
                byte ^= np.uint8(crc >> np.uint32(8 * k))
            value ^= tables[7 - k, byte]
        crc = value
    for i in range(whole, len(data)):
        crc = tables[0, np.uint8(crc) ^ data[i]] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)
