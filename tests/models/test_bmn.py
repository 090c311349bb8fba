"""BMN against what MMAction2 computed with these weights, and its samples of pairs."""

import hashlib

import keras
import numpy as np
import pytest

from i3d import models
from i3d.models.bmn import sample_weights, valid_pairs
from tests.golden import localization as golden
from tests.helpers import localizers


def of(tmp_path, size):
    """Returns (model with the golden weights, golden run)."""
    run = golden.run("bmn", size)
    _, channels, rows = (int(n) for n in run["input_shape"])
    path = localizers.write(tmp_path / "a.safetensors", golden.state_dict("bmn", channels=channels))
    return localizers.loaded(path, "bmn", channels=channels, rows=rows), run


@pytest.mark.parametrize("size", ["small", pytest.param("full", marks=pytest.mark.slow)])
def test_golden(size, tmp_path):
    model, run = of(tmp_path, size)
    stages = {
        name: model.get_layer(layer).output
        for name, layer in (("x_1d_b", "x_1d_b-2"), ("x_1d_p", "x_1d_p-0"))
    }
    features = golden.inputs(run)["features"]
    found = keras.Model(model.input, model.output | stages)({"features": features})
    found = {name: np.asarray(value) for name, value in found.items()}
    confidence = found["confidence"].transpose(0, 3, 1, 2)
    for name, value in (
        ("confidence_map", confidence),
        ("start", found["start"]),
        ("end", found["end"]),
    ):
        np.testing.assert_allclose(value, run[name], atol=1e-4 * run[name].std())
    for name in stages:
        deviation = run[f"{name}/mean_std"][1]
        probe = golden.probe(found[name].transpose(0, 2, 1))
        np.testing.assert_allclose(probe, run[f"{name}/probe"], atol=1e-4 * deviation)


@pytest.mark.parametrize("size", ["small", pytest.param("full", marks=pytest.mark.long)])
def test_samples_are_the_published_ones(size):
    """To the bit: the mask of the checkpoints, which we compute."""
    run = golden.run("bmn", size)
    rows = int(run["sample_mask/shape_t_n_d_s"][0])
    valid, found = valid_pairs(rows, rows), sample_weights(rows, rows)
    grid = np.zeros((rows, rows, rows, 32), np.float32)
    grid[valid] = found
    for key in run:
        if key.startswith("sample_mask/d"):
            duration, start = (int(part[1:]) for part in key.split("/")[1].split("_"))
            np.testing.assert_allclose(grid[duration, start], run[key], atol=1e-6)
    mask = np.ascontiguousarray(grid.transpose(2, 3, 0, 1))
    assert np.count_nonzero(mask) == run["sample_mask/nonzero"]
    digest = hashlib.sha256(mask.tobytes()).hexdigest()[:16]
    assert digest == run["sample_mask/sha16_float32"]
    np.testing.assert_array_equal(valid.sum(axis=1), run["bm_mask_row_sums"])


@pytest.mark.long
def test_kernel_first_is_exact(tmp_path):
    """The sums of the published order: samples of each pair, then the convolution over them."""
    model, run = of(tmp_path, "small")
    layer = model.get_layer("x_3d_p-0")
    rows = np.random.default_rng(0).normal(size=(2, 24, 256)).astype("f")
    sampled = np.einsum("ptn,btc->bpnc", sample_weights(24, 24).astype("d"), rows)
    expected = np.einsum("bpnc,nco->bpo", sampled, np.asarray(layer.kernel)[:, 0, 0])
    expected = np.maximum(expected + np.asarray(layer.bias), 0)
    found = np.asarray(layer(rows))
    assert np.abs(found[:, :-1] - expected).max() <= 1e-5 * expected.std()
    np.testing.assert_array_equal(
        found[:, -1], np.maximum(np.asarray(layer.bias), 0)[None].repeat(2, 0)
    )


def test_durations_may_be_fewer():
    """Of windows of 128 rows, THUMOS14's take segments of 64 at most."""
    model = models.build("bmn", channels=8, rows=24, durations=6, width=0.125)
    found = model({"features": np.zeros((3, 24, 8), "f")})
    assert {name: value.shape for name, value in found.items()} == {
        "confidence": (3, 6, 24, 2),
        "start": (3, 24),
        "end": (3, 24),
    }
    assert valid_pairs(24, 6)[5].sum() == 19


def test_parameters_are_as_many_as_published():
    assert models.build("bmn").count_params() == 4_978_564


@pytest.mark.long
def test_saved_and_in_bfloat16(tmp_path):
    model, run = of(tmp_path, "small")
    inputs = {"features": golden.inputs(run)["features"]}
    expected = np.asarray(model(inputs)["confidence"])
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(np.asarray(again(inputs)["confidence"]), expected)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = models.build("bmn", channels=16, rows=24)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    near = half(inputs)["confidence"]
    assert near.dtype == "float32"
    assert 0 < np.abs(np.asarray(near) - expected).mean() < 0.05 * expected.std()


def test_arguments_out_of_range_are_refused():
    wrong = (
        ({"channels": 6}, "channels: expected a multiple of 4, got 6"),
        ({"rows": 1}, "rows: expected 2 to 200"),
        ({"rows": 24, "durations": 25}, "durations: expected 1 to 24"),
        ({"dropout": 0.5}, "dropout: expected 0.0"),
    )
    for keywords, message in wrong:
        with pytest.raises(ValueError, match=message):
            models.build("bmn", **keywords)
