"""Pictures of a page: a frame beside its optical flow, and maps of activation.

    beside_flow("my.mp4")                          # [Picture("flow", "data:image/jpeg;...", ...)]
of_activation("demo_rgb", panels, "walk")      # Picture("activation", ...)
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from i3d.flow import methods
from i3d.video import frames
from i3d.video.source import VideoError
from i3d.visual import wheel
from i3d.visual.panels import of_height
from i3d.visual.thumbnails import data_uri

_HEIGHT = 192  # of a frame under its map, pixels
_WHITE = 255


class Picture(NamedTuple):
    """A picture of a page.

    Attributes:
      of: what it belongs to: "timeline", "flow" or "activation".
      src: data URI.
      alt: what it shows, for those who do not see it.
    """

    of: str
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
            return _beside_flow(pair[0], pair[1], begin)
    return []


def _beside_flow(frame, following, begin):
    (field,) = methods.flow_fields([frame, following], "tvl1")
    full_px = wheel.full_colour(field)
    flow = wheel.with_legend(wheel.coloured(field, full_px), full_px)
    return [
        Picture("flow", data_uri(frame, ".jpg"), f"Frame at {begin:.1f} seconds"),
        Picture(
            "flow",
            data_uri(flow, ".jpg"),
            f"Its optical flow: hue is the direction, white no motion, full colour {full_px:.1f} "
            "pixels per frame or more",
        ),
    ]


def of_activation(
    name: str, panels: Iterable[Mapping[str, np.ndarray]], label: str, empty: bool
) -> Picture:
    """Returns frames that a network sees, above the same frames under its map of activation.

    Args:
      name: of the network.
      panels: of i3d.visual.activation.panels: {title: the plain picture}, then the one with heat.
      label: of the class.
      empty: whether no place speaks for the class.
    """
    columns = [
        np.concatenate([of_height(picture, _HEIGHT) for picture in pair.values()])
        for pair in panels
    ]
    picture = _beside(columns)
    says = f"Activation of {name} for {label}, in {len(columns)} frames from first to last"
    where = "no place speaks for the class" if empty else "red is what speaks most for the class"
    return Picture("activation", data_uri(picture, ".jpg"), f"{says}: {where}")


def _beside(columns):
    """Returns pictures of one height beside each other, with white gaps."""
    gap = np.full((len(columns[0]), 4, 3), _WHITE, np.uint8)
    parts = [part for column in columns for part in (column, gap)]
    return np.concatenate(parts[:-1], axis=1)
