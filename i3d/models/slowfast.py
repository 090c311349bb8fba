"""SlowFast: a slow pathway of many channels and a fast one of many frames.

    model = slowfast("slowfast_r50_4x16x1", num_classes=400)    # clips [B, 32, 224, 224, 3]

Source: Feichtenhofer et al. 2019, "SlowFast Networks for Video Recognition"
(arXiv:1812.03982), table 1; details and layer names as in MMAction2's checkpoints, those of the
last row as in pytorchvideo's hub (version 0.1.5), by its name.
"""

from typing import NamedTuple

import keras
from keras import layers, ops

from i3d.models import resnet3d, resnet_blocks

FAST = resnet3d.Network(inflate=(resnet3d.ALL,) * 4, stem_kernel=5)


def _deep(network):
    """Returns the network with the blocks of a ResNet-101."""
    return network._replace(depths=resnet3d.DEPTHS_101)


class SlowFast(NamedTuple):
    """One network."""

    ratio: int  # alpha: fast frames per slow frame
    lateral_kernel: int  # frames
    channel_ratio: int = 8  # 1 / beta
    slow: resnet3d.Network = resnet3d.SLOW
    fast: resnet3d.Network = FAST
    lateral_norm: bool = False  # lateral connections have normalisation and ReLU
    spread: bool = False  # slow frames are spread from the first to the last
    windows: tuple = ((), ())  # of the average pooling of each pathway, see resnet3d.Network


CONFIGS = {
    "slowfast_r50_4x16x1": SlowFast(ratio=8, lateral_kernel=5),
    "slowfast_r50_8x8x1": SlowFast(ratio=4, lateral_kernel=7),
    "slowfast_r101_8x8x1": SlowFast(4, 7, slow=_deep(resnet3d.SLOW), fast=_deep(FAST)),
    "slowfast_r101_r50_4x16x1": SlowFast(8, 5, slow=_deep(resnet3d.SLOW)),
    "slowfast_r50": SlowFast(4, 7, lateral_norm=True, spread=True, windows=((8, 7, 7), (32, 7, 7))),
}
ENDPOINTS = tuple(
    f"{path}_path-{stage}"
    for stage in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4")
    for path in ("slow", "fast")
) + tuple(f"slow_path-{stage}_lateral" for stage in ("conv1", "layer1", "layer2", "layer3"))


def slowfast(
    name: str,
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    The fast pathway sees every frame, the slow one every 8th or 4th. Endpoints are layers:
    ENDPOINTS, and "features" [B, 2304 * width], the means of the slow pathway's channels and
    then those of the fast one's (MMAction2's heads have them the other way round).

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T, a multiple of 8 (4x16x1) or 4 (8x8x1); None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; the recipes use 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    check_frames(name, row, frames)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    slow, fast = pathways(inputs, row, width)
    pooled = resnet_blocks.pooled
    slow_window, fast_window = row.windows
    means = [pooled(slow, "slow_mean", slow_window), pooled(fast, "fast_mean", fast_window)]
    features = layers.Concatenate(dtype="float32", name="features")(means)
    return keras.Model(inputs, resnet_blocks.head(features, num_classes, dropout), name=name)


def check_frames(name, row, frames):
    """Raises ValueError where the slow pathway has no whole number of the frames."""
    if frames is not None and frames % row.ratio:
        raise ValueError(f"frames: expected a multiple of {row.ratio} for {name}, got {frames}")


def pathways(inputs, row, width):
    """Returns the maps of layer4 of both pathways, slow and fast.

    Args:
      inputs: clips [B, T, H, W, C].
      row: SlowFast.
      width: multiplies every filter count.
    """
    filters = max(1, round(64 * width))
    thin = max(1, round(64 * width / row.channel_ratio))
    frames = SpreadFrames if row.spread else EveryFrame
    slow = frames(row.ratio, name="slow_path-frames")(inputs)
    slow = resnet_blocks.stem(slow, filters, row.slow.stem_kernel, prefix="slow_path-")
    fast = resnet_blocks.stem(inputs, thin, row.fast.stem_kernel, prefix="fast_path-")
    stage = "conv1"
    for index in range(1, 5):
        slow = _joined(slow, fast, row, stage)
        stage, factor = f"layer{index}", 2 ** (index - 1)
        slow = resnet3d.stage(slow, row.slow, index, filters * factor, "slow_path-")
        fast = resnet3d.stage(fast, row.fast, index, thin * factor, "fast_path-")
    return slow, fast


def _joined(slow, fast, row, stage):
    """Appends to the slow maps what the lateral connection takes from the fast ones."""
    name = f"slow_path-{stage}_lateral"
    kernel, strides = (row.lateral_kernel, 1, 1), (row.ratio, 1, 1)
    layer = resnet_blocks.unit if row.lateral_norm else resnet_blocks.conv
    lateral = layer(fast, 2 * fast.shape[-1], kernel, strides, name)
    return layers.Concatenate(name=f"{name}-joined")([slow, lateral])


@keras.saving.register_keras_serializable("i3d")
class EveryFrame(layers.Layer):
    """Takes every `step`-th frame, from the first: [B, T, ...] -> [B, ceil(T / step), ...]."""

    def __init__(self, step, **keywords):
        """step: int >= 1."""
        super().__init__(**keywords)
        self.step = step

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "step": self.step}

    def call(self, x):
        """Returns the frames taken."""
        return resnet_blocks.every_frame(x, self.step)


@keras.saving.register_keras_serializable("i3d")
class SpreadFrames(EveryFrame):
    """Takes T // step frames, the first, the last and the rest evenly between them."""

    def call(self, x):
        """Returns [B, T // step, ...] of [B, T, ...]."""
        length = ops.shape(x)[1]
        count = length // self.step
        place = ops.arange(count) * (length - 1) // ops.maximum(count - 1, 1)
        return ops.take(x, place, axis=1)
