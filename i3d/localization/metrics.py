"""Mean average precision, recall and average recall of segments, in four published protocols.

    found = mean_ap(truth, results, THUMOS)                 # Segments of i3d.localization
    found.mean, found.average                               # [5], their mean
    average_recall(truth, proposals).auc                    # in percent

The protocols are those of the codes of that name: "official" (ActivityNet's), "opentad",
"mmaction2", "actionformer". They differ in truths that are repeated or have no length, which
opentad and actionformer leave out (actionformer those below 1 ms too), in the precision of the
tIoU, which mmaction2 keeps in float32, and in the order of equal scores, where mmaction2 lets the
earlier row of the file go first and the others the later one. Deviation: labels without truth,
which make official and mmaction2 fail, are left out and counted.

Sources: activitynet/ActivityNet eval_detection.py and eval_proposal.py, sming256/OpenTAD,
open-mmlab/mmaction2, happyharrycn/actionformer_release. Escorcia et al. 2016 (AR-AN) and
Everingham et al. 2010 (interpolated average precision).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from i3d.localization.matching import matches, ranked, times
from i3d.localization.segments import Segment, by_video, overlaps

PROTOCOLS = ("official", "opentad", "mmaction2", "actionformer")
THUMOS = np.linspace(0.3, 0.7, 5)
ACTIVITYNET = np.linspace(0.5, 0.95, 10)
RECALL_AT = (1, 5)  # times the number of truths of a class in a video
_SAME_S = 1e-3  # by which the ends of repeated truths may differ


class MeanAP(NamedTuple):
    """Mean average precision at T thresholds.

    Attributes:
      protocol: one of PROTOCOLS.
      thresholds: float64 [T], of the tIoU.
      per_class: {label: average precision, float64 [T] in [0, 1]}, of the labels of the truth.
      truths: {label: number of segments that count}.
      mean: float64 [T], over the labels.
      average: mean over the thresholds.
      recall: float64 [T, 2]: mean over the labels of the part of the truths that the 1x and the 5x
        best of a video meet, as many as it has truths of the label (ActionFormer's Recall@kx).
      left_out: truths that the protocol does not count.
      unknown_labels: {label: found segments}, of labels without truth, which do not count.
      unknown_videos: {video: found segments}, of videos without truth, which are false.
    """

    protocol: str
    thresholds: np.ndarray
    per_class: dict[str, np.ndarray]
    truths: dict[str, int]
    mean: np.ndarray
    average: float
    recall: np.ndarray
    left_out: int
    unknown_labels: dict[str, int]
    unknown_videos: dict[str, int]


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


def mean_ap(
    truth: Iterable[Segment],
    found: Iterable[Segment],
    thresholds: Sequence[float] | np.ndarray = THUMOS,
    protocol: str = PROTOCOLS[0],
) -> MeanAP:
    """Returns the mean average precision of found segments.

    A segment is right where it takes a truth of its video and label (see `matching.matches`).

    Args:
      truth: Segments; those of the tested videos.
      found: Segments with scores.
      thresholds: of the tIoU.
      protocol: one of PROTOCOLS.

    Raises:
      ValueError: the protocol is unknown, or there is no truth.
    """
    given = list(truth)
    truth, thresholds = counting(given, protocol), np.asarray(thresholds, np.float64)
    if not truth:
        raise ValueError("expected segments of the truth, got none")
    truths, results = by_label(truth), by_label(found)
    videos = {one.video for one in truth}
    everywhere = Counter(one.video for own in results.values() for one in own)
    scores, recalls = {}, []
    for label, own in truths.items():
        scores[label], recall = _of_label(own, results.get(label, []), thresholds, protocol)
        recalls.append(recall)
    mean = np.mean(list(scores.values()), axis=0)
    return MeanAP(
        protocol,
        thresholds,
        scores,
        {label: len(own) for label, own in truths.items()},
        mean,
        float(mean.mean()),
        np.mean(recalls, axis=0),
        len(given) - len(truth),
        {label: len(own) for label, own in results.items() if label not in truths},
        {video: count for video, count in everywhere.items() if video not in videos},
    )


def _of_label(truth, found, thresholds, protocol):
    """Returns (average precision [T], recall [T, 2]) of a label."""
    own = by_video(truth)
    is_mmaction2 = protocol == "mmaction2"
    dtype = np.float32 if is_mmaction2 else np.float64
    hits = matches(own, ranked(found, earlier_first=is_mmaction2), thresholds, dtype) >= 0
    scores = np.array([average_precision(row, len(truth)) for row in hits])
    return scores, _recall(own, by_video(ranked(found)), thresholds)


def average_precision(hits: np.ndarray, truths: int) -> float:
    """Returns the interpolated average precision of a ranking.

    Args:
      hits: bool [N], whether each of the ranked segments is right.
      truths: number of truths, 1 or more.
    """
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    greatest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(greatest[hits].sum() / truths)


def _recall(truth: Mapping[str, Sequence[Segment]], ranking, thresholds):
    """Returns [T, 2]: the part of the truths that the best of each video meet."""
    met = np.zeros((len(thresholds), len(RECALL_AT)))
    for video, own in truth.items():
        best = times(ranking.get(video, [])[: max(RECALL_AT) * len(own)])
        shared = overlaps(best, times(own))
        for place, times_as_many in enumerate(RECALL_AT):
            greatest = shared[: times_as_many * len(own)].max(axis=0, initial=-1)
            met[:, place] += (greatest >= thresholds[:, None]).sum(axis=1)
    return met / sum(map(len, truth.values()))


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
    if not len(proposals):
        return np.zeros((len(thresholds), len(parts)))
    counts = np.minimum((len(proposals) * parts).astype(int), len(proposals))
    shared = overlaps(truth, proposals).astype(np.float64)
    meets = shared >= thresholds[:, None, None]  # [T, truths, proposals]
    first = np.where(meets.any(axis=2), meets.argmax(axis=2), len(proposals))
    return (first[:, :, None] < counts).sum(axis=1)


def counting(truth: Iterable[Segment], protocol: str) -> list[Segment]:
    """Returns the segments of the truth that a protocol counts.

    Raises:
      ValueError: the protocol is unknown.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if protocol in ("official", "mmaction2"):
        return list(truth)
    kept: list[Segment] = []
    least = _SAME_S if protocol == "actionformer" else 0.0
    earlier: dict[tuple[str, str, int], list[Segment]] = {}
    for one in truth:
        place = int(one.start_s // (2 * _SAME_S))  # what is near starts in this or the next places
        near = (earlier.get((one.video, one.label, place + step), ()) for step in (-1, 0, 1))
        repeated = any(
            abs(one.start_s - other.start_s) <= _SAME_S and abs(one.end_s - other.end_s) <= _SAME_S
            for other in chain.from_iterable(near)
        )
        if not repeated and one.end_s - one.start_s > least:
            earlier.setdefault((one.video, one.label, place), []).append(one)
            kept.append(one)
    return kept


def by_label(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """Returns the segments of each label; labels and segments in the order they came in."""
    found: dict[str, list[Segment]] = {}
    for one in segments:
        found.setdefault(one.label, []).append(one)
    return found
