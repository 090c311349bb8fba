"""What a run begins with: everything of a checkpoint, or everything but its head."""

import h5py
import keras
import numpy as np
import pytest

from i3d import models
from i3d.weights import start
from tests import synthetic


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
    assert start.begin(model, i3d, path) == f"started from {path}, head included"
    assert all(map(np.array_equal, model.get_weights(), source.get_weights()))


def test_another_number_of_classes_leaves_the_head_out(run):
    source, path = run
    model = i3d(3)
    head = weights_of(model, True)
    told = start.begin(model, i3d, path)
    assert told.endswith("left out: the head of 5 classes, a new one has 3")
    assert all(map(np.array_equal, weights_of(model, False), weights_of(source, False)))
    assert all(map(np.array_equal, weights_of(model, True), head))


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
    with pytest.raises(ValueError, match="x.weights.h5: not a Keras .weights.h5 file"):
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
