"""C3D: eight 3x3x3 convolutions and two dense layers on 16 frames.

    model = c3d("c3d_16x1x1", num_classes=101)                  # clips [B, 16, 112, 112, 3]

Source: Tran et al. 2015, "Learning Spatiotemporal Features with 3D Convolutional Networks"
(arXiv:1412.0767), figure 3; details and layer names as in MMAction2's checkpoint.
"""

from typing import NamedTuple

import keras
from keras import layers

from i3d.models import resnet_blocks


class Stage(NamedTuple):
    """Convolutions of equal width, then a max pooling of equal window and stride (t, h, w)."""

    convolutions: tuple
    filters: int
    pool: str
    window: tuple


C3D = (
    Stage(("conv1a",), 64, "pool1", (1, 2, 2)),
    Stage(("conv2a",), 128, "pool2", (2, 2, 2)),
    Stage(("conv3a", "conv3b"), 256, "pool3", (2, 2, 2)),
    Stage(("conv4a", "conv4b"), 512, "pool4", (2, 2, 2)),
    Stage(("conv5a", "conv5b"), 512, "pool5", (2, 2, 2)),
)
CONFIGS = {"c3d_16x1x1": C3D}
DENSE_UNITS = 4096
ENDPOINTS = tuple(name for stage in C3D for name in (*stage.convolutions, stage.pool)) + (
    "fc6",
    "fc7",
    "features",
    "Logits",
)


def c3d(
    name: str,
    num_classes: int = 101,
    channels: int = 3,
    frames: int | None = 16,
    size: int | None = 112,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    Endpoints are layers: ENDPOINTS, where "fc6" and "fc7" are the values before the ReLU.
    "features" [B, 4096 * width] is fc7 after it. The dense layers fix the clip's size.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T, at least 16; the published weights need 16 to 31.
      size: height and width in pixels, at least 16; the published weights need 96 to 127.
      width: multiplies every filter count and the dense layers (1.0 is the published network).
      dropout: rate after both dense layers, in training mode only; the recipe uses 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    if frames is None or size is None or size < 16:
        raise ValueError(
            "frames, size: expected numbers of at least 16 (the dense layers of C3D need to "
            f"know the size of the clip), got {frames}, {size}"
        )
    resnet_blocks.check_arguments(num_classes, width, dropout, frames, min_frames=16)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    x = inputs
    for stage in CONFIGS[name]:
        x = _stage(x, stage, max(1, round(stage.filters * width)))
    x = layers.Flatten(name="flatten")(x)
    units = max(1, round(DENSE_UNITS * width))
    x = layers.ReLU(name="fc6-relu")(_dense(x, units, "fc6"))
    x = layers.Dropout(dropout, name="fc6-dropout")(x) if dropout else x
    x = layers.ReLU(dtype="float32", name="features")(_dense(x, units, "fc7"))
    return keras.Model(inputs, resnet_blocks.head(x, num_classes, dropout), name=name)


def _stage(x, stage, filters):
    for name in stage.convolutions:
        x = resnet_blocks.conv(x, filters, (3, 3, 3), (1, 1, 1), f"{name}-conv", use_bias=True)
        x = layers.ReLU(name=name)(x)
    if stage.pool == "pool5":  # the published one pads 7 pixels to 9 before it halves them
        x = layers.ZeroPadding3D((0, 1, 1), name="pool5-padding")(x)
    return resnet_blocks.max_pool(x, stage.window, stage.window, stage.pool)


def _dense(x, units, name):
    initial = keras.initializers.RandomNormal(stddev=0.005)
    return layers.Dense(units, kernel_initializer=initial, name=name)(x)
