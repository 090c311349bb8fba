"""Calibration: whether predictions of a probability are right as often as that says.

found = calibration(confidence, right)
found.error                                    # expected calibration error (ECE), in [0, 1]
"""

from typing import NamedTuple

import numpy as np

BINS = 15


class Calibration(NamedTuple):
    """Predictions in M bins of equal width in [0, 1].

    Attributes:
      edges: float64 [M + 1]; bin m holds confidences in (edges[m], edges[m + 1]], the first
        also 0.
      counts: int64 [M].
      confidence: float64 [M], mean confidence; NaN of empty bins.
      accuracy: float64 [M], share that is right; NaN of empty bins.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: sum over bins of counts / N * |accuracy - confidence|."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float(np.sum(self.counts * gaps) / self.counts.sum())


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """Returns the Calibration of predictions.

    Args:
      confidence: float [N], probabilities of what was predicted, in [0, 1].
      right: bool [N], whether it is so.
      bins: M, at least 1.

    Raises:
      ValueError: shapes differ, there is none, or a confidence is outside of [0, 1].

    Source: Guo et al. 2017, arXiv:1706.04599, section 2.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if confidence.ndim != 1 or confidence.shape != right.shape or not confidence.size:
        got = f"{confidence.shape} and {right.shape}"
        raise ValueError(f"expected confidences and hits [N] of at least one, got {got}")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("expected confidences from 0 to 1")
    edges = np.linspace(0, 1, bins + 1)
    place = np.maximum(np.searchsorted(edges, confidence, "left") - 1, 0)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means, shares = (
            np.bincount(place, weights=values, minlength=bins) / counts
            for values in (confidence, right)
        )
    return Calibration(edges, counts, means, shares)
