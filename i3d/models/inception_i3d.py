"""Inflated Inception-v1 (I3D) and its 2-D twin, built from one table.

    rgb = inception_i3d(num_classes=400)                  # clips [B, T, 224, 224, 3] in [-1, 1]
    flow = inception_i3d(num_classes=400, channels=2)     # clips [B, T, 224, 224, 2] in [-1, 1]
    image = inception_v1(num_classes=1000)                # images [B, 224, 224, 3] in [-1, 1]

Sources: Carreira & Zisserman, "Quo Vadis, Action Recognition?" (arXiv:1705.07750), figure 3;
Szegedy et al., "Going deeper with convolutions" (arXiv:1409.4842), table 1; layer names,
paddings and normalisation as in kinetics-i3d's i3d.py.
"""

from typing import NamedTuple

import keras
from keras import layers

from i3d.models import blocks

MIN_FRAMES = 9  # fewer leave the 2-frame window of the last pooling without a full step


class Conv(NamedTuple):
    """One convolution unit; kernel and stride are the same in time and space."""

    name: str
    filters: int
    kernel: int
    stride: int = 1


class Pool(NamedTuple):
    """One max pooling; (t, h, w)."""

    name: str
    window: tuple
    strides: tuple


class Mixed(NamedTuple):
    """One Inception module: 1x1 | 1x1, 3x3 | 1x1, 3x3 | pool, 1x1, concatenated in this order."""

    name: str
    branch_0: int
    branch_1: tuple
    branch_2: tuple
    branch_3: int
    # Mixed_5b names this convolution 0a in every published checkpoint.
    branch_2_name: str = "Conv3d_0b_3x3"


TRUNK = (
    Conv("Conv3d_1a_7x7", 64, 7, 2),
    Pool("MaxPool3d_2a_3x3", (1, 3, 3), (1, 2, 2)),
    Conv("Conv3d_2b_1x1", 64, 1),
    Conv("Conv3d_2c_3x3", 192, 3),
    Pool("MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2)),
    Mixed("Mixed_3b", 64, (96, 128), (16, 32), 32),
    Mixed("Mixed_3c", 128, (128, 192), (32, 96), 64),
    Pool("MaxPool3d_4a_3x3", (3, 3, 3), (2, 2, 2)),
    Mixed("Mixed_4b", 192, (96, 208), (16, 48), 64),
    Mixed("Mixed_4c", 160, (112, 224), (24, 64), 64),
    Mixed("Mixed_4d", 128, (128, 256), (24, 64), 64),
    Mixed("Mixed_4e", 112, (144, 288), (32, 64), 64),
    Mixed("Mixed_4f", 256, (160, 320), (32, 128), 128),
    Pool("MaxPool3d_5a_2x2", (2, 2, 2), (2, 2, 2)),
    Mixed("Mixed_5b", 256, (160, 320), (32, 128), 128, branch_2_name="Conv3d_0a_3x3"),
    Mixed("Mixed_5c", 384, (192, 384), (48, 128), 128),
)
LAST_POOL = (2, 7, 7)  # frames, height, width at a 224 pixel input; the whole map at a smaller one
ENDPOINTS = tuple(row.name for row in TRUNK) + ("Logits", "Predictions")


def inception_i3d(
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = 224,
    width: float = 1.0,
    dropout: float = 0.0,
    spatial_squeeze: bool = True,
    final_endpoint: str = "Logits",
) -> keras.Model:
    """Returns the I3D model: clips [B, T, H, W, channels] float32 in [-1, 1] -> logits.

    Every endpoint up to `final_endpoint` is a layer of its published name (ENDPOINTS), the
    pooled feature vector [B, 1024 * width] is the layer "features". Logits are the mean over
    the overlapping 2-step windows of the last pooling, [B, num_classes], float32 also under
    mixed precision.

    Args:
      num_classes: width of the head.
      channels: 3 for RGB, 2 for flow (x, y).
      frames: T, at least 9; None accepts any T >= 9 at call time.
      size: height and width in pixels; None accepts any of at least 193 at call
        time. Below 193 the last pooling takes the whole map (the original refuses such sizes).
      width: multiplies every filter count of the trunk (1.0 is the published network).
      dropout: rate before the head, 0 <= dropout < 1, in training mode only (the original
        drops whenever its keep probability is below 1, at inference too).
      spatial_squeeze: True averages over space (one 7x7 window at 193 to 224 pixels; the
        original accepts no other size here); False keeps [B, h, w, num_classes].
      final_endpoint: one of ENDPOINTS; the model ends there.

    Raises:
      ValueError: an argument out of its range.
    """
    _check_arguments(num_classes, width, dropout, final_endpoint)
    if frames is not None and frames < MIN_FRAMES:
        raise ValueError(f"frames: expected at least {MIN_FRAMES}, got {frames}")
    inputs = keras.Input((frames, size, size, channels), name="clips")
    x = _walk(inputs, width, final_endpoint)
    x = _head(x, num_classes, dropout, spatial_squeeze, final_endpoint)
    return keras.Model(inputs, x, name="inception_i3d")


def inception_v1(
    num_classes: int = 1000,
    channels: int = 3,
    size: int | None = 224,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the 2-D twin: images [B, H, W, channels] -> logits [B, num_classes].

    Same table, same layer names as `inception_i3d`, kernels without their time axis:
    `i3d.weights.inflate` turns its weights into those of the video network.

    Raises:
      ValueError: an argument out of its range.
    """
    _check_arguments(num_classes, width, dropout, "Logits")
    inputs = keras.Input((size, size, channels), name="images")
    x = _walk(inputs, width, "Logits")
    x = _head(x, num_classes, dropout, True, "Logits")
    return keras.Model(inputs, x, name="inception_v1")


def _check_arguments(num_classes, width, dropout, final_endpoint):
    if final_endpoint not in ENDPOINTS:
        raise ValueError(f"final_endpoint: expected one of {ENDPOINTS}, got {final_endpoint!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout: expected a rate with 0 <= rate < 1, got {dropout}")
    if num_classes < 1:
        raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
    if width <= 0:
        raise ValueError(f"width: expected a positive multiplier, got {width}")


def _walk(x, width, final_endpoint):
    """Applies the rows of TRUNK up to `final_endpoint`."""

    def scaled(filters):
        return max(1, round(filters * width))

    for row in TRUNK:
        if isinstance(row, Conv):
            x = blocks.unit(x, scaled(row.filters), (row.kernel,) * 3, (row.stride,) * 3, row.name)
        elif isinstance(row, Pool):
            x = blocks.max_pool(x, row.window, row.strides, row.name)
        else:
            x = _mixed(x, row, scaled)
        if row.name == final_endpoint:
            break
    return x


def _mixed(x, row, scaled):
    def unit(x, branch, name, filters, kernel):
        name = f"{row.name}-Branch_{branch}-{name}"
        return blocks.unit(x, scaled(filters), (kernel,) * 3, (1, 1, 1), name)

    branch_0 = unit(x, 0, "Conv3d_0a_1x1", row.branch_0, 1)
    branch_1 = unit(x, 1, "Conv3d_0a_1x1", row.branch_1[0], 1)
    branch_1 = unit(branch_1, 1, "Conv3d_0b_3x3", row.branch_1[1], 3)
    branch_2 = unit(x, 2, "Conv3d_0a_1x1", row.branch_2[0], 1)
    branch_2 = unit(branch_2, 2, row.branch_2_name, row.branch_2[1], 3)
    name = f"{row.name}-Branch_3-MaxPool3d_0a_3x3"
    branch_3 = blocks.max_pool(x, (3, 3, 3), (1, 1, 1), name)
    branch_3 = unit(branch_3, 3, "Conv3d_0b_1x1", row.branch_3, 1)
    return layers.Concatenate(name=row.name)([branch_0, branch_1, branch_2, branch_3])


def _head(x, num_classes, dropout, spatial_squeeze, final_endpoint):
    """Pools to `features`, drops, and applies the 1x1x1 convolution as a dense layer.

    The published head averages its logits over time; here the features are averaged first,
    which is equal because the head is linear.
    """
    if final_endpoint not in ("Logits", "Predictions"):
        return x
    window = tuple(min(w, axis or w) for w, axis in zip(LAST_POOL[1:], x.shape[-3:-1], strict=True))
    pooled = blocks.average_pool(x, (LAST_POOL[0], *window), "AvgPool3d_0a_7x7")
    x = blocks.mean(pooled, spatial_squeeze, "features")
    if dropout:
        # As published, each time step is dropped apart and before the mean; written as a
        # correction to the mean so that `features` stays free of dropout.
        dropped = layers.Dropout(dropout, name="Logits-Dropout_0b")(pooled)
        change = layers.Subtract(name="Logits-dropout_change")([dropped, pooled])
        change = blocks.mean(change, spatial_squeeze, "Logits-dropout_mean_change")
        x = layers.Add(dtype="float32", name="Logits-dropped_features")([x, change])
    x = layers.Dense(
        num_classes,
        kernel_initializer=blocks.fan_in_normal(x.shape[-1]),
        dtype="float32",
        name="Logits",
    )(x)
    if final_endpoint == "Predictions":
        x = layers.Softmax(dtype="float32", name="Predictions")(x)
    return x
