"""Depthwise 3-D convolutions, each channel by itself, as depthwise 2-D ones of its frames.

x = depthwise.conv_norm(x, (3, 3, 3), (1, 2, 2), "layer2-0-conv2")
"""

import functools

import keras
from keras import ops

from i3d.models import resnet_blocks


@keras.saving.register_keras_serializable("i3d")
class DepthwiseConv3D(resnet_blocks.CentredConv3D):
    """Depthwise 3-D convolution padded by (k - 1) // 2 zeros on each side, k odd.

    The kernel is [t, h, w, 1, C]. Processors have no fast 3-D one: each tap in time is a 2-D
    convolution of the frames, and their results are added.
    """

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), **keywords):
        """Takes what Conv3D takes; there is a group for each of the `filters` channels."""
        super().__init__(filters, kernel_size, strides, **keywords | {"groups": filters})

    def _summed(self, x, kernel, strides, padding):
        kernel = ops.swapaxes(kernel, -1, -2)  # [..., C, 1], as depthwise convolutions have it
        if len(strides) == 2:
            return self._biased(_of_images(x, kernel, strides, padding))
        (taps, *_), (stride_t, *stride_s) = kernel.shape, strides
        if padding == "same":
            x = ops.pad(x, [(0, 0), ((taps - 1) // 2,) * 2, *[(0, 0)] * 3])
        length = ops.shape(x)[1] - taps + 1

        def of_tap(tap):
            frames = resnet_blocks.every_frame(x[:, tap : tap + length], stride_t)
            biased = (lambda y: y) if tap else self._biased  # at once: a pass less than at the end
            return resnet_blocks.per_frame(
                frames, lambda y: biased(_of_images(y, kernel[tap], stride_s, padding))
            )

        return functools.reduce(ops.add, map(of_tap, range(taps)))


def _of_images(x, kernel, strides, padding):
    """Depthwise convolution of [N, H, W, C]; TensorFlow's takes one stride for both axes."""
    if strides[0] == strides[1]:
        return ops.depthwise_conv(x, kernel, tuple(strides), padding)
    return ops.depthwise_conv(x, kernel, 1, padding)[:, :: strides[0], :: strides[1]]


def conv_norm(x, kernel, strides, name, **norm):
    """Depthwise convolution `name-conv` and batch normalisation `name-bn`, no activation."""
    initial = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
    x = DepthwiseConv3D(
        x.shape[-1],
        kernel,
        strides,
        use_bias=False,
        kernel_initializer=initial,
        name=f"{name}-conv",
    )(x)
    return resnet_blocks.batch_norm(x, f"{name}-bn", **norm)
