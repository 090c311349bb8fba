"""What a run begins with: everything of a checkpoint, or everything but its head."""

import h5py
import keras
import numpy as np
import pytest

from i3d import models, weights
from i3d.weights import start
from i3d.weights.errors import WeightsError
from i3d.weights.pytorch.names import entries
from tests.golden import mmaction_models as golden
from tests.helpers import synthetic
from tests.helpers.torch_files import write_safetensors


def i3d(num_classes, channels=3, width=0.1):
    return models.build(
        "inception_i3d", num_classes=num_classes, channels=channels, size=64, width=width
    )


def weights_of(model, head):
    layers = [layer for layer in model.layers if (layer.name == "Logits") == head]
    return [w for layer in layers for w in layer.get_weights()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model of 5 classes and the file that it is saved in."""
    model = i3d(5)
    path = tmp_path_factory.mktemp("run") / "best.weights.h5"
    model.save_weights(path)
    return model, path


def test_as_many_classes_bring_the_head(run):
    source, path = run
    model = i3d(5)
    assert start.begin(model, i3d, path) == f"initialised from {path}, head included"
    assert all(map(np.array_equal, model.get_weights(), source.get_weights()))


@pytest.mark.long
def test_another_number_of_classes_leaves_the_head_out(run):
    source, path = run
    model = i3d(3)
    head = weights_of(model, True)
    told = start.begin(model, i3d, path)
    assert told.endswith("left out: the head of 5 classes, a new one has 3")
    assert all(map(np.array_equal, weights_of(model, False), weights_of(source, False)))
    assert all(map(np.array_equal, weights_of(model, True), head))


@pytest.mark.long
def test_another_width_changes_nothing(run):
    model = i3d(3, width=0.2)
    before = model.get_weights()
    with pytest.raises(ValueError, match="not weights of inception_i3d"):
        start.begin(model, lambda classes: i3d(classes, width=0.2), run[1])
    assert all(map(np.array_equal, model.get_weights(), before))


def test_published_heads(checkpoints):
    for name, classes in (("flow_scratch", 400), ("rgb_scratch_kin600", 600)):
        prefix = checkpoints / name / "model.ckpt"
        assert start.head_classes(prefix) == classes
        assert start.head_classes(f"{prefix}.index") == classes


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.ckpt: no such checkpoint; expected a TF1"):
        start.head_classes(tmp_path / "absent.ckpt")
    with pytest.raises(ValueError, match="a folder; expected a checkpoint, such as .*best.weights"):
        start.head_classes(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="notes.txt: expected a TF1 prefix"):
        start.head_classes(tmp_path / "notes.txt")
    (tmp_path / "x.weights.h5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="x.weights.h5: not a Keras .weights.h5 or .h5 file"):
        start.head_classes(tmp_path / "x.weights.h5")


def test_files_without_a_head(tmp_path):
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        file.create_group("layers/conv3d")
    with pytest.raises(ValueError, match="no head found"):
        start.head_classes(tmp_path / "x.weights.h5")
    values = synthetic.variables("rgb")
    some = {k: v for k, v in values.items() if "Conv3d_1a" in k}
    prefix = synthetic.write_checkpoint(tmp_path / "ck", some)
    with pytest.raises(ValueError, match="no head found"):
        start.head_classes(prefix)


def test_last_of_several_dense_layers_is_the_head(tmp_path):
    inputs = keras.Input((4,))
    x = inputs
    for units in (7, 6, 5, 4, 3, 8, 9, 10, 11, 12, 2):
        x = keras.layers.Dense(units)(x)
    keras.Model(inputs, x).save_weights(tmp_path / "x.weights.h5")
    assert start.head_classes(tmp_path / "x.weights.h5") == 2


def c3d(num_classes):
    return models.build("c3d_16x1x1", num_classes=num_classes, size=32, width=0.0625)


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_backbone_alone_leaves_the_head(prefix, tmp_path):
    model, path = c3d(3), tmp_path / "c3d_sports1m.safetensors"
    head = weights_of(model, True)
    shapes = {key: shape for key, shape in golden.shapes("c3d_16x1x1").items() if "cls" not in key}
    wanted = {entry.key: entry for entry in entries(model) if entry.key in shapes}
    assert len(wanted) == len(shapes) == len(model.weights) - 2
    state = {}
    for key, entry in wanted.items():
        shape = tuple(entry.variable.shape)[::-1]  # all sides of a kernel are 3
        state[prefix + key.removeprefix("backbone.")] = golden.uniform(key, shape, 0).astype("f")
    write_safetensors(path, state)
    assert start.begin(model, c3d, path) == f"initialised from {path}, which has no head"
    for key, entry in wanted.items():
        array = state[prefix + key.removeprefix("backbone.")]
        np.testing.assert_array_equal(entry.variable, entry.layout(array))
    assert all(map(np.array_equal, weights_of(model, True), head))

    before = model.get_weights()
    del state[f"{prefix}conv4b.conv.bias"]
    write_safetensors(path, state)
    with pytest.raises(ValueError, match="1 missing: conv4b.conv.bias"):
        start.begin(model, c3d, path)
    assert all(map(np.array_equal, model.get_weights(), before))


@pytest.mark.long
def test_spoilt_values_are_refused(tmp_path):
    model, path = i3d(5), tmp_path / "best.weights.h5"
    model.get_layer("Logits").bias.assign(np.full(5, np.nan))
    model.save_weights(path)
    model = i3d(5)
    before = model.get_weights()
    with pytest.raises(ValueError, match="holds 1 spoilt by nan or inf: Logits/bias"):
        weights.load(model, path)
    assert all(map(np.array_equal, model.get_weights(), before))


@pytest.mark.parametrize("shape", [(10**8, 0), (0, 4), (40_000, 1)])
def test_a_head_of_no_data_set(tmp_path, shape):
    """A tensor without numbers takes no room in a file, whatever its shape."""
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"cls_head.fc_cls.weight": np.zeros(shape, np.float32)})
    with pytest.raises(WeightsError, match="a head of 1 to 32768 classes, got "):
        start.head_classes(path, "tsn_r50_1x1x3")
