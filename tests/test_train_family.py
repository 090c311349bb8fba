"""Training of every family by its recipe, made small, on drawn figures; two streams of TSN."""

import dataclasses
import importlib
import json
import re
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d import models
from i3d.data import read, stored
from i3d.data.build_settings import BuildSettings
from i3d.inference import network
from i3d.inference import records as inference_records
from i3d.inference.views import views_of
from i3d.models import csn, r2plus1d, resnet3d, slowfast, tsm, tsn
from i3d.training import augmentation, config
from i3d.training import model as training_model
from i3d.training import run as training_run
from i3d.visual.figures import render
from tests.helpers import datasets, training
from tests.helpers.torch_files import published, write_safetensors
from tests.helpers.train_models import build, spec_of, start

pytestmark = pytest.mark.long

ACTIONS = ("jumping_jacks", "walking_left")
NO_WARMUP = {"schedule.begin": 0, "schedule.warmup_steps": 0}
FAMILIES = {  # recipe -> what makes it small, beside SMALL
    "tsn/finetune": {"model.width": 0.0625},
    "tsn/kinetics_flow": {"model.width": 0.0625, "data.frames": 2},
    "tsm/kinetics": {"model.width": 0.0625, "data.segments": 4},
    "slowonly/kinetics": {"model.width": 0.0625, "data.stride": 4, **NO_WARMUP},
    "slowfast/kinetics": {"model.width": 0.125, "data.frames": 8},
    "i3d_resnet/kinetics": {"model.width": 0.0625, "data.frames": 8},
    "r2plus1d/kinetics": {"model.width": 0.0625, "data.frames": 4, "data.stride": 4},
    "s3d/kinetics": {"model.width": 0.0625, "data.frames": 16},
    "c3d/ucf101": {"model.width": 0.0625},
    "csn/kinetics": {"model.width": 0.0625, "data.frames": 8, **NO_WARMUP},
    "csn/kinetics_ig65m": {"model.width": 0.0625, "data.frames": 8, **NO_WARMUP},
    "x3d/kinetics": {"model.width": 0.125, "data.frames": 4, "data.stride": 4, **NO_WARMUP},
}
QUICK = ("tsn/finetune", "slowonly/kinetics")  # in the fast suite
SMALL = {
    "steps": 2,
    "log_every": 1,
    "validate_every": 100,
    "checkpoint_every": 100,
    "deterministic": False,  # could not be switched off again in this process
    "data.validation": "",
    "data.flow_method": "dis",
    "data.size": 32,
    "batch.per_replica": 2,
    "batch.accumulate": 1,
    "model.start": "",
    "model.inflate": False,
    "optimizer.learning_rate": 0.01,
    "optimizer.reference_batch": 0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set of 4 training and 4 test videos of figures in 2 classes."""
    root = tmp_path_factory.mktemp("data")
    recipe = BuildSettings(flow_method="dis", short_side=48)
    for split, seed in (("train", 0), ("test", render.TEST_SEED)):
        written = render.write_videos(
            root / split, 2, seed, actions=ACTIONS, height=48, width=64, workers=1
        )
        assert len(list(written)) == 4
        datasets.build(root / "records", root / split, recipe, split, num_shards=1)
    return root / "records"


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    """Residual networks of one block a stage: traced in a third of the time."""
    for rows in (resnet3d.CONFIGS, tsn.CONFIGS, tsm.CONFIGS, r2plus1d.CONFIGS):
        for name, row in rows.items():
            monkeypatch.setitem(rows, name, row._replace(depths=(1, 1, 1, 1)))
    for name, row in slowfast.CONFIGS.items():
        slow, fast = (path._replace(depths=(1, 1, 1, 1)) for path in (row.slow, row.fast))
        monkeypatch.setitem(slowfast.CONFIGS, name, row._replace(slow=slow, fast=fast))
    for name, (_, preserved) in csn.CONFIGS.items():
        monkeypatch.setitem(csn.CONFIGS, name, ((1, 1, 1, 1), preserved))


def settings_of(recipe, data, **keys):
    """Returns the settings of a recipe under configs/, made small."""
    settings = importlib.import_module(f"configs.{recipe.replace('/', '.')}").get_config()
    settings.data.records = str(data)
    settings.update_from_flattened_dict(SMALL | FAMILIES[recipe] | keys)
    config.check(settings)
    return settings


def losses(workdir):
    found = map(json.loads, (workdir / "log.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in found if "loss" in line}


@pytest.mark.parametrize(
    "recipe", [r if r in QUICK else pytest.param(r, marks=pytest.mark.slow) for r in FAMILIES]
)
def test_each_family_trains(recipe, data, tmp_path):
    settings = settings_of(recipe, data)
    assert training_run.train(settings, tmp_path) == 0
    assert all(0 < loss < 20 for loss in losses(tmp_path).values()) and len(losses(tmp_path)) == 2
    assert (tmp_path / "step-00000002/model.weights.h5").exists()


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_segments_that_come_next(data, tmp_path):
    recipe, keys = "tsn/kinetics_flow", {"model.dropout": 0.0, "checkpoint_every": 1}
    training_run.train(settings_of(recipe, data, steps=2, **keys), tmp_path / "stopped")
    training_run.train(settings_of(recipe, data, steps=3, **keys), tmp_path / "stopped")
    training_run.train(settings_of(recipe, data, steps=3, **keys), tmp_path / "whole")
    got, expected = losses(tmp_path / "stopped"), losses(tmp_path / "whole")
    assert list(got) == list(expected) == [1, 2, 3]
    assert list(got.values()) == pytest.approx(list(expected.values()), rel=1e-4)


# What a network of segments sees.


def test_fields_are_stacked_x_and_y_in_turn():
    settings = config.defaults()
    settings.data.stream, settings.data.segments, settings.data.frames = "flow", 3, 5
    settings.data.mean, settings.data.std = (128.0, 100.0), (128.0, 50.0)
    settings.data.size = 8
    spec = spec_of(settings)
    levels = np.random.default_rng(0).integers(0, 256, (2, *spec.view_shape), np.uint8)
    assert levels.shape == (2, 15, 8, 8, 2)
    found = np.asarray(network.preprocessing(spec)(levels))
    assert found.shape == (2, spec.length, 8, 8, spec.channels) == (2, 3, 8, 8, 10)
    for segment, field in ((0, 0), (1, 3), (2, 4)):
        seen = levels[:, 5 * segment + field].astype(np.float32)
        pair = found[:, segment, :, :, 2 * field : 2 * field + 2]
        np.testing.assert_allclose(pair[..., 0], (seen[..., 0] - 128) / 128, atol=1e-6)
        np.testing.assert_allclose(pair[..., 1], (seen[..., 1] - 100) / 50, atol=1e-6)


def test_training_takes_a_frame_of_each_third(data):
    settings = settings_of("tsn/finetune", data)
    draw, rng = augmentation.sampler(settings.data, spec_of(settings)), np.random.default_rng(0)
    for _ in range(20):
        first, second, third = draw(90, rng)[:, 0]
        assert 0 <= first < 30 <= second < 60 <= third < 90


def test_all_segments_of_a_crop_are_one_view(data):
    """As the predictor samples a video for a network of segments."""
    records = stored.opened(data, "test", ("flow",))
    settings = settings_of("tsn/kinetics_flow", data, **{"data.frames": 3})
    spec = dataclasses.replace(spec_of(settings), segments=4, crops=10)
    inputs = keras.Input((4, 32, 32, 6))
    model = keras.Model(inputs, keras.ops.mean(inputs, axis=(2, 3))[:, :, 0])
    found = inference_records.evaluate(
        network.Network(model, spec, 4), spec, records, batch_size=3, num_classes=4
    )
    places = list(read.videos(read.opened(data), ["test"]))
    assert sorted(place.id for place in places) == sorted(found.ids) and len(places) == 4
    for place in places:
        views = np.stack(list(views_of(place, spec)))
        assert views.shape == (10, 12, 32, 32, 2) and views.dtype == np.uint8
        first = (views[:, ::3, ..., 0].astype(np.float64) - 128) / 128  # x of the first of each 3
        expected = first.mean(axis=(0, 2, 3))
        np.testing.assert_allclose(found.logits[found.ids.index(place.id)], expected, atol=1e-4)


# What a run begins with.


def test_start_from_published_weights_leaves_the_head_out(data, tmp_path):
    path = tmp_path / "tsn.safetensors"
    source = models.build("tsn_r50_1x1x3", num_classes=7, width=0.0625)
    write_safetensors(path, published(source))
    settings = settings_of("tsn/finetune", data, **{"model.start": str(path)})
    model = build(settings, 2)
    head = model.get_layer("Logits").get_weights()
    told = start(settings, model)
    assert told == f"initialised from {path}; left out: the head of 7 classes, a new one has 2"
    assert all(map(np.array_equal, model.get_layer("Logits").get_weights(), head))
    same = build(settings, 7)
    assert start(settings, same) == f"initialised from {path}, head included"
    for ours, theirs in zip(model.weights[:-2], same.weights[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def ig65m(path, classes, prefix="backbone."):
    """Writes a CSN as IG-65M's files name it, with a head of so many classes, or of none."""
    source = models.build("ircsn_r50_32x2x1", num_classes=classes or 1, width=0.0625)
    state = published(source, frames=True)
    kept = {key: value for key, value in state.items() if classes or "cls_head" not in key}
    write_safetensors(path, {key.replace("backbone.", prefix): kept[key] for key in kept})
    return state


@pytest.mark.parametrize(
    ("classes", "prefix", "told"),
    [
        (359, "backbone.", "left out: the head of 359 classes, a new one has 4"),
        (0, "", ", which has no head"),
        pytest.param(0, "backbone.", ", which has no head", marks=pytest.mark.slow),
    ],
)
def test_a_csn_of_ig65m_starts_a_training(classes, prefix, told, data, tmp_path):
    path = tmp_path / "ig65m.safetensors"
    state = ig65m(path, classes, prefix)
    settings = settings_of("csn/kinetics_ig65m", data, **{"model.start": str(path), "steps": 1})
    model = build(settings, 4)
    assert start(settings, model).endswith(told)
    for ours, key in (("conv1", "conv1"), ("layer4-0-conv2-0", "layer4.0.conv2.0")):
        kernel = np.asarray(model.get_layer(f"{ours}-conv").kernel).transpose(4, 3, 0, 1, 2)
        np.testing.assert_array_equal(kernel, state[f"backbone.{key}.conv.weight"])
    assert training_run.train(settings, tmp_path / "run") == 0
    (loss,) = losses(tmp_path / "run").values()
    assert 0 < loss < 20
    trained = build(settings, 2)
    trained.load_weights(tmp_path / "run/step-00000001/model.weights.h5")
    kernel = np.asarray(trained.get_layer("layer4-0-conv2-0-conv").kernel)
    same = np.asarray(model.get_layer("layer4-0-conv2-0-conv").kernel)
    assert 0 < np.abs(kernel - same).max() < 0.5 * np.abs(same).max()  # from there, by one step
    scale = [w.get_layer("layer4-0-conv2-0-bn").gamma for w in (trained, model)]
    np.testing.assert_array_equal(*map(np.asarray, scale))  # which is frozen


@pytest.mark.parametrize("recipe", ["tsn/kinetics_flow", "i3d_resnet/kinetics"])
def test_start_from_images(recipe, data, tmp_path):
    state = published(models.build("tsn_r50_1x1x3", num_classes=9, width=0.0625))
    images = {}
    for key, array in state.items():
        key = re.sub(r"conv(\d)\.(conv|bn)\.", r"\2\1.", key.removeprefix("backbone."))
        images[key.replace("downsample.conv", "downsample.0").replace("mple.bn", "mple.1")] = array
    write_safetensors(tmp_path / "resnet.safetensors", images)
    keys = {"model.start": str(tmp_path / "resnet.safetensors"), "model.inflate": True}
    settings = settings_of(recipe, data, **keys)
    model = build(settings, 2)
    assert start(settings, model).endswith("safetensors; left out: the head")
    kernel = model.get_layer("conv1-conv").kernel.numpy().sum(axis=0)  # over frames
    image = state["backbone.conv1.conv.weight"].transpose(2, 3, 1, 0)
    expected = image.mean(axis=2, keepdims=True) if kernel.shape[2] != 3 else image
    np.testing.assert_allclose(kernel, np.broadcast_to(expected, kernel.shape), rtol=1e-5)


def test_factors_of_the_head(data):
    settings = settings_of("tsm/kinetics", data, **{"optimizer.weight_decay": 0.0})
    model = build(settings, 2)
    optimizer = training_model.optimizer(settings, model)
    before = [v.numpy() for v in model.trainable_variables]
    optimizer.update([tf.ones(v.shape) * 1e-6 for v in model.trainable_variables], 1.0)
    moved = [np.abs(b - v.numpy()).max() for b, v in zip(before, optimizer.trained, strict=True)]
    assert moved[-2:] == pytest.approx([5e-6, 1e-5], rel=0.1)
    assert moved[:-2] == pytest.approx([1e-6] * len(moved[:-2]), rel=0.1)


# Two streams, by the commands.

FILE = """
from i3d.configs.tsn import {recipe}
from i3d.models import tsn

def get_config():
    for name, row in tsn.CONFIGS.items():
        tsn.CONFIGS[name] = row._replace(depths=(1, 1, 1, 1))
    c = {recipe}.get_config()
    c.update_from_flattened_dict({keys!r})
    return c
"""


def run(module, *words):
    line = [sys.executable, "-m", f"i3d.{module}", *map(str, words)]
    return training.finished(training.start(line))[0]


@pytest.mark.slow
def test_two_streams_of_tsn_are_trained_tested_and_fused(data, tmp_path):
    outputs = {}
    for stream, recipe in (("rgb", "kinetics_rgb"), ("flow", "kinetics_flow")):
        file, out = tmp_path / f"{stream}.py", tmp_path / f"{stream}.npz"
        keys = SMALL | {"data.records": str(data), "data.validation": "test", "model.width": 0.0625}
        file.write_text(FILE.format(recipe=recipe, keys=keys))
        run("train", f"--config={file}", f"--workdir={tmp_path / stream}")
        best = tmp_path / stream / "best.weights.h5"
        told = run("evaluate", f"--config={file}", f"--checkpoint={best}", "--clips=5",
                   "--crops=10", f"--out={out}")  # fmt: skip
        told = " ".join(told.split())
        each = "of 5 fields x" if stream == "flow" else "x"
        assert f"5 segment(s) {each} 10 crop(s) of 32 px" in told
        assert "mean of logits over 10 view(s)" in told
        with np.load(out) as arrays:
            outputs[stream] = arrays["logits"]
    assert all(logits.shape == (4, 2) for logits in outputs.values())
    fused = tmp_path / "fused.npz"
    assert "top-1" in run("fuse", *(tmp_path / f"{s}.npz" for s in outputs), f"--out={fused}")
    with np.load(fused) as arrays:
        np.testing.assert_allclose(arrays["logits"], sum(outputs.values()), rtol=1e-5)
