"""Tables of HTML."""

import html.parser

import pytest

from i3d.runtime.markup import bar, escaped, table


def texts(page):
    """Returns the texts of a page."""
    found = []
    parser = html.parser.HTMLParser()
    parser.handle_data = found.append
    parser.feed(page)
    return [text for text in found if text.strip()]


@pytest.mark.parametrize("text", ["<b>", "\"x\" & 'y'", "</script><script>alert(1)</script>"])
def test_texts_are_escaped(text):
    assert texts(table((text,), [(text,)], text)) == [text] * 3
    assert not set(escaped(text)) & set("<>\"'")


def test_what_cannot_be_written_as_utf8_is_shown():
    assert escaped("a\udce9.mp4\x1b[2J") == r"a\udce9.mp4\x1b[2J"
    table(("a",), [("\ud800",)], "").encode()
    assert escaped("走る\u3000é") == "走る\u3000é"


def test_a_bar_has_its_length_and_its_number():
    assert "width:25.0%" in bar(0.25) and "25.0 %" in bar(0.25)
    assert "width:100.0%" in bar(1.7, "1.7") and "width:0.0%" in bar(float("nan"), "none")


def test_a_cell_of_markup_is_kept():
    assert bar(0.5) in table(("a", "b"), [("x", bar(0.5))], "c")
