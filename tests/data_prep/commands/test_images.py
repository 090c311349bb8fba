"""probe, build and verify of folders of images and of GIFs."""

import pytest

from i3d.data import read
from i3d.video import images
from tests.helpers.images import animation, written


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Two classes of folders of 8 images, with flow beside them, and the list of them."""
    monkeypatch.setattr(images, "_told", [])
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
    assert "left out flow_x_# (1), flow_y_# (1)" in errors
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
