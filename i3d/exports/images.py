"""Layers over time and space as layers over images, for runtimes without 3-D ones, or slow ones.

    core = as_images(core)                   # same weights; no 3-D convolution, no 3-D pool

LiteRT has no pooling over three axes, its convolution over three is a plain loop, and it stores
the weights of that one in float32 whatever is asked for.
"""

import keras
from keras import layers, ops

from i3d.models.depthwise import DepthwiseConv3D
from i3d.models.resnet_blocks import CentredConv3D, CentredMaxPool3D, per_frame


@keras.saving.register_keras_serializable("i3d")
class PoolPair(layers.Layer):
    """Pools space, then time, each as images: the same numbers as a 3-D pool.

    The maximum of maxima is the maximum; the mean of means too, as padding is left out of both.
    """

    def __init__(self, pool, kind, **keywords):
        """pool: a 3-D pooling layer. kind: "max" or "average"."""
        super().__init__(**keywords)
        self.kind, self.padding = kind, pool.padding
        self.window, self.strides = tuple(pool.pool_size), tuple(pool.strides)

    def call(self, x):
        """Returns [B, T', H', W', C]; all sizes but B are known."""
        x = per_frame(x, lambda y: self._pooled(y, self.window[1:], self.strides[1:]))
        _, frames, height, width, channels = x.shape
        x = ops.reshape(x, (-1, frames, height * width, channels))
        x = self._pooled(x, (self.window[0], 1), (self.strides[0], 1))
        return ops.reshape(x, (-1, x.shape[1], height, width, channels))

    def _pooled(self, x, window, strides):
        if window == (1, 1) and strides == (1, 1):
            return x
        pool = ops.max_pool if self.kind == "max" else ops.average_pool
        return pool(x, window, strides, self.padding)


@keras.saving.register_keras_serializable("i3d")
class ConvTaps(layers.Layer):
    """A 3-D convolution as the sum of its taps in time, each a 2-D convolution of the frames."""

    def __init__(self, conv, **keywords):
        """conv: a Conv3D, whose weights are used; not dilated."""
        super().__init__(**keywords)
        self.conv = conv

    def call(self, x):
        """Returns [B, T', H', W', filters]; all sizes but B are known."""
        conv, total = self.conv, 0.0
        x = ops.pad(x, [(0, 0), *self._sides(x.shape[1:4]), (0, 0)])
        (taps, *_), (stride, *strides) = conv.kernel_size, conv.strides
        kernel = ops.convert_to_tensor(conv.kernel)
        last = (x.shape[1] - taps) // stride * stride + 1
        for tap in range(taps):
            total = total + per_frame(
                x[:, tap : tap + last : stride],
                lambda y, tap=tap: ops.conv(y, kernel[tap], strides, "valid"),
            )
        total = ops.add(total, conv.bias) if conv.use_bias else total
        return conv.activation(total)

    def _sides(self, sizes):
        """Returns (before, after) of the padding of each axis."""
        conv, found = self.conv, []
        for n, size, stride in zip(sizes, conv.kernel_size, conv.strides, strict=True):
            pad = max((-(-n // stride) - 1) * stride + size - n, 0)
            pad = 0 if conv.padding == "valid" else pad
            centred = isinstance(conv, CentredConv3D)
            found.append(((size - 1) // 2,) * 2 if centred else (pad // 2, pad - pad // 2))
        return found


def as_images(core: keras.Model) -> keras.Model:
    """Returns a model of the same layers, but for 3-D pools and convolutions: see the classes."""

    def clone(layer):
        own = {"name": layer.name, "dtype": layer.dtype_policy}
        if isinstance(layer, layers.AveragePooling3D):
            return PoolPair(layer, "average", **own)
        if isinstance(layer, layers.MaxPooling3D) and not isinstance(layer, CentredMaxPool3D):
            return PoolPair(layer, "max", **own)
        return ConvTaps(layer, **own) if _is_solid(layer) else layer

    return keras.models.clone_model(core, clone_function=clone)


def _is_solid(layer):
    """Returns whether a layer is a 3-D convolution that does not run as a 2-D one already."""
    if not isinstance(layer, layers.Conv3D) or isinstance(layer, DepthwiseConv3D):
        return False
    flat = layer.kernel_size[0] == 1 or layer.kernel_size[1:] == (1, 1)
    return not (flat and isinstance(layer, CentredConv3D))
