"""Writes a video with its predictions drawn under the picture.

    found = predictor.timeline("my.mp4")
    label("my.mp4", "labelled.mp4", found, predictor.class_names, truth="juggling balls")

The picture stays as it is, in size, frames and times; the strip of i3d.visual.timeline is added
below, and black margins beside pictures that are narrower than 160 px. Frames are read, drawn and
written one by one.
"""

import os
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from i3d.inference.timeline import Timeline
from i3d.runtime import files
from i3d.video import clock, frames
from i3d.video.picture import Converter
from i3d.video.sampled import frame_rate
from i3d.visual.timeline import Strip
from i3d.visual.writers import ENDINGS, writer


class Labelled(NamedTuple):
    """What was written.

    Attributes:
      name: best class of the whole video.
      score: its score.
      frames: number of frames of the source.
      seconds: of the source.
      picture: the frame in the middle of the source, uint8 RGB [H, W, 3].
    """

    name: str
    score: float
    frames: int
    seconds: float
    picture: np.ndarray


def label(
    video: str,
    out: str | os.PathLike,
    found: Timeline,
    names: Sequence[str],
    *,
    top_k: int = 3,
    truth: str = "",
    sound: bool = False,
) -> Labelled:
    """Writes a labelled video.

    Args:
      video: path of the source.
      out: new file that ends in .mp4, .gif or .webp. An mp4 has the frames of the source at their
        times, and its sound where asked; the others see i3d.visual.writers.
      found: Timeline of the video.
      names: K class names.
      top_k: number of classes that are shown of each window.
      truth: the true label, "" where it is not known.
      sound: whether an mp4 keeps the sound.

    Raises:
      UserError: the video or its sound cannot be read, or the file is there already.
      OSError: the file cannot be written.
    """
    files.check_new(out, ENDINGS)
    height, width, stated = frames.stated(video)
    seconds = _seconds(found, stated)
    strip = Strip((height, width), found, names, top_k, truth, seconds)
    rate = frame_rate(video) or 25
    count, picture, convert = 0, None, None
    with writer(out, Fraction(rate), sound=video if sound else None) as written:
        for frame, begin_s, end_s in clock.intervals(video, 0):
            convert = convert or Converter(video, frame, None)
            source = convert(frame)
            shown = np.concatenate([_in_the_middle(source, strip.width), strip.at(float(begin_s))])
            written.add(shown, begin_s, end_s)
            if picture is None or begin_s <= seconds / 2:
                picture = source
            count += 1
    assert picture is not None  # `intervals` gives a frame or raises
    return Labelled(*strip.result(), count, float(end_s), picture)


def _in_the_middle(picture, width):
    """Returns a picture with black margins where it is narrower than the strip."""
    lacking = width - picture.shape[1]
    left = lacking // 2
    return np.pad(picture, ((0, 0), (left, lacking - left), (0, 0))) if lacking else picture


def _seconds(found, stated):
    """Returns the length of the timeline: the header's, where it is no more than a rest longer."""
    end = float(found.end_s[-1])
    longest = float((found.end_s - found.start_s).max())
    return stated if stated and end < stated < end + longest else end
