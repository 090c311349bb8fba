"""`--runner=beam` of predict and extract_features: the rows of the local run, also on a cluster."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from i3d import predict
from i3d.visual.figures import render
from tests.helpers import calls
from tests.helpers.cluster import cluster, options
from tests.helpers.points import Point
from tests.helpers.processes import ROOT

pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
pytestmark = pytest.mark.long

ACTIONS = ("jumping_jacks", "kicking", "walking_left")
ON_CLUSTER = pytest.mark.skipif(
    not importlib.util.find_spec("distributed"), reason="the extra [dask] is not installed"
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Paths of 12 videos, and of a file that is none."""
    folder = tmp_path_factory.mktemp("videos")
    render.write_videos(folder, 4, actions=ACTIONS, height=48, width=64)
    (folder / "none.mp4").write_text("no video")
    return [str(path) for path in sorted(folder.rglob("*.mp4"))]


def run(command, *words):
    """Runs a command of i3d in a process of its own."""
    line = [sys.executable, "-m", f"i3d.{command}", "--checkpoint=demo_rgb", *map(str, words)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def local(videos, tmp_path_factory):
    """The folder with what local processes make of the videos."""
    folder = tmp_path_factory.mktemp("local")
    assert run("predict", f"--out={folder / 'scores.csv'}", "--format=csv", *videos).returncode == 1
    extracted = run("extract_features", f"--out={folder / 'rows.npz'}", *videos)
    assert extracted.returncode == 1, extracted.stderr
    windows = ("--window=16", "--stride=8", f"--out={folder / 'windows'}")
    assert run("extract_features", *windows, *videos).returncode == 1
    return folder


def same_features(local, out, name):
    """Asserts that files of features hold the same, to the bit."""
    for path in sorted((local / name).rglob("*.npz")) or [local / name]:
        with np.load(path) as expected, np.load(out / path.relative_to(local)) as found:
            assert set(found.files) == set(expected.files)
            for key in found.files:
                np.testing.assert_array_equal(found[key], expected[key], key)


def test_predict_gives_the_same_table(videos, local, tmp_path):
    out = tmp_path / "scores.csv"
    result = run("predict", f"--out={out}", "--format=csv", "--runner=beam", *videos)
    assert result.returncode == 1 and "1 of 13 videos failed" in result.stderr
    assert out.read_text() == (local / "scores.csv").read_text()
    assert os.listdir(tmp_path) == ["scores.csv"]


@pytest.mark.parametrize(
    ("name", "flags"), [("rows.npz", []), ("windows", ["--window=16", "--stride=8"])]
)
def test_features_are_the_same(videos, local, tmp_path, name, flags):
    out = f"--out={tmp_path / name}"
    result = run("extract_features", out, "--runner=beam", *flags, *videos)
    assert result.returncode == 1 and "1 of 13 videos gave no features" in result.stderr
    same_features(local, tmp_path, name)


@pytest.mark.slow
@ON_CLUSTER
def test_predict_on_a_cluster(videos, local, tmp_path):
    out = tmp_path / "scores.csv"
    with cluster(tmp_path / "scheduler", {}, {}) as (address, _):
        words = (f"--out={out}", "--format=csv", *videos, *options(address))
        result = run("predict", *words)
    assert result.returncode == 1, result.stderr
    assert out.read_text() == (local / "scores.csv").read_text()


@ON_CLUSTER
def test_a_worker_of_features_that_is_killed(videos, local, tmp_path):
    out = tmp_path / "out" / "rows.npz"
    out.parent.mkdir()
    point = Point(out.parent, tmp_path / "log", r"rename .*\.npz", 3)
    with cluster(tmp_path / "scheduler", point.environment(), {}) as (address, workers):
        result = run("extract_features", f"--out={out}", *videos, *options(address))
        assert workers[0].wait(10) == -signal.SIGKILL
    assert result.returncode == 1, result.stderr
    assert "1 of 13 videos gave no features" in result.stderr
    same_features(local, out.parent, "rows.npz")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--runner=beam"], "--runner=beam needs --out=FILE"),
        (["--runner=beam", "--out=OUT.csv", "--examples=x"], "--examples goes with --runner=local"),
        (["--runner=beam", "--out=OUT.csv", "--", "--no_such=3"], "it knows no --no_such=3"),
        (["--runner=flink"], "flink"),
    ],
)
def test_a_wrong_call_gets_one_line(videos, tmp_path, words, expected):
    words = [word.replace("OUT", str(tmp_path / "out")) for word in words]
    line = calls.refused(predict.main, "predict", "--checkpoint=demo_rgb", videos[0], *words)
    assert expected in line
    assert not any(tmp_path.iterdir())


def test_words_after_two_dashes_are_files_without_beam(videos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(videos[0], tmp_path / "-a.mp4")
    assert predict.main(["predict", "--checkpoint=demo_rgb", "--", "-a.mp4"]) == 0
    assert "-a.mp4" in capsys.readouterr().out
