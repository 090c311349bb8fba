"""Accuracies of saved scores: numpy, on the host, one row of scores per video.

    top_k_accuracy(scores, labels, 5, mask)                    # padded rows left out
    counts = confusion_matrix(scores, labels, mask)            # [K, K], summable over shards
    print(class_table(counts, names), mean_class_accuracy(counts), *wilson_interval(hits, total))

Scores are float [N, K], logits or probabilities, higher is better; labels int [N] in 0..K-1; mask
bool [N], False for rows that only fill up a batch. Equal scores rank by class index, lowest first,
as in tf.math.top_k, so that a constant score is no free hit.
"""

import math
from collections.abc import Sequence

import numpy as np


def in_top_k(scores: np.ndarray, labels: np.ndarray, k: int = 1) -> np.ndarray:
    """Returns bool [N]: whether the label is among the k best classes of its row.

    Raises:
      ValueError: shapes do not fit, a label is outside 0..K-1, a score is NaN, or k < 1.
    """
    scores, labels = _checked(scores, labels, None)
    if k < 1:
        raise ValueError(f"expected k >= 1, got {k}")
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, None]
    rank = np.sum((scores > own) | ((scores == own) & before), axis=1)
    return rank < k


def top_k_accuracy(
    scores: np.ndarray, labels: np.ndarray, k: int = 1, mask: np.ndarray | None = None
) -> float:
    """Returns the share of rows whose label is among the k best classes, in [0, 1].

    Raises:
      ValueError: as `in_top_k`, or the mask leaves no row.

    Source: MMAction2 `top_k_accuracy`. Deviation: there ties go as an unstable sort leaves them.
    """
    scores, labels = _checked(scores, labels, mask)
    return float(in_top_k(scores, labels, k).mean())


def confusion_matrix(
    scores: np.ndarray, labels: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Returns int64 [K, K]: how often a row of class i (first axis) scored best for class j.

    Raises:
      ValueError: as `top_k_accuracy`.
    """
    scores, labels = _checked(scores, labels, mask)
    num_classes = scores.shape[1]
    cells = labels * num_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_accuracy(counts: np.ndarray) -> np.ndarray:
    """Returns float [K]: the share of each class that was recognised, NaN without examples.

    Args:
      counts: int [K, K] of `confusion_matrix`.
    """
    total = counts.sum(axis=1)
    return np.where(total > 0, np.diag(counts) / np.maximum(total, 1), np.nan)


def mean_class_accuracy(counts: np.ndarray) -> float:
    """Returns the mean of `class_accuracy` over the classes that have examples.

    Raises:
      ValueError: there are no examples.

    Source: MMAction2 `mean_class_accuracy`. Deviation: there a class without examples counts as
    an accuracy of 0 once it was predicted.
    """
    accuracy = class_accuracy(counts)
    if np.isnan(accuracy).all():
        raise ValueError("expected at least 1 example, got an empty confusion matrix")
    return float(np.nanmean(accuracy))


def wilson_interval(hits: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Returns the 95 % interval (low, high) of an accuracy, from `hits` of `total` examples.

    Holds for few examples and for accuracies near 0 and 1, unlike p +- z * sqrt(p (1 - p) / n).

    Args:
      z: quantile of the normal distribution; 2.575829 for 99 %.

    Raises:
      ValueError: hits is not within 0..total, or total is 0.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not 0 <= hits <= total or total == 0:
        raise ValueError(f"expected 0 <= hits <= total and total >= 1, got {hits} of {total}")
    share, weight = hits / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    low = max(centre - half, 0.0) if hits else 0.0  # exactly, whatever rounding does
    return low, min(centre + half, 1.0) if hits < total else 1.0


def confusion_text(counts: np.ndarray, names: Sequence[str]) -> str:
    """Returns the confusion matrix as text: a row per true class, a column per predicted one.

    Columns carry the number of the class, which stands before its name in the rows.

    Args:
      counts: int [K, K] of `confusion_matrix`.
      names: K strings.
    """
    width = max(len(str(counts.max())), len(str(len(names) - 1))) + 1
    titles = [f"{i:>{len(str(len(names)))}} {name}" for i, name in enumerate(names)]
    left = max(map(len, titles))
    lines = [" " * left + "".join(f"{i:>{width}}" for i in range(len(names)))]
    for title, row in zip(titles, counts, strict=True):
        lines.append(f"{title:<{left}}" + "".join(f"{count:>{width}}" for count in row))
    return "\n".join(lines)


def class_table(counts: np.ndarray, names: Sequence[str]) -> str:
    """Returns a line per class: accuracy, examples, and what is its most frequent wrong prediction.

    Args:
      counts: int [K, K] of `confusion_matrix`.
      names: K strings.
    """
    left = max(map(len, names))
    lines = []
    for i, (name, row, accuracy) in enumerate(
        zip(names, counts, class_accuracy(counts), strict=True)
    ):
        wrong = np.where(np.arange(len(row)) == i, 0, row)
        percent = f"{100 * accuracy:5.1f} %" if row.sum() else "    - %"
        taken = f"  {wrong.max()} as {names[int(wrong.argmax())]}" if wrong.max() else ""
        lines.append(f"{name:<{left}}  {percent} of {row.sum():>5}{taken}")
    return "\n".join(lines)


def _checked(scores, labels, mask):
    """Returns scores [n, K] and labels [n] of the rows that count, as arrays."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"expected integer labels, got {labels.dtype}")
    labels = labels.astype(np.int64)  # uint8 times the number of classes would not fit
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"expected scores [N, K] and labels [N], got {scores.shape} and {labels.shape}"
        )
    if mask is not None:
        mask = np.asarray(mask, bool)
        if mask.shape != labels.shape:
            raise ValueError(f"expected a mask {labels.shape} as the labels, got {mask.shape}")
        scores, labels = scores[mask], labels[mask]
    if not len(labels):
        raise ValueError("expected at least 1 example, got none")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(
            f"expected labels in 0..{scores.shape[1] - 1}, got {labels.min()}..{labels.max()}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"scores of {np.isnan(scores).any(axis=1).sum()} examples hold NaN")
    return scores, labels
