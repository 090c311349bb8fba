"""Reads optical flow that is stored as images beside the frames.

    flow = flow_images.method(video, start_s=0.0)     # video: images.Images
    field = flow(previous, following)                 # of the next pair: float32 [H, W, 2], pixels

flow_x_00001.jpg and flow_y_00001.jpg as MMAction2 and denseflow write them, grey images of which
0 to 255 are -20 to 20 pixels per frame. The first is the motion from the first frame to the second.
"""

import itertools
import os
import re

import cv2
import numpy as np

from i3d.video import frames, images, pictures
from i3d.video.source import VideoError

BOUND_PX = 20.0  # denseflow's default, and that of two-stream I3D
_NAME = re.compile(r"(?:flow[_-]?)?([xy])[_-]?([0-9]+)", re.IGNORECASE)


def method(video: images.Images, start_s: float = 0.0):
    """Returns what goes in place of a method of i3d.flow.methods, for the frames of one video.

    It is a function of two images [H, W] that gives the field of the next pair, float32 [H, W, 2]
    at their size; larger images of flow are made smaller, and its pixels with them.

    Args:
      video: of which every frame is shown once.
      start_s: seconds from the first of its frames to where the pairs begin.

    Raises:
      VideoError: the folder has no flow, x without y, or flow of fewer or more pairs than frames.
    """
    names = _names(video.folder)
    total = len(images.listed(video.folder).names)
    if len(names) not in (total - 1, total):  # some programs repeat the last
        raise VideoError(
            f"{video.folder}: expected flow between {total} images (flow_x_..., flow_y_...), found "
            f"{len(names)} images of flow in x and y"
        )
    following = itertools.count(video.first + frames.slot(frames.exact(start_s), video.fps))
    return lambda previous, _: _field(video.folder, names[next(following)], previous.shape)


def _names(folder):
    """Returns [(name in x, name in y)] in the order of their numbers."""
    found: dict[int, dict[str, str]] = {}
    for name in os.listdir(folder):
        match = _NAME.fullmatch(os.path.splitext(name)[0])
        if match and images.is_image(name):
            found.setdefault(int(match[2][:20]), {})[match[1].lower()] = name
    for pair in found.values():
        if len(pair) == 1:
            raise VideoError(f"{folder}: {min(pair.values())} is flow in one direction alone")
    return [(pair["x"], pair["y"]) for _, pair in sorted(found.items())]


def _field(folder, names, shape):
    height, width = shape
    planes = []
    for name, side in zip(names, (1, 0), strict=True):
        grey = pictures.decoded(os.path.join(folder, name))[..., 0]
        pixels = (grey.astype(np.float32) - 127.5) * np.float32(BOUND_PX / 127.5)
        scale = shape[side] / grey.shape[side]
        planes.append(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR) * scale)
    return np.stack(planes, -1)
