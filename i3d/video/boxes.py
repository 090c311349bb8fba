"""Counts the samples that an MP4 or QuickTime file states, before libav allocates for them.

    boxes.samples("jump.mp4")  # of all tracks and fragments; 0 of a file in another format

Twelve bytes of an index can promise a billion samples, and libav takes 24 bytes and more for each.
"""

import os

_WITH_BOXES = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"))
_COUNT_AT = {b"stsz": 8, b"stz2": 8, b"trun": 4}  # bytes behind the head of the box


def samples(path) -> int:
    """Returns the number of samples that the file promises."""
    file = os.open(path, os.O_RDONLY)
    try:
        return _samples(file, os.fstat(file).st_size)
    finally:
        os.close(file)


def _samples(file, size):
    found, unread = 0, [(0, size)]
    while unread:
        begin, end = unread.pop()
        while begin + 8 <= end:
            box = os.pread(file, 32, begin)
            length, kind, head = int.from_bytes(box[:4]), box[4:8], 8
            if length == 1:
                length, head = int.from_bytes(box[8:16]), 16
            length = length or end - begin
            if length < head:  # these are no boxes
                break
            if kind in _WITH_BOXES:
                unread.append((begin + head, min(begin + length, end)))
            elif kind in _COUNT_AT:
                found += int.from_bytes(box[head + _COUNT_AT[kind] :][:4])
            begin += length
    return found
