"""Matches what was found to the truth, the best score first, as every mean average precision does.

ranking = ranked(found)                                     # by falling score
hits = matches(by_video(truth), ranking, [0.5, 0.7])        # int [2, N], -1: of no truth
"""

from collections.abc import Mapping, Sequence

import numpy as np

from i3d.localization.segments import Segment, blocks, overlaps


def ranked(found: Sequence[Segment], earlier_first: bool = False) -> list[Segment]:
    """Returns segments by falling score.

    Args:
      found: Segments.
      earlier_first: which of equal scores comes first; the published codes differ.
    """
    scores = np.array([one.score for one in found], np.float64)
    if earlier_first:
        order = np.argsort(-scores, kind="stable")
    else:
        order = np.argsort(scores, kind="stable")[::-1]
    return [found[row] for row in order]


def times(segments: Sequence[Segment]) -> np.ndarray:
    """Returns float64 [N, 2]: the starts and ends of segments."""
    found = [(one.start_s, one.end_s) for one in segments]
    return np.array(found, np.float64).reshape(len(found), 2)


def matches(
    truth: Mapping[str, Sequence[Segment]],
    ranking: Sequence[Segment],
    thresholds: Sequence[float] | np.ndarray,
    dtype: type = np.float64,
) -> np.ndarray:
    """Returns which truth each segment matches.

    Each segment in turn takes, of the truths of its video that no earlier one took, that of the
    greatest tIoU, where that is at least the threshold; of equal tIoU the later.

    Args:
      truth: {video: its Segments of the class}.
      ranking: N found Segments of the class, as `ranked` returns them.
      thresholds: T of the tIoU.
      dtype: that the tIoU is rounded to.

    Returns:
      int64 [T, N]: place in the list of the video, -1 without a match.
    """
    found = np.full((len(thresholds), len(ranking)), -1)
    segments = times(ranking)
    rows_of: dict[str, list[int]] = {}
    for row, one in enumerate(ranking):
        if one.video in truth:
            rows_of.setdefault(one.video, []).append(row)
    for video, rows in rows_of.items():
        own, places = times(truth[video]), np.array(rows)
        free = np.ones((len(thresholds), len(own)), bool)
        for block in blocks(len(rows), len(own)):
            part = places[block]
            shared = overlaps(segments[part], own).astype(dtype).astype(np.float64)
            for place, threshold in enumerate(thresholds):
                found[place, part] = _taken(shared, threshold, free[place])
    return found


def _taken(shared: np.ndarray, threshold: float, free: np.ndarray) -> np.ndarray:
    """Returns int64 [N] of tIoUs [N, M]: which of the free truths each segment in turn takes."""
    found = np.full(len(shared), -1)
    usable = (shared >= threshold) & free
    for _ in range(int(free.sum())):  # each step takes a truth
        can = usable.any(axis=1)
        row = int(np.argmax(can))
        if not can[row]:
            break
        values = np.where(usable[row], shared[row], -1)
        best = len(values) - 1 - int(np.argmax(values[::-1]))
        found[row] = best
        usable[row], usable[:, best], free[best] = False, False, False
    return found
