"""Averages logits, probabilities or features over the views of a video or a window.

sums = Sums("prob", "softmax")
sums.add(row, key)                          # float32 [C] of a view
sums.rows()                                 # Rows: features of each window
sums.scores()                               # Scores of the video: logits, probabilities
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from i3d.inference.views import WHOLE_VIDEO, Key
from i3d.runtime.command import UserError


class Rows(NamedTuple):
    """Means over the views of one video, a row for each window; else one row, from 0 to NaN.

    Attributes:
      features: float32 [R, C].
      start_s, end_s: float64 [R], seconds.
      views: int64 [R], how many the features are the mean of.
    """

    features: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    views: np.ndarray


class Scores(NamedTuple):
    """What a network says of one video.

    Attributes:
      logits: float32 [K], the mean over the views.
      probabilities: float32 [K], averaged as the InputSpec says.
    """

    logits: np.ndarray
    probabilities: np.ndarray


class Sums:
    """Sums over the views of one video, by window, in double precision."""

    def __init__(self, average: str = "logits", activation: str = "softmax") -> None:
        """Begins with no view.

        Args:
          average, activation: as an InputSpec has them, for `scores`.
        """
        self._average, self._activation = average, activation
        self._sums: list[np.ndarray] = []
        self._probabilities: list[np.ndarray] = []
        self._times: list[tuple[float, float]] = []
        self._views: list[int] = []

    def add(self, vector: np.ndarray, key: Key = WHOLE_VIDEO) -> None:
        """Adds float32 [C] of a view; windows come in the order of their numbers.

        Args:
          vector: features or logits.
          key: the window that it belongs to.
        """
        if key.window == len(self._sums):
            self._sums.append(np.zeros(len(vector)))
            self._probabilities.append(np.zeros(len(vector)))
            self._times.append((key.start_s, key.end_s))
            self._views.append(0)
        self._sums[key.window] += vector
        self._views[key.window] += 1
        if self._average == "prob":
            own = probabilities(vector.astype(np.float64), self._activation)
            self._probabilities[key.window] += own

    def rows(self, finite: bool = True) -> Rows:
        """Returns the Rows.

        Args:
          finite: False lets numbers pass that are not finite.

        Raises:
          UserError: there is no view, or a number is not finite.
        """
        if not self._sums:
            raise UserError("no view of it came")
        views = np.array(self._views, np.int64)
        features = (np.array(self._sums) / views[:, None]).astype(np.float32)
        if finite and not np.isfinite(features).all():
            raise UserError("its features or logits are not finite; are the weights spoilt?")
        start_s, end_s = np.array(self._times, np.float64).T
        return Rows(features, start_s, end_s, views)

    def scores(self, finite: bool = True) -> Scores:
        """Returns the Scores of a video without windows.

        Args:
          finite: as for `rows`.

        Raises:
          UserError: as `rows`.
        """
        found = self.windows(finite)
        return Scores(found.logits[0], found.probabilities[0])

    def windows(self, finite: bool = True) -> Scores:
        """Returns the Scores of all windows, both arrays float32 [R, K], in the order of `rows`.

        Args:
          finite: as for `rows`.

        Raises:
          UserError: as `rows`.
        """
        logits = self.rows(finite).features
        if self._average == "logits":
            return Scores(logits, probabilities(logits, self._activation))
        views = np.array(self._views)[:, None]
        return Scores(logits, (np.array(self._probabilities) / views).astype(np.float32))


def of_tasks(
    outputs: Iterable, begun: Callable[[int], Sums] = lambda task: Sums()
) -> Iterator[tuple[int, Sums, str]]:
    """Yields (task, Sums of its views, problem or "") as the tasks of decoding end.

    Args:
      outputs: what stepping.outputs yields of decoding.Batches.
      begun: number of a task -> Sums with no view.
    """
    sums: dict[int, Sums] = {}
    for rows, batch in outputs:
        for (task, key), row in zip(batch.keys, rows, strict=True):
            if task not in sums:
                sums[task] = begun(task)
            sums[task].add(row, key)
        for task, problem in batch.ended:
            yield task, sums.pop(task) if task in sums else begun(task), problem


def added(scores: list[Scores], activation: str = "softmax") -> Scores:
    """Returns the Scores of several networks: one alone is itself, logits of more are added."""
    if len(scores) == 1:
        return scores[0]
    logits = np.asarray(np.sum([one.logits for one in scores], axis=0, dtype=np.float32))
    return Scores(logits, probabilities(logits, activation))


def probabilities(logits: np.ndarray, activation: str) -> np.ndarray:
    """Returns the "softmax" or the "sigmoid" of float [..., K] logits."""
    return sigmoid(logits) if activation == "sigmoid" else softmax(logits)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)) of float logits, each for itself."""
    return np.exp(-np.logaddexp(np.zeros((), logits.dtype), -logits))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities of float [..., K] logits."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
