"""The diagnosis on cases made by hand: each kind of false segment, each length of missed truth."""

import numpy as np
import pytest

from i3d.localization import diagnosis
from i3d.localization.diagnosis import Missed, diagnose
from i3d.localization.metrics import mean_ap
from i3d.localization.segments import Segment

TRUTH = [
    Segment("a", 0, 10, "jump"), Segment("a", 20, 30, "run"),
    Segment("b", 0, 10, "jump"), Segment("b", 40, 42, "run"),
]  # fmt: skip


def kinds(found, truth=TRUTH):
    """Returns {kind: count} of those that occur."""
    result = diagnose(truth, found)
    assert list(result.kinds) == list(diagnosis.KINDS)
    counts = {kind: one.count for kind, one in result.kinds.items() if one.count}
    return {"right": result.right} | counts if result.right else counts


@pytest.mark.parametrize(
    "start, end, label, expected",
    [
        (0, 10, "jump", "right"),
        (0, 5, "jump", "right"),  # a tIoU of 0.5
        (20, 30, "jump", "wrong label"),
        (0, 4, "jump", "localization error"),
        (9, 10, "jump", "localization error"),  # a tIoU of 0.1
        (26, 36, "jump", "confusion"),
        (9.1, 10, "jump", "background"),
        (50, 60, "jump", "background"),
    ],
)
def test_one_segment(start, end, label, expected):
    assert kinds([Segment("a", start, end, label, 0.5)]) == {expected: 1}


def test_a_second_one_on_a_taken_truth_is_a_double_detection():
    twice = [Segment("a", 0, 10, "jump", 0.5), Segment("a", 0, 9, "jump", 0.9)]
    assert kinds(twice) == {"right": 1, "double detection": 1}


def test_a_video_without_truth_is_background():
    assert kinds([Segment("z", 0, 10, "jump", 0.5)]) == {"background": 1}


def test_of_equal_overlaps_that_of_the_own_label_counts():
    truth = [Segment("a", 0, 10, "run"), Segment("a", 0, 10, "jump")]
    assert kinds([Segment("a", 0, 4, "jump", 0.5)], truth) == {"localization error": 1}


def test_ten_times_the_truths_of_a_label_are_looked_at():
    many = [Segment("a", 100 + n, 101 + n, "jump", n / 100) for n in range(50)]
    assert kinds([*many, Segment("a", 0, 10, "jump", 0)]) == {"background": 20}


def test_labels_without_truth_are_not_looked_at():
    assert kinds([Segment("a", 0, 10, "fly", 0.5)]) == {}


def test_gain_of_leaving_a_kind_out():
    found = [
        Segment("a", 0, 10, "jump", 0.5), Segment("b", 0, 10, "jump", 0.4),
        Segment("a", 50, 60, "jump", 0.9), Segment("a", 0, 10, "jump", 0.1),
        Segment("a", 20, 30, "run", 0.5),
    ]  # fmt: skip
    result = diagnose(TRUTH, found)
    assert mean_ap(TRUTH, found, [0.5]).average == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert result.kinds["background"].gain == pytest.approx((1 - 2 / 3) / 2)
    assert result.kinds["double detection"] == (1, 0)  # it comes after all that is right


def test_missed_truths_by_their_length():
    found = [Segment("a", 0, 10, "jump", 0.5), Segment("b", 40, 42, "jump", 0.5)]
    assert diagnose(TRUTH, found, lengths=[2, 10]).missed == [
        Missed(0, 2, 1, 1), Missed(2, 10, 3, 2), Missed(10, np.inf, 0, 0),
    ]  # fmt: skip


def test_nothing_found_misses_all():
    result = diagnose(TRUTH, [])
    assert result.right == 0 and not any(one.count for one in result.kinds.values())
    assert sum(one.missed for one in result.missed) == 4


def test_the_threshold_moves_the_kinds():
    found = [Segment("a", 0, 6, "jump", 0.5), Segment("a", 20, 26, "jump", 0.5)]
    counts = {kind: one.count for kind, one in diagnose(TRUTH, found, 0.7).kinds.items()}
    assert counts["localization error"] == counts["confusion"] == 1
    assert diagnose(TRUTH, found, 0.5).right == 1
