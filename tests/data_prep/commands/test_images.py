"""probe, build and verify of folders of images and of GIFs."""

import cv2
import numpy as np
import pytest

from i3d.data import read
from i3d.runtime import once
from tests.helpers.images import animation, written


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Two classes of folders of 8 images, with flow beside them, and the list of them."""
    monkeypatch.setattr(once, "_told", bytearray(len(once.KINDS)))
    root = tmp_path / "frames"
    for video in ("jump/a", "run/b"):
        written(root / video, *(f"img_{n:05}.png" for n in range(1, 9)), height=40, width=48)
        written(root / video, "flow_x_00001.jpg", "flow_y_00001.jpg")
    (tmp_path / "list.txt").write_text("jump/a 8 0\nrun/b 5 1\n")
    return root


BUILD = ["--short_side=32", "--workers=1", "--flow_method=farneback"]


def test_build_of_a_list_of_frame_folders(call, frames, tmp_path):
    given = [f"--videos={tmp_path}/list.txt", f"--video_root={frames}"]
    status, _, errors = call("build", *given, f"--out={tmp_path}/set", *BUILD)
    assert status == 2 and "jump/a: is a folder of images; give --image_fps" in errors
    given.append("--image_fps=25")
    status, out, errors = call("build", *given, f"--out={tmp_path}/set", *BUILD)
    assert status == 0 and "2 videos, 0 failed" in out
    assert "not taken as frames: flow_x_# (1), flow_y_# (1)" in errors
    data = read.opened(tmp_path / "set")
    stored = {place.id: list(read.segments(place)) for place in read.videos(data, ["train"])}
    assert {id: len(parts[0].frames) for id, parts in stored.items()} == {
        "jump/a": 8,
        "run/b@0+5": 5,
    }
    frame = read.rgb(stored["jump/a"][0].frames[3])
    assert frame.shape == (32, 38, 3) and abs(frame.mean() - 40) < 1
    status, out, _ = call("verify", f"--data={tmp_path}/set", "--split=train", *given, "--sample=2")
    assert status == 0 and "jump/a: 8 frames" in out and "all is well" in out
    again = call("build", *given, f"--out={tmp_path}/set", *BUILD)
    assert again[0] == 0
    given[-1] = "--image_fps=12.5"
    status, _, errors = call("build", *given, f"--out={tmp_path}/set", *BUILD)
    assert status == 1 and "built from other videos or flags" in errors


@pytest.fixture
def flows(frames):
    """Flow images of half the size: x is -10 px, then -9 px and so on; y is 5 px."""
    for folder in (frames / "jump/a", frames / "run/b"):
        for n in range(1, 8):
            for axis, pixels in (("x", n - 11), ("y", 5)):
                level = np.full((20, 24), round(127.5 + pixels * 127.5 / 20), np.uint8)
                cv2.imwrite(f"{folder}/flow_{axis}_{n:05}.png", level)
            for axis in "xy":
                (folder / f"flow_{axis}_00001.jpg").unlink(missing_ok=True)
    return frames


def test_flow_images_are_stored_as_flow(call, flows, tmp_path):
    (tmp_path / "list.txt").write_text("jump/a 0 8 0\nrun/b 2 5 1\n")
    given = [f"--videos={tmp_path}/list.txt", f"--video_root={flows}", "--image_fps=25"]
    status, out, _ = call("build", *given, f"--out={tmp_path}/set", *BUILD, "--flow_images")
    assert status == 0 and "2 videos, 0 failed" in out
    data = read.opened(tmp_path / "set")
    assert data.recipe.flow_images and data.recipe.flow_method == "farneback"
    for place in read.videos(data, ["train"]):
        (part,), first = read.segments(place), {"jump/a": 0, "run/b@2+5": 2}[place.id]
        assert len(part.flow) == len(part.frames) - 1
        for n, field in enumerate(map(read.flow, part.flow)):
            expected = ((first + n - 10) * 38 / 24, 5 * 32 / 20)  # pixels of frames of 32 x 38
            assert np.abs(field - expected).max() < 0.3
    status, out, _ = call("verify", f"--data={tmp_path}/set", "--split=train", *given, "--sample=2")
    assert status == 0 and "all is well" in out
    status, _, errors = call("build", *given, f"--out={tmp_path}/set", *BUILD, "--split=test")
    assert status == 1 and "flow_images True (not None)" in errors


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("flow_x_00003.png", "flow_y_00003.png is flow in one direction alone"),
        ("flow_?_00007.png", "expected flow between 8 images (flow_x_..., flow_y_...), found 6"),
        ("flow_*", "found 0 images of flow"),
    ],
)
def test_flow_images_that_are_not_those_of_the_frames(call, flows, tmp_path, damage, line):
    for file in (flows / "run/b").glob(damage):
        file.unlink()
    given = [f"--videos={flows}", "--image_fps=25", f"--out={tmp_path}/set"]
    status, _, errors = call("build", *given, *BUILD, "--flow_images")
    assert status == 1 and line in errors and "1 failed" not in line


def test_flow_images_at_another_rate(call, flows, tmp_path):
    given = [f"--videos={flows}", "--image_fps=30", f"--out={tmp_path}/set"]
    status, _, errors = call("build", *given, *BUILD, "--flow_images")
    assert status == 1 and "expected a folder of images at the 25 fps of the data set" in errors


def test_images_at_another_rate_are_resampled(call, frames, tmp_path):
    given = [f"--videos={frames}", "--image_fps=12.5", f"--out={tmp_path}/set"]
    assert call("build", *given, *BUILD)[0] == 0
    data = read.opened(tmp_path / "set")
    for place in read.videos(data, ["train"]):
        assert [len(part.frames) for part in read.segments(place)] == [16]


def test_probe_of_folders_of_images(call, frames):
    status, out, _ = call("probe", f"--videos={frames}/jump/a", "--image_fps=10", "--workers=1")
    assert status == 0 and "videos    1\n" in out and "png (1)" in out and "10 (1)" in out
    status, out, _ = call("probe", f"--videos={frames}", "--image_fps=10", "--workers=1")
    assert status == 0 and "videos    2 in 2 classes" in out
    (frames / "run/b/img_00004.png").unlink()
    status, _, errors = call("probe", f"--videos={frames}", "--image_fps=10", "--workers=1")
    assert status == 0 and "run/b: 1 numbers are missing, the first after img_00003.png" in errors
    status, _, errors = call("probe", f"--videos={frames}/jump/a")
    assert status == 2 and "jump/a: is a folder of images; give --image_fps, their rate" in errors


def test_probe_of_an_image_that_is_damaged(call, frames):
    (frames / "run/b/img_00006.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    status, out, errors = call("probe", f"--videos={frames}", "--image_fps=25", "--workers=1")
    assert status == 1 and "run/b: corrupt after 5 images (img_00006.png: not an image)" in errors
    assert "unusable  1" in out


def test_rates_that_are_no_numbers(call, frames):
    for rate in ("nan", "0", "-1", "inf", "x"):
        status, _, errors = call("probe", f"--videos={frames}", f"--image_fps={rate}")
        assert status == 2 and "image_fps" in errors


def test_gif_and_webp_are_built_as_videos(call, tmp_path):
    animation(tmp_path / "videos/wave/a.gif", 10, (40, 48))
    animation(tmp_path / "videos/wave/b.webp", 10, (40, 48))
    given = [f"--videos={tmp_path}/videos", f"--out={tmp_path}/set"]
    status, out, _ = call("build", *given, *BUILD)
    assert status == 0 and "2 videos, 0 failed" in out
    data = read.opened(tmp_path / "set")
    for place in read.videos(data, ["train"]):
        (part,) = read.segments(place)
        assert len(part.frames) == 25
        assert abs(read.rgb(part.frames[-1]).mean() - 100) < 2
