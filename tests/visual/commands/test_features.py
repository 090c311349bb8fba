"""`python -m i3d.visualize features` as users call it."""

import numpy as np
import pytest

from i3d import visualize
from i3d.visual.commands import features as command
from tests.helpers.calls import refused
from tests.helpers.pages import Page
from tests.helpers.videos import write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos in clips/CLASS, and features.npz of them as i3d.extract_features writes it."""
    root = tmp_path_factory.mktemp("features")
    write_folder(root / "clips", ("jump", "run"), per_class=3)
    ids = np.array([f"{name}/{name}{i}.mp4" for name in ("jump", "run") for i in range(3)])
    features = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    np.savez(root / "features.npz", ids=ids, features=features, views=np.ones(6, int))
    return root


def call(*words):
    return visualize.main(["visualize", "features", *map(str, words)])


def marks(out):
    return [path for path in Page(out.read_text()).of("path") if path.get("role") == "option"]


def test_classes_are_those_of_the_folders(folder, tmp_path, capsys):
    out = tmp_path / "map.html"
    assert call(folder / "features.npz", f"--out={out}") == 0
    assert [mark["aria-label"] for mark in marks(out)][:4:3] == [
        "jump/jump0.mp4, jump",
        "run/run0.mp4, run",
    ]
    said = capsys.readouterr()
    assert "t-SNE of 6 vectors of 8 features, perplexity 1.67." in said.out
    assert said.err == "--perplexity: 30 is lowered to 1.67, a third of the other 5 vectors\n"


def test_few_are_drawn_with_frames_of_their_videos(folder, tmp_path, capsys):
    out = tmp_path / "map.html"
    words = f"--out={out}", "--method=pca", "--most=4", f"--videos={folder / 'clips'}"
    assert call(folder / "features.npz", *words) == 0
    assert [mark["data-src"][:15] for mark in marks(out)] == ["data:image/jpeg"] * 4
    assert "4 of 6 vectors" in capsys.readouterr().out and "4 of 6" in out.read_text()


def test_windows_are_told_apart_by_their_times(folder, tmp_path):
    ids = np.array(["jump/jump0.mp4"] * 2 + ["run/run0.mp4"] * 2)
    start = np.array([0.0, 0.4, 0.0, 0.4])
    path = tmp_path / "windows.npz"
    np.savez(path, ids=ids, features=np.eye(4), start_s=start, end_s=start + 0.4)
    out = tmp_path / "map.html"
    assert call(path, f"--out={out}", "--method=pca", f"--videos={folder / 'clips'}") == 0
    found = marks(out)
    assert found[1]["aria-label"] == "jump/jump0.mp4 0.4 to 0.8 s, jump"
    assert len({mark["data-src"] for mark in found}) == 4


def test_equal_vectors(tmp_path, capsys):
    ids, path = np.array(list("abcdefgh")), tmp_path / "equal.npz"
    np.savez(path, ids=ids, features=np.ones((8, 3), np.float32))
    for method in ("tsne", "pca"):
        words = path, f"--out={tmp_path / 'map.html'}", f"--method={method}"
        assert "all 8 vectors are equal" in refused(
            command.main, "visualize features", *words, status=1
        )
    np.savez(path, ids=ids, features=np.eye(8)[[0, 0, 0, 0, 1, 1, 2, 2]])
    assert call(path, f"--out={tmp_path / 'map.html'}", "--method=pca") == 0
    assert "; 3 are distinct, equal ones coincide." in capsys.readouterr().out


def test_mistakes(folder, tmp_path):
    there, out = folder / "features.npz", f"--out={tmp_path / 'map.html'}"

    def line(*words, status=2):
        return refused(command.main, "visualize features", *words, status=status)

    assert "expected one file" in line(out)
    assert "--out is needed" in line(there)
    assert "method" in line(there, out, "--method=umap")
    assert "--video_root goes with" in line(there, out, "--video_root=x")
    assert "no such file" in line(tmp_path / "none.npz", out)
    assert "'nowhere' does not exist" in line(there, out, "--videos=nowhere")
    words = there, out, f"--videos={folder / 'clips'}", "--video_root=nowhere"
    assert "--video_root: expected a folder" in line(*words)
    np.savez(tmp_path / "few.npz", ids=np.array(["a", "b"]), features=np.eye(2))
    assert "expected 4 vectors or more, got 2" in line(tmp_path / "few.npz", out, status=1)
