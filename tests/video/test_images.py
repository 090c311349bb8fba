"""Folders of images and animated WebP as videos: order, rates, parts, what is told and refused."""

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from i3d.runtime import once
from i3d.video import images, pictures
from i3d.video.frames import probe, read_frames, stated
from i3d.video.images import Images
from i3d.video.sampled import count_frames, frame_rate, wanted_frames
from i3d.video.source import VideoError
from tests.helpers.images import animation, picture, written


def levels(path, **options):
    return [round(frame.mean() / 10) for frame in read_frames(path, short_side=None, **options)]


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(once, "_told", bytearray(2))


@pytest.mark.parametrize("extension", sorted(images.EXTENSIONS))
def test_images_are_frames_in_natural_order(tmp_path, extension):
    names = [f"img_{number}{extension}" for number in (1, 2, 9, 10, 11)]
    folder = written(tmp_path / "a", *names)
    assert levels(Images(folder, 25)) == [1, 2, 3, 4, 5]
    assert levels(Images(folder, 25, 1, 3)) == [2, 3, 4]
    assert levels(Images(folder, 25, 3)) == [4, 5]


def test_colours_are_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 8, 3), (1, 2, 3), np.uint8))
    (frame,) = read_frames(Images(str(tmp_path), 25), short_side=None)
    assert frame.dtype == np.uint8 and frame[0, 0].tolist() == [3, 2, 1]


def test_images_are_placed_by_their_rate(tmp_path):
    folder = written(tmp_path / "a", *(f"{number}.png" for number in range(1, 7)))
    assert levels(Images(folder, 12.5)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert levels(Images(folder, 50)) == [2, 4, 6] or len(levels(Images(folder, 50))) == 3
    assert levels(Images(folder, 12.5), fps=None) == [1, 2, 3, 4, 5, 6]
    whole = levels(Images(folder, 12.5))
    for start in (0.04, 0.08, 0.2, 0.4):
        assert levels(Images(folder, 12.5), start_s=start) == whole[round(start * 25) :]
    assert levels(Images(folder, 12.5), start_s=0.08, end_s=0.2) == whole[2:5]
    with pytest.raises(VideoError, match="no frame from 0.5 s .*as far as 0.48"):
        levels(Images(folder, 12.5), start_s=0.5)


def test_sampling_of_images_is_that_of_a_video(tmp_path):
    folder = Images(written(tmp_path / "a", *(f"{n}.png" for n in range(1, 7))), 12.5)
    assert count_frames(folder) == 6 and count_frames(folder, fps=25) == 12
    assert frame_rate(folder) == 12.5 and stated(folder) == (24, 32, 0.48)
    asked = []
    found = wanted_frames(folder, lambda count: asked.append(count) or [0, count - 1])
    assert asked == [6, 6] and sorted(found.pictures) == [0, 5]
    assert found.pictures[5].mean() == 60 and found.end_s == 0.48
    info = probe(folder)
    assert (info.codec, info.frames, info.fps, info.duration_s) == ("png", 6, 12.5, 0.48)
    assert (info.height, info.width, info.problem) == (24, 32, "")


def test_rates_are_exact(tmp_path):
    folder = written(tmp_path / "a", *(f"{n}.png" for n in range(1, 7)))
    assert pictures.opened(Images(folder, 30000 / 1001)).begins[1] == Fraction(1001, 30000)


def test_other_images_of_a_folder_are_left_out_and_told(tmp_path, capsys):
    names = [f"{kind}_{n:05}.jpg" for n in range(1, 4) for kind in ("img", "flow_x", "flow_y")]
    folder = written(tmp_path / "a", *names, "mask_00001.png", "cover.png")
    (tmp_path / "a/notes.txt").touch()
    (tmp_path / "a/.img_00004.jpg").touch()
    assert images.listed(folder).names == [f"img_{n:05}.jpg" for n in (1, 2, 3)]
    assert images.checked(folder, 25) == Images(folder, 25)
    line = "not taken as frames: cover (1), flow_x_# (3), flow_y_# (3), mask_# (1) (this warning"
    assert line in capsys.readouterr().err
    images.checked(folder, 25)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.png", "a.png", "c.png"], ["a.png", "b.png", "c.png"]),
        (["2.jpg", "10.png", "1.jpg"], ["1.jpg", "2.jpg", "10.png"]),
        (["f2_x.png", "f10_x.png"], ["f2_x.png", "f10_x.png"]),
        (["10.00.59.png", "10.01.00.png", "9.59.59.png"], None),
        (["x_1.jpg", "y_1.jpg", "img_1.jpg", "img_2.jpg"], ["img_1.jpg", "img_2.jpg"]),
        (["x_1.jpg", "y_1.jpg", "frame1.jpg"], ["frame1.jpg"]),
        (["x_1.jpg", "x_2.jpg"], ["x_1.jpg", "x_2.jpg"]),
        (["1.png", "poster.png", "2.png"], ["1.png", "2.png"]),
    ],
)
def test_which_images_are_the_video(tmp_path, names, expected):
    written(tmp_path / "a", *names)
    found = images.listed(str(tmp_path / "a")).names
    assert found == (expected or [names[2], *names[:2]])


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2, 4, 5, 9], "4 numbers are missing, the first after img_2.png"),
        ([0, 5, 10, 20], "1 numbers are missing, the first after img_10.png"),
        ([3, 4, 5], ""),
        ([0, 5, 10], ""),
        ([7], ""),
    ],
)
def test_gaps_in_the_numbers_are_told(tmp_path, capsys, numbers, expected):
    folder = written(tmp_path / "a", *(f"img_{number}.png" for number in numbers))
    assert probe(images.checked(folder, 25)).problem == expected
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "a folder without images"),
        (["notes.txt"], "a folder without images"),
        (["flow_x_1.jpg", "flow_y_1.jpg"], "a folder without images"),
        (["a_1.png", "b_1.png"], "images of several videos (a_# (1), b_# (1)); keep those of one"),
        (["img_1.png", "img_01.png"], "comes twice"),
        (["img_1.jpg", "img_1.png"], "comes twice"),
    ],
)
def test_what_is_no_video_is_one_line(tmp_path, names, expected):
    (tmp_path / "a").mkdir()
    for name in names:
        (tmp_path / "a" / name).touch()
    with pytest.raises(VideoError) as caught:
        images.checked(str(tmp_path / "a"), 25)
    assert expected in str(caught.value) and str(caught.value).startswith(f"{tmp_path}/a: ")


def test_rates_and_parts_are_checked(tmp_path):
    folder = written(tmp_path / "a", "1.png", "2.png", "3.png")
    with pytest.raises(VideoError, match="is a folder of images; give --image_fps"):
        images.checked(folder, None)
    for part in ((0, 4), (2, 2), (3, None), (3, 1)):
        with pytest.raises(VideoError, match=r"expected \d images, found 3"):
            images.checked(folder, 25, *part)
        with pytest.raises(VideoError, match=r"expected \d images, found "):
            levels(Images(folder, 25, *part))
    assert images.checked(folder, 25, 0, 3) == Images(folder, 25)  # whole
    assert images.checked(folder, 25, 1, 2) == Images(folder, 25, 1, 2)
    with pytest.raises(VideoError, match="No such file"):
        images.checked(str(tmp_path / "b"), 25)


def test_sizes_that_differ_become_that_of_the_first(tmp_path):
    folder = written(tmp_path / "a", "1.png")
    cv2.imwrite(f"{folder}/2.png", picture(20, 48, 60))
    assert [frame.shape for frame in read_frames(Images(folder, 25), short_side=12)] == [
        (12, 16, 3)
    ] * 2


def png(height, width):
    """Returns a PNG file that states a size and holds next to nothing."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(20_000, 20_000), "an image of 20000x20000 pixels; expected at most 10 million"),
        (png(2**31 - 1, 2**31 - 1), "pixels; expected at most"),
        (png(0, 10), "not an image"),
        (b"", "not an image"),
        (b"II*\0" + bytes(1000), "not an image"),  # TIFF and others, which OpenCV reads too
        (png(10, 10), "damaged image"),
    ],
)
def test_an_image_that_cannot_be_read_ends_a_video(tmp_path, data, expected):
    folder = written(tmp_path / "a", "1.png", "2.png")
    (tmp_path / "a/3.png").write_bytes(data)
    frames = read_frames(Images(folder, 25), short_side=None)
    assert next(frames).mean() == 10 and next(frames).mean() == 20
    with pytest.raises(VideoError) as caught:
        next(frames)
    assert str(caught.value).startswith(f"{folder}: corrupt after 2 images (3.png: ")
    assert expected in str(caught.value)
    info = probe(Images(folder, 25))
    assert info.frames == 2 and info.problem.startswith("corrupt after 2 images")


def test_animated_webp_is_a_video(tmp_path, monkeypatch):
    path = animation(tmp_path / "a.WEBP", 10)
    assert levels(path, fps=10) == list(range(1, 11))
    assert levels(path, fps=10, start_s=0.5, end_s=0.8) == [6, 7, 8]
    assert stated(path) == (24, 32, 1.0) and count_frames(path, fps=20) == 20
    info = probe(path)
    assert (info.codec, info.frames, info.fps, info.problem) == ("webp", 10, 10, "")
    monkeypatch.setattr(pictures.image_size, "MAX_PIXELS", 24 * 32 * 3)  # three at a time
    assert levels(path, fps=10) == list(range(1, 11))


def test_animations_are_told_from_still_pictures(tmp_path):
    for name, count in (("a.webp", 3), ("b.gif", 3), ("c.gif", 1)):
        path = animation(tmp_path / name, count)
        assert pictures.is_animated(path) == (count > 1)
        data = Path(path).read_bytes()
        for end in range(0, len(data), 7):
            (tmp_path / "cut").write_bytes(data[:end])
            pictures.is_animated(tmp_path / "cut")
    cv2.imwrite(str(tmp_path / "d.webp"), picture(10))
    assert not pictures.is_animated(tmp_path / "d.webp")
    assert not pictures.is_animated(tmp_path / "nowhere.gif")


def test_damaged_and_huge_webp_are_one_line(tmp_path, monkeypatch):
    path = animation(tmp_path / "a.webp", 4)
    data = Path(path).read_bytes()
    (tmp_path / "a.webp").write_bytes(data[:24] + b"\xff" * 6 + data[30:])
    with pytest.raises(VideoError, match="an image of 16777216x16777216 pixels"):
        levels(path)
    (tmp_path / "a.webp").write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoError, match=f"{os.path.basename(path)}: "):
        levels(path)
    (tmp_path / "a.webp").write_bytes(data)
    monkeypatch.setattr(pictures, "_MAX_WEBP_PIXELS", 24 * 32 * 3)
    with pytest.raises(VideoError, match="4 pictures of 32x24 pixels are too many"):
        levels(path)
