"""Results of a test: the scores of every video, their accuracies, and the files that hold them.

    result = i3d.evaluate("rgb_imagenet", "data/kinetics")       # or results.load("rgb.npz")
    result.top1, result.interval, result.confusion, result.logits
    results.save("rgb.npz", result)

A file is a plain .npz without pickles: ids, class_names and the texts are unicode arrays, and so
is a digest of them all. Fusion adds the logits; classes are ranked by `scores`. Files of version
0.1.0, which have neither average, probabilities nor digest, are read as averages of logits.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from i3d.evaluation import average_precision, metrics
from i3d.runtime import npy
from i3d.runtime.command import BadData
from i3d.runtime.files import new_file

_TEXTS = ("stream", "protocol", "average")


class ResultError(BadData):
    """A file of results that cannot be read or written; the message is one line."""


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """Scores of N videos for K classes, and their accuracies.

    Attributes:
      ids: str [N], each once.
      labels: int64 [N], 0..K-1; of videos with several labels bool [N, K].
      logits: float32 [N, K], the mean over the views of each video, finite.
      class_names: str [K], in label order.
      stream: "rgb", "flow", or what was added up, "rgb+flow".
      protocol: one line: model, weights, clips and crops, data.
      average: what classes are ranked by, "logits", or "prob": the mean softmax of the views.
      probabilities: with "prob" that mean, float32 [N, K]; else None.
    """

    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    class_names: np.ndarray
    stream: str
    protocol: str
    average: str = "logits"
    probabilities: np.ndarray | None = None

    @property
    def multi_label(self) -> bool:
        """Whether a video has any number of labels; else it has one."""
        return self.labels.ndim == 2

    def __repr__(self) -> str:
        """Returns stream, number of videos and the accuracies in one line."""
        count, classes = self.logits.shape
        if self.multi_label:
            scores = f"mAP {100 * self.mean_average_precision:.2f} %"
        else:
            low, high = self.interval
            scores = (
                f"top-1 {100 * self.top1:.2f} % (95 % interval {100 * low:.2f} to "
                f"{100 * high:.2f}), top-5 {100 * self.top5:.2f} %, "
                f"mean of classes {100 * self.mean_class_accuracy:.2f} %"
            )
        return f"<Result of {self.stream}, {count} videos, {classes} classes: {scores}>"

    @property
    def top1(self) -> float:
        """Share of the videos whose label has the highest score, in [0, 1]."""
        return metrics.top_k_accuracy(self.scores, self._one_label(), 1)

    @property
    def top5(self) -> float:
        """Share of the videos whose label is among the five highest scores, in [0, 1]."""
        return metrics.top_k_accuracy(self.scores, self._one_label(), 5)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `top1` (Wilson), (low, high) in [0, 1]."""
        total = len(self.ids)
        return metrics.wilson_interval(round(self.top1 * total), total)

    @property
    def confusion(self) -> np.ndarray:
        """int64 [K, K]: how often videos of a class (first axis) scored best for another."""
        return metrics.confusion_matrix(self.scores, self._one_label())

    @property
    def mean_class_accuracy(self) -> float:
        """Mean over the classes of the accuracy of each, in [0, 1]."""
        return metrics.mean_class_accuracy(self.confusion)

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes of the average precision, in [0, 1], of several labels.

        Raises:
          ValueError: the videos have one label each.
        """
        if not self.multi_label:
            raise ValueError("mean average precision: expected several labels; see top1")
        return average_precision.mean_average_precision(self.scores, self.labels)

    def _one_label(self):
        if self.multi_label:
            raise ValueError("accuracy: expected one label a video; see mean_average_precision")
        return self.labels

    @property
    def scores(self) -> np.ndarray:
        """What classes are ranked by, float32 [N, K]."""
        return self.logits if self.probabilities is None else self.probabilities


def save(path: str | os.PathLike, result: Result) -> None:
    """Writes a Result.

    Raises:
      ResultError: it is not one, as where an id is there twice.
      OSError: the disk is full or cannot be written to.
    """
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(Result)}
    arrays = {name: np.asarray(value) for name, value in values.items() if value is not None}
    _checked(arrays, path)
    with new_file(path) as file:
        npy.write_npz(file, arrays)


def check_there(path: str | os.PathLike) -> None:
    """Raises ResultError where there is no such file."""
    if not Path(path).exists():
        raise ResultError(f"{path}: no such file; `python -m i3d.evaluate --out={path}` writes it")


def load(path: str | os.PathLike) -> Result:
    """Returns the Result in a file.

    Raises:
      ResultError: there is no such file, or it is damaged or of another kind.
    """
    check_there(path)
    try:
        arrays = npy.read_npz(path)
    except (npy.ArrayError, OSError) as error:
        raise ResultError(f"{path}: not a whole file of results: {error}") from error
    _checked(arrays, path)
    texts = {name: arrays.pop(name).item() for name in _TEXTS if name in arrays}
    return Result(**arrays, **texts)  # type: ignore[arg-type]


def _checked(arrays, path):
    """Makes sure that the arrays are those of a Result."""
    known = {field.name for field in dataclasses.fields(Result)}
    expected = known - {"average", "probabilities"}
    if not expected <= arrays.keys() <= known:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise ResultError(
            f"{path}: expected a file of results, which holds {', '.join(sorted(expected))}; "
            f"this one holds {there}"
        )
    several = arrays["labels"].ndim == 2
    for name, kind, rank in (
        ("ids", "U", 1),
        ("labels", *(("b", 2) if several else ("i", 1))),
        ("logits", "f", 2),
        ("class_names", "U", 1),
        ("stream", "U", 0),
        ("protocol", "U", 0),
        ("average", "U", 0),
        ("probabilities", "f", 2),
    ):
        if name not in arrays:
            continue
        if arrays[name].dtype.kind != kind or arrays[name].ndim != rank:
            got = f"{arrays[name].dtype} {arrays[name].shape}"
            raise ResultError(f"{path}: {name}: expected type {kind} of rank {rank}, got {got}")
    wanted = (arrays["logits"].shape,) if str(arrays.get("average", "logits")) == "prob" else ()
    if tuple(a.shape for n, a in arrays.items() if n == "probabilities") != wanted:
        raise ResultError(f"{path}: expected probabilities with the average 'prob' alone")
    if not np.isfinite(arrays.get("probabilities", 0)).all():
        raise ResultError(f"{path}: expected finite probabilities")
    _check_values(path, **{name: arrays[name] for name in expected - set(_TEXTS)})


def _check_values(path, ids, labels, logits, class_names):
    count, classes = len(ids), len(class_names)
    shape = (count, classes)[: labels.ndim]
    if not count or labels.shape != shape or logits.shape != (count, classes):
        raise ResultError(
            f"{path}: expected labels [N] or [N, K] and logits [N, K] of at least one video, got "
            f"{labels.shape} and {logits.shape} of {count} videos and {classes} classes"
        )
    if labels.ndim == 1 and (labels.min() < 0 or labels.max() >= classes):
        raise ResultError(
            f"{path}: expected labels from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"
        )
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < count:
        raise ResultError(
            f"{path}: expected every id once, {str(names[counts > 1][0])!r} is repeated"
        )
    wrong = ~np.isfinite(logits).all(axis=1)
    if wrong.any():
        raise ResultError(
            f"{path}: logits of {wrong.sum()} of {count} videos are not finite, the first "
            f"{str(ids[wrong.argmax()])!r}"
        )
