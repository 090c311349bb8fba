"""What predict writes when names are odd, videos fail or it is stopped on the way. No network."""

import csv
import io
import json
import os
import signal
import types

import numpy as np
import pytest

from i3d import predict
from i3d.inference.average import Scores
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.video.images import Images
from tests.helpers import calls
from tests.helpers.images import written

SCORES = Scores(np.zeros(2, np.float32), np.array([0.75, 0.25], np.float32))
ODD = os.fsdecode(b"latin\xe9.mp4")


def job(tmp_path, *names, form="json", out="x.json"):
    out = str(tmp_path / out) if out else None
    options = types.SimpleNamespace(format=form, out=out, top_k=1)
    return predict.Job([], [(predict.printable(name), name) for name in names], options)


def stopping(error, *found):
    yield from found
    raise error


def videos(path):
    return [entry["video"] for entry in json.loads(path.read_text())]


def test_an_odd_name_is_escaped_and_the_others_kept(tmp_path):
    asked = job(tmp_path, "a.mp4", ODD, "b\n.mp4", "é.mp4")
    found = [(place, SCORES) for place in range(4)]
    assert predict._write(asked, ["x", "y"], iter(found), Progress()) == 0
    assert videos(tmp_path / "x.json") == ["a.mp4", r"latin\xe9.mp4", "b\n.mp4", "é.mp4"]


@pytest.mark.parametrize("form", ["text", "csv"])
def test_odd_names_in_other_forms(tmp_path, form):
    asked = job(tmp_path, ODD, "b\n.mp4", form=form)
    predict._write(asked, ["x", "y"], iter([(0, SCORES), (1, SCORES)]), Progress())
    text = (tmp_path / "x.json").read_text()
    if form == "csv":
        assert [row[0] for row in csv.reader(io.StringIO(text))][1:] == [
            r"latin\xe9.mp4",
            "b\n.mp4",
        ]
    else:
        assert text.splitlines()[::2] == [r"latin\xe9.mp4", r"b\n.mp4"]


def test_why_an_odd_name_failed_is_told_once(tmp_path, capsys):
    asked = job(tmp_path, ODD, "a.mp4")
    assert (
        predict._write(asked, ["x"], iter([(0, f"{ODD}: no such file"), (1, SCORES)]), Progress())
        == 1
    )
    assert capsys.readouterr().err.count("latin\\xe9.mp4: no such file") == 1
    assert videos(tmp_path / "x.json") == ["a.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("pool"), RuntimeError("bug")])
@pytest.mark.parametrize("form", ["json", "csv", "text"])
def test_what_was_done_is_kept_when_it_is_stopped(tmp_path, capsys, error, form):
    asked = job(tmp_path, "a", "b", "c", "d", form=form)
    found = stopping(error, (0, SCORES), (2, SCORES), (3, "d: bad"))  # b is not finished
    with pytest.raises(type(error)):
        predict._write(asked, ["x", "y"], found, Progress())
    text = (tmp_path / "x.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    if form == "json":
        assert videos(tmp_path / "x.json") == ["a", "c"]
    assert ("a" in text, "b" in text.split(), "c" in text) == (True, False, True)
    assert f"{tmp_path}/x.json holds 2 of 4 videos" in capsys.readouterr().err


def test_standard_output_is_complete_when_it_is_stopped(tmp_path, capsys):
    asked = job(tmp_path, "a", "b", out=None)
    with pytest.raises(KeyboardInterrupt):
        predict._write(asked, ["x"], stopping(KeyboardInterrupt(), (0, SCORES)), Progress())
    assert [entry["video"] for entry in json.loads(capsys.readouterr().out)] == ["a"]


def test_where_nothing_was_done_nothing_is_written(tmp_path):
    asked = job(tmp_path, "a", "b")
    for found in ([], [(1, "b: bad")], [(0, "a: bad")]):
        with pytest.raises(KeyboardInterrupt):
            predict._write(asked, ["x"], stopping(KeyboardInterrupt(), *found), Progress())
        assert not list(tmp_path.iterdir())


def test_sigterm_keeps_what_was_done(tmp_path):
    def found():
        yield 0, SCORES
        os.kill(os.getpid(), signal.SIGTERM)
        yield 1, SCORES

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        predict._write(job(tmp_path, "a", "b"), ["x"], found(), Progress())
    assert videos(tmp_path / "x.json") == ["a"]
    assert signal.getsignal(signal.SIGTERM) == before


def asked(*words):
    own = predict.defined_flags(["predict"])
    return predict._videos(own, own(["predict", *map(str, words)])[1:])


def test_folders_of_images_are_videos(tmp_path):
    folder = written(tmp_path / "a", "1.png", "2.png")
    (tmp_path / "empty").mkdir()
    named = asked("--image_fps=12", folder, tmp_path / "empty")
    assert named == [(folder, Images(folder, 12)), (f"{tmp_path}/empty",) * 2]
    with pytest.raises(UserError, match="a: is a folder of images; give --image_fps, their rate"):
        asked(folder)
    with pytest.raises(UserError, match="--image_fps: expected a number, got nan"):
        asked("--image_fps=nan", folder)


def test_a_name_that_begins_with_a_dash(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("-AbC12xyz_9.mp4", "--out.mp4"):
        (tmp_path / name).touch()
        assert predict.main(["predict", name, "a.mp4"]) == 2
        line = f"predict: {name} begins with a dash and is taken for a flag; write such names after"
        assert capsys.readouterr().err.startswith(line)
        assert asked("--", name) == [(name, name)]


def test_a_video_is_looked_at_before_weights_are_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("I3D_CHECKPOINTS", str(tmp_path / "none"))
    (tmp_path / "text.mp4").write_text("no video")
    message = calls.refused(
        predict.main, "predict", "--checkpoint=rgb_scratch", str(tmp_path / "text.mp4")
    )
    assert "text.mp4" in message and "download" not in message
    assert not (tmp_path / "none").exists()
