"""Video files to a prediction: decode, flow, crop, network, files."""

import os
import re
from pathlib import Path

import av
import numpy as np
import pytest
from i3d.inference.streams import load_stream

from i3d.inference import sample
from i3d.video import frames
from i3d.weights.cards import CARDS
from tests.helpers.sample_command import assert_same_result, evaluate, last_line, parsed

pytestmark = pytest.mark.long

MISC = "misc"


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A 30 fps video of 1.2 s whose texture moves right; 36 frames, 30 at 25 fps."""
    path = tmp_path_factory.mktemp("video") / "moving.mp4"
    texture = np.random.default_rng(0).integers(0, 255, (36, 80, 3), dtype=np.uint8)
    texture = texture.repeat(8, 0).repeat(8, 1)[:256]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 340, 256, "yuv420p"
        for index in range(36):
            shifted = np.ascontiguousarray(texture[:, 200 - 2 * index :][:, :340])
            frame = av.VideoFrame.from_ndarray(shifted, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_video_gives_what_its_saved_arrays_give(checkpoints, moving, tmp_path):
    flags = [f"--checkpoint_dir={checkpoints}", "--flow_method=dis"]
    saving = [f"--save_arrays={tmp_path / 'out'}", f"--save_gif={tmp_path / 'moving.gif'}"]
    direct = evaluate(f"--video={moving}", *saving, *flags)
    rgb, flow = (np.load(tmp_path / "out" / f"{s}.npy") for s in ("rgb", "flow"))
    assert rgb.shape == (1, 29, 224, 224, 3) and flow.shape == (1, 29, 224, 224, 2)
    # 2 px a frame at 30 fps is 2.4 at 25 fps, to the right; the range is 20 px.
    assert np.median(flow[..., 0]) == pytest.approx(2.4 / 20, abs=0.03)
    assert np.median(flow[..., 1]) == pytest.approx(0, abs=0.005)
    arrays = [f"--{s}_sample={tmp_path / 'out' / s}.npy" for s in ("rgb", "flow")]
    assert_same_result(evaluate(*arrays, flags[0]), direct)
    with av.open(str(tmp_path / "moving.gif")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 29


def test_rgb_alone_takes_every_frame_and_limits_are_kept(checkpoints, moving):
    card = CARDS["rgb_imagenet"]
    assert len(list(sample.from_video(moving, card, ("rgb",)))) == 30
    assert len(list(sample.from_video(moving, card, ("rgb",), 0.4, 0.8))) == 10
    flags = ["--eval_type=rgb", f"--checkpoint_dir={checkpoints}", f"--video={moving}"]
    whole, part = evaluate(*flags), evaluate(*flags, "--start_s=0.4", "--end_s=0.8")
    assert parsed(whole)[0] != parsed(part)[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_text("not a video\n" * 100), "not a|a text file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: None, "no such file"),
    ],
)
def test_what_is_no_video_is_one_line(checkpoints, tmp_path, make, message):
    path = tmp_path / "clip.mp4"
    make(path)
    text = evaluate(f"--video={path}", f"--checkpoint_dir={checkpoints}", status=1)
    assert last_line(text).startswith(f"evaluate_sample: {path}: ")
    assert re.search(message, last_line(text))


def test_too_short_a_range_says_how_many_frames_there_are(checkpoints, moving):
    flags = [f"--video={moving}", "--end_s=0.2", f"--checkpoint_dir={checkpoints}"]
    line = last_line(evaluate(*flags, "--flow_method=dis", status=1))
    assert f"{moving}: too short for I3D: 4 steps" in line and "at least 9" in line


@pytest.fixture(scope="module")
def networks(checkpoints):
    cards = {stream: CARDS[f"{stream}_imagenet"] for stream in ("rgb", "flow")}
    return {s: (card, load_stream(card, checkpoints, "bfloat16")) for s, card in cards.items()}


def misc_clips():
    """Names of the real videos, for the test's parameters; empty without the folder."""
    folder = Path(os.environ.get("I3D_TEST_CLIPS", "/nonexistent")) / MISC
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", misc_clips() or [None])
def test_every_real_clip_gives_logits_or_one_line(clips, networks, name):
    """All of it through RGB, its first two seconds through flow."""
    path = clips / MISC / name
    for stream, end_s in (("rgb", None), ("flow", 2.0)):
        card, run = networks[stream]
        try:
            steps = sample.from_video(path, card, (stream,), end_s=end_s)
            windows = sample.windows(steps, str(path), max_frames=64)
            logits = np.mean([run(window[stream]) for window in windows], axis=0)
        except (frames.VideoError, sample.SampleError) as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            assert name in BROKEN, error
            assert BROKEN[name] in str(error)
        else:
            assert name not in BROKEN or stream == "flow"  # damage after two seconds
            assert logits.shape == (400,) and np.isfinite(logits).all()


# What must not give a result, and why; every other clip must give one.
BROKEN = {
    "corrupted.mp4": "corrupt after",
    "unordered.mov": "too short for I3D",
    "video_0.mov": "too short for I3D",
    "video_90.mov": "too short for I3D",
    "video_180.mov": "too short for I3D",
    "video_270.mov": "too short for I3D",
    "derived/truncated60_abseiling_k400.mp4": "not a readable video",
    "derived/zero_bytes.mp4": "the file is empty",
}
