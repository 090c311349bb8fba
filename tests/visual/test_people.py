"""People drawn on frames."""

import cv2
import numpy as np

from i3d.visual.people import MOST_LABELS, Drawn, drawn, short_name

BOX = (0.3, 0.2, 0.7, 0.9)
LABELS = tuple((f"action {i}", 0.9 - i / 10) for i in range(7))


def grey(height=200, width=300):
    return np.full((height, width, 3), 120, np.uint8)


def changed(picture):
    return (picture != 120).any(-1)


def test_nobody_changes_nothing():
    picture = grey()
    assert np.array_equal(drawn(picture, []), picture)


def test_a_person_has_a_box_and_labels():
    picture = grey()
    seen = changed(drawn(picture, [Drawn(BOX, 1, LABELS[:2])]))
    assert not changed(picture).any()  # it is a copy
    assert seen[100, 90] and seen[100, 209] and not seen[100, 150] and not seen[100, 50]
    assert seen[41:50, 90:120].all()


def test_up_to_five_labels_are_shown():
    up_to = [drawn(grey(), [Drawn(BOX, 1, LABELS[:count])]) for count in range(1, 8)]
    assert all(not np.array_equal(a, b) for a, b in zip(up_to[:4], up_to[1:5], strict=True))
    assert MOST_LABELS == 5
    assert np.array_equal(up_to[4], up_to[6])


def test_a_person_without_label_is_drawn_thin_with_its_number():
    thin, thick = (changed(drawn(grey(), [Drawn(BOX, 4, some)])) for some in ((), LABELS[:1]))
    assert 0 < thin[100].sum() < thick[100].sum()
    assert thin[41:48, 90:97].any()


def test_labels_of_two_people_do_not_cover_each_other():
    one, other = Drawn(BOX, 1, LABELS[:2]), Drawn(BOX, 2, LABELS[2:4])
    alone = drawn(grey(), [one])
    both = drawn(grey(), [one, other])
    assert np.array_equal(alone[44:60, 95:150], both[44:60, 95:150])
    assert (alone[63:76, 95:150] != both[63:76, 95:150]).any()


def test_text_grows_with_the_picture():
    share = [
        changed(drawn(grey(90 * k, 160 * k), [Drawn(BOX, None, LABELS[:3])])).mean() for k in (4, 8)
    ]
    np.testing.assert_allclose(*share, rtol=0.2)


def test_boxes_at_and_beyond_the_borders():
    for box in ((0, 0, 1, 1), (0.95, 0.95, 1, 1), (-0.2, -0.2, 0.1, 0.1)):
        for size in ((200, 300), (16, 16), (1, 1)):
            assert drawn(grey(*size), [Drawn(box, 1, LABELS)]).shape == (*size, 3)


def test_names_are_shortened():
    assert short_name("talk to (e.g., self, a person, a group)") == "talk to ..."
    assert short_name("stand") == "stand"
    assert drawn(grey(), [Drawn(BOX, 1, (("站立 ü", 0.5),))]).any()


def test_person_0_has_its_number_and_labels_need_no_score():
    from i3d.visual.people import _texts

    assert _texts(Drawn(BOX, 0, (("walk", None), ("run", 0.5)))) == ["0 walk", "run: 0.50"]
    assert _texts(Drawn(BOX, None, (("walk", None),))) == ["walk"]
    assert _texts(Drawn(BOX, None)) == []


def test_every_colour_carries_white_text():
    """Contrast of at least 4.5 to 1, as WCAG asks for."""
    from i3d.visual.people import _COLOURS

    for colour in _COLOURS:
        linear = ((np.array(colour) / 255 + 0.055) / 1.055) ** 2.4
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5, colour
    assert cv2.FontFace("sans").getName() == "sans"
