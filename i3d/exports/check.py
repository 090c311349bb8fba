"""Runs an export beside its source: the difference of their rows, their seconds, their classes.

both = Both(source, run)
both.difference(views)                   # of the standard deviation of the source's rows
both.seconds(views)                      # (source, export), of a view
both.of_video("my.mp4")                  # their scores of all views
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from i3d.data import view_sampling
from i3d.exports.formats import Runner
from i3d.exports.graph import Graph
from i3d.inference.average import Sums
from i3d.inference.views import views_of
from i3d.spec import InputSpec
from i3d.video.sampled import frame_rate, wanted_frames

_RUNS = 5  # of a measurement, after one that is not counted
_LONGEST_S = 10.0  # after which no further one begins
_PICTURE = (240, 320)  # of noise, where pictures of any size enter


class Compared(NamedTuple):
    """What both say of a video.

    Attributes:
      views: how many were seen.
      difference: as `Both.difference`, the largest of all views.
      scores: float32 [K] of the source and of the export.
    """

    views: int
    difference: float
    scores: tuple[np.ndarray, np.ndarray]


class Both:
    """The source of an export, and the export as its own runtime runs it."""

    def __init__(self, source: Graph, run: Runner):
        """Keeps the functions of both, from uint8 views to float32 rows."""
        self._graph = source
        step = tf.function(lambda views: source.model(views, training=False)[source.output])
        self._runs: tuple[Runner, Runner] = (lambda views: step(tf.constant(views)).numpy(), run)

    def noise(self, count: int) -> np.ndarray:
        """Returns views of noise, the same each time, uint8 [count, N, H, W, C]."""
        frames, *size, channels = self._graph.shape
        shape = count, frames, *(_PICTURE if None in size else size), channels
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def difference(self, views: np.ndarray) -> float:
        """Returns the largest difference, in standard deviations of the source's rows."""
        rows, others = (run(views) for run in self._runs)
        if rows.shape != others.shape:
            return float("inf")
        return float(np.abs(rows - others).max() / rows.std())

    def seconds(self, view: np.ndarray) -> tuple[float, float]:
        """Returns the median seconds of the source and of the export, for views [1, ...]."""
        return _median(self._runs[0], view), _median(self._runs[1], view)

    def of_video(self, path: str) -> Compared:
        """Returns what both say of a video: scores, averaged over the views as the spec says.

        Raises:
          UserError: the video cannot be used.
        """
        graph, count, largest = self._graph, 0, 0.0
        given = _pictures if graph.input == "frames" else views_of
        average = graph.spec.average if graph.output == "logits" else "logits"
        sums = [Sums(average, graph.spec.activation) for _ in self._runs]
        for view in given(path, graph.spec):
            count += 1
            both = [run(view[None])[0] for run in self._runs]
            largest = max(largest, float(np.abs(both[0] - both[1]).max() / both[0].std()))
            for own, row in zip(sums, both, strict=True):
                own.add(row)
        found = [own.scores() for own in sums]
        of_logits = graph.output == "logits"
        source, export = (s.probabilities if of_logits else s.logits for s in found)
        return Compared(count, largest, (source, export))


def _pictures(path: str, spec: InputSpec) -> Iterator[np.ndarray]:
    """Yields the clips of a video as they were decoded, uint8 [N, H, W, 3]."""
    ratio = frame_rate(path) / spec.fps if spec.steps_at_fps else 0
    chosen = {}

    def choose(count):
        chosen["clips"] = view_sampling.indices(count, spec, ratio)
        return chosen["clips"].ravel().tolist()

    found = wanted_frames(path, choose, 0 if spec.steps_at_fps else spec.fps)
    for clip in chosen["clips"].tolist():
        yield np.stack([found.pictures[number] for number in clip])


def _median(run: Callable, view: np.ndarray) -> float:
    run(view)
    taken: list[float] = []
    while len(taken) < _RUNS and sum(taken) < _LONGEST_S:
        start = time.perf_counter()
        run(view)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
