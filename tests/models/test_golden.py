"""The model family against what MMAction2 and torchvision computed with the same weights."""

import functools

import keras
import numpy as np
import pytest

from i3d import models
from i3d.weights.pytorch.names import entries
from tests.golden import mmaction_models as golden

NAMES = sorted(path.stem.removeprefix("golden_") for path in golden.FOLDER.glob("golden_*.npz"))
SLOW = {  # another case of the same network is fast
    "i3d_r50_heavy_32x2x1",
    "ipcsn_r152_32x2x1",
    "slowfast_r50_8x8x1",
    "slowonly_r50_16x4x1_flow",
    "slowonly_r50_8x8x1",
    "tsm_r50_1x1x16",
    "tsn_r50_1x1x8",
    "x3d_m_16x5x1",
}
FAST = ("slowonly_r50_4x16x1", "tsn_r50_1x1x3", "tv_s3d")  # their small cases


def marks(name, run):
    """Returns the marks of a case, by what it takes."""
    full = run[0] == "f"
    if full and name in SLOW:
        return [pytest.mark.slow]
    return [pytest.mark.long] if full or name not in FAST else []


CASES = [
    pytest.param(name, run, marks=marks(name, run)) for name in NAMES for run in golden.runs(name)
]


@functools.lru_cache(maxsize=1)  # the cases of a model come one after the other
def loaded(name):
    """Returns a model with the golden weights."""
    num_classes = next(reversed(golden.shapes(name).values()))[0]
    model = models.build(name, num_classes=num_classes)
    state = golden.state_dict(name)
    for entry in entries(model):
        entry.variable.assign(entry.layout(state.pop(entry.key)))
    assert all(key.endswith("num_batches_tracked") for key in state)
    return model


def clips_of(name, shape):
    """Returns the golden input as our models take it, [B, T, H, W, C]."""
    if name.startswith("tv_"):
        clips = golden.clip((1, 1, *shape[1:]))[:, 0]
    else:
        clips = golden.clip(shape)
    if name.startswith(("tsn", "tsm")):  # (1, segments of all views, C, H, W)
        return clips.transpose(0, 1, 3, 4, 2)
    return clips.reshape(-1, *clips.shape[-4:]).transpose(0, 2, 3, 4, 1)


def channels_first(array, shape):
    """Returns a stage's output in the golden layout; 2-D networks there hold no time axis."""
    if len(shape) == 4:
        return np.moveaxis(array, -1, 2).reshape(shape)
    return np.moveaxis(array, -1, 1)


def assert_parameter_count(model):
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    published = golden.shapes(model.name).items()
    count = sum(int(np.prod(s)) for key, s in published if not key.endswith(statistics))
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == count


def error(actual, expected, deviation):
    return np.abs(np.subtract(actual, expected, dtype=np.float64)).max() / deviation


@pytest.mark.parametrize(("name", "run"), CASES)
def test_golden(name, run):
    model, expected = loaded(name), golden.runs(name)[run]
    assert_parameter_count(model)
    stages = [key.removesuffix("/probe") for key in expected if key.endswith("/probe")]
    outputs = {
        stage: model.get_layer(stage.removeprefix("backbone.").replace(".", "-")).output
        for stage in stages
    }
    outputs |= {"features": model.get_layer("features").output, "logits": model.output}
    clips = clips_of(name, tuple(expected["input_shape"]))
    logits = expected["logits"]
    if name.startswith(("tsn", "tsm")):
        clips = clips.reshape(len(logits), -1, *clips.shape[2:])
    actual = keras.Model(model.input, outputs)(clips, training=False)
    actual = {key: np.asarray(value) for key, value in actual.items()}
    errors = {"logits": error(actual["logits"], logits, logits.std())}
    feature = expected["feature"]
    errors["features"] = error(actual["features"].mean(axis=0), feature, feature.std())
    for stage in stages:
        shape = tuple(expected[f"{stage}/shape"])
        value = channels_first(actual[stage], shape)
        assert value.shape == shape, stage
        mean, deviation = expected[f"{stage}/mean_std"]
        moments = [value.mean(dtype=np.float64), value.std(dtype=np.float64)]
        errors[stage] = max(
            error(golden.probe(value), expected[f"{stage}/probe"], deviation),
            error(moments, [mean, deviation], deviation),
        )
    worst = max(errors, key=errors.get)
    print(f"{name} {run}: logits {errors['logits']:.1e}, worst {worst} {errors[worst]:.1e}")
    assert len(stages) >= 5
    assert errors[worst] <= 1e-4, errors
