"""X3D: small networks of inverted bottlenecks with depthwise 3x3x3 convolutions.

    model = x3d("x3d_s_13x6x1", num_classes=400)     # clips [B, 13, 160, 160, 3]

Source: Feichtenhofer 2020, "X3D: Expanding Architectures for Efficient Video Recognition"
(arXiv:2004.04730), tables 1 and 3. Details and layer names as in MMAction2's checkpoints: the first
convolution over space has no normalisation, and squeeze and excitation is in every other block.
"""

import keras
from keras import layers

from i3d.models import depthwise, resnet_blocks

CONFIGS = ("x3d_s_13x6x1", "x3d_m_16x5x1")  # one network, for clips of 13 and of 16 frames
DEPTHS = (3, 5, 11, 7)  # blocks of each stage
CHANNELS, INNER, HIDDEN = 24, 2.25, 2048  # of the first stage; in blocks; before the head
ENDPOINTS = (
    *("conv1_s", "conv1_t", "layer1", "layer2", "layer3", "layer4", "conv5"),
    *("features", "Logits"),
)
_POINT, _STILL = (1, 1, 1), (1, 1, 1)  # kernel, strides


def x3d(
    name: str,
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    ENDPOINTS are layers. "features" is the mean of conv5 over time and space, [B, 432 * width];
    the head has a hidden layer, "fc1".

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the last layer, in training mode only; the recipes use 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    filters = max(2, round(CHANNELS * width))
    x = resnet_blocks.conv(inputs, filters, (1, 3, 3), (1, 2, 2), "conv1_s-conv")
    x = layers.Activation("linear", name="conv1_s")(x)
    x = depthwise.conv_norm(x, (5, 1, 1), _STILL, "conv1_t")
    x = layers.ReLU(name="conv1_t")(x)
    for stage, depth in enumerate(DEPTHS, 1):
        for block in range(depth):
            end = f"layer{stage}" if block == depth - 1 else None
            x = _block(x, filters, block, f"layer{stage}-{block}", end)
        filters *= 2
    inner = int(filters // 2 * INNER)
    features = resnet_blocks.pooled(resnet_blocks.unit(x, inner, _POINT, _STILL, "conv5"))
    hidden = max(1, round(HIDDEN * width))
    hidden = layers.Dense(hidden, "relu", use_bias=False, dtype="float32", name="fc1")(features)
    logits = resnet_blocks.head(hidden, num_classes, dropout)
    return keras.Model(inputs, logits, name=name)


def _block(x, filters, block, name, end):
    """Inverted bottleneck: 1x1x1 to more channels, depthwise 3x3x3, 1x1x1 to `filters`."""
    strides = (1, 2, 2) if block == 0 else _STILL
    shortcut, inner = x, int(filters * INNER)
    if block == 0:
        shortcut = resnet_blocks.conv_norm(x, filters, _POINT, strides, f"{name}-downsample")
    x = resnet_blocks.unit(x, inner, _POINT, _STILL, f"{name}-conv1")
    x = depthwise.conv_norm(x, (3, 3, 3), strides, f"{name}-conv2")
    if block % 2 == 0:
        x = _excited(x, inner, f"{name}-se_module")
    x = layers.Activation("swish", name=f"{name}-conv2")(x)
    x = resnet_blocks.conv_norm(x, filters, _POINT, _STILL, f"{name}-conv3", gamma="zeros")
    x = layers.Add(name=f"{name}-add")([x, shortcut])
    return layers.ReLU(name=end or name)(x)


def _excited(x, channels, name):
    """Squeeze and excitation (Hu et al. 2018, arXiv:1709.01507): each channel times its gate."""
    gate = layers.GlobalAveragePooling3D(keepdims=True, name=f"{name}-mean")(x)
    gate = resnet_blocks.conv(gate, _reduced(channels), _POINT, _STILL, f"{name}-fc1", True)
    gate = layers.ReLU(name=f"{name}-relu")(gate)
    gate = resnet_blocks.conv(gate, channels, _POINT, _STILL, f"{name}-fc2", True)
    gate = layers.Activation("sigmoid", name=f"{name}-sigmoid")(gate)
    return layers.Multiply(name=name)([x, gate])


def _reduced(channels):
    """A sixteenth of the channels, as a multiple of 8 that is at most a tenth below it."""
    share = channels / 16
    rounded = max(8, int(share + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * share else rounded
