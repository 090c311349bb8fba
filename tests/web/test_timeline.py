"""Parts of a timeline, and its picture."""

import numpy as np

from i3d.inference.average import Scores
from i3d.inference.timeline import Timeline
from i3d.web import timeline
from tests.web.test_pictures import decoded

PROBABILITIES = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]], np.float32)
FOUND = Timeline(np.arange(3.0), np.arange(1.0, 4), PROBABILITIES, Scores(*PROBABILITIES[:2]))


def test_parts():
    assert timeline.spans_of(FOUND, ["walk", "run"]) == [
        timeline.Span(0.0, 2.0, "walk", 0.8),
        timeline.Span(2.0, 3.0, "run", 0.8),
    ]


def test_strip():
    found = timeline.strip_of(FOUND, ["walk", "run"])
    assert found.alt == "Timeline of 3.0 seconds; the table below says the same"
    picture = decoded(found)
    assert picture.shape[1] == 1440 and picture.shape[0] < 160
    first, later, second = (picture[10, x] for x in (700, 800, 1200))
    assert (first == later).all() and (first != second).any()
