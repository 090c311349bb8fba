"""Targets of localizers: which point of the pyramid, and which proposal, stands for which segment.

    classes, offsets = shortest(points, segments, labels, num_classes)          # ActionFormer
    classes, offsets = least_cost(points, segments, labels, logits, offsets)    # TemporalMaxer
    iou, start, end = proposal_map(segments, rows=100, durations=100)           # BMN, NumPy

Segments are in rows of features, as fractions: 2.5 is between the middles of rows 2 and 3. Those of
BMN are shares of the sequence, 0 to 1.

Sources: Zhang et al. 2022, arXiv:2202.07925, 3.4; Tang et al. 2023, arXiv:2303.09055, and OpenTAD's
assignment of it; Lin et al. 2019, arXiv:1907.09702, 4.
"""

from typing import Any

import numpy as np
from keras import ops

from i3d.models.actionformer import Points
from i3d.training.segment_losses import distance_iou_loss, sigmoid_focal

Tensor = Any  # of the backend that Keras runs on
RADIUS = 1.5  # of a segment's middle in which points are positive, in strides
_SAME_LENGTH = 1e-3  # segments that long more than the shortest give their class, too
_FAR = 1e9


def shortest(points: Points, segments: Tensor, labels: Tensor, num_classes: int) -> Any:
    """Returns the targets of each point: (classes float32 [B, P, K], offsets float32 [B, P, 2]).

    A point stands for a segment that it is in, near its middle, whose farther end is as far as the
    range of the point's level says; of several for the shortest. Segments of the same length give
    all their classes. A point without one has no class, and offsets that mean nothing.

    Args:
      points: of the model, i3d.models.actionformer.points.
      segments: float32 [B, N, 2], start and end in rows.
      labels: int [B, N], classes from 0; -1 for rows that only fill up.
      num_classes: K.
    """
    chosen, length, distances = _near(points, segments, labels)
    classes = _classes(chosen, labels, num_classes)
    return classes, _offsets_of(ops.argmin(length, axis=-1), distances, points)


def least_cost(
    points: Points, segments: Tensor, labels: Tensor, logits: Tensor, offsets: Tensor
) -> Any:
    """Returns the targets of each point as `shortest`, with offsets to the truth of least cost.

    The cost of a segment that a point is in is the focal loss of the point's logits against its
    class, and twice the distance-IoU loss of its offsets; segments of all lengths take part.

    Args:
      points, segments, labels: as for `shortest`.
      logits: float [B, P, K], of the model; no gradient passes.
      offsets: float [B, P, 2], of the model, in strides.
    """
    logits, offsets = (ops.stop_gradient(ops.cast(x, "float32")) for x in (logits, offsets))
    chosen, _, distances = _near(points, segments, labels)
    classes = _classes(chosen, labels, logits.shape[-1])
    # Focal loss against one class: that against none, and a difference at that class.
    none = sigmoid_focal(logits, ops.zeros_like(logits))
    change = sigmoid_focal(logits, ops.ones_like(logits)) - none
    hot = ops.one_hot(labels, logits.shape[-1], dtype="float32")
    cost = ops.sum(none, -1, keepdims=True) + ops.einsum("bpk,bnk->bpn", change, hot)
    wanted = distances / points.stride[:, None, None]
    there = ops.logical_and(ops.min(distances, -1) >= 0, _real(labels))
    overlap = distance_iou_loss(offsets[:, :, None], ops.maximum(wanted, 0.0))
    cost = ops.where(there, cost + 2.0 * overlap, _FAR)
    return classes, _offsets_of(ops.argmin(cost, axis=-1), distances, points)


def _near(points, segments, labels):
    """Returns (chosen bool [B, P, N], lengths of what a point may stand for, distances to ends)."""
    position, stride, low, high = (each[None, :, None] for each in points)
    start, end = segments[:, None, :, 0], segments[:, None, :, 1]
    distances = ops.stack([position - start, end - position], axis=-1)
    reach, middle = stride * RADIUS, 0.5 * (start + end)
    left = position - ops.maximum(middle - reach, start)
    right = ops.minimum(middle + reach, end) - position
    farther = ops.max(distances, axis=-1)
    in_range = ops.logical_and(farther >= low, farther <= high)
    near = ops.logical_and(ops.minimum(left, right) > 0, in_range)
    near = ops.logical_and(near, _real(labels))
    length = ops.where(near, end - start, _FAR)
    least = ops.min(length, axis=-1, keepdims=True)
    return ops.logical_and(length <= least + _SAME_LENGTH, near), length, distances


def _real(labels):
    return (labels >= 0)[:, None, :]


def _classes(chosen, labels, num_classes):
    hot = ops.one_hot(labels, num_classes, dtype="float32")
    return ops.minimum(ops.matmul(ops.cast(chosen, "float32"), hot), 1.0)


def _offsets_of(which, distances, points):
    """Returns the distances [B, P, 2] to the ends of the segments `which` [B, P], in strides."""
    picked = ops.take_along_axis(distances, which[:, :, None, None], axis=2)[:, :, 0]
    return picked / points.stride[:, None]


def proposal_map(
    segments: np.ndarray, rows: int, durations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns BMN's labels: (iou float32 [D, T], start float32 [T], end float32 [T]).

    iou[d, s] is the largest temporal IoU of a truth with the proposal of [s / T, (s + d + 1) / T];
    of proposals that end after the sequence (not i3d.models.bmn.valid_pairs) it means nothing.
    start[t] is the largest share of the interval [(t - 0.5) / T, (t + 1.5) / T] that a truth's
    start, taken 3 / T wide, covers; end likewise.

    Args:
      segments: float [N, 2], shares of the sequence; N may be 0.
      rows, durations: T and D.
    """
    truth = np.asarray(segments, np.float64).reshape(-1, 2)
    place, gap = np.arange(rows), 1 / rows
    first = np.broadcast_to(gap * place, (durations, rows))
    last = first + gap * np.arange(1, durations + 1)[:, None]  # rounded as in the original
    iou = np.zeros((durations, rows))
    for start, end in truth:
        inside = np.maximum(np.minimum(last, end) - np.maximum(first, start), 0)
        iou = np.maximum(iou, inside / (last - first - inside + end - start))
    edges = [np.zeros(rows), np.zeros(rows)]
    left, right = (place - 0.5) / rows, (place + 1.5) / rows
    for segment in truth:
        for edge, time in zip(edges, segment, strict=True):
            covered = np.minimum(right, time + 1.5 / rows) - np.maximum(left, time - 1.5 / rows)
            np.maximum(edge, covered / (right - left), out=edge)
    return iou.astype(np.float32), edges[0].astype(np.float32), edges[1].astype(np.float32)
