"""Groups the scores of a classifier's windows to segments: localization without a localizer.

    scores = over_time(start_s, end_s, probabilities)        # of windows that overlap
    segments = grouped(scores, class_names, video="my")      # [Segment("my", 3.2, 7.0, ...), ...]

A class is taken to go on where its score is above a threshold; several thresholds give segments,
of which those that overlap a better one of their class are dropped. The score of a segment is the
mean inside it less the mean just outside it, so that the whole of an action scores better than a
part of it (Shou et al. 2018, "AutoLoc", arXiv:1807.08333). Needs no TensorFlow.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from i3d.localization import nms
from i3d.localization.segments import Segment

THRESHOLDS = tuple(np.round(np.arange(0.1, 0.91, 0.1), 2).tolist())
_MIDDLE = 0.25  # of a window, on either side, is left out
_DIGITS = 6  # of seconds
_OUTSIDE = 0.25  # of a segment's length, on either side, is compared with its inside
_NESTED = 1e-6  # tIoU; the segments of a class lie within each other, or apart


class ScoresOverTime(NamedTuple):
    """Scores of classes in parts of a video that follow each other.

    Attributes:
      edges_s: float64 [C + 1], seconds: part c is from edges_s[c] to edges_s[c + 1].
      scores: float32 [C, K].
    """

    edges_s: np.ndarray
    scores: np.ndarray


def over_time(start_s: np.ndarray, end_s: np.ndarray, scores: np.ndarray) -> ScoresOverTime:
    """Returns the mean over the windows whose middle half a time lies in, 0 where it is in none.

    A window sees what comes before and after an action, too: of windows that overlap by less than
    half, more than the middle half counts, of the first and the last also the ends of the video.

    Args:
      start_s, end_s: float [R], of windows, in the order of their beginnings.
      scores: float [R, K].
    """
    start_s, end_s = _middles(np.asarray(start_s, np.float64), np.asarray(end_s, np.float64))
    edges = np.unique(np.round(np.concatenate([start_s, end_s]), _DIGITS))
    first, last = (np.searchsorted(edges, np.round(at, _DIGITS)) for at in (start_s, end_s))
    change = np.zeros((len(edges), scores.shape[1] + 1))
    with_count = np.insert(np.asarray(scores, np.float64), 0, 1, axis=1)
    np.add.at(change, first, with_count)
    np.add.at(change, last, -with_count)
    total = np.cumsum(change[:-1], axis=0)
    count = np.maximum(total[:, :1].round(), 1)
    return ScoresOverTime(edges, (total[:, 1:] / count).astype(np.float32))


def _middles(start_s, end_s):
    """Returns the beginnings and ends of the parts of windows that count."""
    if len(start_s) == 1:
        return start_s, end_s
    window, step = np.median(end_s - start_s), np.median(np.diff(start_s))
    margin = max(0.0, min(_MIDDLE * window, (window - step) / 2))
    begin, end = start_s + margin, np.maximum(end_s - margin, start_s + margin)
    return np.insert(begin[1:], 0, start_s[0]), np.append(end[:-1], end_s[-1])


def grouped(
    found: ScoresOverTime,
    names: Sequence[str],
    video: str,
    min_score: float = 0.05,
    thresholds: Sequence[float] = THRESHOLDS,
    most: int = 200,
) -> list[Segment]:
    """Returns the Segments of a video, the best first.

    Args:
      found: scores in [0, 1].
      names: of K classes; those named "" are never reported.
      video: name of the video.
      min_score: the least score of a segment, in [0, 1].
      thresholds: of the scores, each in (0, 1).
      most: how many are kept.
    """
    spans, scores, classes = [], [], []
    for k in np.flatnonzero(found.scores.max(axis=0) >= min(thresholds)):
        own = _spans(found.scores[:, k], thresholds) if names[k] else np.empty((0, 2), int)
        spans.append(own)
        scores.append(_contrast(found, found.scores[:, k], own))
        classes.append(np.full(len(own), k))
    if not spans:
        return []
    times = found.edges_s[np.concatenate(spans)]
    of_class = np.concatenate(classes)
    kept = nms.hard_nms(
        times, np.concatenate(scores), of_class, threshold=_NESTED, min_score=min_score, most=most
    )
    return [
        Segment(video, float(start_s), float(end_s), names[of_class[row]], float(score))
        for (start_s, end_s), score, row in zip(
            times[kept.index], kept.scores, kept.index, strict=True
        )
    ]


def _spans(scores, thresholds):
    """Returns the runs of parts above each threshold, int [S, 2]: first, and the one after it."""
    above = np.asarray(scores)[None] >= np.reshape(thresholds, (-1, 1))
    padded = np.pad(above, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    _, begin = np.nonzero(change == 1)
    _, end = np.nonzero(change == -1)
    return np.unique(np.stack([begin, end], axis=1), axis=0)


def _contrast(found, scores, spans):
    """Returns the mean inside spans less the mean just outside, float [S]."""
    lengths = np.diff(found.edges_s)
    total = np.concatenate([[0.0], np.cumsum(scores * lengths)])
    at = lambda seconds: np.interp(seconds, found.edges_s, total)  # noqa: E731
    start, end = found.edges_s[spans[:, 0]], found.edges_s[spans[:, 1]]
    margin = _OUTSIDE * (end - start)
    low = np.maximum(start - margin, found.edges_s[0])
    high = np.minimum(end + margin, found.edges_s[-1])
    inside = (at(end) - at(start)) / (end - start)
    around = (start - low) + (high - end)
    outside = at(high) - at(end) + at(start) - at(low)
    return inside - np.divide(outside, around, out=np.zeros_like(outside), where=around > 0)
