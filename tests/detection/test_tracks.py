"""Numbers of people on boxes that are made up."""

import numpy as np

from i3d.detection.tracks import Tracks


def person(x, y=0.5, width=0.1, height=0.5):
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def test_each_keeps_its_number_in_any_order():
    tracks = Tracks()
    assert tracks([person(0.2), person(0.7)]) == [1, 2]
    assert tracks([person(0.72), person(0.21)]) == [2, 1]
    assert tracks([]) == []
    assert tracks([person(0.73), person(0.22), person(0.5)]) == [2, 1, 3]
    assert tracks.count == 3


def test_two_people_who_cross_keep_their_numbers():
    """Boxes shake; while the two are one behind the other only one is found."""
    random = np.random.default_rng(0)
    for speed in (0.015, 0.03, 0.045):
        tracks, steps = Tracks(), round(0.8 / speed)
        for step in range(steps):
            x = 0.1 + speed * step
            one, other = person(x), person(1 - x, height=0.45)
            hidden = abs(2 * x - 1) < 0.03
            boxes = np.array([one] if hidden else [other, one])
            found = tracks(boxes + random.normal(0, 0.003, boxes.shape))
            if not hidden:
                assert found == [1, 2], (speed, step)
        assert tracks.count == 2


def test_a_person_may_be_missing_for_a_while():
    tracks = Tracks(most_missing=2)
    for step in range(4):
        assert tracks([person(0.2 + 0.04 * step)]) == [1]
    tracks([]), tracks([])
    assert tracks([person(0.2 + 0.04 * 6)]) == [1]  # where the motion brings it
    tracks([]), tracks([]), tracks([])
    assert tracks([person(0.44)]) == [2]


def test_one_who_jumps_away_is_another():
    tracks = Tracks()
    assert tracks([person(0.2)]) == [1]
    assert tracks([person(0.8)]) == [2]
    assert tracks([person(0.2), person(0.8)]) == [1, 2]
