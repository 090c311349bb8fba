"""The one average: over views as published, and without overflow."""

import numpy as np

from i3d.inference.average import Sums, added, sigmoid
from tests.golden import mmaction

VIEWS = mmaction.read("views_and_loss.json")


def average(logits, kind):
    """Returns float32 [..., K] of logits [..., V, K]: what Sums make of the views of a video."""
    if logits.ndim > 2:
        return np.stack([average(one, kind) for one in logits])
    sums = Sums(kind)
    for row in logits:
        sums.add(row)
    scores = sums.scores()
    return scores.probabilities if kind == "prob" else scores.logits


def test_averages_over_views_are_the_published_ones():
    logits = np.float32(VIEWS["scores"]).reshape(2, VIEWS["num_segs"], -1)
    np.testing.assert_allclose(average(logits, "prob"), VIEWS["prob"], rtol=1e-6)
    np.testing.assert_allclose(average(logits, "logits"), VIEWS["score"], rtol=1e-5)
    np.testing.assert_allclose(average(logits[0], "prob"), VIEWS["prob"][0], rtol=1e-6)


def test_large_logits_do_not_overflow():
    found = average(np.float32([[[1e4, 0], [0, 1e4]]]), "prob")
    np.testing.assert_array_equal(found, [[0.5, 0.5]])


def test_sigmoids_of_each_view_are_averaged_or_that_of_the_mean_logits():
    views = np.float32([[2, -3], [0, 1]])
    each = 1 / (1 + np.exp(-views))
    for kind, expected in (("prob", each.mean(axis=0)), ("logits", 1 / (1 + np.exp([-1, 1])))):
        sums = Sums(kind, "sigmoid")
        for row in views:
            sums.add(row)
        scores = sums.scores()
        np.testing.assert_allclose(scores.probabilities, expected, rtol=1e-6)
        np.testing.assert_allclose(scores.logits, [1, -1])
        assert added([scores], "sigmoid") is scores
    both = added([scores, scores], "sigmoid")
    np.testing.assert_allclose(both.probabilities, 1 / (1 + np.exp([-2, 2])), rtol=1e-6)


def test_sigmoids_neither_overflow_nor_vanish():
    found = sigmoid(np.float32([-1e30, -80, 0, 80, 1e30]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, np.exp(-80.0), 0.5, 1, 1], rtol=1e-5)
