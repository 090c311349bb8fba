"""ActionFormer and TemporalMaxer against what the published codes computed with these weights."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.models import actionformer
from i3d.models.actionformer import CONFIGS, LEVELS, multiple, points
from i3d.models.segment_layers import level_masks
from tests.golden import localization as golden
from tests.helpers import localizers
from tests.helpers.processes import ROOT

LONG, SLOW = pytest.mark.long, pytest.mark.slow
CASES = [  # name, run, neck, whether in full size
    pytest.param("actionformer_w7", "small_w7", None),
    pytest.param("actionformer", "small_w19", None, marks=LONG),
    pytest.param("temporalmaxer", "small_gn", None),
    pytest.param("temporalmaxer", "small_ln", "layer", marks=LONG),
    pytest.param("actionformer", "full", None, marks=SLOW),
    pytest.param("temporalmaxer", "full", None, marks=SLOW),
]
STAGES = {  # of a level in the golden file -> before or after the neck's layer
    "actionformer": ("backbone", "fpn"),
    "temporalmaxer": ("projection", "neck"),
}


def of_levels(array, rows):
    """Returns an array [B, P, ...] in parts of levels."""
    return np.split(array, np.cumsum([rows >> level for level in range(LEVELS - 1)]), axis=1)


def check(found, run, name):
    """Compares what a golden run holds of a stage, within 1e-4 of its deviation."""
    if name in run:
        assert np.abs(found - run[name]).max() <= 1e-4 * run[name].std(), name
        return
    mean, deviation = run[f"{name}/mean_std"]
    assert found.shape == tuple(run[f"{name}/shape"])
    assert abs(found.mean(dtype=np.float64) - mean) <= 1e-4 * deviation, name
    assert abs(found.std(dtype=np.float64) - deviation) <= 1e-4 * deviation, name
    assert np.abs(golden.probe(found) - run[f"{name}/probe"]).max() <= 1e-4 * deviation, name
    total = run[f"{name}/abs_sum"]
    assert abs(np.abs(found).sum(dtype=np.float64) - total) <= 1e-4 * total, name


@pytest.mark.parametrize(("name", "size", "neck"), CASES)
def test_golden(name, size, neck, tmp_path):
    family, run = name.partition("_")[0], golden.run(name.partition("_")[0], size)
    if size == "full":
        path = localizers.write(tmp_path / "a.safetensors", golden.state_dict(family))
        model = localizers.loaded(path, name)
    else:
        prefix = "module." if size == "small_w7" else ""
        model = localizers.small(tmp_path, name, prefix, neck)
    necks = [model.get_layer(f"neck-fpn_norms-{level}") for level in range(LEVELS)]
    outputs = [(layer.input, layer.output) for layer in necks]
    found, stages = keras.Model(model.input, [model.output, outputs])(golden.inputs(run))
    rows = int(run["input_shape"][2])
    for level, parts in enumerate(stages):
        for stage, part in zip(STAGES[family], parts, strict=True):
            check(np.asarray(part).transpose(0, 2, 1), run, f"level{level}/{stage}")
    for output in ("logits", "offsets"):
        for level, part in enumerate(of_levels(np.asarray(found[output]), rows)):
            check(part, run, f"level{level}/{output}")
    masks = level_masks(golden.inputs(run)["mask"], LEVELS, pooled=family == "temporalmaxer")
    for level, mask in enumerate(masks):
        np.testing.assert_array_equal(mask, run[f"level{level}/mask"])


@LONG
def test_parameters_are_as_many_as_published():
    for name, millions in (("actionformer", 29_251_612), ("temporalmaxer", 7_117_852)):
        assert models.build(name).count_params() == millions


def test_points():
    at = points(576)
    assert len(at.row) == 576 * 63 // 32 and at.row.dtype == np.float32
    assert [at.row[576], at.row[577], at.stride[577], at.low[577], at.high[577]] == [0, 2, 2, 4, 8]
    assert (at.row[-1], at.stride[-1], at.low[-1], at.high[-1]) == (544, 32, 64, 10_000)
    assert (multiple(), multiple(window=7), multiple(window=0)) == (576, 192, 32)


@LONG
def test_what_fills_up_changes_nothing(tmp_path):
    """Rows after the end of a video may hold anything; more of them give the same, too."""
    model = localizers.small(tmp_path, "actionformer_w7")
    inputs = golden.inputs(golden.run("actionformer", "small_w7"))
    features, mask = inputs["features"][1:], inputs["mask"][1:]
    expected = of_levels(np.asarray(model({"features": features, "mask": mask})["logits"]), 192)
    filled = np.where(mask[..., None], features, 7.0).astype("f")
    filled = np.pad(filled, ((0, 0), (0, 192), (0, 0)))
    more = {"features": filled, "mask": np.pad(mask, ((0, 0), (0, 192)))}
    found = of_levels(np.asarray(model(more)["logits"]), 384)
    for level, (a, b) in enumerate(zip(expected, found, strict=True)):
        own = -(-151 // 2**level)
        np.testing.assert_allclose(a[:, :own], b[:, :own], atol=1e-4)
        assert not a[:, own:].any()


@LONG
def test_reach():
    """A point depends on the rows within its reach, and on no others."""
    model = models.build("actionformer_w7", num_classes=3, channels=8, width=0.0625)
    for variable in model.weights:
        if variable.name == "scale":
            variable.assign(np.ones(variable.shape))
    features = np.random.default_rng(0).normal(size=(1, 1536, 8)).astype("f").repeat(2, axis=0)
    features[1, :600] += 1
    mask = np.ones((2, 1536), bool)
    found = np.asarray(model({"features": features, "mask": mask})["logits"])
    changed = points(1536).row[np.abs(found[0] - found[1]).max(axis=1) > 1e-4]
    assert 700 < changed.max() < 600 + actionformer.reach(7)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_arguments_out_of_range_are_refused(name):
    wrong = [
        ({"num_classes": 0}, "num_classes: expected at least 1"),
        ({"width": 0}, "width"),
        ({"rows": 600}, f"rows: expected a multiple of {multiple(window=CONFIGS[name].window)}"),
        ({"window": 8}, "window: expected an odd number"),
        ({"neck": "batch"}, "neck: expected layer or group"),
    ]
    for keywords, message in wrong:
        with pytest.raises(ValueError, match=message):
            models.build(name, **keywords)


def test_wrong_number_of_rows():
    model = models.build("actionformer", num_classes=3, channels=8, width=0.0625)
    inputs = {"features": np.zeros((1, 600, 8), "f"), "mask": np.ones((1, 600), bool)}
    with pytest.raises(ValueError, match="rows: expected a multiple of 576, got 600; fill up"):
        model(inputs)


@LONG
@pytest.mark.parametrize("name", ["actionformer_w7", "temporalmaxer"])
def test_saved_and_in_bfloat16(name, tmp_path):
    """A .keras file gives the same; weights go into a network of another precision, and back."""
    model = localizers.small(tmp_path, name, dropout=0.1)
    inputs = golden.inputs(golden.run("actionformer", "small_w7"))
    expected = model(inputs, training=False)
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")(inputs, training=False)
    model.save_weights(tmp_path / "a.weights.h5")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = models.build(name, **localizers.SMALL)
    finally:
        keras.config.set_dtype_policy("float32")
    i3d.weights.load(half, tmp_path / "a.weights.h5")
    assert {layer.compute_dtype for layer in half.layers if "-attn-query" in layer.name} <= {
        "bfloat16"
    }
    near = half(inputs)
    for output in ("logits", "offsets"):
        value = np.asarray(expected[output])
        np.testing.assert_array_equal(again[output], value)
        assert near[output].dtype == "float32"
        assert 0 < np.abs(np.asarray(near[output]) - value).mean() < 0.05 * value.std()
    assert not any(set("./") & set(layer.name) for layer in model.layers)


@LONG
@pytest.mark.parametrize("name", ["actionformer_w7", "temporalmaxer"])
def test_dropout_is_of_training_alone(name, tmp_path):
    """What is dropped shows; networks with and without it have the same weights."""
    model = localizers.small(tmp_path, name, dropout=0.5)
    inputs = golden.inputs(golden.run("actionformer", "small_w7"))
    plain = models.build(name, **localizers.SMALL)
    for source, target in ((model, plain), (plain, model)):
        source.save_weights(tmp_path / "a.weights.h5")
        i3d.weights.load(target, tmp_path / "a.weights.h5")
    expected = np.asarray(plain(inputs)["logits"])
    np.testing.assert_array_equal(np.asarray(model(inputs, training=False)["logits"]), expected)
    assert np.abs(np.asarray(model(inputs, training=True)["logits"]) - expected).max() > 0.1


SCRIPT = """
import sys, pathlib
import keras, numpy as np
from tests.golden import localization as golden
from tests.helpers import localizers

folder = pathlib.Path(sys.argv[1])
for name, run in (("actionformer_w7", "small_w7"), ("temporalmaxer", "small_gn")):
    run = golden.run(name.partition("_")[0], run)
    found = localizers.small(folder, name)(golden.inputs(run))["logits"]
    expected = np.concatenate([run[f"level{level}/logits"] for level in range(6)], axis=1)
    error = np.abs(keras.ops.convert_to_numpy(found) - expected).max() / expected.std()
    print(keras.backend.backend(), error)
run = golden.run("bmn", "small")
state = golden.state_dict("bmn", channels=16)
path = localizers.write(folder / "bmn.safetensors", state)
model = localizers.loaded(path, "bmn", channels=16, rows=24)
found = model({"features": golden.inputs(run)["features"]})["confidence"]
expected = run["confidence_map"].transpose(0, 2, 3, 1)
error = np.abs(keras.ops.convert_to_numpy(found) - expected).max() / expected.std()
print(keras.backend.backend(), error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_golden_holds_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()[-3:]]
    assert all(name == backend and float(error) <= 1e-4 for name, error in lines), done.stdout
