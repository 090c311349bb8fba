"""Pixels of a frame: size, orientation, colour."""

import gc

import av
import cv2
import numpy as np
import pytest

from i3d.video import frames as video_frames
from tests.helpers.video_files import noisy, number, numbered, read, write


def test_short_side(tmp_path):
    path = write(tmp_path / "a.mp4", noisy(2, 240, 320))
    assert next(video_frames.read_frames(path)).shape == (256, 341, 3)
    assert next(video_frames.read_frames(path, short_side=120)).shape == (120, 160, 3)
    plain = next(video_frames.read_frames(path, short_side=None))
    assert plain.shape == (240, 320, 3) and plain.dtype == np.uint8 and plain.flags.c_contiguous
    half = next(video_frames.read_frames(path, short_side=120))
    np.testing.assert_array_equal(half, cv2.resize(plain, (160, 120)))


def test_longer_side_is_rounded_to_the_nearest(tmp_path):
    tall = write(tmp_path / "a.mp4", noisy(1, 58, 34))
    assert next(video_frames.read_frames(tall, short_side=17)).shape == (29, 17, 3)
    assert next(video_frames.read_frames(tall, short_side=16)).shape == (27, 16, 3)  # 27.29
    assert next(video_frames.read_frames(tall, short_side=19)).shape == (32, 19, 3)  # 32.41
    assert next(video_frames.read_frames(tall, short_side=20)).shape == (34, 20, 3)  # 34.12
    assert next(video_frames.read_frames(tall, short_side=22)).shape == (38, 22, 3)  # 37.53


def frames_in_memory():
    # isinstance asks objects of other libraries for their class, and some warn.
    return sum(type(each) is av.VideoFrame for each in gc.get_objects())


def test_frames_are_freed_without_the_garbage_collector(tmp_path):
    path = write(tmp_path / "a.mp4", numbered(30))
    before = frames_in_memory()
    gc.disable()
    try:
        for _ in video_frames.read_frames(path, None, None):
            pass
        after = frames_in_memory()
    finally:
        gc.enable()
    assert after <= before + 2


def test_odd_sizes(tmp_path):
    path = write(tmp_path / "a.mkv", numbered(3, 33, 47), codec="ffv1", pix_fmt="yuv444p")
    assert read(path)[0].shape == (33, 47, 3)


MATRICES = {  # a, b, c, d of the display matrix, and what it does to the stored picture
    "quarter clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "half": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "quarter counter-clockwise": ((0, -1, 1, 0), np.rot90),
    "flip left to right": ((-1, 0, 0, 1), np.fliplr),
    "flip top to bottom": ((1, 0, 0, -1), np.flipud),
    "transpose": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("turn", MATRICES)
def test_display_matrix_is_applied(tmp_path, turn):
    (a, b, c, d), turned = MATRICES[turn]
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :16] = 255  # a white corner, top left
    image[16:, :16, 0] = 200  # a red one below it
    path = write(tmp_path / "a.mp4", [image] * 2)
    content = bytearray(path.read_bytes())
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 16384]) * 65536
    at = content.index(b"tkhd") + 44
    content[at : at + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(content)
    frame = read(path)[0]
    assert frame.shape == turned(image).shape
    assert cv2.PSNR(frame, np.ascontiguousarray(turned(image))) > 25
    info = video_frames.probe(path)
    assert (info.height, info.width) == turned(image).shape[:2]


def test_probe_names_the_rotation(tmp_path, clips):
    found = [
        video_frames.probe(clips / "misc" / f"video_{k}.mov").rotation for k in (0, 90, 180, 270)
    ]
    assert found == [0, -90, -180, 90]


def test_resolution_that_changes_is_resized_to_the_first(tmp_path):
    first = write(tmp_path / "1.h264", numbered(5, 32, 48))
    second = write(tmp_path / "2.h264", [f + 90 for f in numbered(5, 64, 64)])
    both = tmp_path / "a.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    frames = read(both)
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 10
    assert [number(frame) for frame in frames] == [0, 1, 2, 3, 4, 30, 31, 32, 33, 34]


# ---- colour


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("libx264", "yuv420p10le", "a.mp4"),
        ("libx264", "yuv444p", "a.mp4"),
        ("ffv1", "gray", "a.mkv"),
        ("ffv1", "gray16le", "a.mkv"),
        ("ffv1", "bgra", "a.mkv"),
        ("gif", "rgb8", "a.gif"),
        ("mjpeg", "yuvj422p", "a.avi"),
    ],
)
def test_pixel_formats(tmp_path, codec, pix_fmt, name):
    path = write(tmp_path / name, numbered(10), codec=codec, pix_fmt=pix_fmt)
    frames = read(path)
    assert len(frames) == 10
    tolerance = 85 if codec == "gif" else 2.5  # GIF: 4 levels of blue
    for frame, meant in zip(frames, numbered(10), strict=True):
        assert frame.shape == (32, 48, 3)
        assert np.abs(frame.astype(int) - meant).max() <= tolerance


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["601", "709"])
def test_colour_tags_are_obeyed(tmp_path, full, matrix):
    """Known Y, Cb, Cr are turned to RGB by the standard that the stream names."""
    kr, kb = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}[matrix]
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.color_range = 2 if full else 1
        stream.codec_context.colorspace = 1 if matrix == "709" else 6
        planes = np.concatenate(
            [np.full((32, 32), 120), np.full((8, 32), 90), np.full((8, 32), 150)]
        )
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes.astype(np.uint8), "yuv420p")))
        container.mux(stream.encode(None))
    light, blue, red = (
        (120 / 255, (90 - 128) / 255, (150 - 128) / 255)
        if full
        else ((120 - 16) / 219, (90 - 128) / 224, (150 - 128) / 224)
    )
    r, b = light + 2 * (1 - kr) * red, light + 2 * (1 - kb) * blue
    g = (light - kr * r - kb * b) / (1 - kr - kb)
    np.testing.assert_allclose(read(path)[0][16, 16], np.array([r, g, b]) * 255, atol=2)
