"""`python -m i3d.filter`: what a teacher keeps of web material, resumed, and what it refuses."""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from i3d import filter as command
from i3d.data import read as records
from i3d.inference import load, material, score_list
from i3d.inference.score_list import Row, ScoreList
from i3d.inference.selection import Selection, kept_of
from i3d.runtime.command import GOES_ON
from i3d.runtime.text import InputError
from i3d.video import frames, inputs
from i3d.video.pictures import Still
from i3d.visual.figures import render
from tests.helpers import calls, clip_files, processes, runs
from tests.helpers.images import written
from tests.helpers.points import Point
from tests.helpers.processes import ROOT
from tests.helpers.videos import texture_frames, write_video

ACTIONS = ("kicking", "squats", "walking_left")
TEACHER = "--checkpoint=demo_rgb"


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """Two videos of each action and the first picture of one; one of the videos is misplaced."""
    root = tmp_path_factory.mktemp("material") / "web"
    render.write_videos(root, 2, actions=ACTIONS, height=48, width=64)
    first = next(frames.read_frames(str(root / "squats/squats_0.mp4"), None, None))
    cv2.imwrite(str(root / "squats" / "b.png"), first[..., ::-1])
    shutil.move(root / "kicking/kicking_1.mp4", root / "squats/a_kick.mp4")
    return root


@pytest.fixture
def folder(web, tmp_path):
    """A copy of the material in a folder of its own."""
    shutil.copytree(web, tmp_path / "web")
    return tmp_path


def call(*words, status=0):
    """Returns (standard output, standard error) of the command."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        found = command.main(["filter", *map(str, words)])
    assert found == status, errors.getvalue()
    return out.getvalue(), errors.getvalue()


def rows(path):
    """Returns the lines of a CSV file as dicts."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def refused(*words, status=2):
    return calls.refused(command.main, "filter", *words, status=status)


@pytest.mark.long
def test_what_is_kept_is_what_the_teacher_is_sure_of(folder, monkeypatch):
    out, _ = call(folder / "web", TEACHER, f"--out={folder / 'web.csv'}", "--threshold=0.4")
    teacher = load.load("demo_rgb")
    scored = rows(folder / "web_scores.csv")
    assert [row["path"] for row in scored] == sorted(row["path"] for row in scored)
    assert len(scored) == 7 and not any(row["problem"] for row in scored)
    for row in scored:
        source = str(folder / row["path"])
        source = Still(source) if source.endswith(".png") else source
        ((_, found),) = teacher.scores_of([source])
        p = dict(zip(teacher.class_names, found.probabilities, strict=True))
        assert row["top_class"] == max(p, key=p.__getitem__)
        assert abs(float(row["top_probability"]) - p[row["top_class"]]) < 1e-5
        assert abs(float(row["label_probability"]) - p[row["label"]]) < 1e-5
    sure = [row for row in scored if float(row["label_probability"]) >= 0.4]
    images = [row for row in sure if row["path"].endswith(".png")]
    kept = rows(folder / "web.csv")
    both = [*kept, *(rows(folder / "web_images.csv") if images else [])]
    assert 0 < len(kept) < 7 and len(both) == len(sure)
    assert {(row["path"], row["label"]) for row in both} == {
        (row["path"], row["label"]) for row in sure
    }
    assert "web/squats/a_kick.mp4" not in {row["path"] for row in kept}
    assert f"{len(sure)} kept, {7 - len(sure)} left out" in out and "\nsquats " in out

    # Another threshold computes nothing.
    before = (folder / "web_scores.csv").read_bytes()
    monkeypatch.setattr(load, "of_cards", None)
    out, errors = call(folder / "web", TEACHER, f"--out={folder / 'web.csv'}", "--threshold=0")
    assert "7 of 7 have their scores" in errors and "7 kept, 0 left out" in out
    assert len(rows(folder / "web.csv")) == 6 and len(rows(folder / "web_images.csv")) == 1
    call(
        folder / "web", TEACHER, f"--out={folder / 'web.csv'}", "--threshold=0", "--max_per_class=1"
    )
    best = {
        max(
            (float(row["label_probability"]), row["path"]) for row in scored if row["label"] == name
        )[1]
        for name in ACTIONS
    }
    lists = folder / "web.csv", folder / "web_images.csv"
    assert {row["path"] for path in lists if path.exists() for row in rows(path)} == best
    assert (folder / "web_scores.csv").read_bytes() == before
    line = refused(
        folder / "web", TEACHER, f"--out={folder / 'web.csv'}", "--threshold=1", status=1
    )
    assert "nothing reaches --threshold=1, the best is 0.9" in line


@pytest.mark.long
def test_data_prep_builds_the_list_with_the_classes_of_the_teacher(folder):
    from data_prep.__main__ import main

    call(folder / "web", TEACHER, f"--out={folder / 'web.csv'}", "--threshold=0.5")
    words = f"--videos={folder / 'web.csv'}", f"--labels={folder / 'web_scores.json'}"
    more = f"--out={folder / 'set'}", "--streams=rgb", "--short_side=48", "--workers=1"
    assert main(["data_prep", "build", *words, *more]) == 0
    data = records.opened(folder / "set")
    assert tuple(data.class_names) == load.load("demo_rgb").class_names
    assert len(list(records.videos(data, ["train"]))) == len(rows(folder / "web.csv"))


@pytest.mark.long
def test_windows_of_untrimmed_videos_without_labels(folder):
    """Two actions one after the other in one file: the windows of each get its class."""
    clips = [folder / "web" / name for name in ("kicking/kicking_0.mp4", "squats/squats_0.mp4")]
    pictures = [p for clip in clips for p in list(frames.read_frames(str(clip), 25, None))[:50]]
    write_video(folder / "films" / "film.mp4", pictures)
    out, _ = call(
        folder / "films",
        TEACHER,
        f"--out={folder / 'parts.csv'}",
        "--window_s=2",
        "--threshold=0.3",
    )
    scored = rows(folder / "parts_scores.csv")
    assert [(row["start_s"], row["end_s"], row["windows"]) for row in scored] == [
        ("0.0", "2.0", "2"),
        ("2.0", "4.0", "2"),
    ]
    assert [row["top_class"] for row in scored] == ["kicking", "squats"]
    kept = rows(folder / "parts.csv")
    assert kept == [
        {"path": "films/film.mp4", "label": row["top_class"]}
        | {key: row[key] for key in ("start_s", "end_s")}
        for row in scored
    ]
    items, names = inputs.read(folder / "parts.csv")
    assert [(item.start_s, item.end_s) for item in items] == [(0.0, 2.0), (2.0, 4.0)]
    assert names == ["kicking", "squats"] and "2 kept, 0 left out" in out


@pytest.mark.long
def test_what_cannot_be_read_is_listed_and_tried_again(folder):
    bad = folder / "web/squats/broken.mp4"
    bad.write_bytes(b"no video")
    (folder / "web/squats/c.jpg").write_bytes(b"no image")
    words = folder / "web", TEACHER, f"--out={folder / 'web.csv'}"
    line = refused(*words, status=1)
    assert "2 of 9 could not be read, the first is web/squats/broken.mp4: not a readable" in line
    reasons = {row["path"]: row["problem"] for row in rows(folder / "web_scores.csv")}
    assert reasons["web/squats/c.jpg"] == "not an image"
    assert not {"web/squats/broken.mp4"} & {row["path"] for row in rows(folder / "web.csv")}
    shutil.copy(folder / "web/squats/squats_0.mp4", bad)
    assert "2 of 9 could not" in refused(*words, status=1)
    assert "1 of 9 could not" in refused(*words, "--retry_failed", status=1)
    found = {row["path"]: row for row in rows(folder / "web_scores.csv")}
    assert len(found) == 9 and not found["web/squats/broken.mp4"]["problem"]
    for path in (folder / "web").rglob("*.*"):
        path.write_bytes(b"")
    last = folder / "web", TEACHER, f"--out={folder / 'none.csv'}"
    assert "none of 9 could be read; the reasons are in" in refused(*last, status=1)
    assert not (folder / "none.csv").exists()


@pytest.mark.long
def test_two_streams_of_videos(folder):
    (folder / "web/squats/b.png").unlink()
    both = TEACHER, "--checkpoint=demo_flow"
    shutil.copytree(folder / "web/squats", folder / "flat")
    call(folder / "flat", *both, f"--out={folder / 'flat.csv'}", "--threshold=0", "--clips=1")
    found = rows(folder / "flat_scores.csv")
    teacher = load.load(["demo_rgb", "demo_flow"], clips=1)
    for row in found:
        name, p = teacher.predict(folder / row["path"], 1)[0]
        assert row["top_class"] == name and abs(float(row["top_probability"]) - p) < 1e-5
        assert row["label"] == row["label_probability"] == ""


@pytest.mark.long
def test_clips_of_a_training_run_and_a_list_of_numbers(tmp_path, tiny_model):
    """The classes of a list are those of the teacher by number; images are seen by one clip."""
    names = written(tmp_path / "web", "a.png", "b.jpg", height=40, width=50)
    write_video(tmp_path / "web" / "c.mp4", texture_frames(20))
    (tmp_path / "list.txt").write_text("web/b.jpg 3\nweb/c.mp4 1\nweb/a.png 0\n")
    checkpoint = runs.write(tmp_path / "run")
    call(tmp_path / "list.txt", f"--checkpoint={checkpoint}", f"--out={tmp_path / 'k.csv'}",
         "--threshold=0")  # fmt: skip
    found = rows(tmp_path / "k_scores.csv")
    assert [row["label"] for row in found] == [runs.NAMES[n] for n in (3, 1, 0)]
    teacher = load.load(checkpoint)
    sources = [Still(f"{names}/b.jpg"), f"{names}/c.mp4", Still(f"{names}/a.png")]
    for place, scores in teacher.scores_of(sources):
        label = runs.NAMES.index(found[place]["label"])
        assert abs(scores.probabilities[label] - float(found[place]["label_probability"])) < 1e-5
    assert [row["label"] for row in rows(tmp_path / "k_images.csv")] == [
        runs.NAMES[n] for n in (3, 0)
    ]
    assert rows(tmp_path / "k.csv") == [{"path": "web/c.mp4", "label": runs.NAMES[1]}]
    _, items = inputs.read(tmp_path / "k.csv", labels=tmp_path / "k_scores.json")
    assert items == list(runs.NAMES)


@pytest.mark.long
def test_a_teacher_of_labels_in_words(tmp_path, monkeypatch):
    pytest.importorskip("keras_hub", reason="the extra clip is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clip_files.write_actionclip(tmp_path / "a.safetensors")
    write_video(tmp_path / "web/waving/a.mp4", texture_frames(30, seed=7))
    written(tmp_path / "web/waving", "b.png", height=40, width=50)
    teacher = "--model=actionclip_tiny_8f", f"--checkpoint={tmp_path / 'a.safetensors'}"
    words = tmp_path / "web", *teacher, f"--out={tmp_path / 'k.csv'}", "--threshold=0"
    call(*words, "--text=sitting down,waving")
    found = rows(tmp_path / "k_scores.csv")
    predictor = load.load("actionclip_tiny_8f", tmp_path / "a.safetensors")
    p = dict(predictor.predict(tmp_path / "web/waving/a.mp4", text=["sitting down", "waving"]))
    assert abs(float(found[0]["label_probability"]) - p["waving"]) < 1e-5
    assert len(found) == 2 and not found[1]["problem"]
    assert "holds scores of text {" in refused(*words, "--text=sitting,waving")
    assert "--text is needed" in refused(*words)
    assert "lack 'waving'" in refused(*words, "--text=sitting,lying")


def reached(folder, words, step, number, kind):
    """Runs a command that gets a signal at a step; returns what came of it."""
    point = Point(folder, folder.parent / f"{folder.name}.log", step, number, kind)
    environment = os.environ | point.environment()
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.long
def test_a_signal_stops_it_in_one_line(folder):
    words = [sys.executable, "-m", "i3d", "filter", folder / "web", TEACHER, "--workers=1"]
    words = [*map(str, words), f"--out={folder / 'web.csv'}"]
    done = reached(folder, words, r"fsync web_scores\.csv$", 2, signal.SIGTERM)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == f"filter: stopped; {GOES_ON}"
    assert not (folder / "web.csv").exists() and not list(folder.glob(".*"))
    _, errors = call(*words[4:])
    assert "of 7 have their scores" in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "number"),
    [(r"fsync web_scores\.csv$", 3), (r"open web_scores\.csv$", 1), (r"open web\.csv", 1)],
)
def test_killed_it_goes_on_to_the_same_lists(folder, step, number):
    words = [sys.executable, "-m", "i3d.filter", "web", TEACHER, "--workers=1", "--threshold=0.4"]
    words += [f"--out={folder / 'web.csv'}"]
    words[3] = str(folder / "web")
    done = reached(folder, words, step, number, signal.SIGKILL)
    assert done.returncode == -9, done.stderr
    assert not (folder / "web.csv").exists()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if step.startswith("fsync"):
        assert "of 7 have their scores" in done.stderr
    resumed = processes.contents(folder)
    for name in resumed:
        if name.startswith("web_") or name == "web.csv":
            (folder / name).unlink()
    call(*words[3:])
    whole = processes.contents(folder)
    assert resumed.keys() == whole.keys()
    assert resumed["web.csv"] == whole["web.csv"]
    lines = [found["web_scores.csv"].decode().splitlines() for found in (resumed, whole)]
    for one, other in zip(*(csv.DictReader(each) for each in lines), strict=True):
        assert one["path"] == other["path"] and one["top_class"] == other["top_class"]
        assert abs(float(one["label_probability"]) - float(other["label_probability"])) < 1e-5


def test_wrong_calls_are_one_clear_line(folder, tmp_path):
    material_ = str(folder / "web")
    out = f"--out={folder / 'web.csv'}"
    (folder / "flow/squats").mkdir(parents=True)
    shutil.copy(folder / "web/squats/b.png", folder / "flow/squats/b.png")
    shutil.copytree(folder / "web/squats", folder / "other/swimming")
    shutil.copytree(folder / "web/squats", folder / "other/squat")
    (folder / "empty").mkdir()
    (folder / "times.csv").write_text("path,start_s,end_s\nweb/squats/a_kick.mp4,0,1\n")
    (folder / "several.csv").write_text("path,label\nweb/squats/a_kick.mp4,kicking;squats\n")
    (folder / "there.csv").touch()
    wrong = {
        (): "expected one folder or list of videos and images, got 0",
        (material_, "b"): "got 2",
        (material_, out, TEACHER, "--threshold=1.5"): "--threshold: expected a probability",
        (material_, out, TEACHER, "--threshold=-0.1"): "from 0 to 1, got -0.1",
        (material_, out, TEACHER, "--threshold=nan"): "from 0 to 1, got nan",
        (material_, TEACHER): "--out is needed: a .csv file, got None",
        (material_, TEACHER, "--out=a.txt"): "--out is needed: a .csv file, got 'a.txt'",
        (material_, out): "--checkpoint is needed",
        (material_, out, TEACHER, "--window_s=0"): "--window_s: expected seconds above 0",
        (folder / "none", out, TEACHER): "does not exist",
        (folder / "empty", out, TEACHER): "expected a folder for each class, found none",
        (folder / "other", out, TEACHER): "the teacher has other classes: its 13 lack 'squat', "
        "'swimming' (is 'squat' 'squats'?)",
        (folder / "flow", out, "--checkpoint=demo_flow"): "b.png: is an image, and demo_flow sees",
        (folder / "flow", out, TEACHER, "--checkpoint=demo_flow"): "give a teacher of RGB alone",
        (folder / "times.csv", out, TEACHER, "--window_s=1"): "--window_s cuts whole videos",
        (folder / "several.csv", out, TEACHER): "has 2 labels; expected one, or none",
        (material_, TEACHER, f"--out={folder / 'there.csv'}"): "there.csv: is there already",
        (material_, out, "--checkpoint=demo_rbg"): "demo_rgb",
    }
    for words, message in wrong.items():
        line = refused(*words)
        assert message in line, (words, line)
    assert not list(folder.glob("web?*"))


def test_scores_of_another_teacher_stay(folder):
    job = command.checked(command.defined_flags([]), ["filter", str(folder / "web"), TEACHER,
                          f"--out={folder / 'web.csv'}"])  # fmt: skip
    words = folder / "web", f"--out={folder / 'web.csv'}"
    (folder / "web_scores.json").write_text(json.dumps(job.plan))
    for change, message in (
        ({"teacher": ["0" * 64]}, "holds scores of another teacher (teacher)"),
        ({"window_s": 2.0}, "of window_s 2.0, and this command has None; give the same flags"),
        ({"classes": ["a"]}, "another teacher (classes)"),
    ):
        (folder / "web_scores.json").write_text(json.dumps(job.plan | change))
        assert message in refused(*words, TEACHER)
    (folder / "web_scores.json").write_text("{")
    assert "web_scores.json: cannot be read: not JSON" in refused(*words, TEACHER)


def test_a_list_that_was_cut_off_loses_its_last_video_alone(tmp_path):
    pieces = [material.Piece(name, name, "run") for name in ("a.mp4", "b, 1.mp4", "ü.mp4")]
    scores = ScoreList(tmp_path / "s.csv", windowed=True)
    for piece in pieces:
        row = Row(piece.path, 0.0, 2.0, "run", "jump", 0.5, 0.25, 2)
        scores.add(piece, [row, row._replace(start_s=2.0, end_s=4.0)])
    scores.close()
    whole = (tmp_path / "s.csv").read_bytes()
    second = whole.index("ü".encode())
    for cut in range(second, len(whole)):
        (tmp_path / "s.csv").write_bytes(whole[:cut])
        found = ScoreList(tmp_path / "s.csv", windowed=True)
        assert list(found.rows) == [("a.mp4", "run"), ("b, 1.mp4", "run")]
        assert (tmp_path / "s.csv").read_bytes() == whole[:second]
    (tmp_path / "s.csv").write_bytes(whole)
    assert ScoreList(tmp_path / "s.csv", windowed=True).rows == scores.rows


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.250000", "2"),
        ("0.250000", "x"),
        ("0.250000", ""),
        ("0.250000,1", "0.25,"),
        ("0.250000,1", "0.25,0"),
        (",jump", ","),
        ("a.mp4,", '"a.mp4,'),
        ("path", "paths"),
        ("0.250000,1,", "0.25,1,no video"),
    ],
)
def test_a_damaged_list_is_one_line(tmp_path, old, new):
    scores = ScoreList(tmp_path / "s.csv", windowed=False)
    piece = material.Piece("a.mp4", "a.mp4", "run")
    scores.add(piece, [Row("a.mp4", 0.0, None, "run", "jump", 0.5, 0.25)])
    scores.close()
    text = (tmp_path / "s.csv").read_text()
    assert old in text
    (tmp_path / "s.csv").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=r"s\.csv:[12]: expected "):
        ScoreList(tmp_path / "s.csv", windowed=False)


def test_names_that_no_list_can_hold_are_refused():
    for name in ("a\nb.mp4", " a.mp4", "a\x07.mp4"):
        item = inputs.Item("a", f"/web/{name}", 0)
        with pytest.raises(ValueError, match="expected a name without line breaks"):
            material.pieces_of([item], ["run"], ["run"], "/web")


def test_indices_are_those_of_the_teacher():
    items = [inputs.Item("a", "/web/a.mp4", 0), inputs.Item("b", "/web/b.mp4", 2)]
    found = material.pieces_of(items, ["0", "1", "2"], ["x", "y", "z"], "/web")
    assert [piece.label for piece in found] == ["x", "z"]
    with pytest.raises(ValueError, match="its 2 lack '2'"):
        material.pieces_of(items, ["0", "1", "2"], ["x", "y"], "/web")


def test_the_most_certain_of_each_class_are_kept():
    numbers = np.random.default_rng(0).uniform(size=40).round(3)
    every = [Row(f"{n}.mp4", 0.0, None, "", "ab"[n % 2], p) for n, p in enumerate(numbers)]
    every.append(Row("bad.mp4", 0.0, None, "", problem="no video"))
    chosen = Selection.of(every, 0.2, most=3)
    for place, name in enumerate("ab"):
        best = sorted(p for p in numbers[place::2] if p >= 0.2)[-3:]
        assert sorted(one.probability for one in chosen.kept if one.label == name) == best
    assert kept_of(every[-1], 0.0) is None
    lines = chosen.table().splitlines()
    assert lines[1].split() == ["a", "3", "17", "0"] and lines[3].split()[-3:] == ["0", "0", "1"]
    assert score_list.rounded(np.float32(0.12345678)) == 0.123457
