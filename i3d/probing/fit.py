"""Heads on features: logistic regression, nearest neighbours, nearest class mean.

    head = fit("logistic", features, labels, groups)      # float [N, C], int [N], N names
    head.probabilities(features)                          # float64 [N, K]
    head.linear                                           # kernel [C, K] and bias [K], or None

Features are standardised by channel with the mean and deviation of those trained on. On
UT-Interaction (I3D of Kinetics, 37 test videos) logistic regression then has 37 right; 36 with
features of length 1, and 36 with one scale for all channels.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from i3d.inference.average import softmax
from i3d.probing.folds import assigned

STRENGTHS = tuple(10.0**power for power in range(-4, 2))  # C: the inverse of the weight of L2
_USUAL = 1.0  # where there are too few videos to choose it by cross-validation
_FOLDS, _FEW_FOLDS, _MANY = 5, 3, 2000  # of the choice; with more than so many videos, fewer
_NEIGHBOURS = 5  # at most
_LARGE = 10**7  # numbers


class Linear(NamedTuple):
    """Logits = features @ kernel + bias; kernel float64 [C, K], bias float64 [K]."""

    kernel: np.ndarray
    bias: np.ndarray


class Head:
    """A classifier of K classes on features.

    Attributes:
      described: a line on what it is and what was chosen.
      linear: Linear on features as they are; None where it is none.
    """

    described: str
    linear: Linear | None = None

    def __init__(self, features: np.ndarray) -> None:
        """Takes mean and deviation of float [N, C]."""
        self.mean, deviation = features.mean(axis=0), features.std(axis=0)
        self.scale = np.where(deviation > 1e-6 * max(1e-30, deviation.max()), deviation, np.inf)

    def standardised(self, features: np.ndarray) -> np.ndarray:
        """Returns float64 [N, C]; channels that are constant in training are 0."""
        return (np.asarray(features, np.float64) - self.mean) / self.scale

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Returns float64 [N, K] of features [N, C]."""
        assert self.linear
        return softmax(np.asarray(features, np.float64) @ self.linear.kernel + self.linear.bias)

    def _set(self, weights: np.ndarray, bias: np.ndarray) -> None:
        """Sets `linear` from weights [C, K] and bias [K] on standardised features."""
        kernel = weights / self.scale[:, None]
        self.linear = Linear(kernel, bias - self.mean @ kernel)


class Logistic(Head):
    """Multinomial logistic regression with L2, its strength chosen by cross-validated log loss."""

    def __init__(self, features, labels, groups, seed=0):
        """Fits it; arguments as `fit` has them."""
        super().__init__(features)
        x = self.standardised(features)
        with _threads(x):
            basis = np.eye(x.shape[1])
            if len(x) < x.shape[1]:
                # The weights lie in the span of the videos: as many numbers of each as there are
                # videos give the same solution, and sooner.
                basis = np.linalg.svd(x, full_matrices=False)[2]
            x = x @ basis.T
            strength, how = _strength(x, labels, groups, seed)
            weights, bias = _of_all_classes(_regression(x, labels, strength))
        self._set(basis.T @ weights, bias)
        self.described = f"logistic regression, C={strength:g} {how}"


class Mean(Head):
    """Nearest mean of a class; logits are negative squared distances, relative to their spread."""

    def __init__(self, features, labels, groups=(), seed=0):
        """Fits it; arguments as `fit` has them."""
        super().__init__(features)
        x = self.standardised(features)
        means = np.array([x[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
        spread = np.square(x - means[labels]).sum(axis=1).mean()
        spread = spread or np.square(means - means.mean(axis=0)).sum(axis=1).mean() or 1.0
        self._set(2 * means.T / spread, -np.square(means).sum(axis=1) / spread)
        self.described = "nearest class mean"


class Neighbours(Head):
    """Votes of the nearest videos by the cosine of standardised features, weighted by it."""

    def __init__(self, features, labels, groups=(), seed=0):
        """Fits it; arguments as `fit` has them."""
        super().__init__(features)
        self._videos, self._labels = _unit(self.standardised(features)), labels
        self._count = min(_NEIGHBOURS, int(np.bincount(labels).min()))
        self.described = f"k-nearest neighbours, k={self._count}"

    def probabilities(self, features):
        """Returns float64 [N, K]: shares of the votes."""
        cosines = _unit(self.standardised(features)) @ self._videos.T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : self._count]
        votes = np.zeros((len(features), self._labels.max() + 1))
        for row, videos in enumerate(nearest):
            np.add.at(votes[row], self._labels[videos], 1e-6 + np.maximum(0, cosines[row, videos]))
        return votes / votes.sum(axis=1, keepdims=True)


_KINDS = {"logistic": Logistic, "knn": Neighbours, "mean": Mean}


def fit(
    kind: str,
    features: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str] | np.ndarray,
    seed: int = 0,
) -> Head:
    """Returns a Head.

    Args:
      kind: "logistic", "knn" or "mean".
      features: float [N, C].
      labels: int [N] of all classes 0..K-1, K at least 2.
      groups: N names of sources, kept together where the strength is chosen.
      seed: of the folds of that choice.
    """
    return _KINDS[kind](np.asarray(features, np.float64), labels, groups, seed)


def _threads(x):
    """Context with one thread for few numbers: more of them wait for each other longer."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    return threadpool_limits(1 if x.size < _LARGE else None)


def _strength(x, labels, groups, seed):
    """Returns C, and the words on how it was chosen."""
    folds = assigned(labels, groups, _FOLDS if len(x) < _MANY else _FEW_FOLDS, seed)
    if (folds < 0).all():
        return _USUAL, "(too few videos to choose it)"
    losses = np.zeros(len(STRENGTHS))
    for fold in np.unique(folds[folds >= 0]):
        test = folds == fold
        for place, strength in enumerate(STRENGTHS):
            model = _regression(x[~test], labels[~test], strength)
            own = np.searchsorted(model.classes_, labels[test])
            p = model.predict_proba(x[test])[np.arange(test.sum()), own]
            losses[place] -= np.log(np.maximum(p, 1e-12)).sum()
    return STRENGTHS[int(losses.argmin())], "by cross-validation"


def _regression(x, labels, strength):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():  # a solution that is nearly found is as good here
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Few videos of many classes: it asks whether they are not numbers to be predicted.
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        return LogisticRegression(C=strength, max_iter=500).fit(x, labels)


def _of_all_classes(model):
    """Returns weights [C, K] and bias [K]; of two classes scikit-learn has the difference alone."""
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.array([-bias[0], bias[0]]) / 2
    return weights, bias


def _unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
