"""Reads the key frames of a video with what the network sees of each, in one pass.

    frames = WindowedFrames("my.mp4", windows, resize=256, fps=30.0)
    for frame in frames:
        frame.second, frame.picture, frame.views, frame.shown
    frames.count                                  # frames of the video at that rate

Memory holds the frames of one window that are needed later, whatever the length of the video.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from i3d.detection.windows import Windows, clamped
from i3d.inference.clips import naming
from i3d.inference.pixels import resized
from i3d.video.sampled import wanted_frames
from i3d.video.streamed import streamed


class Frame(NamedTuple):
    """A key frame.

    Attributes:
      number: from 0.
      second: from the beginning of the video.
      picture: uint8 RGB [H, W, 3], of the stored size.
      views: uint8 RGB [T, h, w, 3], resized: what the network sees.
      shown: frames of the stored size that its people are drawn on.
    """

    number: int
    second: float
    picture: np.ndarray
    views: np.ndarray
    shown: list[np.ndarray]


class WindowedFrames:
    """Iterates over the key frames of a video, at least one.

    Attributes:
      count: frames that were read so far; after the last key frame all of the video.
    """

    def __init__(
        self, path: str, windows: Windows, resize: int, fps: float = 0.0, show: bool = True
    ) -> None:
        """Opens nothing yet.

        Args:
          path: of a video file.
          windows: which frames are needed.
          resize: pixels of the shorter side of the views.
          fps: frames per second that the video is resampled to; 0 keeps its own.
          show: whether frames to draw on are wanted.
        """
        self.count = 0
        self._path, self._windows, self._fps = path, windows, fps
        self._ring = _Ring(path, windows, resize, show)

    def __iter__(self) -> Iterator[Frame]:
        """Yields each Frame as soon as all that it needs was read.

        Raises:
          VideoError: the file cannot be read, or (after the key frames before) its data are
            corrupt.
        """
        ring, windows = self._ring, self._windows
        due: list[tuple[int, float]] = []  # key frames of which something is still to come
        for number, second, picture in streamed(self._path, ring.wants, self._fps):
            self.count = number + 1
            if picture is not None:
                ring.put(number, picture, ring.is_seen(number), ring.is_kept(number))
            if windows.is_key(number):
                due.append((number, second))
            while due and windows.last(due[0][0]) <= number:
                yield ring.frame(*due.pop(0), self.count)
        if self.count < windows.span:
            yield self._only()
            return
        for key, second in due:
            if key <= windows.keys(self.count)[-1]:
                yield ring.frame(key, second, self.count)

    def _only(self):
        """Returns the key frame of a video that is shorter than a window; reads it once more."""
        count, fps = self.count, self._fps
        key = self._windows.keys(count)[0]
        around = (*self._windows.seen(key), *self._windows.shown(key), key)
        wanted = {clamped(n, count) for n in around}
        found = wanted_frames(self._path, lambda _: wanted, fps)
        for number, picture in found.pictures.items():
            self._ring.put(number, picture, True, True)
        second = key / fps if fps else (found.end_s or 0.0) * key / count
        return self._ring.frame(key, second, count)


class _Ring:
    """The frames that key frames still need."""

    def __init__(self, path, windows, resize, show):
        self.path = path
        self._windows, self._resize, self._show = windows, resize, show
        self._views: dict[int, np.ndarray] = {}  # resized
        self._whole: dict[int, np.ndarray] = {}  # as they are, key frames and shown ones

    def wants(self, number):
        """Returns whether the picture of a frame is needed."""
        return self.is_seen(number) or self.is_kept(number)

    def is_seen(self, number):
        """Returns whether the network sees a frame with some key frame."""
        return any(self._windows.is_key(number - offset) for offset in self._windows.seen(0))

    def is_kept(self, number):
        """Returns whether a frame is a key frame or a shown one."""
        offsets = self._windows.shown(0) if self._show else []
        return any(self._windows.is_key(number - offset) for offset in (0, *offsets))

    def put(self, number, picture, view, whole):
        """Keeps a picture resized, or as it is, or both."""
        if view:
            with naming(self.path):
                self._views[number] = resized(picture, self._resize)
        if whole:
            self._whole[number] = picture

    def frame(self, key, second, count):
        """Returns the Frame of a key frame, the earliest; drops what later ones do not need."""
        views = np.stack([self._views[clamped(n, count)] for n in self._windows.seen(key)])
        shown = [n for n in self._windows.shown(key) if 0 <= n < count] or [key]
        pictures = [self._whole[n] for n in shown] if self._show else []
        found = Frame(key, second, self._whole[key], views, pictures)
        later = key + self._windows.predict_step
        _drop(self._views, self._windows.seen(later)[0])
        _drop(self._whole, min(later, *self._windows.shown(later)))
        return found


def _drop(pictures, first):
    for number in [n for n in pictures if n < first]:
        del pictures[number]
