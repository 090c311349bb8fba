"""Networks of people in boxes against what MMAction2 computed with the same weights."""

import functools
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.models.ava import CONFIGS
from tests.golden import ava as golden
from tests.golden.mmaction_models import probe
from tests.helpers.processes import ROOT
from tests.helpers.torch_files import write_safetensors

NAMES = sorted(path.stem.removeprefix("golden_") for path in golden.FOLDER.glob("golden_*.npz"))
QUICK = ("ava_slowonly_r50_4x16x1", "ava_slowonly_r50_4x16x1_nl", "ava_slowfast_r50_4x16x1_context")
CASES = [
    pytest.param(name, "small_s0", marks=pytest.mark.long if name in QUICK else pytest.mark.slow)
    for name in NAMES
]
CASES += [pytest.param(name, "full_s0", marks=pytest.mark.slow) for name in (NAMES[0], NAMES[4])]


@functools.lru_cache(maxsize=1)
def loaded(name, folder):
    """Returns a model with the golden weights, by the product's own loader."""
    path = folder / f"{name}.safetensors"
    state = golden.state_dict(name)
    write_safetensors(path, {k: v for k, v in state.items() if v.dtype == np.float32})
    model = models.build(name)
    i3d.weights.load(model, path)
    path.unlink()
    return model


def moments_and_probe(x):
    return [*(x.mean(dtype=np.float64), x.std(dtype=np.float64)), *probe(x)]


@pytest.mark.parametrize(("name", "size"), CASES)
def test_golden(name, size, tmp_path_factory):
    """Backbone, regions, logits and scores, each within 1e-4 of its deviation."""
    model, run = loaded(name, tmp_path_factory.getbasetemp()), golden.run(name, size)
    fast = "slowfast" in name
    stages = {"backbone_slow": "slow_path-layer4" if fast else "layer4", "roi_feat": "roi_features"}
    stages |= {"backbone_fast": "fast_path-layer4"} if fast else {}
    outputs = {stage: model.get_layer(layer).output for stage, layer in stages.items()}
    found = keras.Model(model.input, outputs | {"logits": model.output})(golden.inputs(run))
    found = {key: np.asarray(value) for key, value in found.items()}
    for stage in stages:
        x = found[stage][0] if stage == "roi_feat" else found[stage]
        x = np.moveaxis(x, -1, 1)
        x = x[:, :, None] if stage == "roi_feat" else x
        assert x.shape == tuple(run[f"{stage}/shape"])
        mean, deviation = run[f"{stage}/mean_std"]
        expected = [mean, deviation, *run[f"{stage}/probe"]]
        np.testing.assert_allclose(moments_and_probe(x), expected, atol=1e-4 * deviation)
    logits = found["logits"][0]
    np.testing.assert_allclose(logits, run["cls_score"], atol=1e-4 * run["cls_score"].std())
    scores = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(scores, run["scores"], atol=1e-4 * run["scores"].std())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("ava_slowonly_r50_4x16x1",) else pytest.mark.slow)
        for name in CONFIGS
    ],
)
def test_shapes_and_endpoints(name):
    """Any size and number of boxes; a box's logits do not depend on the others beside it."""
    model = models.build(name, num_classes=5, width=0.125, dropout=0.5)
    random = np.random.default_rng(0)
    clips = random.normal(size=(2, 8, 64, 80, 3)).astype("f")
    boxes = np.array([[[0.1, 0, 0.5, 1], [0.5, 0.2, 1, 0.9], [0, 0, 0, 0]]] * 2, "f")
    both = np.asarray(model({"clips": clips, "boxes": boxes}))
    one = np.asarray(model({"clips": clips, "boxes": boxes[:, 1:2]}))
    assert both.shape == (2, 3, 5)
    np.testing.assert_allclose(both[:, 1:2], one, atol=1e-5)
    assert model({"clips": clips, "boxes": boxes[:, :0]}).shape == (2, 0, 5)
    width = {"slowonly": 256, "slowfast": 288}[name.split("_")[1]] * (1 + ("context" in name))
    assert model.get_layer("features").output.shape == (None, None, width)
    assert model.get_layer("roi_features").output.shape == (None, None, 8, 8, width)
    with pytest.raises(ValueError, match="num_classes: expected at least 1, got 0"):
        models.build(name, num_classes=0)


def test_frames_of_the_slow_pathway():
    with pytest.raises(ValueError, match="frames: expected a multiple of 8"):
        models.build("ava_slowfast_r50_4x16x1", frames=12, width=0.125)


SCRIPT = """
import keras, numpy as np
from i3d import models
from i3d.models.roi_head import roi_align
from tests.golden import ava as golden

arrays = golden.roi_align()
own = arrays["boxes"][:, 0] == 0
maps, boxes = arrays["map"][:1].transpose(0, 2, 3, 1), arrays["boxes"][None, own, 1:]
found = keras.ops.convert_to_numpy(roi_align(maps, boxes))[0].transpose(0, 3, 1, 2)
model = models.build("ava_slowonly_r50_4x16x1", width=0.125, frames=4)
clips, boxes = np.zeros((1, 4, 64, 80, 3), "f"), np.array([[[0, 0, 1, 1]]], "f")
shape = keras.ops.convert_to_numpy(model({"clips": clips, "boxes": boxes})).shape
error = np.abs(found - arrays["out8_sampling0_aligned"][own]).max()
print(keras.backend.backend(), error, *shape)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_regions_hold_on_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    name, error, *shape = done.stdout.split()[-5:]
    assert name == backend and float(error) <= 1e-5 and shape == ["1", "1", "81"]
