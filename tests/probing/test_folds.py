"""Folds by class and source, and draws of few videos."""

import numpy as np
import pytest

from i3d.probing.folds import assigned, drawn, sources

LABELS = np.array([0] * 6 + [1] * 6 + [2])
GROUPS = [*"aabbcc", *"aaaaaa", "z"]


def test_sources_stay_together_within_a_class():
    together, alone = sources(LABELS, GROUPS)
    assert alone == [1]  # all of one source: each for itself
    assert len(set(together[:6])) == 3 and len(set(together[6:12])) == 6
    assert not set(together[:6]) & set(together[6:])


@pytest.mark.parametrize("count", [2, 3, 5])
def test_folds_spread_each_class_and_part_no_source(count):
    folds = assigned(LABELS, GROUPS, count, seed=3)
    assert folds[-1] == -1  # the one video of its class is never tested
    assert len({(g, f) for g, f in zip(GROUPS[:6], folds[:6], strict=True)}) == 3
    for label, of_sources in ((0, 3), (1, 6)):
        own = folds[LABELS == label]
        assert own.min() >= 0 and len(set(own)) == min(count, of_sources)
    assert np.bincount(folds[6:12], minlength=count).max() <= -(-6 // count)
    np.testing.assert_array_equal(folds, assigned(LABELS, GROUPS, count, seed=3))
    assert (folds != assigned(LABELS, GROUPS, count, seed=4)).any()


def test_drawn_videos_are_of_as_many_sources_as_there_are():
    for seed in range(5):
        chosen = drawn(LABELS[:12], GROUPS[:12], 3, seed)
        assert np.bincount(LABELS[:12][chosen]).tolist() == [3, 3]
        assert {g for g, c in zip(GROUPS[:6], chosen[:6], strict=True) if c} == {"a", "b", "c"}
