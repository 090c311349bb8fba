"""Text on pictures: what fits, and scripts."""

import numpy as np

from i3d.visual import text


def drawn(line):
    picture = np.zeros((40, 400, 3), np.uint8)
    text.write(picture, line, 5, 5, 24)
    return picture


def test_a_line_is_as_wide_as_its_extent_and_begins_at_its_top():
    seen = drawn("Ag juggling").any(-1)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert 5 <= rows[0] and 26 <= rows[-1] <= 36 and 4 <= columns[0] <= 7
    assert abs(columns[-1] - 5 - text.extent("Ag juggling", 24)[2]) <= 3


def test_what_is_too_long_is_cut():
    name = "driving a very long and quite heavy lorry"
    short = text.fitted(name, 120, 12)
    assert short.endswith("...") and name.startswith(short[:-3]) and len(short) > 8
    assert text.extent(short, 12)[2] <= 120
    assert text.fitted(name, 1000, 12) == name and text.fitted(name, 3, 12) == ""
    assert text.fitted("走り幅跳び" * 4, 60, 12).startswith("走り")


def test_scripts_that_are_drawn_and_others():
    assert not text.undrawable(["naïve Straße", "Привет Ωμέγα", "走り幅跳び", "달리기", "שלום"])
    assert text.undrawable(["ไทย", "run", "ह ไ"]) == "ไทยह"


def test_hebrew_runs_from_the_right():
    assert text.displayed("שלום") == "םולש"
    assert text.displayed("run שלום עולם 12") == "run םלוע םולש 12"
    assert text.displayed("true: שלום עולם... 3") == "true: םלוע םולש... 3"
    assert text.displayed("a (b) c") == "a (b) c"
    assert np.array_equal(drawn("שלום"), drawn("שלום"))
    assert not np.array_equal(drawn("שלום"), drawn("םולש"))


def test_emoji_are_left_out():
    assert text.displayed("🏃 running 🏃🏽\u200d\ufe0f") == "running"
    assert text.displayed("🏃") == "🏃"
    assert text.extent("🏃 running", 24) == text.extent("running", 24)


def test_a_name_without_a_font_has_a_number():
    assert text.drawable("ऊँची कूद", "class 2") == text.drawable("🏃", "class 2") == "class 2"
    assert text.drawable("ไทย run", "class 2") == "ไทย run" and text.drawable("", "x") == ""
