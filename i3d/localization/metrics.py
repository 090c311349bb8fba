"""Mean average precision and recall of segments with labels, as the published codes compute them.

    found = mean_ap(truth, results, THUMOS)                 # Segments of i3d.localization
    found.mean, found.average                               # [5], their mean

The protocols are told in i3d.localization.protocols. Deviation: labels without truth, which make
the codes of official and mmaction2 fail, are left out and counted.

Source: activitynet/ActivityNet eval_detection.py; Everingham et al. 2010 (interpolated average
precision).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from i3d.localization.matching import matches, ranked, times
from i3d.localization.protocols import PROTOCOLS, THUMOS, counting
from i3d.localization.segments import Segment, blocks, by_label, by_video, overlaps

RECALL_AT = (1, 5)  # times the number of truths of a class in a video


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
    for video, truths in truth.items():
        own, best = times(truths), times(ranking.get(video, [])[: max(RECALL_AT) * len(truths)])
        for block in blocks(len(own), len(best)):
            shared = overlaps(best, own[block])
            for place, times_as_many in enumerate(RECALL_AT):
                greatest = shared[: times_as_many * len(own)].max(axis=0, initial=-1)
                met[:, place] += (greatest >= thresholds[:, None]).sum(axis=1)
    return met / sum(map(len, truth.values()))
