"""Keras weights of CLIP and ActionCLIP: saved and loaded, heads apart, and what does not fit."""

import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.weights import find, keras_h5, seal, start
from i3d.weights.__main__ import convert
from i3d.weights.errors import Misfit, NoHead
from tests.helpers import clip_files

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """{head: (model of other numbers than a new one, its file)}."""
    folder, found = tmp_path_factory.mktemp("h5"), {}
    for head, frames in (("Transf", 8), ("Transf_cls", 5), ("LSTM", 8)):
        model = models.build("actionclip", arch="tiny", head=head, frames=frames)
        path = folder / f"{head}.weights.h5"
        model.save_weights(path)
        seal.write(path)
        found[head] = model, path
    return found


def same(model, other, group=""):
    """Returns whether two models have the same weights, but for those of a group of layers."""
    theirs = {v.path: np.asarray(v) for v in other.weights}
    ours = [v for v in model.weights if not group or not v.path.startswith(group)]
    return all(np.array_equal(v, theirs[v.path]) for v in ours)


def test_a_run_is_loaded_as_it_was_saved(saved):
    model, path = saved["Transf"]
    other = models.build("actionclip_tiny_8f")
    assert not same(other, model)
    i3d.weights.load(other, path)
    assert same(other, model)


@pytest.mark.parametrize("head", ["Transf", "Transf_cls", "LSTM"])
def test_towers_go_into_every_head(head, saved):
    model, path = saved[head]
    other = models.build("actionclip_tiny_8f", joint=False)
    kept = [np.asarray(v).copy() for v in other.weights if v.path.startswith("fusion")]
    i3d.weights.load(other, path, head=False)
    assert same(other, model, "fusion")
    left = [np.asarray(v).copy() for v in other.weights if v.path.startswith("fusion")]
    assert all(np.array_equal(a, b) for a, b in zip(kept, left, strict=True))
    included = "included" if head == "Transf" else "the model has a new one"
    assert start.begin(other, None, path).endswith(included)


def test_what_does_not_fit_is_one_line(saved, tmp_path):
    model, path = saved["LSTM"]
    before = model.get_weights()
    for other, message in (
        (saved["Transf"][1], "holds the head Transf, actionclip has LSTM; expected"),
        (find._PACKAGE / "demo" / "rgb.weights.h5", "holds no CLIP"),
    ):
        with pytest.raises(Misfit, match=message) as caught:
            i3d.weights.load(model, other)
        assert "\n" not in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    for name in (None, "actionclip"):
        with pytest.raises(NoHead, match="CLIP has no head of classes"):
            start.head_classes(path, name)
    plain = models.build("tv_r3d_18", num_classes=3, width=0.0625)
    with pytest.raises(Misfit, match="not weights of tv_r3d_18"):
        i3d.weights.load(plain, path)


def test_numbers_of_positions_are_set(saved, tmp_path):
    """A file may lack them, as keras-hub begins with zeros."""
    model, _ = saved["Transf"]
    ids = model.get_layer("visual_embedding").position_ids
    ids.assign(np.zeros(ids.shape))
    model.save_weights(tmp_path / "a.weights.h5")
    i3d.weights.load(model, tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(ids, np.arange(17)[None])


def test_convert_needs_no_number_of_classes(tmp_path):
    source = clip_files.write_actionclip(tmp_path / "a.safetensors", "Transf")
    out = tmp_path / "b.weights.h5"
    made = convert("actionclip_tiny_8f", source, out)
    other = models.build("actionclip_tiny_8f")
    i3d.weights.load(other, out)
    assert same(other, made)
    assert keras_h5.layout(out) == "layers"
