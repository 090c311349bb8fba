"""The one place that knows ranges and units of frames and flow.

    from i3d.data import schema
    clip = schema.rgb_to_unit(frames)          # uint8 -> [-1, 1]
    clip = schema.flow_to_unit(fields)         # pixels per frame -> [-1, 1]

Only numpy is needed here, so that preprocessing workers stay light.
"""

import numpy as np

FPS = 25.0  # frames per second of every stored video
SHORT_SIDE = 256  # pixels, shorter side of every stored frame
FLOW_BOUND_PX = 20.0  # flow beyond this many pixels per frame is clipped


def rgb_to_unit(frames):
    """Returns frames as float32 in [-1, 1].

    Args:
      frames: uint8 [..., 3], 0..255.

    Source: kinetics-i3d README (range of the RGB input).
    """
    return np.asarray(frames, np.float32) / np.float32(127.5) - np.float32(1)


def flow_to_unit(fields):
    """Returns flow as float32 in [-1, 1]: clipped at FLOW_BOUND_PX, then divided by it.

    Args:
      fields: float [..., 2], pixels per frame, x then y.

    Source: Carreira & Zisserman 2017, arXiv:1705.07750; kinetics-i3d README (bound, range).
    """
    clipped = np.clip(np.asarray(fields, np.float32), -FLOW_BOUND_PX, FLOW_BOUND_PX)
    return clipped / np.float32(FLOW_BOUND_PX)
