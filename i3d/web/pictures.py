"""A frame from the middle of a video beside its optical flow."""

import itertools
from typing import NamedTuple

from i3d.flow import methods
from i3d.video import frames
from i3d.video.source import VideoError
from i3d.visual import wheel
from i3d.visual.thumbnails import data_uri


class Picture(NamedTuple):
    """A picture of a page.

    Attributes:
      src: data URI of a JPEG.
      alt: what it shows, for those who do not see it.
    """

    src: str
    alt: str


def beside_flow(path: str) -> list[Picture]:
    """Returns the frame in the middle of a video, and its TV-L1 flow to the next with its wheel.

    Frames are those that networks of flow see: 25 per second, the shorter side 256 pixels.
    Empty where there is one frame.

    Raises:
      VideoError: the video cannot be read.
    """
    seconds = frames.stated(path)[2]
    for begin in (seconds / 2 if seconds else 0.0, 0.0):  # a header may promise too much
        try:
            pair = list(itertools.islice(frames.read_frames(path, start_s=begin), 2))
        except VideoError:
            if not begin:
                raise
            continue
        if len(pair) == 2:
            return _pictures(pair[0], pair[1], begin)
    return []


def _pictures(frame, following, begin):
    (field,) = methods.flow_fields([frame, following], "tvl1")
    full_px = wheel.full_colour(field)
    flow = wheel.with_legend(wheel.coloured(field, full_px), full_px)
    return [
        Picture(data_uri(frame, ".jpg"), f"Frame at {begin:.1f} seconds"),
        Picture(
            data_uri(flow, ".jpg"),
            f"Its optical flow: hue is the direction, white no motion, full colour {full_px:.1f} "
            "pixels per frame or more",
        ),
    ]
