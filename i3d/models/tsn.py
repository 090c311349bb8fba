"""Temporal Segment Networks: a ResNet on sparse frames, or on stacks of flow fields.

    model = tsn("tsn_r50_1x1x3", num_classes=400)               # [B, 3, 224, 224, 3]
    model = tsn("tsn_r50_5x1x3_flow", num_classes=400)          # [B, 3, 224, 224, 10]

Source: Wang et al. 2016, "Temporal Segment Networks" (arXiv:1608.00859), with the average as
consensus and a ResNet (He et al. 2016, arXiv:1512.03385) as in MMAction2's checkpoints.
"""

import keras

from i3d.models import resnet3d

CONFIGS = {
    "tsn_r50_1x1x3": resnet3d.Network(),
    "tsn_r50_1x1x8": resnet3d.Network(),
    "tsn_r101_1x1x8": resnet3d.Network(depths=resnet3d.DEPTHS_101),
    "tsn_r50_5x1x3_flow": resnet3d.Network(channels=10),  # x and y of five fields
}


def tsn(
    name: str,
    num_classes: int = 400,
    channels: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: [B, segments, H, W, C] float32 -> logits [B, K].

    Every kernel spans one frame. The mean over segments is taken before dropout and head, so
    "features" [B, 2048 * width] is a video's; one segment makes a network of images.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C; None is the published network's.
      frames: number of segments; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; the recipes use 0.4.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    return resnet3d.build(row, name, num_classes, channels, frames, size, width, dropout)
