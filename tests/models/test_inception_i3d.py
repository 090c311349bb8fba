"""Inception I3D against what the original network computed with the same weights."""

import keras
import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.models.inception_i3d import ENDPOINTS
from tests.golden import i3d_weights
from tests.helpers import synthetic

STREAMS = {"rgb": ("rgb_scratch", 3, 400), "flow": ("flow_scratch", 2, 400)}
STREAMS["rgb600"] = ("rgb_scratch_kin600", 3, 600)
CASES = [(1, 16), (1, 25), (1, 64), (2, 16)]
FAST = ("rgb", 1, 16)


@pytest.fixture(scope="module")
def golden():
    return synthetic.golden()


class Streams(dict):
    """The three streams, loaded from TF1 checkpoints, giving every endpoint; built when asked."""

    def __init__(self, checkpoints):
        self._checkpoints = checkpoints

    def __missing__(self, stream):
        folder, channels, num_classes = STREAMS[stream]
        model = models.build(
            "inception_i3d",
            channels=channels,
            num_classes=num_classes,
            final_endpoint="Predictions",
        )
        i3d.weights.load(model, self._checkpoints / folder / "model.ckpt")
        outputs = {name: model.get_layer(name).output for name in ENDPOINTS}
        self[stream] = keras.Model(model.input, outputs)
        return self[stream]


@pytest.fixture(scope="module")
def streams(checkpoints):
    return Streams(checkpoints)


def run(streams, stream, batch, frames):
    channels = STREAMS[stream][1]
    shape = (batch, frames, 224, 224, channels)
    outputs = streams[stream].predict_on_batch(synthetic.input_clip(stream[:4].strip("6"), shape))
    return {name: np.asarray(value) for name, value in outputs.items()}


def assert_close(actual, expected, tolerance, what):
    scale = np.abs(expected).max()
    assert actual.shape == expected.shape, what
    assert np.abs(actual - expected).max() <= tolerance * scale, what


def assert_endpoints(outputs, golden, key, tolerance):
    for name in ENDPOINTS:
        actual, expected = outputs[name], golden[f"{key}/ep/{name}/values"]
        if f"{key}/ep/{name}/shape" in golden:
            assert actual.shape == tuple(golden[f"{key}/ep/{name}/shape"]), name
        picked = actual.ravel()[i3d_weights.sample_indices(actual.size)]
        assert_close(picked, expected, tolerance, f"{key} {name}")
        mean, std = golden[f"{key}/ep/{name}/mean_std"]
        assert abs(actual.mean(dtype=np.float64) - mean) <= tolerance * np.abs(expected).max()
        assert abs(actual.std(dtype=np.float64) - std) <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize(
    ("stream", "batch", "frames"),
    [
        pytest.param(stream, *case, marks=[] if (stream, *case) == FAST else [pytest.mark.long])
        for stream in STREAMS
        for case in CASES
    ],
)
def test_golden_endpoints_and_logits(streams, golden, stream, batch, frames):
    key = f"{stream}/b{batch}_t{frames}"
    if f"{key}/logits" not in golden:
        assert (stream, batch) == ("rgb600", 2)  # the one case that has no golden data
        return
    outputs = run(streams, stream, batch, frames)
    assert_endpoints(outputs, golden, key, 1e-5)
    assert_close(outputs["Logits"], golden[f"{key}/logits"], 1e-5, key)
    assert_close(outputs["Predictions"], golden[f"{key}/probs"], 1e-5, key)


@pytest.mark.long
@pytest.mark.parametrize(("batch", "frames"), CASES)
def test_golden_joint_logits_are_the_sum(streams, golden, batch, frames):
    logits = sum(run(streams, stream, batch, frames)["Logits"] for stream in ("rgb", "flow"))
    assert_close(logits, golden[f"joint/b{batch}_t{frames}/logits"], 1e-5, "joint")


@pytest.mark.long
def test_training_mode_golden(checkpoints):
    """Batch statistics and moving averages after one step, against the original in float64."""
    golden = synthetic.golden("i3d_f64_seed0.npz")
    model = models.build("inception_i3d", final_endpoint="Predictions")
    i3d.weights.load(model, checkpoints / "rgb_scratch" / "model.ckpt")
    outputs = {name: model.get_layer(name).output for name in ENDPOINTS}
    before = synthetic.variables("rgb")
    clip = synthetic.input_clip("rgb", (2, 16, 224, 224, 3))
    outputs = keras.Model(model.input, outputs)(clip, training=True)
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    key = "train/rgb_b2_t16"
    assert_endpoints(outputs, golden, key, 5e-4)
    assert_close(outputs["Logits"], golden[f"{key}/logits"], 1e-4, "logits")
    prefix = f"{key}/moving_after/"
    names = [name.removeprefix(prefix) for name in golden if name.startswith(prefix)]
    assert len(names) == 114
    for name in names:
        layer = model.get_layer(name.rsplit("/", 1)[0].replace("/", "-"))
        mean = name.endswith("moving_mean")
        after = np.asarray(layer.moving_mean if mean else layer.moving_variance, np.float64)
        start = before[f"RGB/inception_i3d/{name}"].astype(np.float64).ravel()
        change = golden[prefix + name].ravel() - start
        # A float32 variable near 1 holds a change of 1e-3 to about 1e-4 of it.
        tolerance = 1e-3 * np.abs(change).max() + 2e-7 * np.abs(start).max()
        assert np.abs(after - start - change).max() <= tolerance, name


@pytest.mark.parametrize(("channels", "count"), [(3, 12_689_984), (2, 12_668_032)])
def test_parameter_count_is_the_published_one(channels, count):
    model = models.build("inception_i3d", channels=channels)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == count


def test_initial_values_are_the_original_ones():
    model = models.build("inception_i3d", width=0.25)
    for layer in model.layers:
        if layer.name.endswith("-conv_3d") or layer.name == "Logits":
            kernel = np.asarray(layer.kernel)
            sigma = 1 / np.sqrt(np.prod(kernel.shape[:-1]))
            assert np.abs(kernel).max() <= 2.001 * sigma
            if kernel.size > 10_000:
                assert kernel.std() == pytest.approx(0.8796 * sigma, rel=0.05)
    norm = model.get_layer("Mixed_3b-Branch_0-Conv3d_0a_1x1-batch_norm")
    assert (norm.momentum, norm.epsilon, norm.scale) == (0.999, 1e-3, False)
    assert not np.asarray(norm.beta).any() and not np.asarray(norm.moving_mean).any()
    assert (np.asarray(norm.moving_variance) == 1).all()
    assert not np.asarray(model.get_layer("Logits").bias).any()


@pytest.mark.long
def test_features_lie_on_the_path_before_dropout_and_head():
    model = models.build("inception_i3d", width=0.125, dropout=0.5, num_classes=5)
    clip = synthetic.input_clip("rgb", (1, 17, 224, 224, 3))
    logits, features = model.get_layer("Logits"), model.get_layer("features")
    both = keras.Model(model.input, [features.output, logits.output])
    feature, logit = (np.asarray(v) for v in both(clip, training=False))
    assert feature.shape == (1, 128)
    expected = feature @ np.asarray(logits.kernel) + np.asarray(logits.bias)
    np.testing.assert_allclose(logit, expected, rtol=1e-5, atol=1e-6)
    norms = [v for v in model.variables if "moving" in v.name]
    saved = [np.asarray(v) for v in norms]
    runs = []
    for _ in range(2):
        runs.append([np.asarray(v) for v in both(clip, training=True)])
        for variable, value in zip(norms, saved, strict=True):
            variable.assign(value)
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert np.abs(runs[0][1] - runs[1][1]).max() > 0


@pytest.mark.long
def test_dropout_drops_each_time_step_apart():
    """With T' - 1 = 5 steps, the dropped mean takes more values than 0 and twice the feature."""
    model = models.build("inception_i3d", width=0.125, dropout=0.5)
    layers = ("features", "Logits-dropped_features")
    probe = keras.Model(model.input, [model.get_layer(name).output for name in layers])
    clip = synthetic.input_clip("rgb", (1, 41, 224, 224, 3))
    features, dropped = (np.asarray(v).ravel() for v in probe(clip, training=True))
    alive = features > 1e-3
    ratio = dropped[alive] / features[alive]
    assert ((ratio > 0.1) & (ratio < 1.9)).mean() > 0.5
    assert ratio.min() >= -1e-5 and ratio.mean() == pytest.approx(1, abs=0.25)


@pytest.mark.long
@pytest.mark.parametrize(("frames", "steps"), [(9, 1), (16, 1), (17, 2), (25, 3), (64, 7)])
def test_any_length_from_nine_frames(frames, steps):
    model = models.build("inception_i3d", width=0.125, num_classes=7, frames=frames)
    assert model.get_layer("AvgPool3d_0a_7x7").output.shape[1] == steps
    assert model.output.shape == (None, 7)


def test_eight_frames_are_refused_when_called():
    model = models.build("inception_i3d", width=0.125)
    with pytest.raises(ValueError, match="too short"):
        model(np.zeros((1, 8, 224, 224, 3), np.float32))


def test_mixed_precision_gives_float32_logits():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.build("inception_i3d", width=0.125)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("Mixed_4f").output.dtype == "bfloat16"
    assert model.output.dtype == "float32"


@pytest.mark.long
def test_saved_model_is_read_back(tmp_path):
    model = models.build("inception_i3d", width=0.125, spatial_squeeze=False, dropout=0.5)
    clip = synthetic.input_clip("rgb", (1, 16, 224, 224, 3))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(model(clip)), np.asarray(again(clip)))


def test_catalogue_names_the_nearest_model():
    assert "inception_i3d" in models.names()
    with pytest.raises(ValueError, match="did you mean 'inception_i3d'"):
        models.build("inception_id3")
