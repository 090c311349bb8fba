"""Optical flow between consecutive frames.

from i3d.flow import levels_to_pixels, tvl1_flow
field = tvl1_flow(previous, following)      # uint8 grey [H, W], twice -> float32 [H, W, 2]
motion = levels_to_pixels(levels)           # stored uint8 [..., 2] -> float32 pixels per frame
"""

from typing import TYPE_CHECKING, Any

from i3d.runtime.flow_levels import levels_to_pixels, pixels_to_levels

if TYPE_CHECKING:
    from i3d.flow.tvl1.pair import tvl1_flow

__all__ = ["levels_to_pixels", "pixels_to_levels", "tvl1_flow"]


def __getattr__(name: str) -> Any:
    if name == "tvl1_flow":  # Numba takes a second to import
        from i3d.flow.tvl1.pair import tvl1_flow

        return tvl1_flow
    raise AttributeError(f"module 'i3d.flow' has no attribute {name!r}")
