"""Contrast of the colours that the page and the HTML files declare (WCAG 2.2, level AA)."""

import pytest

from i3d.inference.prediction import Prediction
from i3d.visual import points, timeline
from i3d.web import page
from tests.helpers import accessible
from tests.helpers.accessible import GRAPHIC, TEXT, declared, ratio, too_low
from tests.helpers.pages import Page


@pytest.fixture(scope="module")
def files():
    return accessible.html_files()


def test_the_measure():
    assert ratio("#fff", (0, 0, 0)) == pytest.approx(21)
    assert ratio("#777", "#fff") == pytest.approx(4.48, abs=0.005)  # a known pair just too pale
    assert too_low(declared("p { color: #777; } a { border: 1px solid #aaa; }")) == [
        "a: border: 2.32 < 3.0",
        "p: text: 4.48 < 4.5",
    ]


def test_the_page():
    found = declared(page.static("page.css").decode())
    assert not too_low(found)
    assert len(found) > 15


@pytest.mark.parametrize("name", ["report", "several", "gallery", "points"])
def test_html_files(files, name):
    assert not too_low(declared(files[name]))


def test_what_notebooks_show():
    assert not too_low(declared(Prediction([("walk", 0.5)])._repr_html_()))


def test_marks_and_strips():
    assert min(ratio(colour, "#fff") for colour in points.COLOURS) >= GRAPHIC
    grounds = (*timeline._CLASSES, timeline.GREEN, timeline._OTHER, timeline._TRACK)
    assert min(ratio(colour, timeline.WHITE) for colour in grounds) >= TEXT


@pytest.mark.parametrize("name", ["report", "several", "gallery", "points"])
def test_every_picture_has_a_text_and_every_control_a_label(files, name):
    found = Page(files[name])
    for tag in ("img", "svg", "video", "canvas"):
        for each in found.of(tag):
            hidden = "hidden" in each or each.get("aria-hidden") == "true"
            assert hidden or each.get("alt") or each.get("aria-label"), each
    labelled = {each.get("for") for each in found.of("label")}
    assert all(each["id"] in labelled for each in found.of("input"))
