"""Goes through a video once, in bounded memory, and converts the frames that are wanted.

for number, second, picture in streamed("jump.mp4", lambda n: n % 8 == 0, fps=30):
    ...                        # uint8 [H, W, 3], or None where the frame is not wanted
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from i3d.video import clock, frames
from i3d.video.images import Images
from i3d.video.picture import Converter


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
      number: from 0.
      second: from the beginning of the video.
      picture: uint8 RGB [H, W, 3], of the stored size; None if it was not wanted.
    """

    number: int
    second: float
    picture: np.ndarray | None


def streamed(
    path: str | Images, wanted: Callable[[int], bool], fps: float = 0.0
) -> Iterator[Frame]:
    """Yields every Frame of a video; they are those of i3d.video.frames.read_frames.

    Args:
      path: a file, or Images of a folder.
      wanted: number of a frame -> whether its picture is.
      fps: frames per second that the video is resampled to; 0 takes each of its frames once.

    Raises:
      VideoError: the file cannot be read, or its data are corrupt (after the frames before them).
    """
    convert, number = None, 0
    for frame, begins, ends in clock.intervals(path, Fraction(0)):
        convert = convert or Converter(path, frame, None)
        picture = None  # converted once, however often the frame is shown
        for _ in range(frames.times_shown(begins, ends, Fraction(0), math.inf, fps or None)):
            is_wanted = wanted(number)
            if is_wanted and picture is None:
                picture = convert(frame)
            second = number / fps if fps else float(begins)
            yield Frame(number, second, picture if is_wanted else None)
            number += 1
    if not number and convert:  # shorter than half a slot
        yield Frame(0, 0.0, convert(frame) if wanted(0) else None)
