"""Draws people on a frame: a box, the person's number, and up to five labels with their scores.

    drawn(picture, [Drawn((0.1, 0.2, 0.3, 0.9), 1, (("walk", 0.93), ("talk to (e.g., ...)", 0.6)))])

A person without a label gets a thin box and the number (MMAction2's demo draws nothing there).
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from i3d.visual.text import extent, write

MOST_LABELS = 5
_COLOURS = (  # RGB, of persons 1, 2, ...; white text is legible on each
    (0, 90, 181), (196, 60, 0), (0, 115, 80), (150, 30, 130), (120, 85, 0), (190, 20, 60),
    (70, 60, 190), (50, 100, 20),
)  # fmt: skip
_LEAST_TEXT_PX, _TEXT_SHARE = 9, 1 / 26  # font size, of the shorter side of the picture
_BRACKETS = re.compile(r"\([^()]*\)")


class Drawn(NamedTuple):
    """A person to be drawn.

    Attributes:
      box: x1, y1, x2, y2 in [0, 1] of the picture.
      number: of the person, None for none.
      labels: (name, score in [0, 1], or None where there is none), the best first.
    """

    box: Sequence[float]
    number: int | None
    labels: Sequence[tuple[str, float | None]] = ()


def drawn(picture: np.ndarray, people: Iterable[Drawn]) -> np.ndarray:
    """Returns uint8 RGB [H, W, 3], a copy of the picture with people on it.

    Args:
      picture: uint8 RGB [H, W, 3].
      people: to be drawn; labels of the later ones give way to those of the earlier.
    """
    picture, people = picture.copy(), list(people)
    height, width = picture.shape[:2]
    size = max(_LEAST_TEXT_PX, round(min(height, width) * _TEXT_SHARE))
    boxes = [np.round(np.multiply(p.box, [width - 1, height - 1] * 2)).astype(int) for p in people]
    for person, (left, top, right, bottom) in zip(people, boxes, strict=True):
        thick = max(1, size // 8) * (2 if person.labels else 1)
        cv2.rectangle(picture, (left, top), (right, bottom), _colour(person), thick)
    taken: list[tuple[int, int, int, int]] = []
    for person, (left, top, _, _) in zip(people, boxes, strict=True):
        for text in _texts(person):
            top = _write(picture, text, left, top, size, _colour(person), taken)
    return picture


def short_name(name: str) -> str:
    """Returns a class name with "..." in place of what stands in brackets."""
    return _BRACKETS.sub("...", name)


def _colour(person):
    return _COLOURS[((person.number or 0) - 1) % len(_COLOURS)]


def _texts(person):
    """Returns the lines beside a person: the number with the first label, then the others."""
    labels = [
        short_name(name) + (f": {score:.2f}" if score is not None else "")
        for name, score in person.labels[:MOST_LABELS]
    ]
    if person.number is None:
        return labels
    return [" ".join([str(person.number), *labels[:1]]), *labels[1:]]


def _write(picture, text, left, top, size, colour, taken):
    """Writes a line where none is yet, at its place or below; returns where the next may begin."""
    height, width = picture.shape[:2]
    across, down = extent(text, size)[2] + 2, extent("Ag", size)[3] + 1
    left, top = max(0, min(left, width - across)), max(0, top)
    beside = [span for span in taken if span[0] < left + across and left < span[1]]
    while under := [end for _, _, begin, end in beside if begin < top + down and top < end]:
        top = max(under)
    right = left + across
    taken.append((left, right, top, top + down))
    if top < height:
        cv2.rectangle(picture, (left, top), (right - 1, top + down - 1), colour, -1)
        write(picture, text, left + 1, top, size)
    return top + down
