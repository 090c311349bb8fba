"""Boxes x1, y1, x2, y2: overlap, suppression of duplicates, clipping to the picture.

    iou(people, truths)                                # float64 [N, M]
    kept = suppressed(people, scores, threshold=0.5)   # indices, the best score first
    inside, changed = clipped(boxes)                   # in [0, 1] of the picture

Boxes of files are in [0, 1] of the picture as displayed; `iou` and `suppressed` take any unit.
Needs NumPy alone.
"""

import numpy as np

from i3d.runtime.command import BadData

# How far outside the picture a coordinate may be, in widths or heights: detectors place boxes
# around what the border of the picture cuts off. Pixels exceed it.
MOST_OUTSIDE = 1.0


class BoxError(BadData):
    """Boxes that cannot be used; the line says what, not where."""


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the intersection over union of every pair of boxes.

    Args:
      a: [N, 4] x1, y1, x2, y2.
      b: [M, 4] likewise.

    Returns:
      float64 [N, M] in [0, 1]; 0 of two boxes without area.
    """
    a, b = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    common = np.maximum(sides, 0).prod(axis=2)
    union = _areas(a)[:, None] + _areas(b)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def suppressed(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Returns the boxes that non-maximum suppression keeps.

    The box of the greatest score is kept, and those that overlap it by more than the threshold are
    dropped; so on with what is left. Of equal scores the earlier comes first.

    Args:
      boxes: [N, 4] x1, y1, x2, y2.
      scores: [N].
      threshold: greatest intersection over union of two boxes that are both kept.

    Returns:
      int64 indices, by falling score.

    Source: torchvision.ops.nms.
    """
    boxes, order = np.asarray(boxes).reshape(-1, 4), np.argsort(-np.asarray(scores), kind="stable")
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[iou(boxes[best], boxes[order])[0] <= threshold]
    return np.array(kept, np.int64)


def clipped(boxes: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns boxes cut off at the borders of the picture, and how many of them that changed.

    Args:
      boxes: [N, 4] x1, y1, x2, y2 in widths and heights of the picture.

    Returns:
      (float64 [N, 4] in [0, 1], count).

    Raises:
      BoxError: `problem` finds something in one of them.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if wrong := problem(boxes):
        raise BoxError(wrong[1])
    inside = boxes.clip(0, 1)
    return inside, int((inside != boxes).any(axis=1).sum())


def problem(boxes: np.ndarray, least_area: bool = True) -> tuple[int, str] | None:
    """Returns the index of the first box that cannot be used and what is wrong; None without one.

    That is one with numbers that are not finite, a far coordinate such as one in pixels, an
    inverted one, or, with `least_area`, one without area inside the picture.

    Args:
      boxes: [N, 4] x1, y1, x2, y2 in widths and heights of the picture.
      least_area: whether a box needs an area inside the picture.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    far = np.any(np.abs(boxes - 0.5) > 0.5 + MOST_OUTSIDE, axis=1)
    inverted = np.any(boxes[:, 2:] < boxes[:, :2], axis=1)
    inside = boxes.clip(0, 1)
    empty = np.any(inside[:, 2:] <= inside[:, :2], axis=1) & least_area
    far |= ~np.isfinite(boxes).all(axis=1)
    wrong = np.flatnonzero(far | inverted | empty)
    if not wrong.size:
        return None
    first = int(wrong[0])
    got = ",".join(f"{value:g}" for value in boxes[first])
    if far[first]:
        return first, (
            f"expected a box x1,y1,x2,y2 in [0, 1] of the picture, got {got}; divide pixels by its "
            "width and height"
        )
    if inverted[first]:
        return first, f"expected x1 <= x2 and y1 <= y2, got {got}"
    return first, f"expected a box with an area inside the picture, got {got}"


def _areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
