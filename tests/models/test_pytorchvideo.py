"""The networks of pytorchvideo's hub against what pytorchvideo computed with the same weights."""

import keras
import numpy as np
import pytest

from i3d import models, weights
from i3d.weights.pytorch.names import entries
from tests.golden import pytorchvideo as golden
from tests.helpers.torch_files import write_safetensors

FAST = {("slow_r50", "256"), ("r2plus1d_r50", "224")}
CASES = [
    pytest.param(*case, marks=[] if case in FAST else [pytest.mark.long]) for case in golden.runs()
]


def narrow_state(name):
    """Returns the weights of a golden run, by pytorchvideo's keys."""
    model = models.build(name, num_classes=golden.CLASSES, width=golden.WIDTH)
    shapes = {}
    for entry in entries(model):
        shape = tuple(entry.variable.shape)
        order = {5: (4, 3, 0, 1, 2), 2: (1, 0)}.get(len(shape), range(len(shape)))
        shapes[entry.key] = tuple(shape[axis] for axis in order)
    return model, {key: golden.weight(key, shape) for key, shape in shapes.items()}


@pytest.mark.parametrize(("name", "run"), CASES)
def test_golden(name, run, tmp_path):
    expected = golden.runs()[name, run]
    model, state = narrow_state(name)
    write_safetensors(tmp_path / "a.safetensors", state)
    weights.load(model, tmp_path / "a.safetensors")
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    actual = both(golden.clips(tuple(expected["input_shape"])), training=False)
    for value, key in zip(actual, ("features", "logits"), strict=True):
        difference = np.abs(np.asarray(value) - expected[key]).max()
        assert difference <= 1e-4 * expected[key].std(), key


@pytest.mark.parametrize(
    "name",
    [golden.NAMES[0], *(pytest.param(name, marks=pytest.mark.long) for name in golden.NAMES[1:])],
)
def test_keys_and_shapes_are_the_published_ones(name):
    model = models.build(name)
    shapes = golden.shapes(name)
    wanted = {entry.key: entry for entry in entries(model)}
    assert wanted.keys() == {k for k in shapes if not k.endswith("num_batches_tracked")}
    for key, entry in wanted.items():
        array = entry.layout(np.broadcast_to(np.float32(0), shapes[key]))
        assert array.shape == tuple(entry.variable.shape), key
