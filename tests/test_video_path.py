"""Video files to a prediction: decode, flow, crop, network, files."""

import dataclasses
import os
import re
from pathlib import Path

import av
import numpy as np
import pytest

from i3d.inference import network, sample
from i3d.runtime.command import UserError
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


@pytest.mark.slow
def test_video_gives_what_its_saved_arrays_give(checkpoints, moving, tmp_path):
    """All 30 frames, and the 29 fields between them; arrays hold as many frames as fields."""
    flags = [f"--checkpoint_dir={checkpoints}", "--top_k=400"]
    saving = [f"--save_arrays={tmp_path / 'out'}", f"--save_gif={tmp_path / 'moving.gif'}"]
    video = [f"--video={moving}", "--flow_method=dis"]
    joint = evaluate(*video, *saving, *flags)
    rgb, flow = (np.load(tmp_path / "out" / f"{s}.npy") for s in ("rgb", "flow"))
    assert rgb.shape == (1, 29, 224, 224, 3) and flow.shape == (1, 29, 224, 224, 2)
    # 2 px a frame at 30 fps is 2.4 at 25 fps, to the right; the range is 20 px.
    assert np.median(flow[..., 0]) == pytest.approx(2.4 / 20, abs=0.03)
    assert np.median(flow[..., 1]) == pytest.approx(0, abs=0.005)
    levels = 127 * flow  # as in records
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    with av.open(str(tmp_path / "moving.gif")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 29

    arrays = [f"--{s}_sample={tmp_path / 'out' / s}.npy" for s in ("rgb", "flow")]
    of_flow = evaluate("--eval_type=flow", arrays[1], *flags)
    assert_same_result(evaluate("--eval_type=flow", *video, *flags), of_flow)
    of_rgb = evaluate("--eval_type=rgb", video[0], *flags)
    first = evaluate("--eval_type=rgb", video[0], "--end_s=1.16", *flags)
    assert_same_result(evaluate("--eval_type=rgb", arrays[0], *flags), first)
    logits = [parsed(text)[1] for text in (joint, of_rgb, of_flow)]
    both, *each = (np.array([found[name][1] for name in sorted(found)]) for found in logits)
    np.testing.assert_allclose(both, sum(each), atol=1e-5 * np.abs(both).max())


@pytest.mark.slow
def test_rgb_alone_takes_every_frame_and_limits_are_kept(checkpoints, moving):
    specs = {"rgb": CARDS["rgb_imagenet"].spec}
    for limits, count in (((), 30), ((0.4, 0.8), 10)):
        (clip,) = sample.from_video(moving, specs, *limits)["rgb"]
        assert clip.shape == (count, 224, 224, 3) and clip.dtype == np.uint8
    flags = ["--eval_type=rgb", f"--checkpoint_dir={checkpoints}", f"--video={moving}"]
    whole, part = evaluate(*flags), evaluate(*flags, "--start_s=0.4", "--end_s=0.8")
    assert parsed(whole)[0] != parsed(part)[0]


@pytest.mark.parametrize(
    ("make", "message", "status"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty", 1),
        (lambda path: path.write_text("not a video\n" * 100), "not a|a text file", 1),
        (lambda path: path.mkdir(), "a folder, not a video", 1),
        (lambda path: None, "no such file", 2),
    ],
)
def test_what_is_no_video_is_one_line(checkpoints, tmp_path, make, message, status):
    path = tmp_path / "clip.mp4"
    make(path)
    text = evaluate(f"--video={path}", f"--checkpoint_dir={checkpoints}", status=status)
    assert last_line(text).startswith(f"evaluate_sample: {path}: ")
    assert re.search(message, last_line(text))


@pytest.mark.slow
def test_a_short_part_is_looped_up_to_nine_frames(checkpoints, moving, tmp_path):
    flags = [f"--checkpoint_dir={checkpoints}", "--eval_type=rgb"]
    (clip,) = sample.from_video(moving, {"rgb": CARDS["rgb_imagenet"].spec}, end_s=0.2)["rgb"]
    assert len(clip) == 9
    np.testing.assert_array_equal(clip[5:], clip[:4])
    np.save(tmp_path / "rgb.npy", clip[None] / np.float32(127.5) - 1)
    looped = evaluate(*flags, f"--rgb_sample={tmp_path / 'rgb.npy'}")
    assert_same_result(evaluate(*flags, f"--video={moving}", "--end_s=0.2"), looped)


def test_one_frame_has_no_flow(checkpoints, moving):
    flags = [f"--video={moving}", "--end_s=0.03", f"--checkpoint_dir={checkpoints}"]
    line = last_line(evaluate(*flags, "--flow_method=dis", status=1))
    assert line == f"evaluate_sample: {moving}: 1 frame; flow needs 2"


@pytest.fixture(scope="module")
def networks(checkpoints):
    cards = [CARDS[f"{stream}_imagenet"] for stream in ("rgb", "flow")]
    cards = [dataclasses.replace(card, file=str(checkpoints / card.file)) for card in cards]
    return {card.spec.stream: network.load(card, "bfloat16") for card in cards}


def misc_clips():
    """Names of the real videos as parameters, large ones slow; empty without the folder."""
    folder = Path(os.environ.get("I3D_TEST_CLIPS", "/nonexistent")) / MISC
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        pytest.param(
            str(path.relative_to(folder)),
            marks=[pytest.mark.slow] if path.stat().st_size > 200_000 else [],
        )
        for path in files
    ]


@pytest.mark.parametrize("name", misc_clips() or [None])
def test_every_real_clip_gives_logits_or_one_line(clips, networks, name):
    """All of it through RGB, its first two seconds through flow."""
    path = clips / MISC / name
    for stream, end_s in (("rgb", None), ("flow", 2.0)):
        run = networks[stream]
        specs = {stream: dataclasses.replace(run.spec, longest=64)}
        try:
            seen = sample.from_video(path, specs, end_s=end_s)[stream]
            logits = np.mean([np.asarray(run(clip[None]))[0] for clip in seen], axis=0)
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            assert name in BROKEN, error
            assert BROKEN[name] in str(error)
        else:
            assert name not in BROKEN or stream == "flow"  # damage after two seconds
            assert logits.shape == (400,) and np.isfinite(logits).all()


# What must not give a result, and why; every other clip must give one.
BROKEN = {
    "corrupted.mp4": "corrupt after",
    "derived/truncated60_abseiling_k400.mp4": "not a readable video",
    "derived/zero_bytes.mp4": "the file is empty",
}
