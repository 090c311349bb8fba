"""Pictures side by side in one .png or .jpg file.

write_sheet("frames.png", pictures)                    # uint8 RGB [H, W, 3], all of one size
with Sheet("frames.png") as sheet:                     # each under its number and time
    sheet.add(picture, begin_s, end_s)                 # any number; at most 12 are shown
"""

import math
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from i3d.runtime import files
from i3d.visual import text

ENDINGS = (".png", ".jpg", ".jpeg")
_MOST = 12
_GAP_SHARE, _LEAST_GAP_PX = 1 / 16, 12  # between frames, of their height
_TEXT_SHARE, _LEAST_TEXT_PX = 1 / 18, 12  # font size


def write_sheet(path: os.PathLike | str, pictures: Iterable[np.ndarray]) -> int:
    """Writes pictures in rows, on white, in about the shape of a screen; returns their number.

    Args:
      path: ends in one of ENDINGS.
      pictures: uint8 RGB [H, W, 3], all of one size, at least one.
    """
    tiles = list(pictures)
    height, width = tiles[0].shape[:2]
    columns = math.ceil(math.sqrt(len(tiles) * height / width * 16 / 9))
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = tile
    _, encoded = cv2.imencode(Path(path).suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    with files.new_file(path) as file:
        file.write(encoded.tobytes())
    return len(tiles)


class Sheet:
    """Keeps pictures that are spread over all that are added, and writes them at the end.

    Memory does not grow with their number: of more than 24 every second is forgotten, and from
    there on only every second is kept, and so on.
    """

    def __init__(self, path: os.PathLike | str, timed: bool = True):
        """Checks the path.

        Args:
          path: ends in one of ENDINGS.
          timed: whether pictures are under their times, too.

        Raises:
          UserError: the file exists, or has another ending.
        """
        files.check_new(path, ENDINGS)
        self._path, self._timed = path, timed
        self._kept: list[tuple[str, np.ndarray]] = []
        self._count, self._step = 0, 1

    def __enter__(self) -> "Sheet":
        """Returns itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Writes the file, unless there was an error or no picture."""
        if error[0] is None and self._kept:
            shown = min(_MOST, len(self._kept))
            chosen = [len(self._kept) * i // shown for i in range(shown)]
            write_sheet(self._path, [_captioned(*self._kept[i]) for i in chosen])

    def add(self, picture: np.ndarray, begin_s: Fraction, end_s: Fraction) -> None:
        """Adds one picture, uint8 RGB [H, W, 3], which is seen from begin_s to end_s of a film."""
        if self._count % self._step == 0:
            time = f", {float(begin_s):.2f} s" if self._timed else ""
            self._kept.append((f"frame {self._count + 1}{time}", picture))
        self._count += 1
        if len(self._kept) > 2 * _MOST:
            self._kept = self._kept[::2]
            self._step *= 2


def _captioned(caption, picture):
    """Returns a picture below its caption, with a white margin to the right and below."""
    height, width = picture.shape[:2]
    size = max(_LEAST_TEXT_PX, round(height * _TEXT_SHARE))
    gap = max(_LEAST_GAP_PX, round(height * _GAP_SHARE))
    line = size + size // 2
    found = np.full((line + height + gap, width + gap, 3), 255, np.uint8)
    text.write(found, text.fitted(caption, width, size), 2, size // 6, size, (0, 0, 0))
    found[line : line + height, :width] = picture
    return found
