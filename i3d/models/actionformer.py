"""ActionFormer and TemporalMaxer: what happens when, from feature rows of a video.

    model = actionformer("actionformer", num_classes=20, channels=2048)
    found = model({"features": rows, "mask": mask})   # logits [B, P, K], offsets [B, P, 2]
    at = points(2304)                                 # row, stride and range of each of P points

A pyramid of six levels, each of half the rows of the one before it; a point is a row of a level.
Each point has a score of each class, and how far before and after it the segment reaches.

Sources: Zhang et al. 2022, "ActionFormer: Localizing Moments of Actions with Transformers"
(arXiv:2202.07925); Tang et al. 2023, "TemporalMaxer: Maximize Temporal Context with only Max
Pooling for Temporal Action Localization" (arXiv:2303.09055), whose details are OpenTAD's.
"""

from typing import NamedTuple

import keras
import numpy as np

from i3d.models import segment_pyramid
from i3d.models.resnet_blocks import check_arguments
from i3d.models.segment_layers import LevelMasks, Masked, check_rows

LEVELS = 6
# Rows from a point to the farther end of a segment that its level learns, of level 0 first.
RANGES = ((0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10_000))
_WIDTH = 512


class Network(NamedTuple):
    """One network.

    Attributes:
      window: rows that each looks at in its attention; 0: pooled by their maximum instead.
      epsilon: of the layer normalisations after convolutions.
      neck: normalisation of each level: "layer", of each row, or "group", of 4 groups of channels
        over all rows, those that fill up included.
    """

    window: int
    epsilon: float = 1e-5
    neck: str = "layer"


CONFIGS = {
    "actionformer": Network(19),  # THUMOS14
    "actionformer_w7": Network(7),  # for rows that are interpolated to a multiple of 192
    "temporalmaxer": Network(0, 1e-6, "group"),
}


class Points(NamedTuple):
    """The points of all levels, level 0 first; arrays float32.

    Attributes:
      row: [P], where a point lies.
      stride: [P], rows between points of its level, the unit of its offsets.
      low, high: [P], rows to the farther end of the segments that it learns.
    """

    row: np.ndarray
    stride: np.ndarray
    low: np.ndarray
    high: np.ndarray


def points(rows: int) -> Points:
    """Returns the Points of T rows: T + T / 2 + ... + T / 32 of them."""
    parts = [
        np.broadcast_arrays(np.arange(0, rows, 2**level), 2**level, *RANGES[level])
        for level in range(LEVELS)
    ]
    return Points(*(np.concatenate(part).astype(np.float32) for part in zip(*parts, strict=True)))


def multiple(levels: int = LEVELS, window: int = 19) -> int:
    """Returns what T is a multiple of: rows that fill up are masked.

    Args:
      levels: of the pyramid.
      window: of the attention; 0 without.
    """
    return 2 ** (levels - 1) * max(window - 1, 1)


def reach(window: int = 19) -> int:
    """Returns how many rows to either side the outputs of a point depend on, at most."""
    half = window // 2
    down = sum(2 ** (level - 1) + half * 2**level for level in range(1, LEVELS))
    stem = 2 * (1 + half) if window else 0
    return 2 + stem + down + 3 * 2 ** (LEVELS - 1)


def actionformer(
    name: str,
    num_classes: int = 20,
    channels: int = 2048,
    rows: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
    window: int | None = None,
    neck: str | None = None,
) -> keras.Model:
    """Returns the model of a row of CONFIGS.

    It takes {"features": float32 [B, T, C], "mask": bool [B, T]}; the rows of the video come
    first, what fills up is False in the mask. It gives {"logits": float32 [B, P, num_classes],
    "offsets": float32 [B, P, 2]}: for the points of `points(T)` the scores of classes (before the
    sigmoid), and the distances to start and end of the segment in strides of the level.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C, width of a feature row.
      rows: T, a multiple of `multiple(window=...)`; None accepts any such.
      width: multiplies every filter count (1.0 is the published network).
      dropout: in training mode only: how often a branch of a block is dropped (ActionFormer, its
        recipe has 0.1), or a channel after the first convolutions (TemporalMaxer, 0.2).
      window: rows of the attention, odd; None takes that of the row of CONFIGS.
      neck: "layer" or "group"; None takes that of the row of CONFIGS.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    check_arguments(num_classes, width, dropout, None)
    row = row._replace(window=_window(row.window, window), neck=_neck(neck or row.neck))
    each = multiple(window=row.window)
    check_rows(rows, each)
    features = keras.Input((rows, channels), name="features")
    mask = keras.Input((rows,), dtype="bool", name="mask")
    masks = LevelMasks(LEVELS, not row.window, each, name="masks")(mask)
    x = Masked(name="rows")([features, masks[0]])
    filters = segment_pyramid.HEADS * max(1, round(_WIDTH * width / segment_pyramid.HEADS))
    levels = segment_pyramid.pyramid(x, masks, row, filters, dropout)
    levels = [segment_pyramid.normalised(x, row, level) for level, x in enumerate(levels)]
    logits, offsets = segment_pyramid.heads(levels, masks, row, filters, num_classes)
    return keras.Model(
        {"features": features, "mask": mask}, {"logits": logits, "offsets": offsets}, name=name
    )


def _window(own, asked):
    """Returns the window of the attention."""
    if asked is None:
        return own
    if not own or asked < 3 or asked % 2 == 0:
        raise ValueError(
            f"window: expected an odd number from 3 on, and a network with attention, got {asked}"
        )
    return asked


def _neck(kind):
    if kind not in ("layer", "group"):
        raise ValueError(f"neck: expected layer or group, got {kind!r}")
    return kind
