"""Computes the flow between two frames once, where a video is gone through twice.

see = FlowOnce(most=300)
for view in views_of("jump.mp4", spec, see):
    ...
for start_s, end_s, views in clips.windows("jump.mp4", spec, 2.56, see=see):
    ...
"""

import hashlib
import itertools
from typing import Any

import numpy as np

from i3d.inference.clips import seen
from i3d.spec import InputSpec


class FlowOnce:
    """What a network sees of frames, as `clips.seen` has it; keeps the fields of flow made last."""

    def __init__(self, most: int):
        """Begins with none.

        Args:
          most: number of fields that are kept.
        """
        self._most = most
        self._kept: dict[tuple[bytes, bytes], np.ndarray] = {}

    def __call__(self, frames: Any, spec: InputSpec) -> Any:
        """Returns the frames, or an iterator of levels of the flow between them."""
        if spec.stream == "rgb":
            return frames
        known = ((frame, _digest(frame)) for frame in frames)
        return (self._levels(pair, spec) for pair in itertools.pairwise(known))

    def _levels(self, pair, spec):
        (first, one), (second, other) = pair
        if (one, other) not in self._kept:
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]  # the oldest
            self._kept[one, other] = next(seen(iter((first, second)), spec))
        return self._kept[one, other]


def _digest(frame):
    return hashlib.blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest()
