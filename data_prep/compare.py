"""Compares a stored video with its source file: PSNR of the frames, error of the flow.

    difference = compare.with_source(read.segments(place), item, data.recipe)
    difference.psnr_db, difference.bias_px, difference.rmse_px

Frames are equal and flow differs by its quantisation and JPEG loss, unless something is wrong.
"""

import itertools
import math
from typing import NamedTuple

import cv2
import numpy as np

from data_prep import segments
from data_prep.jpeg import jpeg
from i3d.data import read, schema
from i3d.video import frames as video_frames


class Difference(NamedTuple):
    """Stored minus computed, over all frames and fields of a video.

    Attributes:
      frames: number of frames.
      psnr_db: of the frames against the source's after the same JPEG encoding, from the mean
        squared error of all; inf where they are equal.
      bias_px: mean error of the flow, (x, y), pixels per frame; zeros without flow.
      rmse_px: root of the mean squared error of the flow's components; 0 without flow.
    """

    frames: int
    psnr_db: float
    bias_px: tuple
    rmse_px: float


def with_source(parts, item, recipe, done=lambda: None):
    """Returns the Difference between a stored video and its source.

    Flow is computed anew by the recipe's method, or read from its images, and clipped as the stored
    one is.

    Args:
      parts: iterable of read.Segment, the whole video.
      item: inputs.Item, its source.
      recipe: BuildSettings it was stored by.
      done: called after each frame.

    Raises:
      read.ReadError: the stored video is damaged, or has other frames than the source.
      video.VideoError: the source cannot be read.
    """
    method = segments.flow_method(item, recipe)
    source = video_frames.read_frames(
        segments.source_of(item, recipe), recipe.fps, recipe.short_side, item.start_s, item.end_s
    )
    frames = fields = frame_square = flow_square = 0
    bias, before, field = np.zeros(2), None, None
    for (stored, next_field), frame in _together(read.steps(parts), source):
        frames += 1
        again = read.rgb(jpeg(frame))  # fine texture costs JPEG more than any limit
        frame_square += np.mean(np.square(_stored(stored, frame) - np.float32(again)))
        if method:
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            if field is not None:
                error = read.flow(field) - _clipped(method(before, grey))
                fields += 1
                bias += error.mean((0, 1))
                flow_square += np.mean(np.square(error))
            before, field = grey, next_field
        done()
    mse, fields = float(frame_square / frames), max(fields, 1)
    return Difference(
        frames=frames,
        psnr_db=10 * math.log10(255**2 / mse) if mse else math.inf,
        bias_px=tuple((bias / fields).tolist()),
        rmse_px=math.sqrt(flow_square / fields),
    )


def _together(steps, frames):
    """Yields (step, frame); ReadError where one ends before the other."""
    for count, (step, frame) in enumerate(itertools.zip_longest(steps, frames)):
        if step is None or frame is None:
            fewer = "are stored" if step is None else "are in its source"
            raise read.ReadError(f"only {count} frames {fewer}")
        yield step, frame


def _stored(data, frame):
    """Returns the decoded frame; ReadError where it has not the size of the other."""
    stored = read.rgb(data)
    if stored.shape != frame.shape:
        sizes = [f"{image.shape[0]} x {image.shape[1]}" for image in (stored, frame)]
        raise read.ReadError(f"its frames are {sizes[0]}, its source gives {sizes[1]}")
    return stored


def _clipped(field):
    return np.clip(field, -schema.FLOW_BOUND_PX, schema.FLOW_BOUND_PX)
