"""Estimates size and time of a build from a few frames of its videos.

cost = estimate.measured([("jump.mp4", 10.0)], BuildSettings())
cost.frame_bytes, cost.field_bytes, cost.frame_s, cost.field_s
"""

import itertools
import time
from typing import NamedTuple

import cv2

from data_prep.jpeg import jpeg
from i3d.data import schema
from i3d.flow import methods as flow_methods
from i3d.runtime.command import UserError
from i3d.video import frames as video_frames

PAIRS = 5  # looked at in each video
_FARTHEST_S = 10.0  # to where videos are sought: some can be only by reading


class Cost(NamedTuple):
    """What a frame and a flow field cost, means over those that were looked at.

    Attributes:
      pairs: how many pairs of frames those are.
      frame_bytes, field_bytes: of a stored frame and flow field.
      frame_s: seconds of one thread for reading and storing a frame.
      field_s: seconds of one thread for computing and storing a field.
    """

    pairs: int
    frame_bytes: float
    field_bytes: float
    frame_s: float
    field_s: float


def measured(videos, recipe):
    """Returns the mean Cost of storing frames from about the middle of these videos.

    Args:
      videos: list of (path or Images, seconds).
      recipe: BuildSettings with flow.

    Raises:
      video.VideoError: one of them cannot be read.
      UserError: none of them has two frames.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as the workers of a build have it
    try:
        method = flow_methods.METHODS[recipe.flow_method]()
        costs = [_cost(*video, recipe, method) for video in videos]
    finally:
        cv2.setNumThreads(threads)
    pairs = sum(cost.pairs for cost in costs)
    if not pairs:
        raise UserError("no video of two frames to measure on")
    return Cost(pairs, *(sum(column) / pairs for column in list(zip(*costs, strict=True))[1:]))


def _cost(path, seconds, recipe, method):
    """Returns the Cost of some pairs: sums, not means."""
    start_s = min(seconds / 2, _FARTHEST_S)
    frames = video_frames.read_frames(path, recipe.fps, recipe.short_side, start_s)
    first = next(frames)  # opens the file
    began = time.perf_counter()
    frames = list(itertools.islice(frames, PAIRS))
    stored = [jpeg(frame) for frame in frames]
    frame_s = time.perf_counter() - began
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in [first, *frames]]
    method(grey[0], grey[-1])  # compiles where it has to
    began = time.perf_counter()
    fields = [jpeg(schema.flow_to_levels(method(*pair))) for pair in itertools.pairwise(grey)]
    field_s = time.perf_counter() - began
    sizes = [sum(map(len, files)) for files in (stored, fields)]
    return Cost(len(frames), *sizes, frame_s, field_s)
