"""Mean average precision of videos with several labels: numpy, on the host.

    mean_average_precision(scores, truth)             # mean over the classes: "mAP"
    mmit_mean_average_precision(scores, truth)        # mean over the videos
    print(class_table(scores, truth, names))

Scores are float [N, K], logits or probabilities, higher is better; truth is bool [N, K]: whether a
video has a label. Average precision is the mean, over the positives, of the precision at the
threshold at which each is found; equal scores are one threshold.
"""

from collections.abc import Sequence

import numpy as np


def mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Returns the mean average precision over the classes that a video has, in [0, 1].

    The videos are ranked for each class. NaN where no video has a label.

    Raises:
      ValueError: shapes do not fit, there is no video, or a score is NaN.

    Source: MMAction2 `mean_average_precision`.
    """
    return _mean(of_classes(scores, truth))


def mmit_mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Returns the mean average precision over the videos that have a label, in [0, 1].

    The classes are ranked for each video. NaN where no video has a label.

    Raises:
      ValueError: as `mean_average_precision`.

    Source: MMAction2 `mmit_mean_average_precision`, of Multi-Moments in Time. Deviation: there one
    video without a label makes the mean NaN.
    """
    scores, truth = _checked(scores, truth)
    return _mean(np.array([_of_ranking(*pair) for pair in zip(scores, truth, strict=True)]))


def of_classes(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns float64 [K]: the average precision of each class, NaN where no video has it.

    Raises:
      ValueError: as `mean_average_precision`.
    """
    scores, truth = _checked(scores, truth)
    return np.array([_of_ranking(*pair) for pair in zip(scores.T, truth.T, strict=True)])


def class_table(scores: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> str:
    """Returns a line per class: its average precision and how many videos have it.

    Args:
      scores, truth: [N, K].
      names: K strings.
    """
    left = max(map(len, names))
    each = zip(names, of_classes(scores, truth), np.sum(truth, axis=0), strict=True)
    return "\n".join(
        f"{name:<{left}}  {f'{100 * value:5.1f} %' if count else '    - %'} of {count:>5}"
        for name, value, count in each
    )


def _of_ranking(scores, truth):
    """Returns the average precision of scores [M] for truth bool [M], NaN without a positive."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of the equal scores at each threshold
    found = np.cumsum(truth[order])[last]
    if not found[-1]:
        return np.nan
    precision = found / (np.flatnonzero(last) + 1)
    return float(np.sum(np.diff(found, prepend=0) * precision) / found[-1])


def _mean(values):
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _checked(scores, truth):
    scores, truth = np.asarray(scores), np.asarray(truth)
    if truth.dtype != bool or scores.ndim != 2 or scores.shape != truth.shape or not scores.size:
        raise ValueError(
            f"expected scores [N, K] and bool truth [N, K], got {scores.shape} and {truth.dtype} "
            f"{truth.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"scores of {np.isnan(scores).any(axis=1).sum()} examples hold NaN")
    return scores, truth
