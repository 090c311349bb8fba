"""Metrics: published numbers, ties, absent classes, padding."""

import numpy as np
import pytest

from i3d.evaluation import metrics
from tests.golden import mmaction

GOLDEN = mmaction.read("metrics.json")["cases"]


def scores_and_labels(case):
    seed, n, classes = case["seed"], case["n"], case["classes"]
    scores = mmaction.uniform("metric_scores", (n, classes), seed)
    labels = (mmaction.uniform("metric_labels", (n,), seed) + 1) / 2 * classes
    return np.round(scores, 1) if case["ties"] else scores, labels.astype(int).clip(max=classes - 1)


@pytest.mark.parametrize("case", GOLDEN, ids=["plain", "ties", "few"])
def test_accuracies_are_the_published_ones(case):
    scores, labels = scores_and_labels(case)
    found = [metrics.top_k_accuracy(scores, labels, k) for k in case["topk"]]
    assert found == pytest.approx(case["top_k"], rel=1e-12)
    counts = metrics.confusion_matrix(scores, labels)
    assert metrics.mean_class_accuracy(counts) == pytest.approx(case["mean_class_accuracy"])
    rows = counts[: len(case["confusion_true"])]
    shares = rows / rows.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, case["confusion_true"], rtol=1e-12)


def test_ties_rank_by_class_index():
    scores = np.array([[1, 3, 3, 3], [2, 2, 2, 2]])
    assert metrics.in_top_k(scores, [1, 0]).tolist() == [True, True]
    assert metrics.in_top_k(scores, [2, 1]).tolist() == [False, False]
    assert metrics.in_top_k(scores, [3, 2], 2).tolist() == [False, False]
    assert metrics.in_top_k(scores, [3, 2], 3).tolist() == [True, True]
    assert metrics.in_top_k(scores, [0, 3], 3).tolist() == [False, False]
    assert metrics.in_top_k(scores, [0, 3], 9).all()  # more than there are classes
    # The best class is the same for all metrics.
    assert metrics.confusion_matrix(scores, [1, 0]).trace() == 2


def test_padded_rows_count_nowhere():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [np.nan, np.nan], [0.0, 0.0]])
    labels, mask = np.array([1, 1, -1, 0]), np.array([1, 1, 0, 0])
    assert metrics.top_k_accuracy(scores, labels, 1, mask) == 0.5
    assert metrics.confusion_matrix(scores, labels, mask).tolist() == [[0, 0], [1, 1]]


def test_absent_classes_do_not_change_the_mean():
    # Class 1 is only predicted, class 3 neither occurs nor is predicted.
    counts = np.array([[3, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(metrics.class_accuracy(counts), [0.75, np.nan, 0.5, np.nan])
    assert metrics.mean_class_accuracy(counts) == 0.625


def test_confusion_adds_up_over_shards_and_takes_small_label_types():
    scores = mmaction.uniform("shards", (30, 300), 0)
    labels = np.arange(30, dtype=np.uint8) + 200
    parts = [metrics.confusion_matrix(scores[i : i + 10], labels[i : i + 10]) for i in (0, 10, 20)]
    whole = metrics.confusion_matrix(scores, labels)
    assert whole.shape == (300, 300) and whole.sum() == 30
    np.testing.assert_array_equal(sum(parts), whole)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_interval_is_that_of_newcombe(hits, total, low, high):
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I; the last by symmetry."""
    assert metrics.wilson_interval(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_of_one_half_is_symmetric():
    low, high = metrics.wilson_interval(50, 100)
    assert low == pytest.approx(0.403832, abs=1e-6) and low + high == pytest.approx(1)
    wide = metrics.wilson_interval(50, 100, z=2.575829)
    assert wide[0] < low and high < wide[1]


def test_confusion_text():
    counts = np.array([[12, 0], [3, 4]])
    assert metrics.confusion_text(counts, ["run", "jump up"]).splitlines() == [
        "           0  1",
        "0 run     12  0",
        "1 jump up  3  4",
    ]


def test_class_table():
    counts = np.array([[12, 0, 0], [3, 4, 1], [0, 0, 0]])
    assert metrics.class_table(counts, ["run", "jump up", "sit"]).splitlines() == [
        "run      100.0 % of    12",
        "jump up   50.0 % of     8  3 as run",
        "sit          - % of     0",
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.in_top_k([[1, 2]], [2]), r"labels in 0\.\.1, got 2\.\.2"),
        (lambda: metrics.in_top_k([[1, 2]], [0], 0), "k >= 1, got 0"),
        (lambda: metrics.in_top_k([[1, 2]], [0.0]), "integer labels, got float64"),
        (lambda: metrics.in_top_k([1, 2], [0]), r"got \(2,\) and \(1,\)"),
        (lambda: metrics.in_top_k([[1, np.nan]], [0]), "scores of 1 examples hold NaN"),
        (lambda: metrics.top_k_accuracy([[1, 2]], [0], 1, [False]), "at least 1 example"),
        (lambda: metrics.top_k_accuracy([[1, 2]], [0], 1, [True, False]), r"a mask \(1,\)"),
        (lambda: metrics.mean_class_accuracy(np.zeros((2, 2), int)), "at least 1 example"),
        (lambda: metrics.wilson_interval(3, 2), "got 3 of 2"),
        (lambda: metrics.wilson_interval(0, 0), "got 0 of 0"),
    ],
)
def test_input_that_has_no_answer_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_intervals_end_exactly_at_0_and_1():
    for total in range(1, 200):
        assert metrics.wilson_interval(total, total)[1] == 1.0
        assert metrics.wilson_interval(0, total)[0] == 0.0
