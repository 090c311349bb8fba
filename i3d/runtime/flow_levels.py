"""Optical flow as 8-bit levels, as records hold it and networks are given it.

    levels = pixels_to_levels(field)                # float pixels per frame -> uint8
    field = levels_to_pixels(levels)                # uint8 -> float32 pixels per frame

Below the folders of data and flow, which both use it; public as `i3d.flow.levels_to_pixels`.
"""

import numpy as np

BOUND_PX = 20.0  # pixels per frame at which flow is clipped, by default
ZERO = 128  # the level of no motion, exactly
STEPS = 127  # levels from no motion to the bound


def levels_to_pixels(levels: np.ndarray, bound_px: float = BOUND_PX) -> np.ndarray:
    """Returns flow in pixels per frame, float32 of the same shape, of stored levels.

    pixels = (level - 128) * bound_px / 127, so that 128 is no motion and with the bound of 20 px
    one level is 0.157 px. Positive x is motion to the right, positive y down.

    Args:
      levels: uint8 of any shape: views [N, H, W, 2] (x, then y), or a stored image [2 H, W] (x
        over y: `np.stack(np.split(i3d.flow.levels_to_pixels(image), 2), -1)` is [H, W, 2]).
      bound_px: pixels per frame at which the flow was clipped; `spec.flow_bound_px` of a network.

    Source: Carreira & Zisserman 2017, arXiv:1705.07750 (clipped at 20 px).
    """
    return (np.asarray(levels).astype(np.float32) - ZERO) / np.float32(STEPS / bound_px)


def pixels_to_levels(field: np.ndarray, bound_px: float = BOUND_PX) -> np.ndarray:
    """Returns flow as levels, uint8 of the same shape: 128 + round(127 * clipped / bound_px).

    MediaPipe's quantiser truncates in place of rounding, which shifts flow by -0.08 px.

    Args:
      field: float of any shape, pixels per frame.
      bound_px: pixels per frame at which the flow is clipped.
    """
    clipped = np.clip(field, -bound_px, bound_px)
    levels = np.rint(np.asarray(clipped, np.float32) * np.float32(STEPS / bound_px)) + ZERO
    return levels.astype(np.uint8)
