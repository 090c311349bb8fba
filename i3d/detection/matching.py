"""Which detections are true: the order in which they take truths, and the truths they look at.

scores, actions, true = hits(truths, detections, "official")
"""

import heapq
from typing import NamedTuple

import numpy as np

_IOU = 0.5
_MOST_OFFICIAL = 50  # boxes in a key frame


class Table(NamedTuple):
    """Boxes with actions: of the truth, or detected.

    Attributes:
      frames: int64 [N], numbers of the key frames.
      boxes: float64 [N, 4], x1, y1, x2, y2.
      actions: int64 [N].
      scores: float64 [N]; of the truth the number of the person.
    """

    frames: np.ndarray
    boxes: np.ndarray
    actions: np.ndarray
    scores: np.ndarray

    def of(self, rows: np.ndarray) -> "Table":
        """Returns some of the rows: indices, or bool [N]."""
        return Table(*(column[rows] for column in self))


def hits(
    truths: Table, detections: Table, protocol: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the detections that a protocol counts, one key frame after another.

    Args:
      truths, detections: of the actions and key frames that count.
      protocol: one of metrics.PROTOCOLS.

    Returns:
      (scores [M], actions int64 [M], whether it is true bool [M]).
    """
    ordering = truths if protocol == "mmaction2" else detections  # whose order of key frames it has
    found = detections.of(
        _by_frame(detections, protocol, _places(detections, ordering), _MOST_OFFICIAL)
    )
    truths = truths.of(_by_frame(truths, protocol, _places(truths, truths), 0))
    if protocol == "mmaction2":
        found = found._replace(scores=found.scores.astype(np.float32))
    looked_at = _looked_at(truths, found, protocol == "mmaction2")
    true = np.zeros(len(looked_at), bool)
    truth, first = np.unique(looked_at, return_index=True)
    true[first[truth >= 0]] = True
    return found.scores, found.actions, true


def _places(table, first):
    """Returns int64 [N]: where the key frame of each row comes first in another table."""
    known, place = np.unique(first.frames, return_index=True)
    return place[np.searchsorted(known, table.frames)]


def _by_frame(table, protocol, places, most):
    """Returns the order of the rows in which a protocol's code holds them, frame after frame."""
    if protocol == "official":
        return _heaped(table, places, most)
    if protocol == "mmaction2":
        return np.lexsort((-table.scores, places))
    return np.argsort(places, kind="stable")


def _heaped(table, places, most):
    """Returns rows in the order of a heap of each key frame, sorted by falling score.

    A full heap of `most` rows (0: any number) is entered by a greater score than its least one.
    """
    columns = (table.scores, table.actions, *table.boxes.T[[1, 0, 3, 2]])
    order = np.argsort(places, kind="stable")
    ends = np.flatnonzero(np.diff(places[order], append=-1)) + 1
    kept = []
    for rows in np.split(order, ends[:-1]):
        heap: list[tuple] = []
        for entry in zip(
            *(column[rows].tolist() for column in columns), rows.tolist(), strict=True
        ):
            if not most or len(heap) < most:
                heapq.heappush(heap, entry)
            elif entry[0] > heap[0][0]:
                heapq.heapreplace(heap, entry)
        kept += [entry[-1] for entry in sorted(heap, key=lambda entry: -entry[0])]
    return np.array(kept, np.int64)


def _looked_at(truths, found, float32):
    """Returns int64 [N]: the truth that each detection looks at, -1 where it overlaps none enough.

    It is the one of its action and key frame that it overlaps most; of equal ones the first.
    """
    own, other = _pairs(truths, found)
    overlaps = _iou_of_pairs(found.boxes[own], truths.boxes[other], float32)
    best = np.lexsort((other, -overlaps, own))
    own, other, overlaps = own[best], other[best], overlaps[best]
    first = np.diff(own, prepend=-1) != 0
    first &= overlaps >= _IOU
    looked_at = np.full(len(found.frames), -1)
    looked_at[own[first]] = other[first]
    return looked_at


def _pairs(truths, found):
    """Returns (indices of detections, of truths): all pairs of one action and key frame."""
    most = 1 + max(truths.actions.max(initial=0), found.actions.max(initial=0))
    keys = truths.frames * most + truths.actions
    wanted = found.frames * most + found.actions
    order = np.argsort(keys, kind="stable")
    start = np.searchsorted(keys[order], wanted, side="left")
    counts = np.searchsorted(keys[order], wanted, side="right") - start
    own = np.repeat(np.arange(len(wanted)), counts)
    within = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
    return own, order[np.repeat(start, counts) + within]


def _iou_of_pairs(a, b, float32):
    """Returns float64 [P]: the overlap of box i with box i; some of it in float32, as MMAction2."""
    if float32:
        a, b = a.astype(np.float32), b.astype(np.float32)
    sides = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0)
    common = sides[:, 0].astype(np.float64) * sides[:, 1]
    areas = [(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) for box in (a, b)]
    union = areas[0] + areas[1] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
