"""Non-maximum suppression of segments in time: soft (Gaussian), hard, and BMN's.

    kept = nms.soft_nms(segments, scores, labels, sigma=0.5, most=200)
    kept.segments, kept.scores, labels[kept.index]       # the best first

Bodla et al. 2017, "Soft-NMS: improving object detection with one line of code", arXiv:1704.04503;
the details are those of ActionFormer (Zhang et al. 2022, arXiv:2202.07925) and of BMN (Lin et al.
2019, arXiv:1907.09702) as published with their code.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_LEAST_LENGTH = np.float32(1e-6)  # is added to each length, so that no union is 0


class Kept(NamedTuple):
    """What a suppression leaves, by falling score.

    Attributes:
      segments: [M, 2], start and end, in the unit and the dtype of the computation.
      scores: [M], lowered by soft suppression.
      index: int64 [M], rows of the input.
    """

    segments: np.ndarray
    scores: np.ndarray
    index: np.ndarray


def soft_nms(
    segments: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    sigma: float = 0.5,
    min_score: float = 0.001,
    most: int = 200,
    voting: float = 0.0,
) -> Kept:
    """Soft-NMS as ActionFormer's: a score is multiplied by exp(-tIoU^2 / sigma) of each better one.

    Computed in float32, as the published code. Segments of equal score: the earlier row first.

    Args:
      segments: [N, 2], start and end in any unit, start < end.
      scores: [N].
      labels: ints [N]; segments lower the scores of those of their label alone. None: of all.
      sigma: the smaller, the more is suppressed.
      min_score: what falls below it is dropped, but for the best of each label.
      most: how many segments are kept, of all labels together.
      voting: if above 0, each kept segment becomes the mean of all segments whose tIoU with it is
        at least this, weighted by score x tIoU.

    Returns:
      Kept, float32.
    """
    segments, scores = np.asarray(segments, np.float32), np.asarray(scores, np.float32)
    sigma, min_score = np.float32(sigma), np.float32(min_score)

    def lowered(best, others, old):
        overlap = _overlap(best, others)
        new = old * np.exp(-(overlap * overlap) / sigma)
        return np.where(new < min_score, -np.inf, new)

    kept = _greedy(segments, scores, labels, lowered, most)
    if voting > 0:
        kept = kept._replace(segments=_voted(kept.segments, segments, scores, voting))
    return kept


def hard_nms(
    segments: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    threshold: float = 0.5,
    min_score: float = 0.001,
    most: int = 200,
) -> Kept:
    """Hard NMS: what has a tIoU of `threshold` or more with a better segment is dropped.

    Args:
      segments, scores, labels, most: as in soft_nms.
      threshold: of the tIoU, in [0, 1].
      min_score: segments of this score or less are dropped first.

    Returns:
      Kept, float32.
    """
    segments, scores = np.asarray(segments, np.float32), np.asarray(scores, np.float32)

    def lowered(best, others, old):
        return np.where(_overlap(best, others) >= np.float32(threshold), -np.inf, old)

    scores = np.where(scores > np.float32(min_score), scores, -np.inf).astype(np.float32)
    return _greedy(segments, scores, labels, lowered, most)


def bmn_nms(
    proposals: np.ndarray,
    scores: np.ndarray,
    *,
    alpha: float = 0.4,
    low: float = 0.5,
    high: float = 0.9,
    most: int = 100,
) -> Kept:
    """Soft-NMS as BMN's: long proposals lower the scores of others only where they overlap more.

    A score is multiplied by exp(-tIoU^2 / alpha) of each better proposal whose tIoU with it is
    above low + (high - low) x the length of the better one. Computed in float64, as the published
    code. Proposals of equal score: the later row first.

    Args:
      proposals: [N, 2], start and end as parts of the video, in [0, 1].
      scores: [N].
      most: how many proposals are kept.

    Returns:
      Kept, float64.
    """
    proposals, scores = np.asarray(proposals, np.float64), np.asarray(scores, np.float64)
    order = np.argsort(scores, kind="stable")[::-1]

    def lowered(best, others, old):
        length = best[1] - best[0]
        inside = np.minimum(best[1], others[:, 1]) - np.maximum(best[0], others[:, 0])
        inside = np.maximum(inside, 0.0)
        # In this order: on a grid a tIoU can meet the threshold exactly.
        overlap = inside / (length - inside + others[:, 1] - others[:, 0])
        new = old * np.exp(-np.square(overlap) / alpha)
        return np.where(overlap > low + (high - low) * length, new, old)

    kept = _greedy(proposals[order], scores[order], None, lowered, most)
    return kept._replace(index=order[kept.index])


def _greedy(
    segments: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray | None,
    lowered: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    most: int,
) -> Kept:
    """Takes the best segment again and again; `lowered` gives the new scores of its label.

    The best of all labels is taken in turn: as labels do not touch each other, that is each
    label's suppression, merged by score, and ends after `most` steps.
    """
    if labels is None:
        labels = np.zeros(len(scores), np.int64)
    order = np.argsort(labels, kind="stable")  # each label one slice
    grouped, left = segments[order], scores[order]
    names, first, group = np.unique(labels[order], return_index=True, return_inverse=True)
    ends = [*first[1:], len(order)] if len(names) else []
    index, found = [], []
    while len(index) < most and len(left):
        best = int(np.argmax(left))
        score = left[best]
        if score == -np.inf:
            break
        index.append(order[best])
        found.append(score)
        left[best] = -np.inf
        own = slice(first[group[best]], ends[group[best]])
        left[own] = lowered(grouped[best], grouped[own], left[own])
    rows = np.array(index, np.int64)
    return Kept(segments[rows], np.array(found, scores.dtype), rows)


def _overlap(best, others):
    """Returns the tIoU of a segment with others, float32; lengths are 1e-6 longer."""
    inside = np.minimum(best[1], others[:, 1]) - np.maximum(best[0], others[:, 0])
    inside = np.maximum(inside, np.float32(0))
    lengths = others[:, 1] - others[:, 0] + _LEAST_LENGTH
    return inside / (best[1] - best[0] + _LEAST_LENGTH + lengths - inside)


def _voted(kept, segments, scores, threshold):
    """Returns the weighted means of the segments that overlap each kept one."""
    found = kept.copy()
    lengths = segments[:, 1] - segments[:, 0]
    for row, best in enumerate(kept):
        inside = np.minimum(best[1], segments[:, 1]) - np.maximum(best[0], segments[:, 0])
        inside = np.maximum(inside, np.float32(0))
        union = best[1] - best[0] + lengths - inside
        overlap = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
        weights = np.where(overlap >= np.float32(threshold), scores * overlap, np.float32(0))
        if total := weights.sum():
            found[row] = weights / total @ segments
    return found
