"""Flow as arrows, and sparse tracks of points to compare it with.

    picture = arrows(frame, field)                         # uint8 RGB [H, W, 3]
    tracks = Tracks()
    picture = tracks.drawn(frame)                          # frame after frame

Tracks: Lucas & Kanade 1981, in OpenCV's pyramid (Bouguet 2000), of the corners of Shi & Tomasi
1994.
"""

import cv2
import numpy as np

_STEP_SHARE, _LEAST_STEP = 1 / 16, 8  # from one arrow to the next, of the shorter side
_SHORTEST_PX = 1.0  # of an arrow
_COLOUR, _EDGE = (255, 230, 0), (0, 0, 0)
_POINTS, _QUALITY, _APART_SHARE = 200, 0.02, 1 / 30
_TAIL = 15  # frames that a track is seen for
_RENEWED = 10  # frames from one search for new points to the next
_BACK_PX = 1.0  # how far a point that is tracked there and back may end from where it began
_WINDOW = {"winSize": (15, 15), "maxLevel": 2}


def arrows(picture: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Returns a copy of a picture with an arrow on every few pixels.

    An arrow ends where its point is in the next frame, but is drawn 3 times as long.

    Args:
      picture: uint8 RGB [H, W, 3].
      field: float [H, W, 2], pixels per frame, x then y.
    """
    picture, (height, width) = picture.copy(), picture.shape[:2]
    step = max(_LEAST_STEP, round(min(height, width) * _STEP_SHARE))
    for y in range(step // 2, height, step):
        for x in range(step // 2, width, step):
            motion = field[y, x]
            if np.hypot(*motion) < _SHORTEST_PX:
                continue
            end = tuple(np.rint([x, y] + 3 * motion).astype(int).tolist())
            for colour, thick in ((_EDGE, 3), (_COLOUR, 1)):
                cv2.arrowedLine(picture, (x, y), end, colour, thick, cv2.LINE_AA, tipLength=0.3)
    return picture


class Tracks:
    """Points that are followed from frame to frame.

    A point is lost where following it back from the next frame does not lead to where it was.
    """

    def __init__(self) -> None:
        """Begins without a frame."""
        self._grey: np.ndarray | None = None
        self._tracks: list[list[tuple[float, float]]] = []
        self._count = 0

    @property
    def points(self) -> np.ndarray:
        """Where the points are in the last frame, float [N, 2], x then y."""
        return np.array([track[-1] for track in self._tracks]).reshape(-1, 2)

    def add(self, frame: np.ndarray) -> None:
        """Follows the points into the next frame, uint8 RGB [H, W, 3]; finds new ones at times."""
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self._tracks and self._grey is not None:
            self._follow(self._grey, grey)
        if self._count % _RENEWED == 0:
            self._find(grey)
        self._count += 1
        self._grey = grey

    def drawn(self, frame: np.ndarray) -> np.ndarray:
        """Returns a copy of the frame that was added last, with the tracks on it."""
        picture = frame.copy()
        for track in self._tracks:
            line = np.rint(track).astype(np.int32)
            for colour, thick in ((_EDGE, 3), (_COLOUR, 1)):
                cv2.polylines(picture, [line], False, colour, thick, cv2.LINE_AA)
            cv2.circle(picture, tuple(line[-1].tolist()), 2, _COLOUR, -1, cv2.LINE_AA)
        return picture

    def _follow(self, before, grey):
        old = np.float32(self.points)[:, None]
        new, there, _ = cv2.calcOpticalFlowPyrLK(before, grey, old, None, **_WINDOW)
        back, _, _ = cv2.calcOpticalFlowPyrLK(grey, before, new, None, **_WINDOW)
        good = (np.abs(back - old).max(axis=(1, 2)) < _BACK_PX) & (there[:, 0] == 1)
        followed = zip(self._tracks, new[:, 0].tolist(), good, strict=True)
        self._tracks = [[*track, tuple(end)][-_TAIL:] for track, end, kept in followed if kept]

    def _find(self, grey):
        """Adds corners that are not near a point that is followed already."""
        apart = max(3, round(min(grey.shape) * _APART_SHARE))
        free = np.full(grey.shape, 255, np.uint8)
        for x, y in np.rint(self.points).astype(int).tolist():
            cv2.circle(free, (x, y), apart, 0, -1)
        lacking = _POINTS - len(self._tracks)
        if lacking > 0:
            found = cv2.goodFeaturesToTrack(grey, lacking, _QUALITY, apart, mask=free)
            points = [] if found is None else found[:, 0].tolist()
            self._tracks += [[tuple(point)] for point in points]
