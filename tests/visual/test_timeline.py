"""The strip under a labelled video."""

import time

import numpy as np
import pytest

from i3d.inference.average import Scores
from i3d.inference.timeline import Timeline
from i3d.visual import timeline
from i3d.visual.timeline import GREEN, Strip

NAMES = ("walk", "a class whose name has forty letters ...", "走り幅跳び")


def found():
    """Three windows of 2 s: walk, walk, and the third class; the whole is walk."""
    rows = np.float32([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    starts = np.array([0.0, 2.0, 4.0])
    return Timeline(starts, starts + 2, rows, Scores(rows[0], rows[0]))


def share(picture, colour):
    return float((picture == colour).all(-1).mean())


def contrast(one, other):
    def luminance(colour):
        c = np.array(colour) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (
            0.2126, 0.7152, 0.0722,
        )  # fmt: skip

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("size", [(64, 64), (48, 37), (240, 320), (1080, 606), (2160, 3840)])
def test_it_fits_the_picture(size):
    strip = Strip(size, found(), NAMES, truth="walk", top_k=3)
    picture = strip.at(1.0)
    assert picture.shape == (strip.height, strip.width, 3) and picture.dtype == np.uint8
    assert strip.width == max(size[1], 160)
    assert not (size[0] + strip.height) % 2
    assert strip.height < 6 * 64 if size[0] <= 64 else strip.height < size[0]


def test_what_is_right_is_green_and_only_that():
    with_truth = Strip((120, 160), found(), NAMES, truth="walk")
    without = Strip((120, 160), found(), NAMES)
    other = Strip((120, 160), found(), NAMES, truth=NAMES[1])
    assert share(with_truth.at(1.0), GREEN) > share(other.at(1.0), GREEN) > 0.1
    assert share(without.at(1.0), GREEN) == 0
    assert without.height < with_truth.height
    assert with_truth.result() == ("walk", pytest.approx(0.8))


@pytest.mark.parametrize("size", [(16, 16), (90, 128), (1080, 606)])
def test_rows_of_narrow_pictures_say_what_they_are(size, monkeypatch):
    written = []
    monkeypatch.setattr(timeline, "write", lambda picture, text, *where: written.append(text))
    Strip(size, found(), NAMES, truth="walk").at(0.0)
    assert {"true: walk", "video: walk", "0 s", "6.0 s", "80%"} <= set(written)


def test_the_class_of_the_whole_video_has_a_colour():
    """Where it is the best of no window, and where more classes are than colours."""
    rows = np.eye(9, dtype=np.float32)[:8]
    starts = np.arange(8.0)
    whole = np.eye(9, dtype=np.float32)[8]
    strip = Strip((90, 400), Timeline(starts, starts + 1, rows, Scores(whole, whole)), "abcdefghi")
    assert strip._colour(8) in timeline._CLASSES
    assert strip._colour(0) in timeline._CLASSES and strip._colour(7) == timeline._OTHER


def test_a_class_without_a_font_is_drawn_by_its_number():
    names, others = ("ऊँची कूद", *NAMES[1:]), ("class 0", *NAMES[1:])
    one, other = (Strip((120, 160), found(), n, truth=n[0]) for n in (names, others))
    np.testing.assert_array_equal(one.at(1.0), other.at(1.0))
    assert one.result()[0] == names[0]


def test_it_moves_with_time():
    strip = Strip((120, 160), found(), NAMES)
    begin, later, third = strip.at(0.0), strip.at(1.9), strip.at(5.9)
    same = strip.at(0.0)
    assert np.array_equal(begin, same)
    changed = np.flatnonzero((begin != later).any(-1).any(1))
    line = strip._line + strip._gap
    assert changed.min() >= 3 * line and changed.max() < 4 * line + 2  # the line at the time alone
    assert (begin != third).any(-1)[: 3 * line].any()  # other classes
    cells = (third == 255).all(-1)[3 * line + strip._gap : 4 * line]
    (white,) = np.flatnonzero(cells.all(0))
    assert white == int(5.9 / 6 * 159)
    strip.at(99.0)  # beyond it
    begin[:] = 0  # an array of its own
    assert np.array_equal(strip.at(0.0), same)


def test_white_text_is_legible_on_every_colour():
    grounds = [*timeline._CLASSES, GREEN, timeline._OTHER, timeline._TRACK]
    assert min(contrast(timeline.WHITE, ground) for ground in grounds) >= 4.5


def test_a_film_of_thousands_of_windows():
    starts = np.arange(20_000) * 2.0
    rows = np.random.default_rng(0).dirichlet([0.3] * 3, len(starts)).astype(np.float32)
    film = Timeline(starts, starts + 2, rows, Scores(rows[0], rows[0]))
    begin = time.monotonic()
    strip = Strip((240, 320), film, NAMES)
    for window in range(0, 20_000, 200):
        strip.at(2.0 * window)
    assert time.monotonic() - begin < 5
