"""Detection over one video, with detectors and scores that are made up."""

import csv
import json

import numpy as np
import pytest

from i3d.detection import ava
from i3d.detection.results import COLUMNS, summary, write_csv, write_json
from i3d.detection.spatial import STAGES, Run
from i3d.detection.stored import Stored
from i3d.detection.windows import Windows
from i3d.runtime.command import UserError
from tests.helpers import video_files

NAMES = ("stand", "", "carry/hold (an object)", "run")
WINDOWS = Windows(4, 3, 4, 2)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "my clip.mp4"
    return video_files.write(path, video_files.numbered(25))


def people(*seconds):
    """Boxes of one person at these seconds, of two at the first."""
    left, right = [0.1, 0.1, 0.4, 0.9, 0.95], [0.5, 0.1, 0.7, 0.9, 0.99]
    rows = {second: np.float32([left]) for second in seconds}
    return Stored(rows | {seconds[0]: np.float32([right, left])})


def scores(views, boxes):
    """Person on the right carries, who is on the left does nothing or what is not named."""
    assert views.shape == (4, 24, 36, 3) and views.dtype == np.uint8
    right = boxes[:, :1] > 0.45
    return np.where(right, [[0.6, 0.99, 0.8, 0.5]], [[0.1, 0.99, 0.2, 0.3]])


def run(find, **options):
    return Run(find, scores, NAMES, WINDOWS, resize=24, **options)


def test_people_actions_and_shown_frames(video):
    shown = []
    find = people(0.2, 0.36, 0.52)
    result = run(find).over(video, lambda picture, there: shown.append((picture, there)))
    assert (result.video, result.width, result.height, result.fps) == ("my clip", 48, 32, 25)
    assert (result.frames, result.people) == (25, 2) and set(result.seconds) == set(STAGES)
    assert [frame.number for frame in result.key_frames] == WINDOWS.keys(25)
    first, second = result.key_frames[:2]
    assert [person.number for person in first.people] == [1, 2]
    assert [action[:2] for action in first.people[0].actions] == [(3, NAMES[2]), (1, "stand")]
    assert first.people[1].actions == ()
    assert [person.number for person in second.people] == [2]
    assert len(shown) == 2 * len(result.key_frames) and shown[0][0].shape == (32, 48, 3)
    assert [len(there) for _, there in shown[:4]] == [2, 2, 1, 1]
    (row, other) = result.rows()
    assert row.second == pytest.approx(0.2) and row[1:2] + row[3:] == (1, 3, NAMES[2], 0.8)


def test_files(video, tmp_path):
    result = run(people(900.2, 900.36), start_s=900.0).over(video)
    write_csv(result, tmp_path / "a.csv")
    write_json(result, tmp_path / "a.json")
    with open(tmp_path / "a.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS and len(rows) == 2
    expected = ["my clip", "900.200", "0.5", "0.1", "0.7", "0.9", "3", "0.8000", "1", NAMES[2]]
    assert rows[0] == expected
    assert len(ava.read_detections(tmp_path / "a.csv").scores) == 2
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["people"] == 2 and found["key_frames"][0]["second"] == 900.2
    person = found["key_frames"][0]["people"][0]
    assert person["person"] == 1 and person["box"] == [0.5, 0.1, 0.7, 0.9]
    assert person["actions"][0] == {"id": 3, "name": NAMES[2], "score": 0.8}
    assert found["key_frames"][0]["people"][1]["actions"] == []


def test_nobody_anywhere(video):
    """Actions are not asked for, all frames are shown."""
    shown = []
    result = run(people(50.0)).over(video, lambda *frame: shown.append(frame))
    assert result.people == 0 and not list(result.rows())
    assert len(result.key_frames) == len(WINDOWS.keys(25)) and all(not p for _, p in shown)
    assert "no person was found; no box of the file falls on a key frame" in summary(result)
    assert result.to_json()["note"].startswith("no box of the file falls on a key frame")


def test_nobody_is_sure_enough(video):
    find = people(0.2, 0.36)
    find.threshold = 0.999
    result = run(find).over(video)
    expected = "3 boxes found, best score 0.99, none above --det_score_thr=0.999"
    assert f"no person was found; {expected}" in summary(result).splitlines()[0]
    assert run(people(0.2)).over(video).note == ""


def test_no_action_is_sure_enough(video):
    """The class without a name is not reported, so it is not the best one either."""
    result = run(people(0.2, 0.36), threshold=0.9).over(video)
    expected = f"no action is above --action_score_thr=0.9; the best is {NAMES[2]} 0.80"
    assert result.people == 2 and result.note == expected
    assert f"2 people; {expected}" in summary(result)


def test_a_video_of_one_frame(tmp_path):
    path = video_files.write(tmp_path / "my clip.mp4", video_files.numbered(1))
    shown = []
    result = run(people(0.0)).over(path, lambda *frame: shown.append(frame))
    assert result.frames == len(result.key_frames) == len(shown) == 1
    assert [person.number for person in result.key_frames[0].people] == [1, 2]


def test_resampling_changes_the_key_frames(video):
    result = run(people(0.2), fps=50.0).over(video)
    assert result.fps == result.frames == 50 and result.key_frames[1].second == pytest.approx(0.18)


def test_scores_that_are_not_finite(video):
    spoilt = Run(people(0.2), lambda views, boxes: np.full((2, 4), np.nan), NAMES, WINDOWS, 24)
    with pytest.raises(UserError, match="not finite; are the weights spoilt"):
        spoilt.over(video)
