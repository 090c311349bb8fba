"""Rows of features: the mean over the views of a video, or of each of its windows.

sums = Sums()
for key, view in ViewsOf(recipe, window_s=2.0)("jump.mp4"):
    sums.add(key, network(view))
rows = sums.rows()                                                  # Rows
"""

import math
from typing import NamedTuple

import numpy as np

from i3d.inference import views as inference_views


class Key(NamedTuple):
    """What a view belongs to: a window by its number, and where that lies in the video."""

    window: int
    start_s: float
    end_s: float


class ViewsOf(NamedTuple):
    """A function from a video file to its views, which can be sent to another process.

    Attributes:
      recipe: video_views.Recipe of each window's views.
      window_s: seconds; None takes the whole video as one window, from 0 to NaN.
      stride_s: from one window to the next; None for window_s.
    """

    recipe: inference_views.Recipe
    window_s: float | None = None
    stride_s: float | None = None

    def __call__(self, path):
        """Yields (Key, float32 [T, H, W, C]), window by window.

        Raises:
          VideoError, ValueError: as video_views.views.
        """
        if self.window_s is None:
            for view in inference_views.opened(path, self.recipe):
                yield Key(0, 0.0, math.nan), view
            return
        windows = inference_views.views_of_windows(path, *self)
        for number, (start_s, end_s, views) in enumerate(windows):
            for view in views:
                yield Key(number, start_s, end_s), view


class Rows(NamedTuple):
    """Features of one video, a row for each window; without windows one row, from 0 to NaN.

    Attributes:
      features: float32 [R, C].
      start_s, end_s: float64 [R], seconds.
      views: int64 [R], how many the features are the mean of.
    """

    features: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    views: np.ndarray


class Sums:
    """Sums over the views of one video, by window, in double precision."""

    def __init__(self):
        """Begins with no view."""
        self._sums, self._times, self._views = [], [], []

    def add(self, key, vector):
        """Adds float32 [C] of a view with a Key; windows come in the order of their numbers."""
        if key.window == len(self._sums):
            self._sums.append(np.zeros(len(vector)))
            self._times.append((key.start_s, key.end_s))
            self._views.append(0)
        self._sums[key.window] += vector
        self._views[key.window] += 1

    def rows(self):
        """Returns the Rows.

        Raises:
          ValueError: there is no view, or a feature is not finite.
        """
        if not self._sums:
            raise ValueError("no view of it came")
        views = np.array(self._views, np.int64)
        features = (np.array(self._sums) / views[:, None]).astype(np.float32)
        if not np.isfinite(features).all():
            raise ValueError("its features are not finite; are the weights spoilt?")
        start_s, end_s = np.array(self._times, np.float64).T
        return Rows(features, start_s, end_s, views)
