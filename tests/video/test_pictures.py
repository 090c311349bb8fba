"""Single images: upright, 8-bit RGB whatever the file holds, refused by their header."""

import struct

import cv2
import numpy as np
import pytest

from i3d.video import pictures
from i3d.video.source import VideoError


def _file(folder, extension, image):
    path = folder / f"a{extension}"
    path.write_bytes(cv2.imencode(extension, image)[1].tobytes())
    return path


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp", ".gif"])
def test_rgb_of_each_format(tmp_path, extension):
    bgr = np.zeros((20, 40, 3), np.uint8)
    bgr[..., 2] = 255
    rgb = pictures.decoded(_file(tmp_path, extension, bgr))
    assert rgb.shape == (20, 40, 3) and rgb.dtype == np.uint8
    # OpenCV writes GIF with a palette of coarse levels: 252 in place of 255.
    assert abs(rgb.reshape(-1, 3).mean(axis=0) - (255, 0, 0)).max() < 4


@pytest.mark.parametrize(
    ("image", "level"),
    [
        pytest.param(np.full((20, 40), 40000, np.uint16), 156, id="grey, 16 bits"),
        pytest.param(np.full((20, 40, 3), 40000, np.uint16), 156, id="colour, 16 bits"),
        pytest.param(np.full((20, 40, 4), (200, 200, 200, 0), np.uint8), 200, id="alpha"),
    ],
)
def test_other_depths_and_alpha_become_rgb_of_8_bits(tmp_path, image, level):
    rgb = pictures.decoded(_file(tmp_path, ".png", image))
    np.testing.assert_array_equal(rgb, np.full((20, 40, 3), level, np.uint8))


def test_orientation_of_exif_is_applied(tmp_path):
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, :20] = 255  # the left half
    path = _file(tmp_path, ".jpg", image)
    entry = struct.pack(">HHIHH", 0x112, 3, 1, 6, 0)  # orientation 6: turn right by 90 degrees
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    rgb = pictures.decoded(path)
    assert rgb.shape == (40, 20, 3)
    assert rgb[:16].min() > 200 and rgb[24:].max() < 50  # left is now above


def test_what_is_no_image_is_one_line(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"text")
    with pytest.raises(VideoError, match=r"a\.jpg: not an image$"):
        pictures.decoded(path)


def test_size_that_no_memory_holds_is_refused_by_the_header(tmp_path):
    path = _file(tmp_path, ".bmp", np.zeros((20, 40, 3), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[:18] + struct.pack("<ii", 60000, 60000) + data[26:])
    with pytest.raises(VideoError, match="an image of 60000x60000 pixels; expected at most"):
        pictures.decoded(path)
