"""The timeline of segments: where what is drawn."""

import cv2
import numpy as np
import pytest

from i3d.localization.results import Localized
from i3d.localization.segments import Segment
from i3d.localization.windows import ScoresOverTime
from i3d.visual import segments
from i3d.visual.segments import TRUTH, clock, timeline

FOUND = (Segment("my", 2.0, 4.0, "jump", 0.9), Segment("my", 6.0, 7.0, "run", 0.3))


def result(found=FOUND, duration_s=10.0, **more):
    return Localized("my", duration_s, tuple(found), {}, **more)


def columns_of(picture, colour, rows=slice(None)):
    return np.flatnonzero((picture[rows] == colour).all(axis=-1).any(axis=0))


def test_segments_and_truth_lie_at_their_times():
    truth = [Segment("my", 2.5, 4.5, "jump")]
    picture = timeline(result(), truth, width=800)
    green = columns_of(picture, TRUTH, slice(60, None))  # below the legend
    blue = columns_of(picture, segments._COLOURS[0], slice(60, None))
    second = (green[-1] + 1 - green[0]) / 2.0
    assert blue[0] == pytest.approx(green[0] - second / 2, abs=2)
    assert blue[-1] == pytest.approx(green[-1] - second / 2, abs=2)


def test_a_lane_for_each_class_in_the_order_of_time():
    one, two = timeline(result(FOUND[:1])), timeline(result())
    lane = two.shape[0] - one.shape[0]
    assert 20 < lane < 60
    assert len(columns_of(two, segments._COLOURS[1]))
    assert not len(columns_of(one, segments._COLOURS[1]))
    with_truth = timeline(result(), [Segment("my", 0, 1, "sit")])
    assert with_truth.shape[0] > two.shape[0] + lane


def test_the_legend_has_the_colours_of_the_lanes():
    scores = ScoresOverTime(np.arange(11.0), np.ones((10, 2), np.float32))
    legend = slice(30, 54)  # above the lanes
    picture = timeline(result(scores=scores, names=("jump", "run")))
    for colour in segments._COLOURS[:2]:
        for shown in (colour, segments._mixed(colour, 0.35)):
            assert len(columns_of(picture, shown, legend)) == 10
    assert not len(columns_of(picture, segments._COLOURS[2], legend))


def test_segments_of_a_class_that_overlap_lie_below_each_other():
    overlap = [Segment("my", 3.0, 8.0, "jump", 0.5), Segment("my", 5.0, 6.0, "jump", 0.4)]
    one, several = timeline(result(FOUND[:1])), timeline(result([*FOUND[:1], *overlap]))
    assert several.shape[0] == one.shape[0] + 20  # the last one is beside the first
    many = [Segment("my", 1.0, 9.0 - i / 10, "jump", 0.5) for i in range(30)]
    assert timeline(result(many)).shape[0] == one.shape[0] + 3 * 20


def test_the_score_of_a_narrow_segment_lies_beside_it():
    alone = timeline(result([Segment("my", 4.0, 4.05, "jump", 0.5)]))
    own = columns_of(alone, segments._COLOURS[0], slice(60, None))
    dark = np.flatnonzero((alone[60:80] < 90).all(axis=-1).any(axis=0))
    assert ((own[-1] < dark) & (dark < own[-1] + 40)).any()
    narrow = [Segment("my", i / 10, i / 10 + 0.05, "jump", 0.5) for i in range(100)]
    assert timeline(result(narrow)).shape == alone.shape


def test_scores_are_an_area_above_the_segments():
    scores = np.zeros((10, 1), np.float32)
    scores[2:4] = 1.0
    over = ScoresOverTime(np.arange(11.0), scores)
    picture = timeline(result(FOUND[:1], scores=over, names=("jump",)))
    area = columns_of(picture, segments._mixed(segments._COLOURS[0], 0.35), slice(60, None))
    bar = columns_of(picture, segments._COLOURS[0], slice(60, None))
    assert abs(area[0] - bar[0]) <= 1 and abs(area[-1] - bar[-1]) <= 1


def test_columns_have_the_greatest_score_of_many_parts():
    scores = np.zeros((9000, 2), np.float32)
    scores[4321, 1] = 0.7
    found = ScoresOverTime(np.linspace(0, 7200, 9001), scores)
    most = segments.columns(found, 1, lambda s: np.rint(np.asarray(s) / 7200 * 100).astype(int))
    assert most.max() == np.float32(0.7) and np.count_nonzero(most) == 1


@pytest.mark.parametrize("seconds, classes", [(0.04, 1), (10, 0), (7200, 20), (90_000, 60)])
def test_any_length_and_number_of_classes(seconds, classes, tmp_path):
    rng = np.random.default_rng(0)
    begins = rng.uniform(0, seconds * 0.9, 3 * classes)
    found = [
        Segment("my", begin, begin + seconds / 50, f"class {i % classes} of a long name " * 9, 0.5)
        for i, begin in enumerate(begins)
    ]
    segments.write(tmp_path / "a.png", result(found, seconds))
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture.shape[1] == segments.WIDTH and 80 < picture.shape[0] < 2000


def test_times_as_text():
    assert [clock(s) for s in (0, 7, 65, 3723)] == ["0 s", "7 s", "1:05", "1:02:03"]
    assert [clock(s, 0.1) for s in (0.25, 7, 65.5)] == ["0.2 s", "7.0 s", "1:05.5"]
