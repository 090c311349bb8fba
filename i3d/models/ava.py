"""Networks that score the actions of people in boxes: SlowOnly and SlowFast with a RoI head.

    model = ava("ava_slowonly_r50_4x16x1", num_classes=81)
    logits = model({"clips": clips, "boxes": boxes})       # -> [B, N, 81]

The last stage keeps the size of the one before it: a cell of its maps is 16 pixels wide.

Sources: Feichtenhofer et al. 2019, "SlowFast Networks for Video Recognition"
(arXiv:1812.03982), section 5; details, options and layer names as in MMAction2's checkpoints.
"""

from typing import NamedTuple

import keras

from i3d.models import resnet3d, resnet_blocks, slowfast
from i3d.models.roi_head import roi_head

_STRIDES = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 1, 1))  # (t, h, w) of each stage
_SLOW = resnet3d.SLOW._replace(strides=_STRIDES)
_NON_LOCAL = _SLOW._replace(non_local="scaled_gaussian", non_local_first=0)


class Ava(NamedTuple):
    """One network: its trunk, and how its head pools."""

    trunk: resnet3d.Network | slowfast.SlowFast = _SLOW
    temporal: str = "mean"
    context: bool = False


def _slowfast(name):
    """Returns the pathways of a network for whole clips, with other strides."""
    row = slowfast.CONFIGS[name]
    slow, fast = (path._replace(strides=_STRIDES) for path in (row.slow, row.fast))
    return row._replace(slow=slow, fast=fast)


CONFIGS = {
    "ava_slowonly_r50_4x16x1": Ava(),
    "ava_slowonly_r50_4x16x1_nl": Ava(_NON_LOCAL),
    "ava_slowonly_r50_8x8x1": Ava(),
    "ava_slowonly_r50_8x8x1_nl": Ava(_NON_LOCAL),
    "ava_slowonly_r101_8x8x1": Ava(_SLOW._replace(depths=resnet3d.DEPTHS_101)),
    "ava_slowfast_r50_4x16x1": Ava(_slowfast("slowfast_r50_4x16x1")),
    "ava_slowfast_r50_4x16x1_context": Ava(_slowfast("slowfast_r50_4x16x1"), context=True),
    "ava_slowfast_r50_8x8x1": Ava(_slowfast("slowfast_r50_8x8x1")),
    "ava_slowfast_r50_8x8x1_temporal_max": Ava(_slowfast("slowfast_r50_8x8x1"), temporal="max"),
}


def ava(
    name: str,
    num_classes: int = 81,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS.

    It takes {"clips": float32 [B, T, H, W, C], "boxes": float32 [B, N, 4]}; boxes are x1, y1, x2,
    y2 in [0, 1] of the picture. It gives logits float32 [B, N, num_classes], of which the first
    is the background, that training leaves out. Boxes that fill a batch up are zeros.

    Endpoints are layers: those of `resnet3d` or `slowfast`, "roi_features" [B, N, 8, 8, C'] and
    "features" [B, N, C'], their maximum over space. C' is 2048 * width, of SlowFast 2304 * width
    (slow, fast), and twice as many with context.

    Args:
      name: one of CONFIGS.
      num_classes: the background included.
      channels: C.
      frames: T; None accepts any; of SlowFast a multiple of 8 (4x16x1) or 4 (8x8x1).
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the spatial pooling, in training mode only; the recipes use 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    clips = keras.Input((frames, size, size, channels), name="clips")
    boxes = keras.Input((None, 4), name="boxes")
    if isinstance(row.trunk, slowfast.SlowFast):
        slowfast.check_frames(name, row.trunk, frames)
        maps = slowfast.pathways(clips, row.trunk, width)
    else:
        maps = [resnet3d.trunk(clips, row.trunk, width)]
    logits = roi_head(maps, boxes, clips, num_classes, dropout, row.temporal, row.context)
    return keras.Model({"clips": clips, "boxes": boxes}, logits, name=name)
