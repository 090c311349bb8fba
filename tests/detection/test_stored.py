"""People of a file of boxes."""

import numpy as np

from i3d.detection.stored import Stored

PICTURE = np.full((48, 64, 3), 90, np.uint8)


def stored(**options):
    rows = np.float32([[0.1, 0.2, 0.3, 0.9, 0.95], [0.5, 0.2, 0.7, 0.9, 0.4]])
    seconds = {float(second): rows + np.float32(second / 100) for second in (10, 2, 3, 4)}
    return Stored(seconds, **options)


def test_boxes_are_those_of_the_nearest_second():
    find = stored()
    for second, expected in ((2, 0.12), (2.4, 0.12), (2.6, 0.13), (4.5, 0.14), (10.2, 0.2)):
        boxes, scores = find(PICTURE, second)
        np.testing.assert_allclose(boxes[:, 0], [expected], rtol=1e-5)
        assert boxes.dtype == scores.dtype == np.float32
    for second in (0, 1.4, 5, 9, 11):
        assert len(find(PICTURE, second)[0]) == 0


def test_a_file_of_other_seconds():
    find = stored()
    for second in (20, 21.5):
        find(PICTURE, second)
    assert find.missed() == (
        "no box of the file falls on a key frame: those of the file are at 2 to 10 s, those of the "
        "video at 20 to 21.5 s; --start_s shifts them"
    )


def test_steps_and_thresholds():
    assert len(stored(step_s=4.0)(PICTURE, 0.1)[0]) == 1
    assert len(stored(threshold=0.2)(PICTURE, 2)[0]) == 2
    lone = Stored({5.0: np.float32([[0, 0, 0.5, 1, 1]])}, step_s=1.0)
    assert [len(lone(PICTURE, second)[0]) for second in (4.4, 4.5, 5.5, 5.6)] == [0, 1, 1, 0]
    assert len(Stored({5.0: np.zeros((0, 5), np.float32)})(PICTURE, 5.0)[0]) == 0
