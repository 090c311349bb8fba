"""Files of features read back in every form that extraction writes them in."""

import numpy as np
import pytest

from i3d.features import files, forms
from i3d.features.read import read
from i3d.features.videos import Entry
from i3d.inference.average import Rows
from i3d.runtime.command import BadData

ENTRIES = [Entry("list:1", "jump/a.mp4", "/x/jump/a.mp4"), Entry("list:2", "b.mp4", "/x/b.mp4")]


def rows(count):
    features = np.arange(3 * count, dtype=np.float32).reshape(count, 3)
    start = np.arange(count, dtype=float)
    end = start + 1 if count > 1 else np.array([np.nan])
    return Rows(features, start, end, np.full(count, 4))


def written(out, windows):
    with files.Work(out, {"plan": 1}) as work:
        for index in range(2):
            work.save(index, rows(2 if windows else 1))
        work.finish(ENTRIES, {}, forms.WINDOWS if windows else forms.VECTORS)
    return read(out)


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("name", ["out.npz", "out"])
def test_what_extraction_writes_is_read(tmp_path, name, windows):
    found = written(tmp_path / name, windows)
    names = ["jump/a.mp4", "b.mp4"] if name == "out.npz" else ["b", "jump/a"]
    assert found.ids == ([id for id in names for _ in range(2)] if windows else names)
    assert (found.features == np.concatenate([rows(2 if windows else 1).features] * 2)).all()
    assert found.start_s.tolist() == (
        [0, 1, 0, 1] if windows else pytest.approx([np.nan] * 2, nan_ok=True)
    )
    assert np.isnan(found.end_s).all() == (not windows)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("ids", "features", "words"),
    [
        (["a"], np.zeros((2, 3), "f4"), "a row of features for each id"),
        (["a"], np.full((1, 3), np.nan), "got nan in 1 of 1 rows, the first that of 'a'"),
        ([], np.zeros((0, 3)), "expected ids"),
        ([1], np.zeros((1, 3)), "expected ids"),
        (["a"], np.zeros((1, 3), int), "a row of features"),
    ],
)  # fmt: skip
def test_other_arrays_are_refused(tmp_path, ids, features, words):
    with pytest.raises(BadData, match=words):
        read(save(tmp_path / "a.npz", ids=np.array(ids), features=features))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.pkl").touch()
    (tmp_path / "a.npz").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    for name, words in [
        ("a.pkl", "expected a .npz file or a folder"), ("a.npz", "cannot be read"),
        ("empty", "found none"), ("none.npz", "no such file"),
    ]:  # fmt: skip
        with pytest.raises(BadData, match=words):
            read(tmp_path / name)


def test_a_folder_of_other_widths_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3, np.float32))
    np.save(tmp_path / "b.npy", np.zeros(4, np.float32))
    with pytest.raises(BadData, match="b.npy: expected 3 features as in other files, got 4"):
        read(tmp_path)
    np.save(tmp_path / "b.npy", np.float32(1))
    with pytest.raises(BadData, match="a row of features"):
        read(tmp_path)
