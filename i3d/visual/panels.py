"""Pictures of one moment side by side, each under its title, and the file that shows them.

with output("flow.mp4", fps=25) as file:
    file.add(titled({"frame": frame, "flow": picture}), begin_s, end_s)
"""

import os
from collections.abc import Mapping
from fractions import Fraction

import cv2
import numpy as np

from i3d.visual import sheet, text, writers

ENDINGS = (*writers.ENDINGS, *sheet.ENDINGS)
_GAP_PX = 4
_LEAST_TEXT_PX, _TEXT_SHARE = 10, 1 / 18  # font size, of the height of the pictures
_BACK, _FRONT = (24, 24, 24), text.WHITE
LEAST_HEIGHT = 192  # smaller pictures are enlarged, so that titles can be read


def output(path: str | os.PathLike, fps: float | Fraction, timed: bool = True) -> writers.Writer:
    """Returns the Writer of a new file: a film, or some frames side by side in a picture.

    Args:
      path: ends in one of ENDINGS.
      fps: frames per second.
      timed: whether times of frames are those in the video, and stand on a picture.

    Raises:
      UserError: the name ends otherwise.
    """
    if os.path.splitext(path)[1].lower() in sheet.ENDINGS:
        return sheet.Sheet(path, timed)
    return writers.writer(path, fps)


def titled(pictures: Mapping[str, np.ndarray], heading: str = "") -> np.ndarray:
    """Returns pictures side by side, each under its title, uint8 RGB [H, W, 3].

    Args:
      pictures: {title: uint8 RGB [h, w, 3]}; all get the height of the highest, at least 192 px,
        and stand in the middle of a column that is wide enough for the title.
      heading: a line above all; "" for none.
    """
    height = max(LEAST_HEIGHT, *(len(picture) for picture in pictures.values()))
    size = max(_LEAST_TEXT_PX, round(height * _TEXT_SHARE))
    columns = []
    for title, picture in pictures.items():
        shown = _in_the_middle(
            of_height(picture, height), text.extent(title, size)[2] + 2 * _GAP_PX
        )
        columns.append(np.concatenate([_line(title, shown.shape[1], size), shown]))
        columns.append(np.full((len(columns[0]), _GAP_PX, 3), _BACK, np.uint8))
    found = np.concatenate(columns[:-1], axis=1)
    return np.concatenate([_line(heading, found.shape[1], size), found]) if heading else found


def of_height(picture: np.ndarray, height: int) -> np.ndarray:
    """Returns a picture, uint8 RGB [h, w, 3], of another height and in proportion."""
    if len(picture) == height:
        return picture
    width = max(1, round(picture.shape[1] * height / len(picture)))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)


def _in_the_middle(picture, least):
    """Returns a picture with margins where it is narrower than the least width."""
    lacking = max(0, least - picture.shape[1])
    sides = (0, 0), (lacking // 2, lacking - lacking // 2), (0, 0)
    return np.pad(picture, sides, constant_values=_BACK[0]) if lacking else picture


def _line(words, width, size):
    line = np.full((size + size // 2 + 2, width, 3), _BACK, np.uint8)
    text.write(line, text.fitted(words, width - 4, size), 3, size // 4, size, _FRONT)
    return line
