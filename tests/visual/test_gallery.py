"""The contact sheet and the page of labelled videos."""

from html.parser import HTMLParser

import numpy as np
import pytest

from i3d.visual.gallery import SIDE, Shown, gallery, small, tile
from i3d.visual.timeline import GREEN

PICTURE = np.full((120, 160, 3), 90, np.uint8)
RIGHT = Shown("run/a.mp4", "run", "run", 0.93, PICTURE)
WRONG = Shown('a b/<i>"#1.mp4', '<b>"', "走り幅跳び" * 8, 0.4, PICTURE[:, :20])


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data

    def of(self, name):
        return [attributes for tag, attributes in self.found if tag == name]


@pytest.fixture(scope="module")
def page():
    return Tags(gallery([RIGHT, WRONG], ["<script>: bad"]))


def test_each_video_has_its_file_its_words_and_its_kind(page):
    videos = page.of("video")
    assert [video["src"] for video in videos] == ["./run/a.mp4", "./a%20b/%3Ci%3E%22%231.mp4"]
    assert videos[0]["aria-label"] == "run/a.mp4: true label run, predicted run with 93%, right"
    assert WRONG.truth in videos[1]["aria-label"] and "controls" in videos[1]
    assert all(video["poster"].startswith("data:image/jpeg;base64,") for video in videos)
    assert [item.get("class") for item in page.of("li")] == ["right", "wrong", None]
    assert "1 of 2 videos right." in page.words and "<script>: bad" in page.words


def test_what_is_shown_is_chosen_by_radio_buttons_with_labels(page):
    ids = [each["id"] for each in page.of("input") if each["type"] == "radio"]
    assert ids == ["all", "right", "wrong"] == [each["for"] for each in page.of("label")]
    assert "All (2)" in page.words and "Right (1)" in page.words and "Wrong (1)" in page.words
    (style,) = (text for text in page.words.split("\n:root") if "main:has(" in text)
    assert "main:has(#right:checked) .wrong" in style
    assert len(page.of("legend")) == 1 and page.of("html") == [{"lang": "en"}]


def test_nothing_comes_from_elsewhere_and_no_failure_has_no_heading(page):
    assert not page.of("script") and not page.of("link") and not page.of("img")
    assert "failed" in page.words and "failed" not in Tags(gallery([RIGHT], [])).words


def test_tiles_are_of_one_size_and_tell_right_from_wrong():
    right, wrong = tile(RIGHT), tile(WRONG)
    assert right.shape == wrong.shape and right.dtype == np.uint8
    share = [float((each == GREEN).all(-1).mean()) for each in (right, wrong)]
    assert share[0] > 1.5 * share[1] > 0
    assert small(np.zeros((2160, 3840, 3), np.uint8)).shape == (135, SIDE, 3)
    assert (
        tile(RIGHT._replace(picture=small(np.zeros((2160, 9, 3), np.uint8)))).shape == right.shape
    )
