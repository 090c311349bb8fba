"""Checks the heaps of an HDF5 file, which hold its strings, before HDF5 reads them.

    h5_texts.check("best.weights.h5")

HDF5 1.14 stays for ever at an entry of a heap that has no length. Source: HDF5 File Format
Specification, "Disk Format: Level 1E - Global Heap", and H5HG__cache_heap_deserialize.
"""

import mmap
import os
import struct

_HEAP = b"GCOL\1\0\0\0"
_ENTRY = struct.Struct("<HHIQ")  # index, references, nothing, bytes of the text
_WIDTHS = {0: 13, 1: 13, 2: 9, 3: 9}  # version of the first block -> where the widths stand


def check(path: os.PathLike | str) -> None:
    """Looks at all heaps; takes a second for a gigabyte.

    Raises:
      ValueError: an entry has no length, or goes beyond its heap; the line says what, not where.
      OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(16)
        place = _WIDTHS.get(head[8], 0) if len(head) == 16 else 0
        if head[place : place + 2] != b"\x08\x08":
            raise ValueError("an HDF5 file of addresses that do not have 8 bytes")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(_HEAP)
            while at >= 0:
                _check_heap(data, at)
                at = data.find(_HEAP, at + 1)


def _check_heap(data, at):
    end = min(at + int.from_bytes(data[at + 8 : at + 16], "little"), len(data))
    at += 16
    while at + _ENTRY.size <= end:
        index, _, _, length = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size + -(-length // 8) * 8 if index else length  # 0: what is free
        if at > end or not (index or length):
            raise ValueError("damaged where its texts lie")
