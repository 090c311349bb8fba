"""Clips of a batch as a picture."""

import numpy as np

from i3d.visual.batch import Row, chosen, picture
from i3d.visual.people import Drawn


def clip(count=4, side=32, channels=3):
    """Returns a clip of which every frame has a level of its own."""
    levels = 40 * np.arange(1, count + 1, dtype=np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, side, side, channels)).copy()


def test_frames_stand_side_by_side_as_they_are():
    found = picture([Row(clip(), "one"), Row(clip() + 5, "two")])
    height = found.shape[0] // 2
    for top, more in ((0, 0), (height, 5)):
        row = found[top + height - 2 - 32 : top + height - 2]
        assert [int(row[16, 34 * i + 16, 0]) for i in range(4)] == [
            40 + more + 40 * i for i in range(4)
        ]
        assert (row[:, 32:34] == 255).all() and (row[:, 34 * 4 :] == 255).all()


def test_titles_differ_and_fit():
    one, other = (picture([Row(clip(), title)]) for title in ("walk", "jump " * 100))
    assert one.shape == other.shape and (one != other).any()


def test_the_frames_that_are_shown():
    assert chosen(3, 8) == [0, 1, 2]
    assert chosen(64, 8) == [0, 9, 18, 27, 32, 45, 54, 63]
    assert chosen(9, 1) == [4]
    for count in range(1, 30):
        for most in range(1, 10):
            found = chosen(count, most)
            assert (
                count // 2 in found
                and found == sorted(set(found))
                and len(found) == min(count, most)
            )


def test_boxes_are_on_the_key_frame_alone():
    people = [Drawn((0.25, 0.25, 0.75, 0.75), 1)]
    plain, boxes = picture([Row(clip(), "a")]), picture([Row(clip(), "a", people)])
    changed = np.flatnonzero((plain != boxes).any(axis=(0, 2)))
    assert 68 <= changed.min() and changed.max() < 100


def test_flow_is_coloured():
    still, right = clip(1, 32, 2), clip(1, 32, 2)
    still[:], right[:] = 128, (255, 128)
    assert (picture([Row(still, "")])[-16, 16] == 255).all()
    red, green, blue = picture([Row(right, "")])[-16, 16].astype(int)
    assert red > 200 and green < 60 and blue < 60
