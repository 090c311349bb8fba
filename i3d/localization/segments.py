"""Segments: where in a video something happens, and how much two of them overlap.

segment = Segment("a.mp4", 1.5, 4.0, "jump", 0.9)
overlaps(np.array([[0, 4]]), np.array([[2, 4], [5, 6]]))     # [[0.5, 0.0]]
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

_MOST_CELLS = 1 << 21  # of a table of overlaps: 16 MB, and a few times that for what is between


class Segment(NamedTuple):
    """An action in a part of a video.

    Attributes:
      video: its name.
      start_s, end_s: seconds from the first frame.
      label: name of the class; "" of a proposal, which has none.
      score: of the detector, higher is better; 1 of the truth.
    """

    video: str
    start_s: float
    end_s: float
    label: str
    score: float = 1.0


class Annotated(NamedTuple):
    """What is known of a video.

    Attributes:
      subset: such as "training"; "" where nobody says.
      duration_s: of the video, nan where unknown.
      fps: of the video, nan where unknown.
      segments: its actions; () of a video without.
    """

    subset: str = ""
    duration_s: float = math.nan
    fps: float = math.nan
    segments: tuple[Segment, ...] = ()


def by_video(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """Returns the segments of each video; videos and their segments in the order they came in."""
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.video, []).append(segment)
    return found


def by_label(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """Returns the segments of each label; labels and segments in the order they came in."""
    found: dict[str, list[Segment]] = {}
    for one in segments:
        found.setdefault(one.label, []).append(one)
    return found


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yields consecutive parts of rows, of a table of so many columns, that memory has room for."""
    size = max(1, _MOST_CELLS // max(columns, 1))
    for begin in range(0, rows, size):
        yield slice(begin, min(begin + size, rows))


def overlaps(segments: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the tIoU of each segment with each other one: intersection by union, in [0, 1].

    Args:
      segments: [N, 2], start and end in any unit.
      others: [M, 2].

    Returns:
      [N, M] in the dtype of the segments, float64 of ints; 0 where they do not meet.
    """
    start, end = segments[:, None, 0], segments[:, None, 1]
    inside = np.minimum(end, others[None, :, 1]) - np.maximum(start, others[None, :, 0])
    inside = np.maximum(inside, 0)
    # In this order, as in the published codes: on a grid a tIoU can meet a threshold exactly.
    union = (others[None, :, 1] - others[None, :, 0]) + (end - start) - inside
    usable = (inside > 0) & (union > 0)
    return np.where(usable, inside / np.where(usable, union, 1), 0)
