"""Building blocks that the architectures share.

    x = blocks.unit(x, 64, (7, 7, 7), (2, 2, 2), "Conv3d_1a_7x7")

The rank of the input decides between 2-D and 3-D layers, so that an image network and
its inflated twin are walked by the same code.
"""

import math

import keras
from keras import layers

_CONV = {4: layers.Conv2D, 5: layers.Conv3D}
_MAX_POOL = {4: layers.MaxPooling2D, 5: layers.MaxPooling3D}

_GLOBAL_POOL = {4: layers.GlobalAveragePooling2D, 5: layers.GlobalAveragePooling3D}


def fan_in_normal(fan_in):
    """Returns Sonnet 1's default initialiser: normal, truncated at two standard deviations.

    The standard deviation is 1 / sqrt(fan_in).
    """
    return keras.initializers.TruncatedNormal(stddev=1 / math.sqrt(fan_in))


def unit(x, filters, kernel, strides, name):
    """Convolution (SAME, no bias), batch normalisation, ReLU.

    The ReLU layer carries `name`; the two before it are `name-conv_3d` and
    `name-batch_norm`, the variable scopes of the published checkpoints.

    Args:
      x: tensor [B, T, H, W, C], or [B, H, W, C] for the 2-D twin.
      filters: output channels.
      kernel, strides: (t, h, w); the 2-D twin leaves t out.

    Source: Unit3D of kinetics-i3d with Sonnet's BatchNorm: epsilon 1e-3, decay 0.999, offset
    but no scale, biased variance for normalising and for the moving average.
    """
    kernel, strides = spatial(x, kernel), spatial(x, strides)
    x = _CONV[x.ndim](
        filters,
        kernel,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer=fan_in_normal(math.prod(kernel) * x.shape[-1]),
        name=f"{name}-conv_3d",
    )(x)
    x = layers.BatchNormalization(
        momentum=0.999, epsilon=1e-3, scale=False, name=f"{name}-batch_norm"
    )(x)
    return layers.ReLU(name=name)(x)


def max_pool(x, window, strides, name):
    """SAME max pooling; `window` and `strides` are (t, h, w), t left out for a 2-D input."""
    pool = _MAX_POOL[x.ndim]
    return pool(spatial(x, window), spatial(x, strides), padding="same", name=name)(x)


def average_pool(x, window, name):
    """VALID average pooling of stride 1, in float32; `window` is (t, h, w), (h, w) if 2-D.

    Raises:
      ValueError: a 3-D input smaller than the window, when the model is called.
    """
    pool = {4: layers.AveragePooling2D, 5: FullWindowAverage3D}[x.ndim]
    return pool(spatial(x, window), 1, padding="valid", dtype="float32", name=name)(x)


@keras.saving.register_keras_serializable("i3d")
class FullWindowAverage3D(layers.AveragePooling3D):
    """Average pooling that refuses an input smaller than its window, where Keras gives NaN."""

    def call(self, x):
        """Returns the average of each whole window."""
        short = [n is not None and n < w for n, w in zip(x.shape[1:4], self.pool_size, strict=True)]
        if any(short):
            raise ValueError(
                f"clip too short or too small: {self.name} needs a map of at least "
                f"{self.pool_size} (t, h, w), got {tuple(x.shape[1:4])}"
            )
        return super().call(x)


def mean(x, over_space, name):
    """Returns the float32 mean over time and, if asked, space; a 2-D input has no time."""
    if over_space:
        return _GLOBAL_POOL[x.ndim](dtype="float32", name=name)(x)
    return TimeMean(dtype="float32", name=name)(x)


@keras.saving.register_keras_serializable("i3d")
class TimeMean(layers.Layer):
    """Mean over axis 1: [B, T, ...] -> [B, ...]."""

    def call(self, x):
        """Returns the mean over time."""
        return keras.ops.mean(x, axis=1)


def spatial(x, triple):
    """Returns the part of (t, h, w) that a tensor of this rank has."""
    return tuple(triple[5 - x.ndim :])
