"""Which kinds of false segments there are, and which truths are missed, by their length.

    found = diagnose(truth, results, threshold=0.5)
    found.kinds["background"].count, found.kinds["background"].gain
    found.missed                                         # [Missed(0.0, 3.0, truths, missed), ...]

Kinds of what takes no truth (see `matching.matches`), by the truth of its video, of any label, that
it shares the greatest tIoU with; of equal tIoU one of its own label:

- double detection: tIoU at the threshold or above, its label, but an earlier one took that truth;
- wrong label: tIoU at the threshold or above, another label;
- localization error: tIoU from 0.1 to the threshold, its label;
- confusion: tIoU from 0.1 to the threshold, another label;
- background: tIoU below 0.1, or no truth in the video.

Of each label the best 10 x N are looked at, of N truths. The gain of a kind is that of the mean
average precision without these false segments.

Source: Alwassel et al. 2018, "Diagnosing Error in Temporal Action Detectors", ECCV (DETAD).
Deviations: average precision is not normalized by the number of truths of a label, and no segment
is dropped for its precision before missed truths are counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from i3d.localization.matching import matches, ranked, times
from i3d.localization.metrics import average_precision
from i3d.localization.segments import Segment, blocks, by_label, by_video, overlaps

RIGHT = "true positive"
DOUBLE, WRONG_LABEL = "double detection", "wrong label"
LOCALIZATION, CONFUSION = "localization error", "confusion"
BACKGROUND = "background"
KINDS = (DOUBLE, WRONG_LABEL, LOCALIZATION, CONFUSION, BACKGROUND)
TIMES_TRUTHS = 10  # segments of a label that are looked at, for each of its truths
LEAST_OVERLAP = 0.1
# Seconds at which the lengths XS, S, M, L, XL of DETAD end.
THUMOS_LENGTHS = (3.0, 6.0, 12.0, 18.0)
ACTIVITYNET_LENGTHS = (30.0, 60.0, 120.0, 180.0)


class Kind(NamedTuple):
    """Segments of a kind.

    Attributes:
      count: of them.
      gain: of the mean average precision, in [0, 1], where they are left out.
    """

    count: int
    gain: float


class Missed(NamedTuple):
    """Truths of a range of lengths.

    Attributes:
      above_s, up_to_s: their length, in seconds.
      truths: number of them.
      missed: those that no segment takes.
    """

    above_s: float
    up_to_s: float
    truths: int
    missed: int


class Diagnosis(NamedTuple):
    """What is wrong at one threshold of the tIoU.

    Attributes:
      threshold: of the tIoU.
      right: segments that take a truth, of those that are looked at.
      kinds: {kind: Kind} of the others, in the order of KINDS.
      missed: Missed, the shortest first.
    """

    threshold: float
    right: int
    kinds: dict[str, Kind]
    missed: list[Missed]


def diagnose(
    truth: Iterable[Segment],
    found: Iterable[Segment],
    threshold: float = 0.5,
    lengths: Sequence[float] = THUMOS_LENGTHS,
) -> Diagnosis:
    """Returns the Diagnosis of found segments at a threshold.

    Args:
      truth: Segments; those of the tested videos.
      found: Segments with scores and labels.
      threshold: of the tIoU, above 0.1.
      lengths: in seconds, rising: where the ranges of the lengths of truths end; the last has no
        end.
    """
    truths = list(truth)
    in_video, results = by_video(truths), by_label(found)
    kinds_of: list[tuple[np.ndarray, int]] = []  # of each label, and its number of truths
    missed = [0] * (len(lengths) + 1)
    for label, own in by_label(truths).items():
        ranking = ranked(results.get(label, []))
        videos = by_video(own)
        taken = matches(videos, ranking, [threshold])[0]
        for one in _not_taken(videos, ranking, taken):
            missed[_range_of(one, lengths)] += 1
        most = TIMES_TRUTHS * len(own)
        kinds_of.append((_kinds(in_video, ranking[:most], taken[:most], threshold), len(own)))
    every = np.concatenate([kinds for kinds, _ in kinds_of])
    whole = _mean_ap(kinds_of, None)
    kinds = {
        kind: Kind(int((every == kind).sum()), _mean_ap(kinds_of, kind) - whole) for kind in KINDS
    }
    bounds = [0.0, *lengths, float("inf")]
    all_of = np.bincount([_range_of(one, lengths) for one in truths], minlength=len(missed))
    of_lengths = list(zip(bounds[:-1], bounds[1:], map(int, all_of), missed, strict=True))
    right = int((every == RIGHT).sum())
    return Diagnosis(threshold, right, kinds, [Missed(*each) for each in of_lengths])


def _not_taken(videos, ranking, taken):
    """Yields the truths that no segment takes."""
    pairs = zip(ranking, taken, strict=True)
    places = {(one.video, place) for one, place in pairs if place >= 0}
    for video, own in videos.items():
        yield from (one for place, one in enumerate(own) if (video, place) not in places)


def _kinds(
    in_video: Mapping[str, Sequence[Segment]],
    ranking: Sequence[Segment],
    taken: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Returns the kind of each segment of a label, RIGHT of those that take a truth."""
    found = np.full(len(ranking), BACKGROUND, object)
    found[taken >= 0] = RIGHT
    rows_of: dict[str, list[int]] = {}
    for row, one in enumerate(ranking):
        if taken[row] < 0 and one.video in in_video:
            rows_of.setdefault(one.video, []).append(row)
    for video, rows in rows_of.items():
        truths = in_video[video]
        own = np.array([one.label == ranking[rows[0]].label for one in truths])
        for block in blocks(len(rows), len(truths)):
            part = rows[block]
            shared = overlaps(times([ranking[row] for row in part]), times(truths))
            for row, values in zip(part, shared, strict=True):
                found[row] = _kind(values, own, threshold)
    return found


def _kind(values, own, threshold):
    """Returns the kind of a false segment, of its tIoU with each truth and which have its label."""
    greatest = values.max()
    same = bool(own[values == greatest].any())
    if greatest >= threshold:
        return DOUBLE if same else WRONG_LABEL
    if greatest >= LEAST_OVERLAP:
        return LOCALIZATION if same else CONFUSION
    return BACKGROUND


def _mean_ap(kinds_of, without):
    """Returns the mean average precision of the labels without the segments of a kind."""
    values = [
        average_precision(kinds[kinds != without] == RIGHT, truths) for kinds, truths in kinds_of
    ]
    return float(np.mean(values))


def _range_of(one, lengths):
    """Returns the place of the range that the length of a truth is in."""
    return int(np.searchsorted(lengths, one.end_s - one.start_s))
