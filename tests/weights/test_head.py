"""Checkpoints with a head of other classes: the model keeps its own, whatever the kind of file."""

import numpy as np
import pytest

import i3d
from i3d.weights import errors, tf1
from i3d.weights.pytorch.names import entries
from tests.golden import i3d_ports
from tests.helpers import synthetic, torch_files

WIDTH, THEIRS, OURS = 0.05, 5, 3


def small(num_classes):
    return i3d.models.build("inception_i3d", width=WIDTH, num_classes=num_classes, size=64)


def write_keras(path, model):
    model.save_weights(path / "a.weights.h5")
    return path / "a.weights.h5"


def write_tf1(path, model):
    values = {}
    for name, variable in tf1.variables(model).items():
        value = np.asarray(variable)
        lacking = 5 - value.ndim if name == "Logits/Conv3d_0c_1x1/conv_3d/w" else 0
        values[f"RGB/inception_i3d/{name}"] = value.reshape((1,) * lacking + value.shape)
    return synthetic.write_checkpoint(path, values)


def write_safetensors(path, model):
    state = {}
    for entry in entries(model):
        value = np.asarray(entry.variable)
        turns = {5: (4, 3, 0, 1, 2), 2: (1, 0)}.get(value.ndim)
        value = value.transpose(turns) if turns else value
        is_head = value.ndim == 2
        state[entry.key] = value.reshape((*value.shape, 1, 1, 1)) if is_head else value
    torch_files.write_safetensors(path / "a.safetensors", state)
    return path / "a.safetensors"


@pytest.mark.long
@pytest.mark.parametrize("write", [write_keras, write_tf1, write_safetensors])
def test_all_but_the_head(tmp_path, write):
    theirs, ours = small(THEIRS), small(OURS)
    path = write(tmp_path, theirs)
    before = ours.get_weights()
    with pytest.raises(errors.Misfit, match="its head has 5 classes, the model's 3; build"):
        i3d.weights.load(ours, path)
    assert all(map(np.array_equal, ours.get_weights(), before))
    i3d.weights.load(ours, path, head=False)
    assert_backbone(ours, theirs, before)
    same = small(THEIRS)
    before = same.get_weights()
    i3d.weights.load(same, path, head=False)
    assert_backbone(same, theirs, before)
    with pytest.raises(errors.Misfit):
        i3d.weights.load(i3d.models.build("inception_i3d", width=0.1, size=64), path, head=False)


def assert_backbone(model, source, before):
    """The head is as it was before, all else is that of the source."""
    variables = [v.path for v in model.weights]
    for path, value, there, old in zip(
        variables, model.get_weights(), source.get_weights(), before, strict=True
    ):
        np.testing.assert_array_equal(value, old if "Logits" in path else there, path)


@pytest.mark.long
def test_a_port_of_keras(tmp_path):
    i3d_ports.write_h5(tmp_path / "a.h5", "rgb")
    whole = i3d.models.build("inception_i3d")
    i3d.weights.load(whole, tmp_path / "a.h5")
    ours = i3d.models.build("inception_i3d", num_classes=OURS)
    before = ours.get_weights()
    with pytest.raises(errors.Misfit, match="its head has 400 classes, the model's 3"):
        i3d.weights.load(ours, tmp_path / "a.h5")
    i3d.weights.load(ours, tmp_path / "a.h5", head=False)
    assert_backbone(ours, whole, before)
