"""Runs a network over all views of all videos of a split, and averages them per video.

    found = evaluate(network, network.spec, records, batch_size=8, strategy=strategy)
    metrics.top_k_accuracy(found.probabilities, found.labels)

Every video counts once, and the result is the same, at any batch size and number of replicas.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from i3d.data import pipeline, stored
from i3d.inference import stepping
from i3d.inference.average import Sums
from i3d.runtime.command import UserError
from i3d.spec import InputSpec


@dataclasses.dataclass(frozen=True)
class SplitScores:
    """What a network says of each video of a split, in the order of the records.

    Attributes:
      ids: list of N strings.
      labels: int64 [N]; of a data set of several labels bool [N, K].
      logits: float32 [N, K], the mean over the views of the video.
      probabilities: float32 [N, K], averaged as the InputSpec says.
    """

    ids: list
    labels: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray


class _Batch(NamedTuple):
    clips: tf.Tensor  # uint8 [n, N, H, W, C]
    rows: dict  # of numpy arrays: id, label, view, mask


def evaluate(
    network: Callable,
    spec: InputSpec,
    records: stored.Records,
    *,
    batch_size: int,
    num_classes: int,
    strategy: tf.distribute.Strategy | None = None,
    read_mb: int = 512,
    on_batch: Callable[[int], object] | None = None,
) -> SplitScores:
    """Returns the scores of all videos, the same on every worker.

    Args:
      network: uint8 views [B, N, H, W, C] -> logits [B, K]; made under strategy.scope().
      spec: InputSpec. Whole videos take batch_size=1 on one replica.
      records: stored.Records of one stream, ("rgb",) or ("flow",).
      batch_size: views at a time on each replica.
      num_classes: K.
      strategy: tf.distribute.Strategy; None for the one in scope. All its workers must call.
      read_mb: as for pipeline.eval_batches.
      on_batch: called after every batch with the number of videos that begin in it.

    Raises:
      UserError: an argument is out of range, or a video has logits that are not finite; the
        message names it.
      tf.errors.OpError: a record cannot be used; `command.op_error_line` gives the line.
    """
    strategy = strategy or tf.distribute.get_strategy()
    if spec.whole and (batch_size, strategy.num_replicas_in_sync) != (1, 1):
        raise UserError(
            "whole videos are of different lengths: expected batch_size 1 on one replica, got "
            f"{batch_size} on {strategy.num_replicas_in_sync}"
        )
    if records.streams != (spec.stream,):
        raise UserError(f"expected records of {spec.stream}, got {records.streams}")
    context = stepping.input_context(strategy)
    views = pipeline.eval_batches(records, spec, batch_size, read_mb=read_mb, context=context)
    found = _Videos(spec, records)
    for rows, batch in stepping.outputs([network], _batches(views, spec.stream), strategy):
        begun = found.add(batch.rows, rows)
        if on_batch:
            on_batch(begun)
    scores = found.scores(num_classes)
    if context.num_input_pipelines > 1:
        replicas = context.num_replicas_in_sync // context.num_input_pipelines
        scores = _of_all_workers(scores, strategy, replicas)
    _check_finite(scores)
    return scores


def _batches(views, stream):
    for batch in views:
        names = ("id", "label", "view", "mask")
        yield _Batch(batch[stream], {name: batch[name].numpy() for name in names})


class _Videos:
    """The Sums of each video."""

    def __init__(self, spec, records):
        self._spec, self._multi_label = spec, records.multi_label
        self._ids, self._labels, self._sums = [], [], []

    def add(self, batch, logits):
        """Adds the rows of a batch; returns how many videos begin in it."""
        before = len(self._ids)
        for i in np.flatnonzero(batch["mask"]):
            if batch["view"][i] == 0:
                self._ids.append(batch["id"][i].decode())
                self._labels.append(batch["label"][i])
                self._sums.append(Sums(self._spec.average, self._spec.activation))
            self._sums[-1].add(logits[i])
        return len(self._ids) - before

    def scores(self, num_classes):
        """Returns the SplitScores; numbers that are not finite are among them."""
        each = [sums.scores(finite=False) for sums in self._sums]
        logits, probabilities = (
            np.array([getattr(one, name) for one in each], np.float32).reshape(-1, num_classes)
            for name in ("logits", "probabilities")
        )
        labels = np.array(self._labels, bool if self._multi_label else np.int64)
        if self._multi_label:
            labels = labels.reshape(-1, num_classes)  # of a worker without videos, too
        return SplitScores(self._ids, labels, logits, probabilities)


def _of_all_workers(scores, strategy, replicas):
    """Returns the SplitScores of all workers, one after the other."""

    @tf.function
    def gathered(arrays):
        return [strategy.gather(array, axis=0) for array in arrays]

    def own(array):  # whole on the first replica of the worker
        return stepping.per_replica(strategy, [array] + [array[:0]] * (replicas - 1))

    text = np.frombuffer("".join(f"{id}\0" for id in scores.ids).encode(), np.uint8)
    # Strings and booleans are not gathered.
    arrays = text.astype(np.int64), scores.labels.astype(np.int64), scores.logits
    text, labels, logits, probabilities = (
        array.numpy() for array in gathered([own(a) for a in (*arrays, scores.probabilities)])
    )
    labels = labels.astype(scores.labels.dtype)
    ids = text.astype(np.uint8).tobytes().decode().split("\0")[:-1]
    return SplitScores(ids, labels, logits, probabilities)


def _check_finite(scores):
    wrong = ~np.isfinite(scores.logits).all(axis=1)
    if wrong.any():
        first = scores.ids[np.argmax(wrong)]
        raise UserError(
            f"logits of {wrong.sum()} of {len(wrong)} videos are not finite, the first {first!r}; "
            "are the weights spoilt?"
        )
