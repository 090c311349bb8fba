"""What a probe finds out: accuracy, its interval, each tested video, the head."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from i3d.evaluation import metrics
from i3d.probing.fit import Linear
from i3d.runtime.command import UserError
from i3d.video.images import Images
from i3d.weights.cards import Card


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the head says of one video that it was not fitted on.

    Attributes:
      id: of the video: its path below the root, without extension.
      label, predicted: names of the class that it has and of that which is most probable.
      probability: of `predicted`.
      probability_of_label: of `label`.
    """

    id: str
    label: str
    predicted: str
    probability: float
    probability_of_label: float


@dataclasses.dataclass(frozen=True)
class Shots:
    """Accuracies with few videos of each class, one for each seed.

    Attributes:
      shots: videos of each class.
      accuracies: {head: accuracies in [0, 1]}.
    """

    shots: int
    accuracies: dict[str, list[float]]


@dataclasses.dataclass(frozen=True, repr=False)
class ProbeResult:
    """A classifier of one's own classes and how good it is.

    Attributes:
      accuracy: share of the tested videos that are labelled right, in [0, 1].
      interval: (low, high), the 95 % interval of `accuracy` by Wilson.
      classes: names, in the order of `confusion` and of the head's logits.
      confusion: int64 [K, K]: rows are true classes, columns predicted ones.
      predictions: of each tested video; each was left out of the fit that it is predicted by.
      protocol: "5-fold cross-validation" or "test videos".
      head: what was fitted, in words.
      shots: rows of the table of few videos; () where none was asked for.
      failures: {id of a video: why it gave no features}.
      seconds: {stage: seconds}: "read", "features", "fit", "save".
      checkpoints: paths of the checkpoints that were written.
      linear: kernel and bias on features side by side, fitted on all videos to train on; None of
        nearest neighbours.
      cards: Cards of the networks whose features were taken.
      precision: that the networks computed in.
    """

    accuracy: float
    interval: tuple[float, float]
    classes: tuple[str, ...]
    confusion: np.ndarray
    predictions: tuple[Prediction, ...]
    protocol: str
    head: str
    shots: tuple[Shots, ...] = ()
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    checkpoints: tuple[str, ...] = ()
    linear: Linear | None = None
    cards: tuple[Card, ...] = ()
    precision: str = "float32"

    def __repr__(self) -> str:
        """Returns accuracy, interval, protocol and head in one line."""
        low, high = (100 * bound for bound in self.interval)
        hits, total = int(np.trace(self.confusion)), int(self.confusion.sum())
        count = len(self.classes)
        return (
            f"<ProbeResult: {100 * self.accuracy:.1f} % ({hits} of {total}; 95 % interval "
            f"{low:.1f} to {high:.1f}) of {count} classes, {self.protocol}, {self.head}>"
        )

    def predict(self, video: str | Images, top_k: int = 5) -> list[tuple[str, float]]:
        """Returns [(class, probability)] of the best classes of a video, best first.

        As `python -m i3d.predict` with the checkpoints that --out writes. Networks are loaded by
        the first call and kept.

        Args:
          video: path of a file, or Images of a folder.
          top_k: number of classes.

        Raises:
          UserError: the file cannot be used, or the head has no weights (nearest neighbours,
            features that came from a file).
        """
        if "_predictor" not in self.__dict__:
            object.__setattr__(self, "_predictor", self._loaded())
        return self.__dict__["_predictor"].predict(video, top_k)

    def _loaded(self) -> Any:
        if self.linear is None or not self.cards:
            raise UserError(
                "predict: expected a probe with a linear head (head='logistic' or 'mean') on the "
                "features of checkpoints"
            )
        from i3d.probing import save

        return save.predictor(self.cards, self.linear, self.classes, self.precision)

    def to_json(self) -> dict[str, Any]:
        """Returns what --json holds: accuracy, interval, classes, confusion, seconds and more."""
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "seconds": round(sum(self.seconds.values()), 3),
            "seconds_by_stage": {name: round(value, 3) for name, value in self.seconds.items()},
            "protocol": self.protocol,
            "head": self.head,
            "tested": int(self.confusion.sum()),
            "predictions": [dataclasses.asdict(one) for one in self.predictions],
            "shots": [dataclasses.asdict(row) for row in self.shots],
            "failures": self.failures,
            "checkpoints": list(self.checkpoints),
        }


def accuracy_of(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[float, tuple[float, float], np.ndarray]:
    """Returns accuracy, 95 % interval and confusion matrix of float [N, K] and int [N]."""
    confusion = metrics.confusion_matrix(probabilities, labels)
    hits, total = int(np.trace(confusion)), int(confusion.sum())
    return hits / total, metrics.wilson_interval(hits, total), confusion


def predictions_of(
    ids: Sequence[str], labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> tuple[Prediction, ...]:
    """Returns the Prediction of each video."""
    return tuple(
        Prediction(id, classes[label], classes[row.argmax()], float(row.max()), float(row[label]))
        for id, label, row in zip(ids, labels, probabilities, strict=True)
    )
