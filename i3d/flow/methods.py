"""Optical flow between consecutive frames, by a method chosen by name.

    from i3d.flow import methods
    for field in methods.flow_fields(frames.read_frames("jump.mp4"), "dis"):  # one of METHODS
        ...                                              # float32 [H, W, 2], x then y

OpenCV may use several threads; a pool of workers should call cv2.setNumThreads(1) in each.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from i3d.runtime.command import UserError


def _opencv(algorithm):
    """Returns a function of two grey images that calls an OpenCV flow object."""
    return lambda previous, following: algorithm.calc(previous, following, None)


def _dis():
    return _opencv(cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))


def _tvl1():
    from i3d.flow.tvl1.pair import tvl1_flow  # numba takes a second to import

    return tvl1_flow


# name -> a function without arguments that makes the method, a function of two uint8 grey images
# [H, W] (previous, following) that returns the flow, float32 [H, W, 2].
METHODS = {
    "tvl1": _tvl1,  # the same algorithm as the next, rewritten for speed
    # Zach, Pock, Bischof 2007, "A duality based approach for realtime TV-L1 optical flow";
    # OpenCV's defaults: tau 0.25, lambda 0.15, theta 0.3, 5 scales, 5 warps, epsilon 0.01.
    "opencv_tvl1": lambda: _opencv(cv2.optflow.DualTVL1OpticalFlow_create()),
    # Kroeger et al. 2016, "Fast optical flow using dense inverse search", arXiv:1603.03590.
    "dis": _dis,
    # Farneback 2003, "Two-frame motion estimation based on polynomial expansion".
    "farneback": lambda: _opencv(cv2.FarnebackOpticalFlow_create()),
}


def flow_fields(frames: Iterable[np.ndarray], method: str) -> Iterator[np.ndarray]:
    """Yields the flow between consecutive frames; holds two frames at a time.

    Args:
      frames: iterable of N uint8 RGB frames [H, W, 3] of one size.
      method: a name in METHODS.

    Returns:
      Iterator of N - 1 float32 fields [H, W, 2] in pixels per frame, x (to the right) then y
      (down), not clipped. Field t is the motion from frame t to frame t + 1, at the pixels of
      frame t.

    Raises:
      UserError: the method is unknown.
    """
    if method not in METHODS:
        raise UserError(f"unknown flow method {method!r}; expected one of {', '.join(METHODS)}")
    return _fields(frames, METHODS[method]())


def _fields(frames, flow):
    previous = None
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if previous is not None:
            yield flow(previous, grey)
        previous = grey
