"""`python -m i3d.visualize results` as users call it."""

import shutil

import numpy as np
import pytest

from i3d import visualize
from i3d.evaluation import results
from i3d.visual.commands import results as command
from tests.helpers import datasets
from tests.helpers.calls import refused
from tests.helpers.videos import write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos in clips/CLASS, and rgb.npz with the results of a test of them."""
    root = tmp_path_factory.mktemp("results")
    write_folder(root / "clips", per_class=2)
    names = np.array(["jump", "run", "walk"])
    ids = np.array([f"{name}/{name}{i}" for name in names for i in range(2)])
    labels = np.repeat(np.arange(3), 2)
    logits = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    made = results.Result(ids, labels, logits, names, "rgb", "drawn videos")
    results.save(root / "rgb.npz", made)
    return root


def call(*words):
    return visualize.main(["visualize", "results", *map(str, words)])


def test_the_report_shows_frames_of_the_videos(folder, tmp_path, capsys):
    out, clips = tmp_path / "report.html", folder / "clips"
    assert call(folder / "rgb.npz", f"--out={out}", f"--videos={clips}", "--count=2") == 0
    text, printed = out.read_text("utf-8"), capsys.readouterr()
    assert text.count("data:image/jpeg;base64,") == 4 and not printed.err
    assert str(out) in printed.out and "top-1" in printed.out


def test_frames_of_records(folder, tmp_path, capsys):
    made = datasets.build(tmp_path / "set", folder / "clips", split="test")
    out = tmp_path / "report.html"
    assert call(folder / "rgb.npz", f"--out={out}", f"--records={made}", "--count=1") == 0
    assert out.read_text().count("data:image/jpeg;base64,") == 2
    assert not capsys.readouterr().err
    rest = folder / "rgb.npz", f"--out={tmp_path / 'b.html'}", f"--records={made}", "--split=train"
    line = refused(command.main, "visualize results", *rest)
    assert "expected the split 'train', this data set has: test" in line


def test_a_missing_video_is_told(folder, tmp_path, capsys):
    rows = "".join(f"{name}/{name}{i}.mp4,{name}\n" for name in ("jump", "run") for i in range(2))
    (tmp_path / "list.csv").write_text(f"path,label\n{rows}")
    (tmp_path / "jump").mkdir()
    shutil.copyfile(folder / "clips/jump/jump0.mp4", tmp_path / "jump/jump0.mp4")
    out = f"--out={tmp_path / 'report.html'}"
    assert call(folder / "rgb.npz", out, f"--videos={tmp_path / 'list.csv'}") == 0
    assert "5 videos without a picture" in capsys.readouterr().err


def test_a_video_that_cannot_be_read_is_told(folder, tmp_path, capsys):
    write_folder(tmp_path / "clips", ("jump", "run"), per_class=2)
    (tmp_path / "clips/jump/jump0.mp4").write_bytes(b"no video")
    out = tmp_path / "report.html"
    assert call(folder / "rgb.npz", f"--out={out}", f"--videos={tmp_path / 'clips'}") == 0
    assert "3 videos without a picture, the first: " in capsys.readouterr().err
    assert out.read_text().count("data:image/jpeg;base64,") == 6  # three videos, worst and best


def test_mistakes(folder, tmp_path):
    there = folder / "rgb.npz"
    out = f"--out={tmp_path / 'report.html'}"

    def line(*words, status=2):
        return refused(command.main, "visualize results", *words, status=status)

    assert "expected one .npz" in line(out)
    assert "--out is needed" in line(there)
    assert "ends in .html" in line(there, "--out=report.png")
    (tmp_path / "there.html").touch()
    assert "is there already" in line(there, f"--out={tmp_path / 'there.html'}")
    assert "no such file" in line(tmp_path / "none.npz", out)
    assert "no such folder" in line(there, out, f"--records={tmp_path / 'nowhere'}")
    assert "'nowhere' does not exist" in line(there, out, "--videos=nowhere")
    assert "got both" in line(there, out, "--videos=x", "--records=y")
    assert "--video_root goes with" in line(there, out, "--video_root=x")
    write_folder(tmp_path / "others", ("sit", "lie"), per_class=1)
    told = line(there, out, f"--videos={tmp_path / 'others'}", status=1)
    assert "has none of the 6 videos; expected names such as jump/jump0, got lie/lie0" in told
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    assert "bad.npz" in line(tmp_path / "bad.npz", out, status=1)
