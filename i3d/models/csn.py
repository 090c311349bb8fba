"""Channel-separated networks: ResNets whose 3x3x3 convolutions see each channel by itself.

    model = csn("ircsn_r50_32x2x1", num_classes=400)     # clips [B, 32, 224, 224, 3]

Source: Tran et al. 2019, "Video Classification with Channel-Separated Convolutional Networks"
(arXiv:1904.02811), section 3 and figure 2. Details and layer names as in MMAction2's checkpoints.
"""

import keras
from keras import layers

from i3d.models import depthwise, resnet_blocks
from i3d.models.resnet3d import DEPTHS_50

DEPTHS_152 = (3, 8, 36, 3)
# Blocks of each stage; whether a 1x1x1 convolution keeps the channels' interaction (ip) that the
# depthwise convolution, which takes the place of a full one, loses (ir: reduced).
CONFIGS = {
    "ircsn_r50_32x2x1": (DEPTHS_50, False),
    "ircsn_r152_32x2x1": (DEPTHS_152, False),
    "ipcsn_r50_32x2x1": (DEPTHS_50, True),
    "ipcsn_r152_32x2x1": (DEPTHS_152, True),
}
ENDPOINTS = ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "features", "Logits")
NORM = {"epsilon": 1e-3}
_POINT, _STILL = (1, 1, 1), (1, 1, 1)  # kernel, strides


def csn(
    name: str,
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    ENDPOINTS are layers. "features" is the mean of layer4 over time and space, [B, 2048 * width].

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; the recipes use 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    depths, preserved = CONFIGS[name]
    inputs = keras.Input((frames, size, size, channels), name="clips")
    filters = max(1, round(64 * width))
    x = resnet_blocks.unit(inputs, filters, (3, 7, 7), (1, 2, 2), "conv1", **NORM)
    x = resnet_blocks.max_pool(x, (1, 3, 3), (1, 2, 2), "maxpool")
    for stage, depth in enumerate(depths, 1):
        for block in range(depth):
            strides = (2, 2, 2) if stage > 1 and block == 0 else _STILL
            end = f"layer{stage}" if block == depth - 1 else None
            x = _block(x, filters, strides, f"layer{stage}-{block}", end, preserved)
        filters *= 2
    logits = resnet_blocks.head(resnet_blocks.pooled(x), num_classes, dropout)
    return keras.Model(inputs, logits, name=name)


def _block(x, filters, strides, name, end, preserved):
    """Bottleneck: 1x1x1, depthwise 3x3x3 (after another 1x1x1 where `preserved`), 1x1x1."""
    out = resnet_blocks.EXPANSION * filters
    shortcut = x
    if strides != _STILL or x.shape[-1] != out:
        shortcut = resnet_blocks.conv_norm(x, out, _POINT, strides, f"{name}-downsample", **NORM)
    x = resnet_blocks.unit(x, filters, _POINT, _STILL, f"{name}-conv1", **NORM)
    if preserved:
        x = resnet_blocks.conv_norm(x, filters, _POINT, _STILL, f"{name}-conv2-0", **NORM)
    x = depthwise.conv_norm(x, (3, 3, 3), strides, f"{name}-conv2-{int(preserved)}", **NORM)
    x = layers.ReLU(name=f"{name}-conv2")(x)
    x = resnet_blocks.conv_norm(x, out, _POINT, _STILL, f"{name}-conv3", gamma="zeros", **NORM)
    x = layers.Add(name=f"{name}-add")([x, shortcut])
    return layers.ReLU(name=end or name)(x)
