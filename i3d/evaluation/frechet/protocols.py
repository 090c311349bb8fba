"""The published ways to compute the Frechet video distance (FVD), which give different numbers.

    official = PROTOCOLS["official"]
    clip = official.resized(frames)                # uint8 [T, H, W, 3] -> float32 [T, 224, 224, 3]

They differ in how frames are resized and in the divisor of the covariance.
"""

import math
from dataclasses import dataclass

import numpy as np

from i3d.runtime.command import UserError

SIDE = 224  # pixels, what the network sees


@dataclass(frozen=True)
class Protocol:
    """One way to compute the distance.

    Attributes:
      name: as it is chosen and printed.
      source: repository of the code of record.
      half_pixel: whether centres of pixels are aligned (PyTorch's interpolate); else their corners
        at the top left (TensorFlow 1's resize_bilinear). Both without antialiasing.
      cropped: whether the short side becomes 224 pixels and the centre is cropped; else the whole
        picture is squashed to 224 x 224.
      ddof: what the covariance's divisor is below the number of videos, 0 or 1.
    """

    name: str
    source: str
    half_pixel: bool
    cropped: bool
    ddof: int

    def resized(self, frames: np.ndarray, side: int = SIDE) -> np.ndarray:
        """Returns float32 [T, side, side, 3] of frames [T, H, W, 3], in their range."""
        short = min(frames.shape[1:3])
        target = [side, side]
        if self.cropped:
            target = [
                side if own == short else math.ceil(own * side / short) for own in frames.shape[1:3]
            ]
        found = np.asarray(frames, np.float32)
        for axis, size in enumerate(target, start=1):
            found = _interpolated(found, axis, size, self.half_pixel)
        top, left = (target[0] - side) // 2, (target[1] - side) // 2
        return found[:, top : top + side, left : left + side]

    def described(self) -> str:
        """Returns one line on what it does."""
        how = "short side 224, centre crop" if self.cropped else "squashed to 224 x 224"
        pixels = "half-pixel" if self.half_pixel else "TensorFlow 1's"
        return (
            f"{self.name} ({self.source}): {how}, {pixels} bilinear; covariance / "
            f"{'(N - 1)' if self.ddof else 'N'}"
        )


PROTOCOLS = {
    one.name: one
    for one in (
        Protocol("official", "google-research/frechet_video_distance", False, False, 1),
        Protocol("styleganv", "universome/stylegan-v", True, False, 0),
        Protocol("videogpt", "wilson1yan/VideoGPT", True, True, 1),
        Protocol("cdfvd", "songweige/content-debiased-fvd", True, False, 0),
    )
}


def of_name(name: str) -> Protocol:
    """Returns a Protocol; UserError where there is none of that name."""
    if name not in PROTOCOLS:
        raise UserError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {name!r:.80}")
    return PROTOCOLS[name]


def _interpolated(values: np.ndarray, axis: int, size: int, half_pixel: bool) -> np.ndarray:
    """Returns values of another size along an axis, linear between neighbours."""
    count = values.shape[axis]
    if count == size:
        return values
    scale = np.float32(count / size)  # in float32, as both codes compute it
    places = np.arange(size, dtype=np.float32)
    if half_pixel:
        places = np.maximum((places + np.float32(0.5)) * scale - np.float32(0.5), np.float32(0))
    else:
        places = places * scale
    low = np.minimum(places.astype(np.int64), count - 1)
    high = np.minimum(low + 1, count - 1)
    share = (places - low.astype(np.float32)).astype(np.float32)
    share = share.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    first, second = np.take(values, low, axis), np.take(values, high, axis)
    return first + (second - first) * share
