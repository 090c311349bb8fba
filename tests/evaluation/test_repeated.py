"""Several tests of one network: means, deviations, draws of classes, what is printed."""

import dataclasses

import numpy as np
import pytest

from i3d.evaluation import repeated
from i3d.evaluation.repeated import Repeated
from i3d.evaluation.results import Result


def result(hits, classes=8):
    """Four videos of classes 0 to 3, of which so many score best for their own."""
    labels = np.arange(4)
    logits = np.zeros((4, classes), np.float32)
    logits[np.arange(4), np.where(labels < hits, labels, classes - 1)] = 1
    names = np.array([f"class {n}" for n in range(classes)])
    return Result(np.array(list("abcd")), labels, logits, names, "rgb", f"protocol of {classes}")


def test_means_and_deviations():
    found = Repeated(("one", "two", "three"), tuple(result(n) for n in (1, 2, 4)), "of all")
    assert found.top1.mean == pytest.approx(7 / 12)
    assert found.top1.deviation == pytest.approx(np.std([0.25, 0.5, 1], ddof=1))
    assert found.mean_class_accuracy == found.top1 and found.chance == 1 / 8
    assert Repeated(("one",), (result(1),), "").top1 == (0.25, 0)
    lines = repeated.described(found).splitlines()
    assert lines[0] == "of all"  # not that of the first test
    assert lines[1].startswith("one    top-1  25.00 %, top-5 ")
    assert lines[1].endswith("classes  25.00 %  (4 videos, 4 of 8 classes have videos)")
    assert lines[4].startswith("mean +- standard deviation of 3: top-1 58.33 +- 38.19 %, top-5 ")
    assert lines[5] == "chance: top-1 12.50 %"
    assert repr(found).startswith("<Repeated tests: one, two, three: top-1 58.33 +- 38.19 %")


def test_classes_that_have_videos_are_counted():
    """Of several labels, too."""
    every = result(4, classes=4)
    labels = np.zeros((4, 4), bool)
    labels[:, 1:3] = True
    for one, words in (
        (every, "4 videos of 4 classes"),
        (dataclasses.replace(every, labels=labels), "4 videos, 2 of 4 classes have videos"),
    ):
        lines = repeated.described(Repeated(("one",), (one,), "of all")).splitlines()
        assert lines[1].startswith("one  ") and lines[1].endswith(f"  ({words})")


def test_draws_of_half_of_the_classes():
    draws = repeated.half_classes(101, 10, seed=0)
    assert [len(set(draw.tolist())) for draw in draws] == [50] * 10
    assert all((np.diff(draw) > 0).all() for draw in draws)
    assert len({tuple(draw) for draw in draws}) == 10
    again = repeated.half_classes(101, 10, seed=0)
    assert all((a == b).all() for a, b in zip(draws, again, strict=True))
    assert tuple(repeated.half_classes(101, 1, seed=1)[0]) != tuple(draws[0])
    counts = np.bincount(np.concatenate(repeated.half_classes(10, 400, seed=3)), minlength=10)
    assert abs(counts - 200).max() < 50  # each class as often
