"""Segments and their overlaps."""

import numpy as np

from i3d.localization.segments import Segment, by_video, overlaps


def test_overlaps():
    segments, others = np.array([[0, 4], [2, 3]]), np.array([[2, 4], [5, 6], [0, 4]])
    np.testing.assert_allclose(overlaps(segments, others), [[0.5, 0, 1], [0.5, 0, 0.25]])


def test_overlaps_of_nothing_are_0():
    instants = np.array([[1.0, 1.0], [3.0, 2.0]])
    assert not overlaps(instants, instants).any()
    assert overlaps(np.zeros((0, 2)), instants).shape == (0, 2)


def test_overlaps_keep_the_dtype():
    segments = np.array([[0, 1]], np.float32)
    assert overlaps(segments, segments).dtype == np.float32


def test_by_video_keeps_the_order():
    found = by_video([Segment(name, 0, 1, "x") for name in "bab"])
    assert list(found) == ["b", "a"] and len(found["b"]) == 2
