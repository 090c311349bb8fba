"""`python -m i3d.detect` and i3d.detect on videos whose people are known."""

import csv
import json

import av
import cv2
import numpy as np
import pytest

import i3d
from i3d import detect, extract_features, predict
from i3d.detection import ava
from i3d.detection.boxes import iou
from i3d.detection.windows import Windows
from i3d.runtime.command import UserError
from i3d.visual.figures import scenes, writing
from tests.detection.test_people import save
from tests.helpers import calls, detection, video_files, videos

ROWS = "my,0.3,0.1,0.2,0.4,0.9,0.95\nmy,0.3,0.5,0.2,0.8,0.9,0.95\nmy,0.6,0.5,0.2,0.8,0.9,0.95\n"
KEYS = Windows(4, 4).keys(40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint, a video of 40 frames and boxes of two people on it."""
    folder = tmp_path_factory.mktemp("detect")
    detection.write_run(folder / "run")
    videos.write_video(folder / "my.mp4", videos.texture_frames(40, 96, 128))
    (folder / "people.csv").write_text(ROWS)
    return folder


def words(folder, *more, video="my.mp4", checkpoint="run/best.weights.h5"):
    return [f"--checkpoint={folder / checkpoint}", *map(str, more), str(folder / video)]


def refused(*given, status=2):
    return calls.refused(detect.main, "detect", *given, status=status)


def test_a_video_is_drawn_and_told(folder, tmp_path, capsys):
    out = [tmp_path / f"new.{kind}" for kind in ("mp4", "json", "csv")]
    flags = [f"--{name}={path}" for name, path in zip(("out", "json", "csv"), out, strict=True)]
    boxes = f"--boxes={folder / 'people.csv'}"
    assert detect.main(["detect", *words(folder, boxes, "--action_score_thr=0", *flags)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"my: 40 frames at 25 per second, {len(KEYS)} key frames, 2 people"
    assert printed[1].startswith("decode ") and "actions" in printed[1] and len(printed) == 2
    with av.open(str(out[0])) as container:
        assert container.streams.video[0].average_rate == 6
    assert len(video_files.read(out[0], fps=None)) == 2 * len(KEYS)
    found = json.loads(out[1].read_text())
    assert [frame["frame"] for frame in found["key_frames"]] == KEYS
    assert [len(frame["people"]) for frame in found["key_frames"]] == [2, 1, 0, 0]
    first = found["key_frames"][0]["people"]
    assert [person["person"] for person in first] == [1, 2]
    assert {action["name"] for action in first[0]["actions"]} == set(detection.NAMES)
    with open(out[2], newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 3 * len(detection.NAMES)


@pytest.mark.long
def test_from_python_scores_are_those_of_the_network_on_rgb(folder):
    from i3d.detection.scores import ActionScores
    from i3d.inference import network
    from i3d.inference.checkpoint import card_of
    from i3d.inference.pixels import resized

    found = i3d.detect(
        folder / "my.mp4", folder / "run/best.weights.h5", boxes=folder / "people.csv",
        action_score_thr=0.0, predict_stepsize=12, output_stepsize=6,
    )  # fmt: skip
    assert [frame.number for frame in found.key_frames] == [7, 19, 31] and found.people == 2
    rows = list(found.rows())
    assert len(rows) == 3 * len(detection.NAMES)
    assert [row.score for row in rows[:4]] == sorted((r.score for r in rows[:4]), reverse=True)

    card = card_of(None, f"{folder}/run/best.weights.h5", takes="boxes")
    scores = ActionScores(network.load_with_boxes(card))
    frames = video_files.read(folder / "my.mp4", fps=25)
    views = np.stack([resized(frames[n], 48) for n in Windows(4, 4).seen(7)])
    box = np.float32([[0.1, 0.2, 0.4, 0.9]])
    (expected,), (other,) = scores(views, box), scores(views[..., ::-1], box)
    actions = {a.id: a.score for a in found.key_frames[0].people[0].actions}
    np.testing.assert_allclose([actions[id] for id in (1, 2, 3, 4)], expected, rtol=1e-5)
    assert np.abs(expected - other).max() > 1e-4  # blue and red differ in this video


@pytest.mark.long
def test_nobody_in_a_video_of_one_frame(folder, tmp_path, capsys):
    """By the built-in detector; every output is written."""
    video_files.write(folder / "one.mp4", video_files.numbered(1))
    flags = f"--out={tmp_path / 'a.mp4'}", f"--csv={tmp_path / 'a.csv'}"
    assert detect.main(["detect", *words(folder, *flags, video="one.mp4")]) == 0
    assert "one: 1 frame at 25 per second, 1 key frame, no person" in capsys.readouterr().out
    assert len(video_files.read(tmp_path / "a.mp4", fps=None)) == 1
    assert (tmp_path / "a.csv").read_text().count("\n") == 1


@pytest.mark.long
def test_lines_are_printed_where_no_file_is_asked_for(folder, capsys):
    (folder / "label_map.txt").write_text("3: waves\n")
    flags = f"--boxes={folder / 'people.csv'}", "--action_score_thr=0"
    label_map = f"--label_map={folder / 'label_map.txt'}"
    assert detect.main(["detect", *words(folder, *flags, label_map)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("   0.28 s  person 1 [0.10 0.20 0.40 0.90]  waves 0.")
    assert first.count(",") == 0  # ids that the map does not have are not reported


def test_wrong_calls(folder, tmp_path):
    (tmp_path / "there.mp4").write_text("")
    (tmp_path / "lone.weights.h5").write_text("")
    cv2.imwrite(str(folder / "photo.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "map.txt").write_text("1: stand\n9: fly\n")
    (tmp_path / "other.csv").write_text("another,1,0.1,0.1,0.2,0.2,0.9\n")
    (tmp_path / "wide.csv").write_text("my,1,0.1,0.1,0.2,0.2,0.9\nmy,1,10,10,200,200,0.9\n")
    checkpoint = words(folder)[0]
    for given, expected in (
        ([checkpoint], "expected one video, got 0"),
        ([checkpoint, "a.mp4", "b.mp4"], "expected one video, got 2"),
        ([checkpoint, "no.mp4"], "no.mp4: no such file"),
        (words(folder, checkpoint="no.h5"), "no.h5: no such checkpoint"),
        (["--model=ava_slowonly_r50_8x8x1", words(folder)[1]], "--checkpoint is needed, too"),
        (words(folder, "--detector=no"), "expected hog or the folder of a TensorFlow SavedModel"),
        (words(folder, "--detector=hog", "--boxes=a.csv"), "--boxes or --detector, got both"),
        (words(folder, f"--boxes={tmp_path}/other.csv"), "expected key frames of 'my', got those"),
        (words(folder, f"--boxes={tmp_path}/wide.csv"), "wide.csv:2: expected a box x1,y1,x2,y2"),
        (words(folder, f"--label_map={tmp_path}/map.txt"), "expected ids from 1 to 4"),
        (words(folder, f"--out={tmp_path}/there.mp4"), "is there already"),
        (words(folder, "--out=a.avi"), "expected a name that ends in .mp4"),
        (words(folder, "--output_stepsize=3"), "a multiple of --output_stepsize=3, got 8"),
        (words(folder, "--action_score_thr=2"), "--action_score_thr: expected a number from 0 to"),
        (words(folder, "--output_fps=inf"), "--output_fps: expected a number from 0 to 1000"),
        (words(folder, "--det_score_thr=95"), "--det_score_thr: expected a number from -10 to 10"),
        (words(folder, "--det_score_thr=2", f"--boxes={folder}/people.csv"), "from 0 to 1, got 2"),
        (words(folder, "--boxes=no.csv"), "--boxes: no.csv: no such file"),
        (words(folder, "--label_map=no.txt"), "--label_map: no.txt: no such file"),
        (words(folder, f"--label_map={tmp_path}"), f"--label_map: {tmp_path}: a folder, not a"),
        (words(folder, "--label_map=ava"), "ava: expected ids from 1 to 4"),
        (words(folder, "--detector="), "--detector: expected a path or a name, got an empty one"),
        (words(folder, "--boxes="), "--boxes: expected a path or a name, got an empty one"),
        (words(folder, "--out=/proc/a.mp4"), "/proc: no file can be written there"),
        (words(folder, video="photo.png"), "photo.png: expected one video file, got an image"),
        (words(folder, video=""), "expected one video file, got a folder"),
        ([f"--checkpoint={tmp_path}/lone.weights.h5", words(folder)[1]], "--model=NAME, or"),
        (["--checkpoint=rgb_scratch", words(folder)[1]], "expected a model that takes boxes"),
    ):
        assert expected in refused(*given), given


def test_wrong_arguments_from_python(folder, tmp_path):
    video = folder / "my.mp4"
    for args, given, expected in (
        ((np.zeros((4, 8, 8, 3)),), {}, "video: expected a path or a name, got ndarray"),
        ((video,), {"boxes": np.zeros((1, 4))}, "boxes: expected a path or a name, got ndarray"),
        ((video,), {"label_map": {1: "a"}}, "label_map: expected a path or a name, got dict"),
        ((video,), {"boxes": tmp_path / "no.csv"}, "no.csv: no such file"),
        ((video,), {"fps": "30"}, "fps: expected a number, got str"),
        ((video,), {"predict_stepsize": 8.5}, "predict_stepsize: expected a whole number, got f"),
    ):
        with pytest.raises(UserError, match=expected):
            i3d.detect(*args, **given)


@pytest.mark.long
def test_files_appear_together(folder, tmp_path, monkeypatch, capsys):
    """An output that fails leaves none of the others, so that the same call can be made again."""

    def full(*_):
        raise OSError(28, "No space left on device")

    names = ("mp4", "json", "csv")
    flags = [f"--{name}={tmp_path}/a.{name}" for name in ("json", "csv")]
    given = words(folder, f"--boxes={folder}/people.csv", f"--out={tmp_path}/a.mp4", *flags)
    with monkeypatch.context() as patch:
        patch.setattr(detect.results, "write_csv", full)
        assert "No space left" in refused(*given, status=1)
    assert not list(tmp_path.iterdir())
    assert detect.main(["detect", *given]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {f"a.{name}" for name in names}
    told = capsys.readouterr().err
    assert f"people of {folder}/people.csv, scores above 0.9; actions above 0.5" in told


@pytest.mark.long
def test_a_detector_of_another_signature(folder, tmp_path):
    detector = save(tmp_path / "detector", shape=(None, 12))
    line = refused(*words(folder, f"--detector={detector}"), status=1)
    assert "expected a SavedModel with a signature serving_default of one input uint8" in line


@pytest.mark.long
def test_people_of_a_saved_model(folder, tmp_path, capsys):
    detector = save(tmp_path / "detector")
    assert detect.main(["detect", *words(folder, f"--detector={detector}")]) == 0
    assert "2 people" in capsys.readouterr().out


@pytest.mark.long
def test_a_damaged_video_leaves_no_file(folder, tmp_path):
    video_files.write(folder / "noise.mp4", video_files.noisy(60))
    content = bytearray((folder / "noise.mp4").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20000] = bytes(20000)
    (folder / "damaged.mp4").write_bytes(content)
    out = tmp_path / "a.mp4"
    line = refused(*words(folder, f"--out={out}", video="damaged.mp4"), status=1)
    assert "damaged.mp4: corrupt after" in line and not list(tmp_path.iterdir())


@pytest.mark.long
def test_other_commands_name_detect(folder, tmp_path):
    for name, main, more in (
        ("predict", predict.main, []),
        ("extract_features", extract_features.main, [f"--out={tmp_path / 'a.npz'}"]),
    ):
        assert "use python -m i3d.detect" in calls.refused(main, name, *words(folder, *more))
    with pytest.raises(UserError, match=r"use\s+python -m i3d.detect"):
        i3d.load(str(folder / "run/best.weights.h5"))


@pytest.mark.long
def test_the_demo_weights_know_drawn_people(tmp_path, capfd):
    """From a file alone: the built-in detector, the shipped weights."""
    (path,) = scenes.write_scenes(tmp_path / "scenes", 1, writing.TEST_SEED)
    out = tmp_path / "labelled.mp4"
    assert detect.main(["detect", str(path), f"--out={out}", f"--json={tmp_path / 'a.json'}"]) == 0
    assert (
        "demo weights, which know drawn figures and nothing else: stand," in capfd.readouterr().err
    )
    frames = json.loads((tmp_path / "a.json").read_text())["key_frames"]
    right = []
    for label in ava.read_truth(tmp_path / "scenes/annotations.csv"):
        frame = min(frames, key=lambda frame: abs(frame["second"] - label.second))
        people = frame["people"]
        if abs(frame["second"] - label.second) < 0.15 and people:
            overlaps = iou(np.array([label.box]), np.array([person["box"] for person in people]))
            ids = [action["id"] for action in people[overlaps.argmax()]["actions"]]
            right.append(overlaps.max() > 0.3 and label.action in ids)
    assert len(right) >= 6 and np.mean(right) >= 0.7, right
    assert len(video_files.read(out, fps=None)) == 2 * len(frames)
