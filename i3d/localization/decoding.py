"""From what localizers compute to segments in rows, or to proposals; before suppression.

    found = candidates(logits, offsets, mask, at)         # of ActionFormer and TemporalMaxer
    pairs = proposals(confidence, start, end)             # of BMN
    labelled(segments, scores, names)                     # classes of the video for BMN's

Sources: the published test of each, see i3d.models.actionformer and i3d.models.bmn.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from i3d.localization.segments import Segment
from i3d.models.actionformer import Points
from i3d.models.bmn import valid_pairs


class Rules(NamedTuple):
    """Which candidates are kept.

    Attributes:
      each_level: whether `most` are kept of each level, or of all levels together.
      most: the best so many.
      min_score: those above it.
      min_rows: those longer than so many rows; None: all.
    """

    each_level: bool = True
    most: int = 2000
    min_score: float = 0.001
    min_rows: float | None = 0.05


ACTIONFORMER = Rules()
TEMPORALMAXER = Rules(each_level=False, min_rows=None)


class Candidates(NamedTuple):
    """Segments before suppression: [N, 2] float32 start and end, scores [N], labels [N]."""

    segments: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


def candidates(
    logits: np.ndarray,
    offsets: np.ndarray,
    mask: np.ndarray,
    at: Points,
    rules: Rules = ACTIONFORMER,
) -> Candidates:
    """Returns the best segments of all points, in rows.

    Args:
      logits: float32 [P, K].
      offsets: float32 [P, 2], in strides.
      mask: bool [P], whether a point is of the video.
      at: Points.
      rules: which are kept.
    """
    scores = np.where(mask[:, None], _sigmoid(logits.astype(np.float32, copy=False)), 0)
    levels = at.stride if rules.each_level else np.zeros(len(at.stride))
    kept = [_best(scores, np.flatnonzero(levels == level), rules) for level in np.unique(levels)]
    point, label = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    reach = offsets[point] * at.stride[point, None]
    segments = at.row[point, None] + reach * np.array([-1, 1], np.float32)
    found = Candidates(segments, scores[point, label], label)
    if rules.min_rows is None:
        return found
    long = segments[:, 1] - segments[:, 0] > rules.min_rows
    return Candidates(*(part[long] for part in found))


def _best(scores, points, rules):
    """Returns (points, labels) of the best scores of some points."""
    own = scores[points]
    point, label = np.nonzero(own > rules.min_score)
    order = np.argsort(-own[point, label], kind="stable")[: rules.most]
    return points[point[order]], label[order]


def proposals(
    confidence: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns BMN's proposals, [N, 2] in parts of the video from 0 to 1, and their scores [N].

    Starts and ends are those whose probability is a local maximum or over half of the largest;
    the score is the product of both and of the two confidences.

    Args:
      confidence: [D, T, 2].
      start, end: [T].
    """
    rows = len(start)
    begins, ends = _peaks(start), _peaks(end)
    begins[0], begins[-1], ends[0], ends[-1] = True, False, False, True
    ending = np.minimum(np.arange(len(confidence))[:, None] + np.arange(rows) + 1, rows - 1)
    there = valid_pairs(rows, len(confidence) + 1)[1:]  # the end lies in the rows
    there = there & begins & ends[ending]
    first, duration = np.nonzero(there.T)  # by start, then by end
    last = first + duration + 1
    pair = confidence[duration, first].astype(np.float64)
    scores = start[first].astype(np.float64) * end[last] * pair[:, 1] * pair[:, 0]
    return np.stack([first, last], axis=1) / rows, scores


def _peaks(probability):
    """Returns bool [T]: local maxima, and what is over half of the largest."""
    inner = probability[1:-1]
    found = probability > 0.5 * probability.max()
    found[1:-1] |= (inner > probability[:-2]) & (inner > probability[2:])
    return found


def labelled(
    found: Sequence[Segment], scores: np.ndarray, names: Sequence[str], top: int = 2
) -> list[Segment]:
    """Returns proposals with the best classes of the video, by falling score.

    Args:
      found: Segments; each is returned once for each class.
      scores: [K], probabilities of the classes of the whole video.
      names: of the classes.
      top: how many classes.

    Returns:
      Segments whose score is the root of their own times that of the class.
    """
    best = np.argsort(-np.asarray(scores), kind="stable")[:top]
    every = [
        one._replace(label=names[k], score=math.sqrt(one.score * float(scores[k])))
        for one in found
        for k in best
    ]
    return sorted(every, key=lambda one: -one.score)


def _sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))
