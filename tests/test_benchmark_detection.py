"""The benchmark of detection: what chance is, and the people that a detector finds."""

import numpy as np

from benchmarks import detection
from i3d.data import keyframes
from i3d.detection import keyframe_scores, metrics
from tests.helpers import key_frames


def test_chance_keeps_boxes_and_the_scores_of_each_class():
    rows = [("v", float(i), 0.1, 0.2, 0.3, 0.4, 1 + i % 2, i / 20) for i in range(20)]
    found = detection.shuffled(rows)
    assert [row[:7] for row in found] == [row[:7] for row in rows] and found != rows
    for action in (1, 2):
        scores = [[row[7] for row in some if row[6] == action] for some in (rows, found)]
        assert sorted(scores[0]) == sorted(scores[1])
    assert detection.shuffled(rows) == found


def test_people_are_found_where_a_box_overlaps_them(tmp_path):
    records = keyframes.opened(key_frames.build(tmp_path), "train")
    near, nobody = np.float32([key_frames.NEAR]), np.zeros((0, 5), np.float32)
    found = {("clip", 1.0): near, ("clip", 2.0): nobody, ("clip", 3.5): near}
    assert detection.recall(records, found) == 1 / 4  # of two people on each of two key frames


def test_chance_of_scores_that_are_right_is_the_share_of_the_class():
    rng = np.random.default_rng(0)
    truth, rows = [], []
    for i in range(400):
        action = 1 + int(rng.random() < 0.3)
        box = (0.1, 0.1, 0.5, 0.5)
        truth.append(keyframe_scores.Label("v", float(i), box, action, 0, 0))
        rows += [("v", float(i), *box, k, 0.9 if k == action else 0.1) for k in (1, 2)]
    assert metrics.frame_map(truth, rows, (1, 2)).mean == 1
    chance = metrics.frame_map(truth, detection.shuffled(rows), (1, 2)).mean
    assert 0.4 < chance < 0.6
