"""Temporal Shift Module: a ResNet-50 of images whose blocks exchange channels in time.

    model = tsm("tsm_r50_1x1x8", num_classes=400)               # [B, 8, 224, 224, 3]

Source: Lin et al. 2019, "TSM: Temporal Shift Module for Efficient Video Understanding"
(arXiv:1811.08383), shift inside the residual branch, as in MMAction2's checkpoints.
"""

import keras

from i3d.models import resnet3d

CONFIGS = {
    "tsm_r50_1x1x8": resnet3d.Network(shift=True),
    "tsm_r50_1x1x16": resnet3d.Network(shift=True),
    "tsm_r101_1x1x8": resnet3d.Network(shift=True, depths=resnet3d.DEPTHS_101),
}


def tsm(
    name: str,
    num_classes: int = 400,
    channels: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: [B, segments, H, W, C] float32 -> logits [B, K].

    The original averages the logits of the segments; here the features are averaged first,
    which is equal because the head is linear.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C; None is the published network's.
      frames: number of segments; None accepts any, the weights expect 8 or 16 as named.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; the recipes use 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    return resnet3d.build(row, name, num_classes, channels, frames, size, width, dropout)
