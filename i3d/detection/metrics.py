"""Frame mAP: mean average precision of boxes with actions at an IoU of 0.5, in three protocols.

    found = frame_map(labels, detections, label_map)                 # as the ActivityNet server
    found = frame_map(labels, detections, label_map, "mmaction2", excluded)
    found.mean, found.per_class[12], found.groups["person movement"]

In all of them a detection looks at the one truth of its class and key frame that it overlaps most;
it is true where that is by 0.5 or more and no earlier detection took this truth. The average
precision of a class is the area under the rising envelope of precision over recall, as of PASCAL
VOC. They differ in the rest:

                         official               pyslowfast            mmaction2
    boxes a key frame    the best 50            all                   all
    without truth (1)    not counted (2)        false                 not counted
    excluded key frames  there are none         left out              left out, truths count (3)
    within a key frame   the best score first   the first row first   the best score first
    never detected       0                      0                     not in the mean

(1) detections in a key frame without truth; (2) false where the truth has a row of two columns for
it, or rows of actions that are not counted; (3) in the number of truths that recall is measured by.
Seconds are compared to 6 decimals; the codes of the latter two cut them to whole ones,
while here parts of a second stay apart.

Sources: ActivityNet's get_ava_performance.py, PySlowFast's ava_eval_helper.py, MMAction2's
ava_utils.py, with a stable sort in them; of equal scores the order of rows decides, as there.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from i3d.detection import matching
from i3d.detection.ava import Detections, Label
from i3d.detection.matching import Table
from i3d.runtime.command import UserError

PROTOCOLS = ("official", "pyslowfast", "mmaction2")
GROUPS = {  # of AVA's ids
    "person movement": range(1, 15),
    "object manipulation": range(15, 64),
    "person interaction": range(64, 81),
}


class FrameMAP(NamedTuple):
    """A frame mAP.

    Attributes:
      protocol: one of PROTOCOLS.
      mean: mean of the average precisions that are numbers, in [0, 1]; NaN without any.
      per_class: {id: average precision in [0, 1]}; NaN of a class without truth, and under
        "mmaction2" of one that is never detected.
      groups: {name: mean of its classes}, by the ids of AVA; NaN without any.
      truths: {id: number of boxes of that action in the truth}.
      key_frames: number of key frames with truth, or with a row of two columns, that count.
    """

    protocol: str
    mean: float
    per_class: dict[int, float]
    groups: dict[str, float]
    truths: dict[int, int]
    key_frames: int


def frame_map(
    truth: Sequence[Label],
    detections: Detections | Iterable[tuple],
    classes: Collection[int],
    protocol: str = "official",
    excluded: Collection[tuple[str, float]] = (),
) -> FrameMAP:
    """Returns the frame mAP of detections.

    Args:
      truth: Labels of ava.read_truth.
      detections: Detections, or rows (video, second, x1, y1, x2, y2, action, score).
      classes: ids that are counted, such as a label map; rows of others are left out.
      protocol: one of PROTOCOLS.
      excluded: (video, second) of key frames that are not counted.

    Raises:
      UserError: the protocol is another, or the official one is given excluded key frames.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    check_excluded(excluded, protocol)
    if not isinstance(detections, Detections):
        detections = of_rows(detections)
    frames, ids = _Frames(), sorted(classes)
    truths, mentioned = _truth_table(truth, frames)
    numbers = frames.numbers(detections.videos, detections.seconds.tolist())
    found = Table(numbers, *detections[2:])
    outside = frames.numbers(*zip(*excluded, strict=True)) if excluded else np.zeros(0, np.int64)
    truths, found = (table.of(np.isin(table.actions, ids)) for table in (truths, found))
    counted = mentioned if protocol == "official" else np.unique(truths.frames)
    counted = np.setdiff1d(counted, outside)
    if protocol == "pyslowfast":
        found = found.of(~np.isin(found.frames, outside))
    else:
        found = found.of(np.isin(found.frames, counted))
    if protocol != "mmaction2":
        truths = truths.of(~np.isin(truths.frames, outside))
    count_of = Counter(truths.actions.tolist())
    known = _precisions(truths, found, count_of, protocol)
    per_class = {action: known.get(action, math.nan) for action in ids}
    return FrameMAP(
        protocol=protocol,
        mean=_mean(per_class.values()),
        per_class=per_class,
        groups={
            name: _mean(per_class[i] for i in group if i in per_class)
            for name, group in GROUPS.items()
        },
        truths={action: count_of[action] for action in ids},
        key_frames=len(counted),
    )


def check_excluded(excluded: Collection, protocol: str) -> None:
    """Raises UserError where a protocol that has none is given excluded key frames."""
    if excluded and protocol == "official":
        raise UserError(
            "excluded key frames: the official protocol has none, as its truth lacks them; leave "
            "them out, or take the protocol pyslowfast or mmaction2"
        )


def of_rows(rows: Iterable[tuple]) -> Detections:
    """Returns the Detections of rows (video, second, x1, y1, x2, y2, action, score)."""
    rows = list(rows)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    numbers = [np.array(column, np.float64) for column in (columns[1], *columns[2:6], columns[7])]
    seconds, *box, scores = numbers
    boxes = np.stack(box, axis=1)
    return Detections([*columns[0]], seconds, boxes, np.array(columns[6], np.int64), scores)


class _Frames:
    """Numbers of key frames, by video and second."""

    def __init__(self):
        self._known = {}

    def numbers(self, videos, seconds):
        """Returns int64 [N]: the same number for the same video and second."""
        known = self._known
        pairs = zip(videos, (round(second, 6) for second in seconds), strict=True)
        return np.array([known.setdefault(pair, len(known)) for pair in pairs], np.int64)


def _truth_table(labels, frames):
    """Returns the Table of the truth, people as scores, and the key frames that it mentions."""
    own = frames.numbers([label.video for label in labels], [label.second for label in labels])
    with_box = np.array([label.action is not None for label in labels], bool)
    chosen = [label for label in labels if label.action is not None]
    table = Table(
        own[with_box],
        np.array([label.box for label in chosen], np.float64).reshape(-1, 4),
        np.array([label.action for label in chosen], np.int64),
        np.array([label.person for label in chosen], np.float64),
    )
    return table, np.unique(own)


def _precisions(truths, found, present, protocol):
    """Returns {action: average precision} of the actions that have truth, `present` of each."""
    scores, actions, hits = matching.hits(truths, found, protocol)
    ranked = np.argsort(scores, kind="stable")[::-1]
    hits, actions = hits[ranked], actions[ranked]
    detected = set(np.unique(actions).tolist())
    if protocol == "mmaction2":
        present = {action: count for action, count in present.items() if action in detected}
    return {
        action: average_precision(hits[actions == action], count)
        for action, count in present.items()
    }


def average_precision(hits: np.ndarray, positives: int) -> float:
    """Returns the average precision of ranked detections.

    Args:
      hits: bool [N], whether each is true, the best score first.
      positives: number of true boxes, 1 or more.

    Source: the PASCAL VOC development kit, since 2010.
    """
    true = np.cumsum(hits)
    precision = np.maximum.accumulate((true / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(precision[hits].sum() / positives)


def _mean(values):
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
