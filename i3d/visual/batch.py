"""Clips of a batch as one picture: a row for each clip, its frames from left to right.

image = picture([Row(clip, "1: walk")], frames=8)       # uint8 RGB [H, W, 3]
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from i3d.runtime.flow_levels import levels_to_pixels
from i3d.visual import text, wheel
from i3d.visual.people import Drawn, drawn

_GAP = 2  # pixels between frames
_LEAST_WIDTH = 480  # pixels, so that titles can be read
_LEAST_TEXT_PX, _TEXT_SHARE = 12, 1 / 12
_BLACK = (0, 0, 0)


class Row(NamedTuple):
    """A clip to be drawn.

    Attributes:
      clip: uint8 [T, H, W, C], RGB or, C = 2, flow in levels.
      title: what stands above it.
      people: with their boxes, which are those of frame T // 2.
    """

    clip: np.ndarray
    title: str
    people: Sequence[Drawn] = ()


def picture(rows: Sequence[Row], frames: int = 8) -> np.ndarray:
    """Returns uint8 RGB [H, W, 3], on white; frames have the size that they have in the clip.

    Flow is drawn in the colours of i3d.visual.wheel.

    Args:
      rows: clips of one size.
      frames: how many of a clip are shown at most, evenly spread; frame T // 2 is among them.
    """
    count, height, width, _ = rows[0].clip.shape
    shown = chosen(count, frames)
    size = max(_LEAST_TEXT_PX, round(height * _TEXT_SHARE))
    head = text.extent("Ag", size)[3] + 4
    across = max(_LEAST_WIDTH, len(shown) * (width + _GAP))
    whole = np.full((len(rows) * (head + height + _GAP), across, 3), 255, np.uint8)
    for number, row in enumerate(rows):
        top = number * (head + height + _GAP)
        title = text.fitted(row.title, across - 4, size)
        text.write(whole, title, 2, top + 2, size, _BLACK)
        for place, frame in enumerate(shown):
            image = _image(row.clip[frame])
            if frame == count // 2:
                image = drawn(image, row.people)
            left = place * (width + _GAP)
            whole[top + head : top + head + height, left : left + width] = image
    return whole


def chosen(count: int, most: int) -> list[int]:
    """Returns the numbers of at most `most` frames of `count`, ascending, count // 2 among them."""
    if count <= most:
        return list(range(count))
    found = np.linspace(0, count - 1, most).round().astype(int)
    found[np.abs(found - count // 2).argmin()] = count // 2
    return found.tolist()


def _image(frame):
    """Returns a frame as RGB; of flow the colours of its motion."""
    if frame.shape[-1] == 3:
        return frame
    field = levels_to_pixels(frame)
    return wheel.coloured(field, wheel.full_colour(field))
