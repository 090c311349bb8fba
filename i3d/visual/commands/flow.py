"""Draws the optical flow of a video: hue is the direction of motion, saturation its length.

    python -m i3d.visualize flow my.mp4 --out=flow.mp4
    python -m i3d.visualize flow my.mp4 --out=flow.gif --arrows --tracks
    python -m i3d.visualize flow my.mp4 --out=flow.png

Each frame is beside its flow to the next one, by TV-L1, as networks of flow are trained on: at 25
frames per second and a shorter side of 256 pixels. The colours are those of Baker et al. 2007; the
wheel in the corner tells which colour is which direction, and how many pixels per frame have the
full colour. White is no motion. The last frame has no flow and is left out.

--arrows adds the frame under arrows of the flow, three times as long as the motion. --tracks adds
it under the tracks of points that Lucas and Kanade's method follows from frame to frame, without
the flow: where both agree, the flow can be believed. A .png or .jpg shows 12 frames at most.
"""

import itertools
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from absl import flags

from i3d.flow import methods
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.runtime.text import counted
from i3d.spec import FPS
from i3d.video import frames
from i3d.visual import wheel
from i3d.visual.motion import Tracks, arrows
from i3d.visual.panels import ENDINGS, output, titled

NAME = "visualize flow"
_METHOD, _QUICK = "tvl1", "dis"


class Job(NamedTuple):
    """What is asked for: the path of the video, and the flags."""

    video: str
    options: flags.FlagValues


def main(argv: list[str]) -> int:
    """Draws the flow; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    out = f"new file that ends in {', '.join(ENDINGS)}"
    flags.DEFINE_string("out", None, out, flag_values=own)
    flags.DEFINE_boolean("arrows", False, "add the frame under arrows of the flow", flag_values=own)
    tracks = "add the frame under tracks of points, by Lucas and Kanade's method"
    flags.DEFINE_boolean("tracks", False, tracks, flag_values=own)
    full = (
        "pixels per frame that have the full colour; default: what 99 % of most fields are below, "
        "at least 2"
    )
    flags.DEFINE_float("full_px", None, full, 0.01, 1000, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: a flag cannot be used as given, or the video cannot be opened.
    """
    video = command.one_video(own(argv)[1:])
    if not own.out:
        raise UserError(f"--out is needed: a new file that ends in {', '.join(ENDINGS)}")
    files.check_new(own.out, ENDINGS)
    frames.stated(video)
    return Job(video, own)


def work(job: Job) -> None:
    """Draws the flow and prints a line on it.

    Raises:
      UserError: the video cannot be read, or has one frame.
    """
    own = job.options
    full_px = own.full_px or _full_colour(job.video)
    count = 0
    with output(own.out, FPS) as file, Progress(None, "frame", NAME) as progress:
        for picture in _pictures(job.video, full_px, own.arrows, own.tracks):
            file.add(picture, Fraction(count) / Fraction(FPS), Fraction(count + 1) / Fraction(FPS))
            count += 1
            progress.add()
        if not count:
            raise UserError(f"{job.video}: 1 frame; flow needs 2")
    print(f"{own.out}: {counted(count, 'frame')}, a full colour is {full_px:.1f} px per frame")


def _full_colour(video: str) -> float:
    """Returns pixels per frame for the full colour; a quick method of flow finds them."""
    fields = methods.flow_fields(frames.read_frames(video), _QUICK)
    found = [wheel.full_colour(field) for field in fields]
    return float(np.median(found)) if found else wheel.full_colour(np.zeros((1, 2)))


def _pictures(
    video: str, full_px: float, with_arrows: bool, with_tracks: bool
) -> Iterator[np.ndarray]:
    """Yields the picture of each frame that has a flow."""
    seen, shown = itertools.tee(frames.read_frames(video))
    tracks = Tracks()
    for frame, field in zip(shown, methods.flow_fields(seen, _METHOD), strict=False):
        coloured = wheel.coloured(field, full_px)
        panels = {"frame": frame, "flow": wheel.with_legend(coloured, full_px)}
        if with_arrows:
            panels["arrows of the flow"] = arrows(frame, field)
        if with_tracks:
            tracks.add(frame)
            panels["tracks of points"] = tracks.drawn(frame)
        yield titled(panels)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
