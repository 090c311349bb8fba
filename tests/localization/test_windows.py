"""Scores of windows over time, and their grouping to segments."""

import numpy as np
import pytest

from i3d.localization import windows
from i3d.localization.segments import Segment
from i3d.localization.windows import ScoresOverTime, grouped, over_time


def test_scores_over_time_are_those_of_the_middle_halves_of_windows():
    start, scores = np.array([0.0, 1.0, 2.0]), np.array([[0.9], [0.3], [0.6]])
    found = over_time(start, start + 2, scores)
    np.testing.assert_allclose(found.edges_s, [0, 1.5, 2.5, 4])
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)


def test_windows_without_overlap_and_one_alone_are_what_they_are():
    start, scores = np.array([0.0, 2.0, 4.0]), np.array([[0.9], [0.3], [0.6]])
    np.testing.assert_allclose(over_time(start, start + 2, scores).scores, scores, atol=1e-6)
    alone = over_time(np.zeros(1), np.ones(1) * 1.3, scores[:1])
    assert alone.edges_s.tolist() == [0, 1.3] and alone.scores.shape == (1, 1)
    apart = over_time(start, start + 1, scores)
    np.testing.assert_allclose(apart.scores[:, 0], [0.9, 0, 0.3, 0, 0.6], atol=1e-6)


def test_scores_over_time_equal_a_slow_computation():
    rng = np.random.default_rng(0)
    start, scores = np.arange(30) * 0.3, rng.random((30, 4))
    found = over_time(start, start + 1.2, scores)
    begin, end = start + 0.3, start + 0.9
    begin[0], end[-1] = 0, start[-1] + 1.2
    for middle, row in zip((found.edges_s[:-1] + found.edges_s[1:]) / 2, found.scores, strict=True):
        inside = (begin <= middle) & (middle < end)
        np.testing.assert_allclose(row, scores[inside].mean(axis=0), atol=1e-6)


def _curve(*scores):
    return ScoresOverTime(np.arange(len(scores[0]) + 1.0), np.float32(scores).T)


def test_two_actions_one_after_another():
    first = [0.0, 0.0, 0.9, 0.8, 0.9, 0.1, 0.0, 0.0, 0.0, 0.0]
    other = [0.0, 0.0, 0.1, 0.1, 0.1, 0.2, 0.7, 0.7, 0.0, 0.0]
    found = grouped(_curve(first, other), ["jump", "run"], "my", min_score=0.3)
    assert [(one.label, one.start_s, one.end_s) for one in found] == [
        ("jump", 2.0, 5.0), ("run", 6.0, 8.0),
    ]  # fmt: skip
    assert found[0].score == pytest.approx(0.8667 - 0.0333, abs=0.02) and found[0].video == "my"


def test_the_same_action_twice_and_a_dip_within_one():
    scores = [0.9, 0.5, 0.9, 0.0, 0.0, 0.0, 0.9, 0.9]
    found = grouped(_curve(scores), ["jump"], "my", min_score=0.3)
    assert sorted((one.start_s, one.end_s) for one in found) == [(0.0, 3.0), (6.0, 8.0)]


def test_an_action_of_the_whole_video_scores_as_much_as_its_mean():
    assert grouped(_curve([0.8, 0.6]), ["jump"], "my") == [
        Segment("my", 0.0, 2.0, "jump", pytest.approx(0.7))
    ]


def test_nothing_is_found_where_no_score_is_above_a_threshold():
    assert grouped(_curve([0.05, 0.05]), ["jump"], "my") == []
    assert grouped(_curve([0.9, 0.0]), [""], "my") == []


def test_spans_are_the_runs_above_each_threshold_once():
    spans = windows._spans(np.array([0.9, 0.2, 0.9]), (0.1, 0.5, 0.6))
    assert spans.tolist() == [[0, 1], [0, 3], [2, 3]]
