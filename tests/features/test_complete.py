"""The mark of a complete output: it is read by no other, and belongs to one plan."""

import pickle

import numpy as np
import pytest

from i3d.features import complete
from i3d.runtime import npy
from i3d.runtime.command import BadData

PLAN = {"endpoint": "features", "window_s": None, "videos": "abc"}


@pytest.mark.parametrize("name", ["a.pkl", "a.npz", "a"])
def test_a_mark_belongs_to_its_plan(tmp_path, name):
    path = tmp_path / name
    assert not complete.is_marked(path, PLAN)
    if name == "a.pkl":
        path.write_bytes(pickle.dumps([1, 2]))
    elif name == "a.npz":
        np.savez(path, x=np.arange(3))
    else:
        (path / "b").mkdir(parents=True)
        np.save(path / "b/a.npy", np.arange(3))
        np.savez(path / "c.npz", x=np.arange(3))
    assert not complete.is_marked(path, PLAN)
    complete.mark(path, PLAN)
    assert complete.is_marked(path, PLAN)
    assert complete.is_marked(path, dict(reversed(PLAN.items())))
    assert not complete.is_marked(path, PLAN | {"window_s": 1.0})
    if name == "a.pkl":
        assert pickle.loads(path.read_bytes()) == [1, 2]
    elif name == "a.npz":
        assert np.load(path)["x"].tolist() == npy.read_npz(path)["x"].tolist() == [0, 1, 2]
    else:
        assert np.load(path / "b/a.npy").tolist() == [0, 1, 2]
        assert np.load(path / "b/a.npy", mmap_mode="r").tolist() == [0, 1, 2]
        assert npy.mapped(path / "b/a.npy").tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["a.pkl", "a.npz", "a"])
def test_what_has_changed_since_is_told(tmp_path, name):
    path = tmp_path / name
    if name == "a.pkl":
        path.write_bytes(pickle.dumps(list(range(100))))
    elif name == "a.npz":
        np.savez(path, x=np.arange(100))
    else:
        for part in ("b", "c"):
            (path / part).mkdir(parents=True)
            np.save(path / part / "a.npy", np.arange(100))
    complete.mark(path, PLAN)
    changed = path if path.is_file() else path / "c/a.npy"
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 8
    changed.write_bytes(content)
    with pytest.raises(BadData, match="not those that were written .checksum.; remove it"):
        complete.is_marked(path, PLAN)
    if path.is_dir():
        changed.unlink()
        with pytest.raises(BadData):
            complete.is_marked(path, PLAN)


def test_short_files_have_no_mark(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"x")
    assert not complete.is_marked(tmp_path / "a.pkl", PLAN)
