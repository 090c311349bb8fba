"""Turns decoded frames into upright RGB arrays of one size.

    from i3d.video.picture import Converter
    convert = Converter("jump.mp4", first_frame, short_side=256)
    convert(frame)  # uint8 [H, W, 3]

The stored rotation or flip is applied; pixels count as square.
"""

import math
from fractions import Fraction

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import VideoReformatter

from i3d.video.source import VideoError

MAX_ASPECT = 10  # beyond it, a short side of 256 makes pictures that no memory holds


class Converter:
    """Turns frames into uint8 RGB [H, W, 3]; the first frame of the file sets H and W."""

    def __init__(self, path, first, short_side):
        """Takes an av.VideoFrame, and the pixels of the shorter side; None keeps the size.

        Raises:
          VideoError: the picture is to be resized and longer than MAX_ASPECT times its height.
        """
        self._path = path
        self._reformatter = VideoReformatter()
        height, width = turned_size(first)
        if short_side and (problem := aspect_problem(height, width)):
            raise VideoError(f"{path}: {problem}")
        scale = Fraction(short_side or min(height, width), min(height, width))
        self._size = [math.floor(side * scale + Fraction(1, 2)) for side in (width, height)]

    def __call__(self, frame):
        """Returns the array of an av.VideoFrame; VideoError where its colours make no sense."""
        try:
            rgb = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        except av.FFmpegError as error:
            line = f"pictures of a format that is not understood ({error.strerror})"
            raise VideoError(f"{self._path}: {line}") from None
        transpose, flip_y, flip_x = _turn(frame)
        rgb = rgb.transpose(1, 0, 2) if transpose else rgb
        rgb = rgb[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        if [rgb.shape[1], rgb.shape[0]] == self._size:
            return rgb.copy()  # the decoder may still use the frame's own memory
        return cv2.resize(np.ascontiguousarray(rgb), self._size, interpolation=cv2.INTER_LINEAR)


def aspect_problem(height, width):
    """Returns the line about frames that are too long to be resized by the shorter side, or ""."""
    if max(height, width) > MAX_ASPECT * min(height, width):
        return f"frames of {width}x{height} pixels; expected an aspect of at most {MAX_ASPECT}:1"
    return ""


def _turn(frame):
    """Returns (transpose, flip rows, flip columns) of the frame's display matrix."""
    # Not frame.side_data, which refers to the frame that keeps it: such frames, of 12 MB each at
    # 3840 x 2160, wait for the garbage collector.
    matrix = SideDataContainer(frame).get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):  # x' = a x + c y, y' = b x + d y
        return False, d < 0, a < 0
    return True, b < 0, c < 0


def turned_size(frame):
    """Returns (height, width) of a frame as displayed."""
    return (frame.width, frame.height) if _turn(frame)[0] else (frame.height, frame.width)
