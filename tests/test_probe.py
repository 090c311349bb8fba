"""The probe as users run it, on synthetic videos and the demo weights."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import i3d
from i3d import probe
from i3d.data import build_settings
from i3d.probing import extract
from i3d.visual.figures import render
from tests.helpers import calls
from tests.helpers.processes import ROOT, wait_for

ACTIONS = ("jumping_jacks", "kicking", "walking_left")
PER_CLASS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos in clips/CLASS, and the cache that all tests share."""
    root = tmp_path_factory.mktemp("probe")
    render.write_videos(root / "clips", PER_CLASS, actions=ACTIONS, height=48, width=64)
    return root


def call(folder, *words, videos="clips", checkpoint="demo_rgb"):
    """Returns (exit status, standard output, standard error) of the command."""
    given = f"--videos={folder / videos}", f"--checkpoint={checkpoint}"
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        words = ["probe", *given, f"--cache={folder / 'cache'}", "--workers=1", *map(str, words)]
        status = probe.main(words)
    return status, out.getvalue(), errors.getvalue()


@pytest.fixture(scope="module")
def first(folder):
    """The first probe: what was printed, and what --json holds."""
    files = f"--out={folder / 'out'}", f"--json={folder / 'first.json'}"
    status, out, errors = call(folder, *files, "--shots=1,2,16", "--seeds=2", "--folds=3")
    assert status == 0, errors
    return out, errors, json.loads((folder / "first.json").read_text())


@pytest.mark.long
def test_what_is_printed_and_written(folder, first):
    out, errors, found = first
    assert {"accuracy", "interval", "classes", "confusion", "seconds"} <= found.keys()
    assert found["classes"] == list(ACTIONS)
    confusion = np.array(found["confusion"])
    assert confusion.sum(axis=1).tolist() == [PER_CLASS] * 3
    assert found["accuracy"] == np.trace(confusion) / 12 > 0.6
    low, high = found["interval"]
    assert 0 <= low < found["accuracy"] <= high <= 1 and found["seconds"] > 0
    assert len(found["predictions"]) == 12 and found["failures"] == {}
    hits = np.trace(confusion)
    assert re.search(rf"C=\S+ .*; 3-fold .*\naccuracy .* \({hits} of 12\), 95 % interval", out)
    assert "most doubtful videos" in out and "seconds: features" in out
    assert re.search(r"^videos per class +logistic +knn +mean\n1 .*\n2 ", out, re.M)
    assert "--shots=16: left out, the smallest class has 4 videos to train on" in errors
    assert "0 of 12 videos have their features in the cache" in errors
    assert f"python -m i3d.predict --checkpoint={folder / 'out' / 'best.weights.h5'}" in out


@pytest.mark.long
def test_its_checkpoint_says_what_the_probe_says(folder, first, monkeypatch):
    monkeypatch.setattr(extract, "_extract", None)  # all is in the cache
    result = i3d.probe(folder / "clips", "demo_rgb", cache=folder / "cache")
    assert repr(result).startswith("<ProbeResult: ") and "4-fold" in repr(result)
    loaded = i3d.load(str(folder / "out" / "best.weights.h5"))
    assert loaded.class_names == ACTIONS
    video = str(folder / "clips" / "kicking" / "kicking_0.mp4")
    own, other = dict(result.predict(video, 3)), dict(loaded.predict(video, 3))
    features = i3d.load("demo_rgb", clips=2, crops=1).features(video)
    expected = np.exp(features @ result.linear.kernel + result.linear.bias)
    for name, p in zip(ACTIONS, expected / expected.sum(), strict=True):
        assert abs(own[name] - p) < 1e-4 and abs(other[name] - p) < 1e-4


@pytest.mark.long
def test_its_checkpoint_starts_a_training(folder, first):
    from i3d.inference import checkpoint, network
    from i3d.weights import start

    path = str(folder / "out" / "best.weights.h5")
    card = checkpoint.card_of(None, path)

    def build(classes):
        return network.build(card.model, card.spec, classes, width=card.width, frames=16)

    assert "left out: the head of 3 classes, a new one has 7" in start.begin(build(7), build, path)
    assert card.spec.clips == 2 and card.spec.average == "logits"


@pytest.mark.long
def test_other_labels_and_names_extract_nothing(folder, first, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "_extract", None)
    shutil.copytree(folder / "clips" / "kicking", tmp_path / "clips" / "b")
    shutil.copytree(folder / "clips" / "walking_left", tmp_path / "clips" / "a")
    for number, path in enumerate(sorted((tmp_path / "clips" / "a").iterdir())):
        path.rename(path.with_name(f"{number}.mp4"))
    status, out, errors = call(folder, "--head=mean", videos=tmp_path / "clips")
    assert status == 0 and "8 of 8 videos have their features in the cache" in errors
    assert out.startswith("nearest class mean; 4-fold cross-validation\n")


@pytest.mark.long
def test_damaged_features_are_extracted_again(folder, first):
    path = next((folder / "cache").rglob("*.npz"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    result = i3d.probe(folder / "clips", "demo_rgb", cache=folder / "cache", head="knn", workers=1)
    assert result.accuracy > 0.5 and path.stat().st_size == len(whole)


@pytest.mark.long
def test_videos_that_fail_are_named_and_the_rest_is_used(folder, first, tmp_path):
    shutil.copytree(folder / "clips", tmp_path / "clips")
    (tmp_path / "clips" / "kicking" / "text.mp4").write_text("no video")
    (tmp_path / "clips" / "kicking" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    status, out, errors = call(folder, f"--json={tmp_path / 'a.json'}", videos=tmp_path / "clips")
    assert status == 1 and "of 12)" in out
    assert "kicking/gone: No such file or directory" in errors
    last = errors.splitlines()[-1]
    assert last.startswith("probe: 2 videos gave no features, the first is kicking/gone: No such")
    assert set(json.loads((tmp_path / "a.json").read_text())["failures"]) == {
        "kicking/gone",
        "kicking/text",
    }
    for path in (tmp_path / "clips" / "kicking").iterdir():
        path.unlink()
    (tmp_path / "clips" / "kicking" / "text.mp4").write_text("no video")
    _, _, errors = call(folder, videos=tmp_path / "clips")
    assert errors.splitlines()[-1].startswith("probe: none of the videos of class 'kicking' gave")


@pytest.mark.long
def test_test_videos(folder, first):
    listed = folder / "list.csv"
    rows = [(a, i, "test" if i == 3 else "train") for a in ACTIONS for i in range(PER_CLASS)]
    lines = [f"clips/{a}/{a}_{i}.mp4,{a},{split}\n" for a, i, split in rows]
    listed.write_text("path,label,split\n" + "".join(lines))
    status, out, _ = call(folder, "--shots=1", videos="list.csv")
    assert status == 0 and re.search("; test videos\naccuracy .* of 3", out)
    same = f"--test_videos={folder / 'copy'}"
    shutil.copytree(folder / "clips", folder / "copy")
    status, _, errors = call(folder, same)
    assert "12 videos to test are copies of videos to train on, the first is" in errors


@pytest.mark.slow
def test_records_and_features_of_a_file(folder, first, tmp_path):
    from data_prep import __main__ as data_prep
    from i3d import evaluate, extract_features

    words = f"--videos={folder / 'clips'}", f"--out={tmp_path / 'data'}", "--streams=rgb"
    assert data_prep.main(["data_prep", "build", *words, "--short_side=96", "--split=test"]) == 0
    assert build_settings.settings_of(tmp_path / "data").short_side == 96
    records = f"--records={tmp_path / 'data'}"
    words = records, "--checkpoint=demo_rgb", f"--cache={folder / 'cache'}"
    assert probe.main(["probe", *words, f"--out={tmp_path / 'run'}"]) == 0
    tested = evaluate.evaluate(str(tmp_path / "run" / "best.weights.h5"), str(tmp_path / "data"))
    assert tested.top1 > 0.9  # of videos that it was fitted on
    files = sorted(map(str, (folder / "clips").rglob("*.mp4")))
    (tmp_path / "list.txt").write_text("\n".join(files))
    words = f"--video_list={tmp_path / 'list.txt'}", f"--video_root={folder / 'clips'}"
    words += "--checkpoint=demo_rgb", f"--out={tmp_path / 'f.npz'}", "--clips=2"
    assert extract_features.main(["extract_features", *words]) == 0
    result = i3d.probe(features=tmp_path / "f.npz", folds=3)
    assert result.accuracy > 0.6 and result.cards == ()


@pytest.mark.slow
def test_networks_side_by_side(folder, tmp_path):
    out = tmp_path / "both"
    words = "--checkpoint=demo_flow", "--clips=1", "--batch_size=2", f"--out={out}"
    status, printed, errors = call(folder, *words)
    assert status == 0, errors
    paths = [out / "1_demo_rgb/best.weights.h5", out / "2_demo_flow/best.weights.h5"]
    assert " ".join(f"--checkpoint={path}" for path in paths) in printed
    result = i3d.probe(folder / "clips", ["demo_rgb", "demo_flow"], clips=1, cache=folder / "cache")
    video = str(folder / "clips" / "kicking" / "kicking_1.mp4")
    own = dict(result.predict(video, 3))
    for name, p in i3d.load(list(map(str, paths))).predict(video, 3):
        assert abs(own[name] - p) < 1e-4
    features = i3d.load(["demo_rgb", "demo_flow"], clips=1, crops=1).features(video)
    logits = features @ result.linear.kernel + result.linear.bias
    assert result.classes[int(logits.argmax())] == max(own, key=own.__getitem__)


@pytest.mark.slow
def test_a_killed_probe_resumes(folder, tmp_path):
    words = f"--videos={folder / 'clips'}", "--checkpoint=demo_rgb", f"--cache={tmp_path / 'c'}"
    command = [sys.executable, "-m", "i3d.probe", *words, "--workers=1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=-3)
    wait_for(lambda: len(list(tmp_path.rglob("*.npz"))) > 1, "features", seconds=120)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    there = len(list((tmp_path / "c").rglob("*.npz")))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{there} of 12 videos have their features in the cache" in done.stderr


def test_wrong_calls_are_one_clear_line(folder, tmp_path):
    clips = f"--videos={folder / 'clips'}"
    one = tmp_path / "one"
    for action in ACTIONS:
        (one / action).mkdir(parents=True)
        (one / action / "a.mp4").write_text(action)
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.mp4").touch()
    (tmp_path / "alone" / "run").mkdir(parents=True)
    (tmp_path / "alone" / "run" / "a.mp4").touch()
    (tmp_path / "gone.csv").write_text("path,label\nx.mp4,run\ny.mp4,jump\n")
    (tmp_path / "others" / "swim").mkdir(parents=True)
    (tmp_path / "others" / "swim" / "a.mp4").touch()
    (tmp_path / "there.json").touch()
    (tmp_path / "bad.pth").write_bytes(b"no weights")
    weights = "--checkpoint=demo_rgb"
    wrong = {
        (): "--videos is needed: a folder with a folder of videos for each class, or a list",
        (clips,): "--checkpoint is needed, a path or a name, such as rgb_scratch",
        ("--videos=nowhere", weights): "'nowhere' does not exist",
        (f"--videos={tmp_path / 'flat'}", weights): "its videos have no classes; expected a folder",
        (f"--videos={tmp_path / 'alone'}", weights): "at least 2 classes, all 1 are of 'run'",
        (f"--videos={one}", weights): "all 3 classes have one; add videos, or give others by",
        (f"--videos={tmp_path / 'gone.csv'}", weights): "none of its 2 videos exists",
        (clips, weights, f"--test_videos={tmp_path / 'others'}"): "of 3 classes, got 'swim'",
        (clips, weights, f"--out={tmp_path}"): "is there already; remove it or choose another name",
        (clips, weights, f"--json={tmp_path / 'there.json'}"): "is there already",
        (clips, weights, "--json=a.txt"): "expected a name that ends in .json",
        (clips, weights, "--shots=2,x"): "--shots: expected numbers such as 1,2,4,8, got 'x'",
        (clips, weights, "--folds=1"): "flag --folds=1",
        (clips, weights, "--head=knn", f"--out={tmp_path / 'a'}"): "have no weights to save",
        (clips, "--checkpoint=rgb_scrtch"): "did you mean rgb_scratch",
        (clips, "--checkpoint=none.weights.h5"): "none.weights.h5: no such checkpoint",
        (clips, f"--checkpoint={tmp_path / 'bad.pth'}", "--model=tsn_r50_1x1x3"): "bad.pth: ",
        (clips, weights, "--records=x"): "expected --videos or --records, got both",
        (clips, weights, "--model=a", "--model=b"): "expected a --checkpoint for each --model",
        (clips, weights, "--demo"): "--demo makes its own videos; leave out --videos, or --demo",
        (clips, weights, "word"): "unexpected argument 'word'",
        (f"--features={tmp_path / 'no.npz'}",): "no.npz: No such file",
        (f"--features={tmp_path / 'no.pkl'}",): "expected a .npz file of extract_features",
        (f"--records={tmp_path}", weights): "expected a data set",
    }
    for words, message in wrong.items():
        line = calls.refused(probe.main, "probe", *words)
        assert message in line, (words, line)
    assert not list(tmp_path.glob("a")) and not Path("a.txt").exists()


def test_i3d_probe_is_command_and_function():
    assert callable(i3d.probe) and i3d.probe is probe and i3d.probe.main is probe.main


@pytest.mark.long
def test_the_demo(tmp_path, capsys):
    files = f"--json={tmp_path / 'a.json'}", f"--out={tmp_path / 'out'}"
    assert probe.main(["probe", "--demo", *files]) == 0
    assert json.loads((tmp_path / "a.json").read_text())["accuracy"] >= 0.8
    assert (tmp_path / "out" / "best.weights.h5").exists()
    assert "demo: 40 synthetic videos of 5 actions" in capsys.readouterr().err


@pytest.mark.slow
def test_ut_interaction(clips, tmp_path):
    """Two clips of DeepMind's RGB I3D label all 37 test videos of UT-Interaction right."""
    folder, lists = os.environ.get("I3D_TEST_CHECKPOINTS"), os.environ.get("I3D_TEST_ANNOTATIONS")
    if not folder or not lists:
        pytest.skip("I3D_TEST_CHECKPOINTS, I3D_TEST_ANNOTATIONS are not set: no weights, no lists")
    rows = (Path(lists) / "ut_interaction" / "made_here_split.csv").read_text().splitlines()[1:]
    cells = [row.split(",") for row in rows]
    lines = [f"{path},{label},{split}\n" for path, _, label, _, _, split in cells]
    (tmp_path / "ut.csv").write_text("path,label,split\n" + "".join(lines))
    result = i3d.probe(
        tmp_path / "ut.csv",
        f"{folder}/i3d/rgb_scratch/model.ckpt",
        video_root=clips / "ut_interaction",
        precision="bfloat16",
        cache=tmp_path / "cache",
    )
    assert int(np.trace(result.confusion)) == int(result.confusion.sum()) == 37
    assert result.interval[0] > 0.9
