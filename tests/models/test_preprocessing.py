"""Preprocessing as a layer: the numbers of the records' schema and of published pipelines."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d.data import schema
from i3d.inference import network
from i3d.models.preprocessing import Preprocessing, with_preprocessing
from i3d.spec import InputSpec
from i3d.weights import cards, zoo
from tests.helpers.processes import ROOT
from tests.helpers.synthetic import GOLDEN

LEVELS = np.arange(256, dtype=np.uint8)
IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
STEP = np.float32(1 / 127)
LAYERS = {
    "unit": {"range": (-1.0, 1.0)},
    "zero to one": {"range": (0.0, 1.0)},
    "statistics": {"mean": IMAGENET[0], "std": IMAGENET[1]},
    "flow": {"flow": True},
    "flow, zero to one": {"flow": True, "range": (0.0, 1.0)},
    "stacks of flow": {"flow": True, "frames": 5, "mean": (128.0,) * 2, "std": (128.0,) * 2},
    "segments": {"frames": 1, "mean": IMAGENET[0], "std": IMAGENET[1]},
}


def views(channels, shape=(2, 10, 6, 7)):
    return np.random.default_rng(0).integers(0, 256, (*shape, channels), np.uint8)


def numbers(layer, given):
    found = np.asarray(layer(given))
    assert found.dtype == np.float32
    return found


def every_level(channels):
    """Returns uint8 [1, 1, 256, 1, C] that holds each level in each channel."""
    return np.repeat(LEVELS, channels).reshape(1, 1, 256, 1, channels)


def test_pictures_are_in_the_range_of_the_schema():
    given = every_level(3)
    found = numbers(Preprocessing(), given)
    # Bit for bit what the networks were trained and published on: one product, one sum.
    exact = given.astype(np.float32) * np.float32(2 / 255) + np.float32(-1)
    np.testing.assert_array_equal(found, exact)
    np.testing.assert_allclose(found, schema.rgb_to_unit(given), atol=2e-7)
    assert (found.min(), found.max()) == (-1, 1)
    np.testing.assert_allclose(
        numbers(Preprocessing(range=(0.0, 1.0)), given), given / 255, atol=2e-7
    )


def test_levels_of_flow_are_motion():
    given = every_level(2)
    found = numbers(Preprocessing(flow=True), given)
    exact = np.clip((given.astype(np.float32) - np.float32(128)) * STEP, -1, 1)
    np.testing.assert_array_equal(found, exact)
    x = given[0, 0, :, :, 0]
    expected = schema.flow_to_unit(schema.levels_to_flow(np.concatenate([x, x])))
    np.testing.assert_allclose(found[0, 0], expected, atol=2e-7)
    assert found.min() == -1 and (found[0, 0, 128] == 0).all()  # level 128 is no motion
    low = numbers(Preprocessing(flow=True, range=(0.0, 1.0)), given)
    np.testing.assert_allclose(low, found / 2 + 0.5, atol=1e-7)


def test_standardised_values_are_the_published_ones():
    with np.load(GOLDEN / "mmaction_pixels.npz") as arrays:
        given = np.moveaxis(arrays["norm_in_ncthw"], 1, -1)
        expected = np.moveaxis(arrays["norm_out_ncthw"][0], 1, -1)
    layer = Preprocessing(mean=IMAGENET[0], std=IMAGENET[1])
    found = numbers(layer, given[None] if given.ndim == 4 else given)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-6)


def test_each_channel_has_its_own_statistics():
    given = views(2)
    found = numbers(Preprocessing(flow=True, mean=(128.0, 100.0), std=(64.0, 50.0)), given)
    expected = (given.astype(np.float32) - np.float32([128, 100])) / np.float32([64, 50])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_frames_of_segments_are_stacked_in_turn(channels, frames):
    given = views(channels)
    statistics = {"mean": (1.0,) * channels, "std": (2.0,) * channels}
    plain = numbers(Preprocessing(channels == 2, **statistics), given)
    found = numbers(Preprocessing(channels == 2, frames, **statistics), given)
    assert found.shape == (2, 10 // frames, 6, 7, frames * channels)
    for segment in range(10 // frames):
        for place in range(frames):
            part = found[:, segment, ..., channels * place : channels * (place + 1)]
            np.testing.assert_array_equal(part, plain[:, frames * segment + place])


@pytest.mark.parametrize("name", LAYERS)
def test_a_model_with_it_is_saved_and_loaded(name, tmp_path):
    layer = Preprocessing(**LAYERS[name], name="preprocessing")
    again = Preprocessing.from_config(layer.get_config())
    given = views(2 if layer.flow else 3)
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(numbers(again, given), numbers(layer, given))
    shape = layer.compute_output_spec(keras.KerasTensor((None, *given.shape[1:]), "uint8")).shape
    inputs = keras.Input(shape[1:])
    mean = keras.Model(inputs, keras.ops.mean(inputs, axis=(1, 2, 3)), name="means")
    whole = with_preprocessing(mean, layer, given.shape[1:])
    assert whole.input.dtype == "uint8" and whole.name == "means"
    whole.save(tmp_path / "whole.keras")
    loaded = keras.models.load_model(tmp_path / "whole.keras")
    np.testing.assert_array_equal(np.asarray(loaded(given)), np.asarray(whole(given)))


def test_precision_of_the_network_does_not_reach_it():
    with network.computing_in("bfloat16"):
        layer = Preprocessing()
        assert numbers(layer, every_level(3))[0, 0, 1, 0, 0] == np.float32(2 / 255) - 1


@pytest.mark.parametrize("name", LAYERS)
def test_views_of_any_length_in_a_graph(name):
    layer = Preprocessing(**LAYERS[name])
    given = views(2 if layer.flow else 3)
    signature = [tf.TensorSpec([None, None, *given.shape[2:]], tf.uint8)]
    found = tf.function(layer, input_signature=signature)(given)
    np.testing.assert_allclose(found, numbers(layer, given), rtol=1e-6, atol=1e-7)


def test_layers_of_specs():
    flow = zoo.default_spec("tsn_r50_5x1x3_flow")
    config = network.preprocessing(flow).get_config()
    assert (config["flow"], config["frames"]) == (True, 5)
    assert (config["mean"], config["std"]) == ((128.0,) * 2, (128.0,) * 2)
    config = network.preprocessing(zoo.default_spec("slowonly_r50_4x16x1")).get_config()
    assert (config["flow"], config["frames"], config["mean"]) == (False, 0, IMAGENET[0])
    for card in (cards.CARDS["rgb_imagenet"], cards.CARDS["flow_imagenet"]):
        config = network.preprocessing(card.spec).get_config()
        assert (config["range"], config["mean"], config["frames"]) == ((-1.0, 1.0), (), 0)
        assert config["flow"] == (card.spec.stream == "flow")
    both = InputSpec(range=(0.0, 1.0), mean=(1.0,) * 3, std=(1.0,) * 3)
    assert network.preprocessing(both).get_config()["mean"] == ()  # the range counts


SCRIPT = """
import sys
import keras, numpy as np
from i3d.models.preprocessing import Preprocessing
from tests.models.test_preprocessing import LAYERS, views

assert keras.backend.backend() == "torch"
arrays = {}
for name, options in LAYERS.items():
    layer = Preprocessing(**options)
    arrays[name] = keras.ops.convert_to_numpy(layer(views(2 if layer.flow else 3)))
np.savez(sys.argv[1], **arrays)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed (extra [torch])"
)
def test_numbers_hold_on_torch(tmp_path):
    environment = os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, tmp_path / "a.npz"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "a.npz") as arrays:
        assert set(arrays.files) == set(LAYERS)
        for name, options in LAYERS.items():
            layer = Preprocessing(**options)
            expected = numbers(layer, views(2 if layer.flow else 3))
            np.testing.assert_allclose(arrays[name], expected, rtol=1e-6, atol=1e-6)
