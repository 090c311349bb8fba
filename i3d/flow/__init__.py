"""Optical flow between consecutive frames.

from i3d.flow import tvl1_flow
field = tvl1_flow(previous, following)      # uint8 grey [H, W], twice -> float32 [H, W, 2]
"""


def __getattr__(name):
    if name == "tvl1_flow":  # Numba takes a second to import
        from i3d.flow.tvl1.pair import tvl1_flow

        return tvl1_flow
    raise AttributeError(f"module 'i3d.flow' has no attribute {name!r}")
