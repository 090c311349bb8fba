"""DeepVideo: an image network that takes in several frames at once, the historical baseline.

    model = deep_video("deep_video_single", num_classes=487)        # clips [B, 1, 170, 170, 3]
    model = deep_video("deep_video_slow", num_classes=487)          # clips [B, 10, 170, 170, 3]
    model = deep_video("deep_video_slow_multi", num_classes=487)    # clips [B, 10, 178, 178, 3]

Source: Karpathy et al. 2014, "Large-scale Video Classification with Convolutional Neural Networks"
(CVPR). Section 3.1: the layers, and the fusion of frames: none (single), in the first layer
(early), in the first dense layer (late), or layer by layer (slow). Section 3.2: two resolutions.

What the paper leaves open, or differs here: convolutions are padded by (k - 1) // 2 pixels on each
side, with which streams of both sizes end in maps of 7 x 7 as the paper says; the context stream is
halved by averages of 2 x 2 pixels; ReLUs follow all layers but the last, as in Krizhevsky et al.
2012, before normalisation and pooling; kernels start from normal values by fan-out. In time,
convolutions are not padded, as published.
"""

from typing import NamedTuple

import keras
from keras import layers, ops

from i3d.models import resnet_blocks


class Network(NamedTuple):
    """How a network takes in frames, and at which resolutions."""

    frames: int
    kernels: tuple = (1, 1, 1)  # frames that the first three convolutions span; then 1
    strides: tuple = (1, 1, 1)  # their steps in time
    size: int = 170  # pixels of a side
    streams: tuple = ("",)  # starts of the names of the layers of each


class Stage(NamedTuple):
    """A convolution and its ReLU, then normalisation and pooling where the row says so."""

    name: str
    filters: int
    kernel: int
    stride: int = 1
    norm: bool = False
    pool: str = ""


STAGES = (
    Stage("conv1", 96, 11, 3, norm=True, pool="pool1"),
    Stage("conv2", 256, 5, norm=True, pool="pool2"),
    Stage("conv3", 384, 3),
    Stage("conv4", 384, 3),
    Stage("conv5", 256, 3, pool="pool5"),
)
UNITS = 4096
LEAST_SIZE = 22  # pixels of a side, of which one is left after the last pooling
_FULL = {
    "deep_video_single": Network(1),
    "deep_video_early": Network(10, kernels=(10, 1, 1)),
    "deep_video_late": Network(2),  # 15 frames apart, each seen by the same convolutions
    "deep_video_slow": Network(10, kernels=(4, 2, 2), strides=(2, 2, 2)),
}
_STREAMS = ("fovea-", "context-")
CONFIGS = _FULL | {
    f"{name}_multi": row._replace(size=178, streams=_STREAMS) for name, row in _FULL.items()
}
ENDPOINTS = ("fc6", "fc7", "features", "Logits")  # besides those of STAGES


def deep_video(
    name: str,
    num_classes: int = 487,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    Endpoints are layers: the names of STAGES, of their poolings, and ENDPOINTS, where "fc6" and
    "fc7" are the values before the ReLU. "features" [B, 4096 * width] is fc7 after it.

    In the networks whose name ends in "multi" two streams with weights of their own see the middle
    of the picture, half as high and wide ("fovea-conv1" and so on), and the whole picture at half
    the resolution ("context-conv1"); neither has a last pooling. Their maps are joined in fc6.

    Args:
      name: one of CONFIGS.
      num_classes: K; Sports-1M has 487.
      channels: C.
      frames: T: 1 of the single-frame network, 10 of early and slow fusion, 2 of late fusion
        (published 15 frames apart); None is that number, and no other is taken.
      size: height and width in pixels, at least 22; None is 170, and 178 with two resolutions.
      width: multiplies every filter count and the dense layers (1.0 is the published network).
      dropout: rate after both dense layers, in training mode only.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    frames = row.frames if frames is None else frames
    size = row.size if size is None else size
    _check(name, row, frames, size)
    resnet_blocks.check_arguments(num_classes, width, dropout)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    maps = {prefix: _stream(_seen(inputs, prefix), row, prefix, width) for prefix in row.streams}
    x = [layers.Flatten(name=f"{prefix}flatten")(x) for prefix, x in maps.items()]
    x = layers.Concatenate(name="joined")(x) if len(x) > 1 else x[0]
    units = max(1, round(UNITS * width))
    x = layers.ReLU(name="fc6-relu")(_dense(x, units, "fc6"))
    x = layers.Dropout(dropout, name="fc6-dropout")(x) if dropout else x
    x = layers.ReLU(dtype="float32", name="features")(_dense(x, units, "fc7"))
    return keras.Model(inputs, resnet_blocks.head(x, num_classes, dropout), name=name)


def _check(name, row, frames, size):
    if frames != row.frames:
        raise ValueError(f"frames: expected {row.frames} for {name}, got {frames}")
    if size < LEAST_SIZE:
        raise ValueError(f"size: expected at least {LEAST_SIZE} pixels for {name}, got {size}")


def _seen(x, prefix):
    """Returns what a stream sees: everything, its middle, or everything at half resolution."""
    if prefix == "fovea-":
        rest = x.shape[2] - x.shape[2] // 2
        sides = (rest // 2, rest - rest // 2)
        return layers.Cropping3D(((0, 0), sides, sides), name="fovea")(x)
    return layers.AveragePooling3D((1, 2, 2), name="context")(x) if prefix else x


def _stream(x, row, prefix, width):
    times = [*zip(row.kernels, row.strides, strict=True), (1, 1), (1, 1)]
    for stage, (kernel_t, stride_t) in zip(STAGES, times, strict=True):
        filters = max(1, round(stage.filters * width))
        x = _convolution(x, stage, filters, kernel_t, stride_t, f"{prefix}{stage.name}")
        if stage.norm:
            x = LocalResponseNorm(name=f"{prefix}{stage.name}-norm")(x)
        if stage.pool and not (prefix and stage.pool == "pool5"):
            x = resnet_blocks.max_pool(x, (1, 2, 2), (1, 2, 2), f"{prefix}{stage.pool}")
    return x


def _convolution(x, stage, filters, kernel_t, stride_t, name):
    """Convolution, padded in space alone, and ReLU."""
    kernel = (kernel_t, stage.kernel, stage.kernel)
    strides = (stride_t, stage.stride, stage.stride)
    if kernel_t == 1:
        x = resnet_blocks.conv(x, filters, kernel, strides, f"{name}-conv", use_bias=True)
    else:
        side = (stage.kernel - 1) // 2
        x = layers.ZeroPadding3D((0, side, side), name=f"{name}-padding")(x)
        initial = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        x = layers.Conv3D(
            filters, kernel, strides, kernel_initializer=initial, name=f"{name}-conv"
        )(x)
    return layers.ReLU(name=name)(x)


def _dense(x, units, name):
    return layers.Dense(units, kernel_initializer="he_normal", name=name)(x)


@keras.saving.register_keras_serializable("i3d")
class LocalResponseNorm(layers.Layer):
    """Divides each value by (2 + 1e-4 * sum of squares)^0.5 of its 5 nearest channels.

    Source: Krizhevsky et al. 2012, section 3.3, with the exponent 0.5 of Karpathy et al. 2014.
    """

    def call(self, x):
        """Returns values of the shape of x [..., C]; channels outside count as zero."""
        squares = ops.pad(ops.square(x), [(0, 0)] * (x.ndim - 1) + [(2, 2)])
        channels = x.shape[-1]
        total = sum(squares[..., first : first + channels] for first in range(5))
        return x * ops.rsqrt(2 + 1e-4 * total)
