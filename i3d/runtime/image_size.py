"""Reads the size of an image from the header of its file, before anything is decoded.

    image_size.stated(data)                          # (height, width), None of other formats

JPEG, PNG, WebP, BMP and GIF. A small file may state billions of pixels, which a decoder would
take memory for.
"""

import struct

# Pixels of a picture: at most 8K, and 4K in a small file, since a few bytes can state any size.
MAX_PIXELS, _SMALL_PIXELS, _PIXELS_PER_BYTE = 1 << 25, 1 << 23 | 1 << 21, 16
_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # of JPEG: they state a size
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def most_pixels(file_size: int) -> int:
    """Returns how many pixels a picture in a file of so many bytes may have."""
    return min(MAX_PIXELS, max(_SMALL_PIXELS, file_size * _PIXELS_PER_BYTE))


def is_cut_off(data: bytes) -> bool:
    """Returns whether a part of a PNG file states to be longer than what is left of the file.

    OpenCV takes as much memory as a part states before it reads it.
    """
    at, is_png = 8, data[:8] == b"\x89PNG\r\n\x1a\n"
    while is_png and at + 8 <= len(data):
        at += 12 + struct.unpack(">I", data[at : at + 4])[0]  # length, name, content, checksum
    return is_png and at > len(data)


def stated(data: bytes) -> tuple[int, int] | None:
    """Returns (height, width) that the first bytes of a file state, None where they are no picture.

    Args:
      data: the file; its first 32 bytes suffice but for JPEG.
    """
    try:
        if data[:2] == b"\xff\xd8":
            return _of_jpeg(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return struct.unpack(">II", data[16:24])[::-1]
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _of_webp(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return struct.unpack("<HH", data[6:10])[::-1]
        if data[:2] == b"BM":
            old = struct.unpack("<I", data[14:18]) == (12,)
            width, height = struct.unpack(*("<HH", data[18:22]) if old else ("<ii", data[18:26]))
            return abs(height), abs(width)
    except struct.error:  # cut off
        pass
    return None


def _of_jpeg(data):
    """Returns the size that the first frame header states; as libjpeg, skips what is no marker."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
        elif marker in _FRAME_MARKERS:
            return struct.unpack(">HH", data[at + 5 : at + 9])
        elif marker in (0xD9, 0xDA):  # the end, or pixels
            return None
        else:
            at += 2 + max(2, struct.unpack(">H", data[at + 2 : at + 4])[0])
    return None


def _of_webp(data):
    kind = data[12:16]
    if kind == b"VP8X":
        return tuple(int.from_bytes(data[at : at + 3], "little") + 1 for at in (27, 24))
    if kind == b"VP8L":
        bits = struct.unpack("<I", data[21:25])[0]
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return height & 0x3FFF, width & 0x3FFF
    return None
