"""Depthwise 3-D convolutions, each channel by itself, as depthwise 2-D ones of its frames.

x = depthwise.conv_norm(x, (3, 3, 3), (1, 2, 2), "layer2-0-conv2")
"""

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

    def call(self, x):  # type: ignore[override]
        """Returns [B, T', H', W', C], with n' = (n - 1) // stride + 1 along each axis."""
        kernel_s, (stride_t, *stride_s) = list(self.kernel_size[1:]), self.strides
        kernel = ops.swapaxes(self.kernel, -1, -2)  # [t, h, w, C, 1]
        if kernel_s == [1, 1]:
            y = resnet_blocks.per_pixel(x, lambda y: _convolved(y, kernel[:, :, 0], [stride_t, 1]))
        else:
            y = self._over_space_and_time(x, kernel, stride_s)
        return ops.add(y, self.bias) if self.use_bias else y

    def _over_space_and_time(self, x, kernel, stride_s):
        kernel_t, stride_t = self.kernel_size[0], self.strides[0]
        side, length = (kernel_t - 1) // 2, ops.shape(x)[1]
        x = ops.pad(x, ((0, 0), (side, side), (0, 0), (0, 0), (0, 0))) if side else x
        total = 0.0
        for tap in range(kernel_t):
            frames = resnet_blocks.every_frame(x[:, tap : tap + length], stride_t)
            total = total + resnet_blocks.per_frame(
                frames, lambda y, tap=tap: _convolved(y, kernel[tap], stride_s)
            )
        return total


def _convolved(x, kernel, strides):
    """Depthwise 2-D convolution of [N, H, W, C] with symmetric padding."""
    sides = [((size - 1) // 2,) * 2 for size in kernel.shape[:2]]
    if tuple(strides) == (1, 1):
        return ops.depthwise_conv(x, kernel, 1, "same")
    if strides[0] != strides[1]:  # which TensorFlow's depthwise convolution does not take
        x = ops.depthwise_conv(x, kernel, 1, "same")
        return x[:, :: strides[0], :: strides[1]]
    return ops.depthwise_conv(ops.pad(x, [(0, 0), *sides, (0, 0)]), kernel, tuple(strides), "valid")


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
