"""python -m i3d.evaluate --task=ava on records: a network's scores of true and proposed boxes."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest

from i3d import evaluate
from i3d.data import keyframes
from i3d.detection import ava, inputs, keyframe_scores, metrics
from i3d.detection.people import Detector
from i3d.inference import checkpoint, network
from i3d.runtime.command import UserError
from tests.helpers import calls, detection, key_frames

pytestmark = pytest.mark.long
NAMES = ("stand", "walk", "wave", "run")  # classes 1 to 4 are the ids 1, 4, 3 and none


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of key frames, and a run on it."""
    folder = tmp_path_factory.mktemp("evaluate")
    records = key_frames.build(folder)
    detection.write_run(folder / "run", NAMES)
    file = folder / "run/config.json"
    settings = json.loads(file.read_text())
    settings |= {"data.records": str(records), "data.validation": "train"}
    settings["input"] |= {"fps": 30.0}
    file.write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def card(folder):
    return checkpoint.card_of(None, str(folder / "run/best.weights.h5"), takes="boxes")


@pytest.fixture(scope="module")
def net(card):
    return network.load_with_boxes(card)


@pytest.fixture(scope="module")
def records(folder):
    return keyframes.opened(folder / "set", "train")


def words(folder, *more):
    checkpoint = f"--checkpoint={folder / 'run/best.weights.h5'}"
    return ["evaluate", "--task=ava", checkpoint, *map(str, more)]


def test_the_truth_of_records(records):
    found = keyframe_scores.truth(records)
    assert [(label.video, label.second, label.action, label.person) for label in found] == [
        *[("clip", s, *pair) for s in (1.0, 2.0) for pair in ((1, 7), (3, 7), (2, 8), (4, 8))],
        ("clip", 3.5, None, ava.NO_PERSON),
    ]
    np.testing.assert_allclose(found[2].box, key_frames.OTHER)


def test_scores_of_true_boxes(net, card, records):
    ids = inputs.ids_of(card, records.label_map)
    assert ids == [1, 4, 3, 0]
    rows = keyframe_scores.detections(net, records, progress=False, ids=ids)
    assert [row[:2] for row in rows] == [("clip", 1.0)] * 6 + [("clip", 2.0)] * 6
    assert [row[6] for row in rows[:6]] == [1, 4, 3, 1, 4, 3]
    np.testing.assert_allclose([rows[0][2:6], rows[3][2:6]], [key_frames.BOX, key_frames.OTHER])
    assert all(0 < row[7] < 1 for row in rows)
    fewer = keyframe_scores.detections(
        net, records, score_threshold=rows[0][7], progress=False, ids=ids
    )
    assert fewer == [row for row in rows if row[7] > rows[0][7]]


def test_scores_of_proposals_and_of_a_file(net, records):
    rows = keyframe_scores.detections(net, records, "proposals", progress=False)
    people = {(row[1], tuple(np.round(row[2:6], 3))) for row in rows}
    near, far = key_frames.NEAR[:4], key_frames.FAR[:4]
    assert people == {(1.0, near), (1.0, far), (2.0, near), (3.5, (0, 0, 1, 1))}
    assert {row[6] for row in rows} == {1, 3, 4}  # class 2 has no name
    of_file = {("clip", 2.0): np.array([[*far, 0.3], [*near, 0.2]], np.float32)}
    rows = keyframe_scores.detections(net, records, of_file, progress=False)
    people = {(row[1], tuple(np.round(row[2:6], 3))) for row in rows}
    assert people == {(1.0, (0, 0, 1, 1)), (2.0, far), (3.5, (0, 0, 1, 1))}


class Fixed(Detector):
    """Finds one person, where the key frame is the one that is expected."""

    looked_at: ClassVar = []

    def candidates(self, picture, second):
        self.looked_at.append((key_frames.number_of(picture), second))
        return [[0.25, 0.25, 0.5, 0.75]] * 2, [0.95, 0.99]


def test_scores_of_whom_a_detector_finds_on_the_key_frame(net, records):
    rows = keyframe_scores.detections(net, records, Fixed(), progress=False)
    assert [second for _, second in Fixed.looked_at] == [1.0, 2.0, 3.5]
    assert [number for number, _ in Fixed.looked_at] == pytest.approx([30, 60, 105], abs=1)
    assert len(rows) == 9 and {row[2:6] for row in rows} == {(0.25, 0.25, 0.5, 0.75)}


def test_the_least_score_of_proposals(net, records):
    rows = keyframe_scores.detections(net, records, "proposals", progress=False, least_score=0.1)
    seconds = [row[1] for row in rows]
    assert (seconds.count(1.0), seconds.count(2.0), seconds.count(3.5)) == (6, 6, 3)


def test_the_command_and_its_detections(folder, net, card, records, tmp_path, capsys):
    files = [tmp_path / "found.csv", tmp_path / "found.json"]
    flags = [f"--detections_out={files[0]}", f"--json={files[1]}"]
    assert evaluate.main(words(folder, *flags)) == 0
    first, out = capsys.readouterr().out.split("\n", 1)
    assert first.endswith(f"scores the true boxes in key frames of {folder / 'set'}, train")
    assert out.startswith("frame mAP at an IoU of 0.5, protocol official: 3 key frames, 6 labels\n")
    rows = keyframe_scores.detections(
        net, records, progress=False, ids=inputs.ids_of(card, records.label_map)
    )
    truth = keyframe_scores.truth(records)
    wanted = metrics.frame_map(truth, rows, records.label_map)
    assert json.loads(files[1].read_text())["map"] == pytest.approx(wanted.mean)
    again = ["evaluate", "--task=ava", f"--records={folder / 'set'}", "--split=train"]
    assert evaluate.main([*again, f"--detections={files[0]}"]) == 0
    assert capsys.readouterr().out == out


def test_classes_are_found_by_their_names(card, records):
    other = dataclasses.replace(card, labels=("walk", "", "sing", "dance"))
    assert inputs.ids_of(other, records.label_map) == [4, 0, 0, 0]
    nameless = dataclasses.replace(card, labels="")
    assert inputs.ids_of(nameless, records.label_map) == [1, 0, 3, 4]
    strange = dataclasses.replace(card, labels=("a", "b", "c", "d"))
    with pytest.raises(UserError, match="expected classes of the label map, such as 'stand'"):
        inputs.ids_of(strange, records.label_map)


def test_the_test_of_videos_refuses_a_model_of_boxes(folder):
    with pytest.raises(UserError, match="in boxes, not videos; use .*i3d.evaluate --task=ava"):
        evaluate.evaluate(str(folder / "run/best.weights.h5"), str(folder / "set"))


def test_wrong_calls(folder, tmp_path):
    people = tmp_path / "people.json"
    people.write_text('{"other,0001": [[0, 0, 1, 1, 1]]}')
    (tmp_path / "there.csv").touch()
    for more, status, message in (
        (["--split=test"], 2, "expected the split 'test', this data set has: train"),
        ([f"--boxes={people}"], 2, "expected key frames of 'clip', got those of 'other'"),
        ([f"--detections={people}"], 2, "expected --detections=FILE.csv or --checkpoint=FILE"),
        ([f"--truth={people}"], 2, "expected --truth with --detections alone"),
        ([f"--detections_out={tmp_path / 'there.csv'}"], 2, "is there already"),
        ([f"--detections_out={tmp_path / 'found.txt'}"], 2, "ends in .csv"),
        (["--det_score_thr=0.5"], 2, "true boxes have no score"),
        (["--detector=hog", "--boxes=truth"], 2, "expected --boxes or --detector, got both"),
        ([f"--detector={tmp_path}"], 2, "no saved_model.pb in it"),
        (["--classes=2"], 2, "2 is not in the label map, whose ids are 1, 3, 4"),
        ([f"--records={tmp_path}"], 2, str(tmp_path)),
    ):
        line = calls.refused(evaluate.main, *words(folder, *more), status=status)
        assert message in line, line
    line = calls.refused(evaluate.main, "evaluate", "--task=ava", "--truth=a", "--detections=b")
    assert "got one of them" in line
    flags = ["--truth=a", "--label_map=b", "--detections=c", "--boxes=proposals"]
    line = calls.refused(evaluate.main, "evaluate", "--task=ava", *flags)
    assert "--boxes goes with --checkpoint alone" in line


def test_a_model_of_whole_videos_is_refused():
    line = calls.refused(evaluate.main, "evaluate", "--task=ava", "--checkpoint=demo_rgb")
    assert "expected a model that takes boxes" in line
