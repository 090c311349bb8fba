"""Which videos a probe trains and tests on, by what --videos names."""

import numpy as np
import pytest

from i3d.probing import filed, videos
from i3d.probing.options import Options
from i3d.runtime.command import UserError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def read(**given):
    return videos.read(Options(**{k: str(v) for k, v in given.items()}))


def ids(found):
    return [(video.id, video.label) for video in found]


def test_a_folder_of_classes_is_cross_validated(tmp_path):
    touch(tmp_path, "run/a.mp4", "jump/b.mp4", "jump/v_jump_g01_c02.avi")
    given = read(videos=tmp_path)
    assert given.classes == ("jump", "run") and given.test is None
    assert ids(given.train) == [("jump/b", 0), ("jump/v_jump_g01_c02", 0), ("run/a", 1)]
    assert [video.group for video in given.train] == ["jump/b", "v_jump_g01", "run/a"]


@pytest.mark.parametrize("test", ["test", "val"])
def test_folders_of_splits(test, tmp_path):
    touch(tmp_path, "train/run/a.mp4", "train/jump/b.mp4", f"{test}/run/c.mp4")
    given = read(videos=tmp_path)
    assert ids(given.train) == [("jump/b", 0), ("run/a", 1)] and ids(given.test) == [("run/c", 1)]
    touch(tmp_path, f"{test}/swim/d.mp4")
    with pytest.raises(UserError, match="expected one of 2 classes, got 'swim'"):
        read(videos=tmp_path)


def test_a_csv_file_with_splits(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    lines = "path,label,split\na.mp4,run,train\nb.mp4,jump,train\nc.mp4,run,test\n"
    (tmp_path / "list.csv").write_text(lines)
    given = read(videos=tmp_path / "list.csv")
    assert ids(given.train) == [("a", 1), ("b", 0)] and ids(given.test) == [("c", 1)]
    assert read(videos=tmp_path / "list.csv", split="train").test is None
    swapped = lines.replace("train", "0").replace("test", "1")
    (tmp_path / "list.csv").write_text(swapped)
    with pytest.raises(UserError, match=r"expected --split to be one in its column split \(0, 1\)"):
        read(videos=tmp_path / "list.csv")
    assert len(read(videos=tmp_path / "list.csv", split="0", test_split="1").test) == 1


def test_parts_of_files_are_of_one_source(tmp_path):
    touch(tmp_path, "a.mp4")
    text = "path,label,start_s,end_s\na.mp4,run,0,2\na.mp4,jump,2,3.5\n"
    (tmp_path / "list.csv").write_text(text)
    first, second = read(videos=tmp_path / "list.csv").train
    assert first.source == videos.Part(str(tmp_path / "a.mp4"), 0.0, 2.0)
    assert (second.source.start_s, second.source.end_s) == (2.0, 3.5)
    assert first.group == second.group == "a"


def test_test_videos_of_their_own(tmp_path):
    touch(tmp_path, "one/run/a.mp4", "one/jump/b.mp4", "two/run/c.mp4")
    given = read(videos=tmp_path / "one", test_videos=tmp_path / "two")
    assert ids(given.test) == [("run/c", 1)] and len(given.all) == 3
    (tmp_path / "list.csv").write_text("path,label\none/run/a.mp4,run\n")
    with pytest.raises(UserError, match="a: is to be trained on and tested on; leave it out"):
        read(videos=tmp_path / "one", test_videos=tmp_path / "list.csv")
    with pytest.raises(UserError, match="--test_videos: is --videos"):
        read(videos=tmp_path / "one", test_videos=tmp_path / "one")


def test_what_cannot_be_probed(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4", "only/run/a.mp4")
    with pytest.raises(UserError, match="at least 2 classes, all 1 are of 'run'"):
        read(videos=tmp_path / "only")
    (tmp_path / "several.csv").write_text("path,label\na.mp4,run;jump\nb.mp4,run\n")
    with pytest.raises(UserError, match="a: has 2 labels; a probe takes one label per video"):
        read(videos=tmp_path / "several.csv")
    text = "path,label,split\na.mp4,run,train\nb.mp4,jump,test\n"
    (tmp_path / "untrained.csv").write_text(text)
    with pytest.raises(UserError, match="b: is to be tested, but there is no video to train on"):
        read(videos=tmp_path / "untrained.csv")


def test_features_of_a_file(tmp_path):
    path, features = tmp_path / "f.npz", np.arange(6, dtype=np.float32).reshape(3, 2)
    options = Options(features=str(path))

    def write(*names, **arrays):
        np.savez(path, **{"ids": np.array(names), "features": features[: len(names)]} | arrays)

    write("run/a.mp4", "jump/b.mp4", "run/c.mp4")
    given, found = filed.read(options)
    assert given.classes == ("jump", "run") and [v.label for v in given.train] == [1, 0, 1]
    np.testing.assert_array_equal(found, features)
    touch(tmp_path, "run/c.mp4", "run/a.mp4")
    listed = tmp_path / "list.csv"
    listed.write_text("path,label\nrun/c.mp4,x\nrun/a.mp4,y\n")
    given, found = filed.read(Options(features=str(path), videos=str(listed)))
    assert given.classes == ("x", "y")
    np.testing.assert_array_equal(found, features[[2, 0]])
    listed.write_text("path,label\nrun/c.mp4,x\nrun/d.mp4,y\n")
    wrong = {
        "holds no features of run/d": lambda: filed.read(
            Options(features=str(path), videos=str(listed))
        ),
        "'a.mp4' says no class; expected CLASS/VIDEO": lambda: write("a.mp4", "b/c.mp4"),
        "at least 2 classes": lambda: write("b/a.mp4", "b/c.mp4"),
        "expected one row a video": lambda: write("a/a.mp4", "a/a.mp4"),
        "expected finite numbers": lambda: write("a/a", "b/b", features=np.full((2, 2), np.nan)),
        "expected ids and features": lambda: write("a/a", "b/b", features=features),
    }
    for message, spoil in wrong.items():
        with pytest.raises(UserError, match=message):
            spoil()
            filed.read(options)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="--features: .*: cannot be read"):
        filed.read(options)
