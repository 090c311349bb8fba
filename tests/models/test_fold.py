"""Batch normalisation folded into convolutions."""

import keras
import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.inference.network import computing_in
from tests.helpers import synthetic


@pytest.mark.long
def test_folding_is_exact_on_published_layout(checkpoints):
    model = models.build("inception_i3d", channels=2)
    i3d.weights.load(model, checkpoints / "flow_imagenet" / "model.ckpt")
    clip = synthetic.input_clip("flow", (1, 16, 224, 224, 2))
    folded = models.fold_batch_norm(model)
    names = ("Conv3d_1a_7x7", "Mixed_4f", "Mixed_5c", "features", "Logits")
    for name in names:
        expected, actual = (
            np.asarray(keras.Model(m.input, m.get_layer(name).output)(clip))
            for m in (model, folded)
        )
        assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max(), name
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in folded.layers)
    # The original keeps its batch normalisation.
    assert isinstance(model.get_layer("Conv3d_1a_7x7-batch_norm"), keras.layers.BatchNormalization)


def test_scale_and_bias_are_folded_and_shared_convolutions_are_kept():
    x = inputs = keras.Input((6, 6, 2))
    shared = keras.layers.Conv2D(3, 3, name="shared")(x)
    x = keras.layers.BatchNormalization(name="kept")(shared)
    x = keras.layers.Concatenate()([x, shared])
    x = keras.layers.Conv2D(4, 1, use_bias=True, name="conv")(x)
    x = keras.layers.BatchNormalization(name="merged")(x)
    model = keras.Model(inputs, x)
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.5, 2, v.shape).astype("f") for v in model.weights])
    images = random.normal(size=(2, 6, 6, 2)).astype("f")
    folded = models.fold_batch_norm(model)
    kinds = {layer.name: type(layer).__name__ for layer in folded.layers}
    assert kinds["kept"] == "BatchNormalization" and "merged" not in kinds
    assert np.asarray(folded(images)) == pytest.approx(np.asarray(model(images)), rel=1e-5)


def test_folded_kernels_are_stored_as_they_are_used():
    with computing_in("bfloat16"):
        model = models.build("tv_s3d", num_classes=3, width=0.125, frames=16, size=64)
        folded = models.fold_batch_norm(model)
    kernels = {x.name: x.kernel.dtype for x in folded.layers if hasattr(x, "kernel")}
    assert kernels.pop("Logits") == "float32" and set(kernels.values()) == {"bfloat16"}
