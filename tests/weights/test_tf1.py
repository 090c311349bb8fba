"""TF1 checkpoints of the published layout, and broken ones."""

import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.data import schema
from i3d.spec import FPS, SHORT_SIDE
from i3d.weights.cards import CARDS
from tests.helpers import synthetic


def small(**keywords):
    return models.build("inception_i3d", width=0.125, num_classes=3, **keywords)


def values_for(model, scope="RGB/inception_i3d/"):
    """Returns a checkpoint that fits `model`, each variable filled with its own number."""
    from i3d.weights.tf1 import variables

    named = sorted(variables(model).items())
    return {
        scope + name: np.full(variable.shape, index, np.float32)
        for index, (name, variable) in enumerate(named, 1)
    }


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_published_layout_loads_whole(checkpoints, name):
    card = CARDS[name]
    model = models.build(card.model, num_classes=card.num_classes, channels=card.spec.channels)
    i3d.weights.load(model, checkpoints / name / "model.ckpt")
    kind, seed = synthetic.KINDS[name]
    values = synthetic.variables(kind, seed)
    scope = {"rgb": "RGB/inception_i3d/", "flow": "Flow/inception_i3d/", "rgb600": ""}[kind]
    norm = model.get_layer("Mixed_5b-Branch_2-Conv3d_0a_3x3-batch_norm")
    key = f"{scope}Mixed_5b/Branch_2/Conv3d_0a_3x3/batch_norm/moving_variance"
    np.testing.assert_array_equal(norm.moving_variance, values[key].ravel())
    key = f"{scope}Logits/Conv3d_0c_1x1/conv_3d/w"
    np.testing.assert_array_equal(model.get_layer("Logits").kernel, values[key][0, 0, 0])
    total = sum(v.size for key, v in values.items() if not key.endswith("/Momentum"))
    assert model.count_params() == total
    assert len(card.class_names()) == card.num_classes == len(set(card.class_names()))


def test_cards_say_what_preprocessing_makes():
    for card in CARDS.values():
        assert card.spec.range == (-1.0, 1.0)
        assert (card.spec.fps, card.spec.resize) == (FPS, SHORT_SIDE)
        if card.spec.stream == "flow":
            assert card.spec.flow_bound_px == schema.FLOW_BOUND_PX
            assert schema.flow_to_unit(np.float32([99, -99])).tolist() == [1, -1]
        else:
            assert schema.rgb_to_unit(np.uint8([0, 255])).tolist() == [-1, 1]


def broken(values):
    key = "RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/batch_norm/beta"
    kernel = "RGB/inception_i3d/Conv3d_2c_3x3/conv_3d/w"
    missing = {k: v for k, v in values.items() if k != key}
    extra = values | {"RGB/inception_i3d/Mixed_9z/conv_3d/w": np.zeros(3, np.float32)}
    swapped = values | {kernel: values[kernel].swapaxes(3, 4)}
    return [
        (missing, rf"1 missing: {key}"),
        (extra, r"1 left over: RGB/inception_i3d/Mixed_9z/conv_3d/w"),
        (swapped, rf"1 of another shape: {kernel} \(3, 3, 3, 24, 8\), .*\(3, 3, 3, 8, 24\)"),
    ]


def test_a_variable_that_does_not_fit_is_named_and_nothing_is_loaded(tmp_path):
    model = small()
    before = model.get_weights()
    for index, (values, message) in enumerate(broken(values_for(model))):
        prefix = synthetic.write_checkpoint(tmp_path / str(index), values)
        with pytest.raises(ValueError, match=message):
            i3d.weights.load(model, prefix)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.long
def test_another_stream_or_class_count_is_refused(checkpoints):
    rgb = checkpoints / "rgb_imagenet" / "model.ckpt"
    with pytest.raises(ValueError, match="Conv3d_1a_7x7/conv_3d/w"):
        i3d.weights.load(models.build("inception_i3d", channels=2), rgb)
    with pytest.raises(ValueError, match=r"Logits/Conv3d_0c_1x1/conv_3d/w .*1024, 400"):
        i3d.weights.load(models.build("inception_i3d", num_classes=101), rgb)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no data file", "index is text"])
def test_damaged_files_are_refused_in_one_line(tmp_path, damage):
    model = small()
    prefix = synthetic.write_checkpoint(tmp_path, values_for(model))
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0xFF
    if damage == "no data file":
        data.unlink()
    elif damage == "index is text":
        (tmp_path / "model.ckpt.index").write_text("not a table")
    else:
        data.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    with pytest.raises(ValueError, match="not a whole TF1 checkpoint") as caught:
        i3d.weights.load(model, prefix)
    assert "\n" not in str(caught.value)


@pytest.mark.long
def test_a_changed_source_is_noticed(tmp_path):
    """Nothing is cached: the same path with other values gives the other values."""
    model = small()
    values = values_for(model)
    prefix = synthetic.write_checkpoint(tmp_path, values)
    i3d.weights.load(model, prefix)
    bias = "RGB/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d/b"
    values[bias] = values[bias] + 1000
    synthetic.write_checkpoint(tmp_path, values)
    i3d.weights.load(model, prefix)
    np.testing.assert_array_equal(model.get_layer("Logits").bias, values[bias])


@pytest.mark.long
def test_keras_weights_round_trip_and_misfit(tmp_path):
    model, other = small(), small()
    model.save_weights(tmp_path / "a.weights.h5")
    i3d.weights.load(other, tmp_path / "a.weights.h5")
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    wider = models.build("inception_i3d", width=0.25, num_classes=3)
    before = wider.get_weights()
    with pytest.raises(ValueError, match="a.weights.h5: not weights of inception_i3d"):
        i3d.weights.load(wider, tmp_path / "a.weights.h5")
    for old, new in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.long
def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model.ckpt: no such checkpoint"):
        i3d.weights.load(small(), tmp_path / "model.ckpt")
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match="expected a TF1 prefix, a .weights.h5 or .h5"):
        i3d.weights.load(small(), tmp_path / "weights.bin")


@pytest.mark.long
def test_keras_weights_of_another_width_say_what_differs(tmp_path):
    small().save_weights(tmp_path / "a.weights.h5")
    wider = models.build("inception_i3d", num_classes=3, width=0.2, size=32)
    text = r"layers do not fit, the first is Conv3d_1a_7x7-conv_3d: expected \(7, 7, 7, 3, 13\)"
    with pytest.raises(ValueError, match=text):
        i3d.weights.load(wider, tmp_path / "a.weights.h5")
