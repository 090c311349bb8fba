"""Gives the people of a file of boxes, in place of a detector.

seconds = proposals.of_video(proposals.read("people.csv"), "my", "people.csv")
find = Stored(seconds)
boxes, scores = find(picture, second=902.0)      # float32 [N, 4] in [0, 1], float32 [N]
"""

from collections.abc import Mapping

import numpy as np

from i3d.detection.people import Detector


class Stored(Detector):
    """The boxes of the key frame that is nearest in time; scores are those of the file."""

    def __init__(
        self,
        seconds: Mapping[float, np.ndarray],
        threshold: float | None = None,
        step_s: float = 0.0,
    ):
        """Takes the boxes of one video.

        Args:
          seconds: {second: float [N, 5] x1, y1, x2, y2, score}, at least one.
          threshold: the least score; None: 0.9, as MMAction2 has it.
          step_s: seconds between the key frames that are asked for. Boxes count for half a step
            around their second; where the steps of the file are longer, for half of theirs.
        """
        super().__init__(threshold)
        self._boxes, self._seconds = dict(seconds), np.sort(list(seconds))
        step = float(np.median(np.diff(self._seconds))) if len(seconds) > 1 else 0.0
        self._reach = max(step_s, step) / 2 + 1e-6

    def begin(self) -> None:
        """Begins a video: nothing has been seen of it."""
        super().begin()
        self._asked: tuple[float, float] | None = None

    def missed(self) -> str:
        """Returns what was seen where nobody passed the threshold."""
        if self.seen or self._asked is None:
            return super().missed()
        (first, last), (begins, ends) = self._seconds[[0, -1]], self._asked
        return (
            f"no box of the file falls on a key frame: those of the file are at {first:.4g} to "
            f"{last:.4g} s, those of the video at {begins:.4g} to {ends:.4g} s; --start_s shifts "
            "them"
        )

    def candidates(self, picture: np.ndarray, second: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes [N, 4] and scores [N] of the nearest second, none if it is far."""
        begins, ends = self._asked or (second, second)
        self._asked = min(begins, second), max(ends, second)
        nearest = self._seconds[np.argmin(np.abs(self._seconds - second))]
        rows = self._boxes[float(nearest)]
        if abs(nearest - second) > self._reach:
            rows = rows[:0]
        return rows[:, :4], rows[:, 4]
