"""What every model of the catalogue keeps, on narrow and small copies."""

import re

import keras
import numpy as np
import pytest

from i3d import models
from i3d.models import c3d, deep_video, r2plus1d, resnet3d, s3d, slowfast, x3d
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.localization_zoo import takes_features

# Those of videos and texts: test_actionclip.py; of people in boxes: test_ava.py; of feature rows:
# test_actionformer.py and test_bmn.py.
OTHERS = (takes_text, takes_boxes, takes_features)
NAMES = [name for name in models.names() if not any(other(name) for other in OTHERS)]
# What the smallest copy needs; the others take frames=8 and size=32.
FRAMES = dict.fromkeys(("inception_i3d", "c3d_16x1x1", "tv_s3d"), 16)
FRAMES |= {name: 16 for name in NAMES if "_nl_" in name}  # two positions to look at
FRAMES |= {name: row.frames for name, row in deep_video.CONFIGS.items()}
ENDPOINTS = {
    **dict.fromkeys(NAMES, resnet3d.ENDPOINTS),
    **dict.fromkeys(slowfast.CONFIGS, (*slowfast.ENDPOINTS, "features", "Logits")),
    **dict.fromkeys(r2plus1d.CONFIGS, r2plus1d.ENDPOINTS),
    **dict.fromkeys(c3d.CONFIGS, c3d.ENDPOINTS),
    **dict.fromkeys(x3d.CONFIGS, x3d.ENDPOINTS),
    **dict.fromkeys(deep_video.CONFIGS, deep_video.ENDPOINTS),
    **dict.fromkeys(s3d.CONFIGS, s3d.ENDPOINTS),
    **dict.fromkeys(("inception_i3d", "inception_v1"), ("Mixed_4f", "features", "Logits")),
    "r2plus1d_r50": [name for name in resnet3d.ENDPOINTS if name != "maxpool"],
}
ARCHITECTURES = (  # one of each, for what does not depend on a row's numbers
    "c3d_16x1x1",
    "cnn_lstm_r50",
    "i3d_r50_nl_embedded_gaussian",
    "ipcsn_r50_32x2x1",
    "r2plus1d_r34_8x8x1",
    "slowfast_r50_4x16x1",
    "tsm_r50_1x1x8",
    "tv_s3d",
    "x3d_s_13x6x1",
)
LARGE = ("c3d_16x1x1", "tv_s3d")  # which want a large or fixed clip


# Trainable parameters: millions as MMAction2 and pytorchvideo publish them, torchvision's exact.
PUBLISHED = {
    "c2d_r101_nopool_8x8x1": (43.3, 400),
    "c2d_r50": (24.33, 400),
    "c2d_r50_16x4x1": (24.3, 400),
    "c2d_r50_8x8x1": (24.3, 400),
    "c2d_r50_nopool_8x8x1": (24.3, 400),
    "c3d_16x1x1": (78.4, 101),
    "i3d_r50": (28.04, 400),
    "i3d_r50_32x2x1": (28.0, 400),
    "i3d_r50_heavy_32x2x1": (33.0, 400),
    "i3d_r50_nl_dot_product": (35.4, 400),
    "i3d_r50_nl_embedded_gaussian": (35.4, 400),
    "i3d_r50_nl_gaussian": (31.7, 400),
    "inception_i3d": (12.689984, 400),
    "ipcsn_r152_32x2x1": (33.02, 400),
    "ircsn_r152_32x2x1": (29.70, 400),
    "ircsn_r50_32x2x1": (13.13, 400),
    "r2plus1d_r34_8x8x1": (63.8, 400),
    "r2plus1d_r50": (28.11, 400),
    "slow_r50": (32.45, 400),
    "slowfast_r101_8x8x1": (62.9, 400),
    "slowfast_r101_r50_4x16x1": (62.4, 400),
    "slowfast_r50": (34.57, 400),
    "slowfast_r50_4x16x1": (34.5, 400),
    "slowfast_r50_8x8x1": (34.6, 400),
    "slowonly_r101_8x8x1": (60.36, 400),
    "slowonly_r50_4x16x1": (32.45, 400),
    "slowonly_r50_8x8x1": (32.45, 400),
    "tsm_r101_1x1x8": (42.86, 174),
    "tsm_r50_1x1x8": (23.87, 174),
    "tsn_r101_1x1x8": (43.32, 400),
    "tsn_r50_1x1x3": (24.33, 400),
    "tv_mc3_18": (11.695440, 400),
    "tv_r2plus1d_18": (31.505325, 400),
    "tv_r3d_18": (33.371472, 400),
    "tv_s3d": (8.320048, 400),
    "x3d_m_16x5x1": (3.794322, 400),
    "x3d_s_13x6x1": (3.794322, 400),
}


FAST = ("c3d_16x1x1", "inception_i3d")
LONG, SLOW = pytest.mark.long, pytest.mark.slow


def in_tiers(names, quick, fast=FAST):
    """Returns parameters: those that are quick but not fast are long, the others slow."""
    return [
        name if name in fast else pytest.param(name, marks=[LONG if name in quick else SLOW])
        for name in names
    ]


def small(name, **keywords):
    """Returns the narrow copy that the tests use."""
    keywords = {"num_classes": 5, "width": 0.125, "size": 32, **keywords}
    if name != "inception_v1":
        keywords.setdefault("frames", FRAMES.get(name, 8))
    return models.build(name, **keywords)


def randomised(model):
    """Gives every weight a value that shows, and returns the model.

    Branches that are added to their input are kept small, so that sums and products of many
    blocks stay of order one.
    """
    random = np.random.default_rng(0)
    for variable in model.weights:
        fan_in = np.prod(variable.shape[:-1])
        scale = 0.2 if len(variable.shape) == 1 else np.sqrt(6 / fan_in)
        value = random.uniform(-1, 1, variable.shape) * scale
        if variable.name in ("gamma", "moving_variance"):
            value = 1 + value
        if re.search("(conv3|conv_out)-bn/gamma|(theta|phi-0|lstm).*/kernel", variable.path):
            value = 0.15 * value
        variable.assign(value)
    return model


def clips(model, batch=2):
    shape = (batch, *model.input_shape[1:])
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def outputs(model, x):
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    return [keras.ops.convert_to_numpy(value) for value in both(x, training=False)]


@pytest.mark.parametrize("name", in_tiers(NAMES, (*ARCHITECTURES, "inception_i3d")))
def test_contract(name, tmp_path):
    model = randomised(small(name))
    x = clips(model)
    features, logits = outputs(model, x)
    assert logits.shape == (2, 5) and logits.dtype == np.float32
    assert features.ndim == 2 and features.shape[0] == 2 and features.dtype == np.float32
    assert np.abs(logits[0] - logits[1]).max() > 1e-3 * np.abs(logits).max()
    assert_on_path(model, features, logits)
    assert set(ENDPOINTS[name]) <= {layer.name for layer in model.layers}
    assert not any(set("./") & set(layer.name) for layer in model.layers)
    assert_folds(model, x, features, logits)

    model.save_weights(tmp_path / "model.weights.h5")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = small(name)
    finally:
        keras.config.set_dtype_policy("float32")
    half.load_weights(tmp_path / "model.weights.h5")
    for old, new in zip(model.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert_mixed(half, x, features, logits)


def assert_on_path(model, features, logits):
    """The head is one dense layer on the features; X3D's has another before it."""
    head = model.get_layer("Logits")
    if model.name in x3d.CONFIGS:
        features = np.maximum(features @ np.asarray(model.get_layer("fc1").kernel), 0)
    expected = features @ np.asarray(head.kernel) + np.asarray(head.bias)
    assert np.abs(logits - expected).max() <= 1e-5 * np.abs(logits).max()


def assert_folds(model, x, features, logits):
    folded = models.fold_batch_norm(model)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in folded.layers)
    for actual, expected in zip(outputs(folded, x), (features, logits), strict=True):
        assert np.abs(actual - expected).max() <= 2e-5 * np.abs(expected).max()


def assert_mixed(half, x, features, logits):
    """Convolutions compute in bfloat16, features and logits come in float32."""
    convolutions = [layer for layer in half.layers if "Conv" in type(layer).__name__]
    assert {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    for actual, expected in zip(outputs(half, x), (features, logits), strict=True):
        assert actual.dtype == np.float32
        assert np.abs(actual - expected).max() <= 0.1 * np.abs(expected).max()


@pytest.mark.long
@pytest.mark.parametrize("name", in_tiers(PUBLISHED, ("slowfast_r50_4x16x1",), ("tv_s3d",)))
def test_parameters_are_as_many_as_published(name):
    millions, classes = PUBLISHED[name]
    model = models.build(name, num_classes=classes, size=112 if name == "c3d_16x1x1" else 224)
    trainable = sum(np.prod(variable.shape) for variable in model.trainable_variables)
    digits = len(str(millions).partition(".")[2])
    assert abs(trainable - 1e6 * millions) < 10 ** (6 - digits)  # some are rounded up


@pytest.mark.long
@pytest.mark.parametrize("name", in_tiers(ARCHITECTURES, ("cnn_lstm_r50", "tsm_r50_1x1x8")))
def test_saved_model_is_read_back(name, tmp_path):
    model = randomised(small(name, dropout=0.5))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = clips(model)
    np.testing.assert_array_equal(outputs(again, x)[1], outputs(model, x)[1])


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in LARGE])
def test_any_size_is_accepted_unless_given(name):
    fixed = randomised(small(name))
    free = small(name, size=None, frames=None)
    free.set_weights(fixed.get_weights())
    assert free.input_shape[1:4] == (None, None, None)
    x = clips(fixed)
    expected = outputs(fixed, x)[1]
    assert np.abs(outputs(free, x)[1] - expected).max() <= 1e-5 * np.abs(expected).max()
    wide = np.random.default_rng(2).normal(size=(1, 16, 40, 48, x.shape[-1])).astype("f")
    assert outputs(free, wide)[1].shape == (1, 5)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_out_of_range_are_refused(name):
    wrong = [("num_classes", 0, "at least 1"), ("width", 0, "positive"), ("dropout", 1.0, "rate")]
    if name != "inception_v1":
        wrong.append(("frames", 0, "^frames"))
    for argument, value, message in wrong:
        with pytest.raises(ValueError, match=message):
            small(name, **{argument: value})


def test_catalogue_names_the_nearest_configuration():
    with pytest.raises(ValueError, match="did you mean 'slowfast_r50_4x16x1'"):
        models.build("slowfast_r50_4x16")
    for name, meant in (("i3d", "inception_i3d"), ("c3d", "c3d_16x1x1"), ("tsn", "tsn_")):
        with pytest.raises(ValueError, match=f"did you mean '{meant}"):
            models.build(name)


def test_clips_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiple of 8 for slowfast_r50_4x16x1, got 12"):
        models.build("slowfast_r50_4x16x1", frames=12)
    with pytest.raises(ValueError, match="at least 5, got 4"):
        models.build("i3d_r50_32x2x1", frames=4)
    with pytest.raises(ValueError, match="dense layers of C3D"):
        models.build("c3d_16x1x1", size=None)
    free = small("i3d_r50_32x2x1", frames=None)
    with pytest.raises(ValueError, match="clip too short or too small: pool2"):
        free(np.zeros((1, 4, 32, 32, 3), np.float32))
