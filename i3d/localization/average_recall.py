"""Average recall of proposals by their number (AR@AN) and the area under it, AUC.

    found = average_recall(truth, proposals)                # Segments, whose labels do not count
    found.at(100), found.auc                                # in [0, 1], in percent

Source: activitynet/ActivityNet eval_proposal.py; Escorcia et al. 2016, "DAPs: deep action
proposals for action understanding".
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from i3d.localization.matching import ranked, times
from i3d.localization.protocols import ACTIVITYNET, PROTOCOLS, counting
from i3d.localization.segments import Segment, blocks, by_video, overlaps


class AverageRecall(NamedTuple):
    """Recall of proposals, whose labels do not count, by their number.

    Attributes:
      protocol: one of PROTOCOLS; that of actionformer, which has none, is official's.
      thresholds: float64 [T], of the tIoU.
      proposals: float64 [A]: mean number of proposals per video.
      recall: float64 [T, A], in [0, 1].
      average: float64 [A], mean over the thresholds.
      auc: area under `average`, in percent of the greatest number of proposals.
    """

    protocol: str
    thresholds: np.ndarray
    proposals: np.ndarray
    recall: np.ndarray
    average: np.ndarray
    auc: float

    def at(self, count: int) -> float:
        """Returns the average recall at a number of proposals per video, nan where unknown."""
        place = np.flatnonzero(np.isclose(self.proposals, count))
        return float(self.average[place[0]]) if len(place) else float("nan")


def average_recall(
    truth: Iterable[Segment],
    found: Iterable[Segment],
    most: int = 100,
    thresholds: Sequence[float] | np.ndarray = ACTIVITYNET,
    protocol: str = PROTOCOLS[0],
) -> AverageRecall:
    """Returns the average recall of proposals by their number per video (AR@AN), and its area.

    Videos keep the same part of their proposals, the best, so that they have `most` on average.

    Args:
      truth: Segments; those of the tested videos.
      found: Segments with scores; labels do not count.
      most: mean number of proposals per video at the end of the curve.
      thresholds: of the tIoU.
      protocol: one of PROTOCOLS; opentad has `most` points, the others have 100.

    Raises:
      ValueError: the protocol is unknown, or there is no truth.
    """
    thresholds, found = np.asarray(thresholds, np.float64), list(found)
    videos = by_video(counting(truth, protocol))
    if not videos:
        raise ValueError("expected segments of the truth, got none")
    points = most if protocol == "opentad" else 100
    parts = np.arange(1, points + 1) / points
    kept = _kept(by_video(found), videos, most * len(videos) / max(len(found), 1))
    retrieved = sum(map(len, kept.values()))
    recall = np.zeros((len(thresholds), points))
    dtype = np.float32 if protocol == "mmaction2" else np.float64
    if retrieved:
        parts = parts * (float(most) * len(videos) / retrieved)
        for video, own in videos.items():
            recall += _met(times(own).astype(dtype), kept[video].astype(dtype), parts, thresholds)
        recall /= sum(map(len, videos.values()))
    counts = parts * (retrieved / len(videos)) if retrieved else parts * most
    average = recall.mean(axis=0)
    area = float(((average[1:] + average[:-1]) / 2 * np.diff(counts)).sum())
    return AverageRecall(protocol, thresholds, counts, recall, average, 100 * area / counts[-1])


def _kept(found, videos, ratio):
    """Returns {video: float64 [K, 2]}: the best of each video, the same part of all."""
    kept = {}
    for video in videos:
        own = ranked(found.get(video, []))
        kept[video] = times(own[: min(int(len(own) * ratio), len(own))])
    return kept


def _met(truth, proposals, parts, thresholds):
    """Returns [T, A]: how many truths of a video the first proposals meet, of parts [A] of them."""
    found = np.zeros((len(thresholds), len(parts)))
    if not len(proposals):
        return found
    counts = np.minimum((len(proposals) * parts).astype(int), len(proposals))
    for block in blocks(len(truth), len(thresholds) * max(len(proposals), len(parts))):
        shared = overlaps(truth[block], proposals).astype(np.float64)
        meets = shared >= thresholds[:, None, None]  # [T, truths, proposals]
        first = np.where(meets.any(axis=2), meets.argmax(axis=2), len(proposals))
        found += (first[:, :, None] < counts).sum(axis=1)
    return found
