"""Mean average precision: published numbers, ties, classes and videos without a positive."""

import math

import numpy as np
import pytest

from i3d.evaluation import average_precision as ap
from tests.golden import mmaction

GOLDEN = mmaction.read("metrics.json")["cases"]


def scores_and_truth(case):
    """Returns what the note in the golden file says."""
    seed, n, classes = case["seed"], case["n"], case["classes"]
    scores = mmaction.uniform("metric_scores", (n, classes), seed)
    truth = mmaction.uniform("metric_many", (n, classes), seed) > 0.4
    truth[~truth.any(axis=1), 0] = True
    if not seed:
        truth[:, 3] = False
    return np.round(scores, 1) if case["ties"] else scores, truth


@pytest.mark.parametrize("case", GOLDEN, ids=["plain", "ties", "few"])
def test_both_means_are_the_published_ones(case):
    scores, truth = scores_and_truth(case)
    assert ap.mean_average_precision(scores, truth) == pytest.approx(case["map"], rel=1e-12)
    found = ap.mmit_mean_average_precision(scores, truth)
    assert found == pytest.approx(case["mmit_map"], rel=1e-12)


def test_by_hand():
    # Ranked right, wrong, right: (1/1 + 2/3) / 2; the other way round wrong, right, wrong: 1/2.
    scores = np.array([[3.0, 1], [2, 2], [1, 3]])
    truth = np.array([[1, 0], [0, 1], [1, 0]], bool)
    np.testing.assert_allclose(ap.of_classes(scores, truth), [5 / 6, 1 / 2])
    assert ap.mean_average_precision(scores, truth) == pytest.approx(2 / 3)
    # Of the videos: right first; a tie, half of which is right; right second.
    assert ap.mmit_mean_average_precision(scores, truth) == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_a_constant_score_is_worth_the_share_of_positives():
    truth = np.array([[1, 0], [0, 0], [0, 1], [0, 1]], bool)
    found = ap.of_classes(np.zeros((4, 2)), truth)
    np.testing.assert_allclose(found, [1 / 4, 1 / 2])
    np.testing.assert_allclose(ap.of_classes(np.zeros((4, 2)), truth[::-1]), found)


def test_what_has_no_positive_does_not_count():
    scores, truth = np.array([[2.0, 1, 0], [1, 2, 3]]), np.array([[1, 0, 0], [0, 0, 0]], bool)
    assert np.isnan(ap.of_classes(scores, truth)).tolist() == [False, True, True]
    assert ap.mean_average_precision(scores, truth) == 1
    assert ap.mmit_mean_average_precision(scores, truth) == 1
    nothing = np.zeros_like(truth)
    assert math.isnan(ap.mean_average_precision(scores, nothing))
    assert math.isnan(ap.mmit_mean_average_precision(scores, nothing))


def test_the_table_tells_of_every_class():
    scores, truth = np.array([[2.0, 1, 0], [1, 2, 3]]), np.array([[1, 0, 1], [0, 0, 1]], bool)
    lines = ap.class_table(scores, truth, ["run", "sit", "somersault"]).splitlines()
    assert [line.split() for line in lines] == [
        ["run", "100.0", "%", "of", "1"],
        ["sit", "-", "%", "of", "0"],
        ["somersault", "100.0", "%", "of", "2"],
    ]


@pytest.mark.parametrize(
    ("scores", "truth", "words"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2), bool), "expected scores"),
        (np.zeros((2, 3)), np.zeros((2, 3), int), "bool truth"),
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "expected scores"),
        (np.full((2, 3), np.nan), np.ones((2, 3), bool), "2 examples hold NaN"),
    ],
)
def test_what_is_no_ranking_is_refused(scores, truth, words):
    with pytest.raises(ValueError, match=words):
        ap.mean_average_precision(scores, truth)
