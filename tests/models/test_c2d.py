"""C2D of MMAction2: frames alone as TSN's network, and pooling without padding."""

import keras
import numpy as np
import pytest

from i3d import models, weights
from i3d.models.resnet_blocks import InnerMaxPool3D
from i3d.weights.zoo import CARDS, default_spec
from tests.golden import mmaction_models as golden
from tests.helpers import torch_files

POOLED = ("c2d_r50_8x8x1", "c2d_r50_16x4x1")


@pytest.mark.long
def test_without_pooling_is_the_network_of_tsn(tmp_path):
    """The published recipe averages the same features of frames before the same head."""
    run = golden.runs("tsn_r50_1x1x3")["small_s0"]
    state = {key: array for key, array in golden.state_dict("tsn_r50_1x1x3").items() if array.ndim}
    path = tmp_path / "c2d.safetensors"
    torch_files.write_safetensors(path, state)
    model = models.build("c2d_r50_nopool_8x8x1", num_classes=400)
    weights.load(model, path)
    frames = golden.clip(tuple(run["input_shape"])).transpose(0, 1, 3, 4, 2)
    clips = frames.reshape(len(run["logits"]), -1, *frames.shape[2:])
    error = np.abs(np.asarray(model(clips, training=False)) - run["logits"]).max()
    assert error <= 1e-4 * run["logits"].std()


def test_inner_pooling_is_unpadded_pooling():
    x = np.abs(np.random.default_rng(0).normal(size=(2, 3, 8, 11, 4))).astype(np.float32)
    expected = keras.layers.MaxPooling3D((1, 3, 3), (1, 2, 2), padding="valid")(x)
    actual = InnerMaxPool3D((1, 3, 3), (1, 2, 2))(x)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", POOLED)
def test_maps_are_as_large_as_the_source_has_them(name):
    model = models.build(name, width=0.125, frames=8, size=224)
    shapes = {layer: model.get_layer(layer).output.shape[1:4] for layer in ("maxpool", "layer4")}
    assert shapes == {"maxpool": (8, 55, 55), "layer4": (4, 7, 7)}


@pytest.mark.parametrize(
    ("name", "frames", "stride", "average", "top1"),
    [
        ("c2d_r50_nopool_8x8x1", 8, 8, "logits", 73.44),
        ("c2d_r101_nopool_8x8x1", 8, 8, "logits", 74.97),
        ("c2d_r50_8x8x1", 8, 8, "prob", 73.89),
        ("c2d_r50_16x4x1", 16, 4, "prob", 74.97),
    ],
)
def test_cards(name, frames, stride, average, top1):
    (card,) = [card for card in CARDS.values() if card.model == name]
    spec = default_spec(name)
    assert card.spec == spec and card.top1 == top1 and card.num_classes == 400
    assert (spec.frames, spec.stride, spec.average) == (frames, stride, average)
    assert (spec.clips, spec.crops, spec.resize, spec.crop) == (10, 3, 224, 224)
