"""3-D pools and convolutions as those of images, against Keras' own."""

import keras
import numpy as np
import pytest
from keras import layers

from i3d.exports.images import ConvTaps, PoolPair, as_images
from i3d.models.resnet_blocks import CentredConv3D

PADDINGS = ("same", "valid")
WINDOWS = [((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2)), ((1, 3, 3), (1, 2, 2)),
           ((3, 3, 3), (1, 1, 1)), ((2, 1, 1), (2, 1, 1)), ((5, 4, 3), (3, 1, 2))]  # fmt: skip


def both(layer, kind, shape=(7, 9, 8, 3)):
    """Returns what a model of one layer gives, and what its copy as images gives."""
    given = keras.Input(shape)
    model = keras.Model(given, layer(given))
    copy = as_images(model)
    assert [type(each) for each in copy.layers[1:]] == [kind]
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    return [keras.ops.convert_to_numpy(each(x)) for each in (model, copy)]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("window, strides", WINDOWS)
def test_pools(window, strides, padding):
    expected, found = both(layers.MaxPooling3D(window, strides, padding), PoolPair)
    np.testing.assert_array_equal(found, expected)
    expected, found = both(layers.AveragePooling3D(window, strides, padding), PoolPair)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


SOLID = [*WINDOWS[:2], WINDOWS[3], ((7, 7, 7), (2, 2, 2))]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("window, strides", [*SOLID, WINDOWS[2]])
def test_convolutions(window, strides, padding):
    own = {"bias_initializer": "normal", "activation": "relu"}
    _check_convolution(layers.Conv3D(4, window, strides, padding, **own))


@pytest.mark.parametrize("window, strides", SOLID)
def test_centred_convolutions(window, strides):
    odd = tuple(n | 1 for n in window)
    _check_convolution(CentredConv3D(4, odd, strides, bias_initializer="normal"))


def _check_convolution(layer):
    expected, found = both(layer, ConvTaps)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.1


def test_weights_are_shared():
    given = keras.Input((4, 8, 8, 3))
    layer = layers.Conv3D(2, 3)
    copy = as_images(keras.Model(given, layer(given)))
    layer.bias.assign([5.0, 6.0])
    assert keras.ops.convert_to_numpy(copy(np.zeros((1, 4, 8, 8, 3)))).max() == 6
