"""Sizes by header equal those of the decoded picture, and no beginning of a file is an error."""

import cv2
import numpy as np
import pytest

from i3d.runtime import image_size

KINDS = {
    "jpg": (".jpg", []),
    "progressive": (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "png": (".png", []),
    "lossy webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 80]),
    "lossless webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    "bmp": (".bmp", []),
    "gif": (".gif", []),
}


def encoded(kind, height, width):
    extension, options = KINDS[kind]
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(extension, picture, options)[1].tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (17, 300), (259, 34)])
def test_the_size_is_that_of_the_picture(kind, size):
    assert image_size.stated(encoded(kind, *size)) == size


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_cut_off_or_changed_states_a_size_or_none(kind):
    data = encoded(kind, 40, 50)
    for end in range(min(len(data), 800)):
        assert image_size.stated(data[:end]) in (None, (40, 50))
    random = np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(data[:800])
        for at in random.integers(0, len(changed), 4):
            changed[at] = random.integers(256)
        image_size.stated(bytes(changed))


def test_others_state_none():
    for data in (b"", b"\xff\xd8", b"II*\0" + bytes(100), b"P6 9 9 255", b"\xff\xd8" * 9000):
        assert image_size.stated(data) is None


def test_jpeg_with_bytes_between_its_segments():
    data = encoded("jpg", 40, 50)
    assert image_size.stated(data[:2] + b"ab\xff\xff\xff" + data[2:]) == (40, 50)
    hidden = b"\xff\xe1\x00\x0c\xff\xc0" + bytes(8)  # a header inside of a comment
    assert image_size.stated(data[:2] + hidden + data[2:]) == (40, 50)


def test_parts_of_a_png_that_go_beyond_it():
    data = encoded("png", 40, 50)
    at = data.index(b"IDAT") - 4
    assert not image_size.is_cut_off(data) and not image_size.is_cut_off(data + b"more")
    for length in (2**31, 2**32 - 1, len(data)):
        changed = data[:at] + length.to_bytes(4, "big") + data[at + 4 :]
        assert image_size.is_cut_off(changed)
    assert image_size.is_cut_off(data[:-13])
    assert not any(image_size.is_cut_off(encoded(kind, 40, 50)) for kind in KINDS)
