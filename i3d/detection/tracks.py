"""Gives people numbers that last from key frame to key frame, by the overlap of their boxes.

    tracks = Tracks()
    tracks([[.1, .2, .3, .9], [.6, .2, .8, .9]])     # [1, 2]
    tracks([[.61, .2, .81, .9], [.12, .2, .32, .9]]) # [2, 1]

Each person's box is expected where its motion so far would bring it, so that two who walk past
each other keep their numbers; the pairs of greatest overlap are matched first. Who is missing for
more than a few key frames and comes back is a new person. Appearance is not looked at.
Needs NumPy alone.
"""

from dataclasses import dataclass

import numpy as np

from i3d.detection.boxes import iou

_OLD_MOTION = 0.5  # share of the earlier motion in the mean, against noise of detectors


@dataclass
class _Track:
    number: int
    box: np.ndarray  # float64 [4], when it was last seen
    motion: np.ndarray  # float64 [4], a key frame
    missing: int = 0  # key frames since

    def expected(self):
        """Returns the box where it is looked for: moved, of the size that was seen last."""
        return self.box + self.motion * (self.missing + 1)

    def see(self, box):
        moved = (box - self.box) / (self.missing + 1)
        moved = np.tile((moved[:2] + moved[2:]) / 2, 2)
        self.motion = _OLD_MOTION * self.motion + (1 - _OLD_MOTION) * moved
        self.box, self.missing = box, 0


class Tracks:
    """Numbers of people, from 1 on, in the order in which they come up.

    Attributes:
      count: number of people so far.
    """

    def __init__(self, least_overlap: float = 0.2, most_missing: int = 4):
        """Begins with nobody.

        Args:
          least_overlap: intersection over union of a box and the one that is expected.
          most_missing: key frames in a row in which a person may be missing.
        """
        self.count = 0
        self._least, self._most_missing = least_overlap, most_missing
        self._tracks: list[_Track] = []

    def __call__(self, boxes: np.ndarray) -> list[int]:
        """Returns the number of each person on the next key frame.

        Args:
          boxes: [N, 4] x1, y1, x2, y2.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        found = self._matches(boxes)
        for place, track in found.items():
            track.see(boxes[place])
        seen = {track.number for track in found.values()}
        for track in self._tracks:
            track.missing += track.number not in seen
        self._tracks = [t for t in self._tracks if t.missing <= self._most_missing]
        for place in range(len(boxes)):
            if place not in found:
                self.count += 1
                found[place] = _Track(self.count, boxes[place], np.zeros(4))
                self._tracks.append(found[place])
        return [found[place].number for place in range(len(boxes))]

    def _matches(self, boxes):
        """Returns {place in boxes: _Track}: the greatest overlaps first."""
        overlaps = iou(boxes, np.array([t.expected() for t in self._tracks]).reshape(-1, 4))
        found: dict[int, _Track] = {}
        while overlaps.size and overlaps.max() >= self._least:
            place, number = np.unravel_index(overlaps.argmax(), overlaps.shape)
            found[int(place)] = self._tracks[number]
            overlaps[place], overlaps[:, number] = -1, -1
        return found
