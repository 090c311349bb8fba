"""ActionCLIP and CLIP against the original's features, on every backend of Keras."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from i3d import models
from i3d.models import actionclip, video_heads
from i3d.weights.clip_zoo import takes_text
from tests.helpers import clip_golden

ROOT = Path(__file__).resolve().parents[2]
TEXTS = 64  # rows of the golden texts that are compared


@pytest.fixture(scope="module")
def golden():
    return clip_golden.tiny()


@pytest.mark.parametrize("head", video_heads.HEADS)
def test_features_are_the_originals(head, golden, tmp_path):
    model = clip_golden.loaded(tmp_path, head)
    found = clip_golden.outputs(model, TEXTS)
    assert {name: value.dtype for name, value in found.items()} == dict.fromkeys(
        ("image", "video", "text", "logits"), np.float32
    )
    compare(found["image"].reshape(48, 64), golden["image_features"])
    compare(found["text"], golden["text_features_ucf101"][:TEXTS])
    compare(found["video"], golden[f"fusion_{head}"])
    video, text = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found["video"], found["text"])
    )
    np.testing.assert_allclose(found["logits"], 100 * video @ text.T, atol=2e-4)


def compare(found, expected):
    """The original and ours differ by the order of sums alone; a wrong epsilon moves 1e-5."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5


def test_temporal_shift(golden, tmp_path):
    model = clip_golden.loaded(tmp_path, "meanP", tsm=True)
    compare(clip_golden.outputs(model, 1)["image"].reshape(48, 64), golden["image_features_tsm"])


def test_joint_attention(golden, tmp_path):
    model = clip_golden.loaded(tmp_path, "meanP", joint=True)
    found = clip_golden.outputs(model, 1)
    compare(found["video"], golden["video_features_joint"])
    assert found["image"].shape == (6, 1, 64)


def test_parts_share_weights_and_texts_may_be_trimmed(tmp_path):
    model = clip_golden.loaded(tmp_path, "Transf")
    frames, tokens = clip_golden.frames(), clip_golden.tokens(8)
    whole = model({"frames": frames, "tokens": tokens})
    video = actionclip.video_part(model)(frames)
    np.testing.assert_allclose(video, whole["video"], atol=1e-6)
    longest = 1 + tokens.argmax(1).max()
    text = actionclip.text_part(model)
    assert longest < 20
    np.testing.assert_allclose(text(tokens[:, :longest]), whole["text"], atol=1e-5)
    assert np.abs(text(tokens[:, : longest - 1]) - whole["text"]).max() > 0.1  # the end is needed
    assert float(actionclip.log_scale(model)) == pytest.approx(float(clip_golden.log_scale()))
    groups = [actionclip.group_of(v) for v in model.trainable_variables]
    assert {group: groups.count(group) for group in set(groups)} == {
        "visual": 8 + 3 * 16, "text": 6 + 2 * 16, "fusion": 6 * 16 + 1
    }  # fmt: skip


def test_conv_1d_begins_as_a_shift_of_a_quarter_of_the_channels_each_way():
    kernel = np.asarray(video_heads.shift_kernel((3, 64, 1), "float32"))[..., 0]
    expected = np.zeros((3, 64))
    expected[0, :16] = expected[1, 16:48] = expected[2, 48:] = 1
    np.testing.assert_array_equal(kernel, expected)


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"arch": "ViT-B/8"}, "arch: expected one of tiny, ViT-B/32"),
        ({"head": "transf"}, "head: expected one of meanP"),
        ({"frames": 78}, "frames: expected 1 to 77, got 78"),
        ({"frames": 0}, "frames: expected 1 to 77, got 0"),
        ({"joint": True}, "joint: gives one feature vector a video: expected meanP, got 'Transf'"),
        ({"size": 64}, "tiny: expected 3 channels of 32 x 32 pixels"),
        ({"channels": 2}, "got 2 of 32"),
        ({"width": 0.5}, "width 0.5"),
    ],
)
def test_arguments_out_of_range_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        models.build("actionclip", **({"arch": "tiny", "size": 32} | keywords))


def test_names_of_the_catalogue():
    named = [name for name in models.names() if takes_text(name)]
    assert named == sorted(actionclip.CONFIGS)
    model = models.build("clip_tiny")
    assert model.name == "clip_tiny" and model.input["frames"].shape == (None, 8, 32, 32, 3)
    assert not [v for v in model.weights if actionclip.group_of(v) == "fusion"]


def test_bfloat16_keeps_float32_variables_and_outputs(golden, tmp_path):
    from i3d.inference.network import computing_in

    with computing_in("bfloat16"):
        model = clip_golden.loaded(tmp_path, "Transf")
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    found = clip_golden.outputs(model, 16)
    assert found["video"].dtype == np.float32
    expected = golden["fusion_Transf"]
    error = np.abs(found["video"] - expected).max() / np.abs(expected).max()
    assert 1e-4 < error < 3e-2  # bfloat16 has 8 bits


SCRIPT = """
import sys, keras, numpy as np
from pathlib import Path
from i3d.weights.clip_zoo import takes_text
from tests.helpers import clip_golden
golden = clip_golden.tiny()
for head in ("Transf", "LSTM"):
    found = clip_golden.outputs(clip_golden.loaded(Path(sys.argv[1]), head), 16)
    video = np.abs(found["video"] - golden[f"fusion_{head}"]).max()
    text = np.abs(found["text"] - golden["text_features_ucf101"][:16]).max()
    print(keras.backend.backend(), head, video, text)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_features_hold_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(backend)]
    assert len(lines) == 2
    assert all(float(error) <= 1e-5 for line in lines for error in line[2:]), done.stdout
