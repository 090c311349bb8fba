"""Segments and their overlaps."""

import numpy as np

from i3d.localization.segments import Segment, blocks, by_video, overlaps


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


def test_blocks():
    assert list(blocks(5, 3)) == [slice(0, 5)]
    assert list(blocks(0, 3)) == []
    parts = list(blocks(10**6, 1000))
    assert parts[0].start == 0 and parts[-1].stop == 10**6
    assert all(one.stop == other.start for one, other in zip(parts, parts[1:], strict=False))
    assert max(part.stop - part.start for part in parts) * 1000 <= 1 << 21
