"""S3D: the Inception I3D with its convolutions factorised into space and time.

    model = s3d("tv_s3d", num_classes=400)                      # clips [B, T, 224, 224, 3]

Source: Xie et al. 2018, "Rethinking Spatiotemporal Feature Learning" (arXiv:1712.04851), the
network without gating; details and layer names as in torchvision's checkpoint.
"""

import keras
from keras import layers

from i3d.models import blocks, resnet_blocks
from i3d.models.inception_i3d import LAST_POOL, TRUNK, Conv, Pool

CONFIGS = {"tv_s3d": TRUNK}
ENDPOINTS = tuple(f"features-{index}" for index in range(len(TRUNK))) + ("features", "Logits")
MIN_FRAMES = 13  # fewer leave the 2-frame window of the last pooling without a full step
_NORM = {"epsilon": 1e-3, "momentum": 0.999}


def s3d(
    name: str,
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    The table is the Inception I3D's; its rows are the layers "features-0" to "features-15".
    "features" [B, 1024 * width] is the mean over the windows of the last average pooling;
    dropout acts on it (the original drops each window apart, which is the same for 13 to 20
    frames).

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T, at least 13; None accepts any T >= 13 at call time.
      size: height and width in pixels; None accepts any of at least 193 at call time. Below
        193 the last pooling takes the whole map (the original refuses such sizes).
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; the published one is 0.2.

    Raises:
      ValueError: an argument out of its range.
    """
    resnet_blocks.check_arguments(num_classes, width, dropout, frames, MIN_FRAMES)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    x = inputs
    for endpoint, row in zip(ENDPOINTS, CONFIGS[name], strict=False):
        x = _apply(x, row, endpoint, lambda filters: max(1, round(filters * width)))
    window = tuple(min(w, n or w) for w, n in zip(LAST_POOL[1:], x.shape[2:4], strict=True))
    x = blocks.average_pool(x, (LAST_POOL[0], *window), "avgpool")
    features = blocks.mean(x, True, "features")
    return keras.Model(inputs, resnet_blocks.head(features, num_classes, dropout), name=name)


def _apply(x, row, name, scaled):
    if isinstance(row, Pool):
        return resnet_blocks.max_pool(x, row.window, row.strides, name)
    if isinstance(row, Conv):
        return _unit(x, scaled(row.filters), row.kernel, row.stride, name)
    branches = [_unit(x, scaled(row.branch_0), 1, 1, f"{name}-branch0")]
    for branch, (inner, outer) in (("branch1", row.branch_1), ("branch2", row.branch_2)):
        y = _unit(x, scaled(inner), 1, 1, f"{name}-{branch}-0")
        branches.append(_unit(y, scaled(outer), 3, 1, f"{name}-{branch}-1"))
    y = resnet_blocks.max_pool(x, (3, 3, 3), (1, 1, 1), f"{name}-branch3-0")
    branches.append(_unit(y, scaled(row.branch_3), 1, 1, f"{name}-branch3-1"))
    return layers.Concatenate(name=name)(branches)


def _unit(x, filters, kernel, stride, name):
    """A 1x1x1 convolution, or one over space and one over time, each normalised, with ReLU."""
    if kernel == 1:
        return resnet_blocks.unit(x, filters, (1, 1, 1), (stride,) * 3, name, **_NORM)
    space, time = (1, kernel, kernel), (kernel, 1, 1)
    x = resnet_blocks.conv_norm(x, filters, space, (1, stride, stride), f"{name}-0", **_NORM)
    x = layers.ReLU(name=f"{name}-0")(x)
    x = resnet_blocks.conv_norm(x, filters, time, (stride, 1, 1), f"{name}-1", **_NORM)
    return layers.ReLU(name=name)(x)
