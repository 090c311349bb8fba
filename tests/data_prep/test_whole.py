"""A data set is complete only with every shard as it was written; what is lost is built again."""

import json
import os

import pytest

from data_prep import build as data_prep_build
from data_prep import dataset, shards
from i3d.data import read, stored
from i3d.data.build_settings import BuildSettings
from i3d.data.metadata import DatasetError
from i3d.video import inputs
from tests.helpers.processes import contents
from tests.helpers.videos import write_folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("videos"), ("walk", "run"), per_class=2)


@pytest.fixture
def build(videos, tmp_path, monkeypatch):
    """A Build of three shards, of which a run writes the missing ones in this process."""
    items, names = inputs.read(videos)[:2]
    recipe = BuildSettings(("rgb",), short_side=48, fps=2.0)
    written = []

    def write(tasks, *_):
        written.extend(task.path for task in tasks)
        for task in tasks:
            shards.write_shard(task)

    monkeypatch.setattr(data_prep_build, "_write_in_pool", write)
    made = data_prep_build.Build(tmp_path / "set", "train", tuple(items), tuple(names), recipe, 3)
    return made, written


def shard(folder, number):
    return folder / f"videos-train.tfrecord-{number:05d}-of-00003"


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_build_json_tells_size_and_checksum(build):
    made, _ = build
    data_prep_build.run(made)
    told = json.loads((made.out / "build.json").read_text())["shards"]["train"]
    assert [size for _, size, _ in told] == [shard(made.out, i).stat().st_size for i in range(3)]
    assert sum(records for records, *_ in told) == 4


@pytest.mark.parametrize("damage", [os.unlink, cut, flip])
@pytest.mark.parametrize("moved", [False, True])
def test_a_shard_that_is_lost_before_the_end_is_written_again(build, damage, moved, monkeypatch):
    """After a kill, in the folder of work or already in place."""
    made, written = build
    data_prep_build.run(made)
    whole = contents(made.out)
    for path in made.out.iterdir():
        path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "finish", lambda build: None)  # as if killed there
        data_prep_build.run(made)
    if moved:
        os.replace(made.tasks[1].path, shard(made.out, 1))
    written.clear()
    damage(shard(made.out if moved else made.work, 1))
    assert data_prep_build.run(made) == []
    assert written == [made.tasks[1].path] and contents(made.out) == whole


@pytest.mark.parametrize("damage", [os.unlink, cut])
def test_a_shard_that_is_lost_afterwards_is_written_again(build, damage):
    made, written = build
    data_prep_build.run(made)
    whole = contents(made.out)
    damage(shard(made.out, 1))
    with pytest.raises(DatasetError, match="run the same build command again"):
        stored.opened(made.out, "train", ("rgb",))
    with pytest.raises(DatasetError, match="run the same build command again"):
        next(read.videos(read.opened(made.out), ["train"]))
    written.clear()
    assert data_prep_build.run(made) == []
    assert written == [made.tasks[1].path] and contents(made.out) == whole
    stored.opened(made.out, "train", ("rgb",))


def test_a_shard_that_is_changed_afterwards_is_written_again(build):
    made, written = build
    data_prep_build.run(made)
    whole = contents(made.out)
    flip(shard(made.out, 1))
    written.clear()
    assert data_prep_build.run(made) == []
    assert written == [made.tasks[1].path] and contents(made.out) == whole


def test_all_shards_may_be_lost(build):
    made, written = build
    data_prep_build.run(made)
    whole = contents(made.out)
    for path in made.out.glob("*.tfrecord-*"):
        path.unlink()
    written.clear()
    data_prep_build.run(made)
    assert len(written) == 3 and contents(made.out) == whole


def test_a_shard_that_others_lean_on_is_not_taken_for_whole(build):
    """What was written again with one shard gone does not bless another that was changed."""
    made, written = build
    data_prep_build.run(made)
    whole = contents(made.out)
    shard(made.out, 0).unlink()
    flip(shard(made.out, 2))
    written.clear()
    data_prep_build.run(made)
    assert written == [made.tasks[0].path, made.tasks[2].path] and contents(made.out) == whole


def test_a_data_set_of_version_0_1_is_looked_at_by_name(build):
    made, written = build
    data_prep_build.run(made)
    told = json.loads((made.out / "build.json").read_text())
    del told["shards"]
    (made.out / "build.json").write_text(json.dumps(told))
    written.clear()
    assert data_prep_build.run(made) == [] and not written
    assert stored.opened(made.out, "train", ("rgb",)).num_records == 4
    shard(made.out, 1).unlink()
    data_prep_build.run(made)
    assert written == [made.tasks[1].path]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"failures": 3}', '{"examples": "x", "failures": []}']
)
def test_a_damaged_report_is_none(build, text, monkeypatch):
    made, written = build
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "finish", lambda build: None)
        data_prep_build.run(made)
    with open(made.tasks[2].report, "w") as file:
        file.write(text)
    written.clear()
    data_prep_build.run(made)
    assert written == [made.tasks[2].path]


def test_work_behind_a_link_is_refused(build, tmp_path):
    made, _ = build
    (tmp_path / "elsewhere" / "train").mkdir(parents=True)
    (tmp_path / "elsewhere" / "train" / "mine").touch()
    made.out.mkdir()
    (made.out / ".build").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(data_prep_build.BuildError, match="this is a link"):
        data_prep_build.run(made)
    (made.out / ".build").unlink()
    (made.out / ".build").mkdir()
    (made.out / ".build" / "train").symlink_to(tmp_path / "elsewhere" / "train")
    with pytest.raises(data_prep_build.BuildError, match="this is a link"):
        data_prep_build.run(made)
    assert (tmp_path / "elsewhere" / "train" / "mine").exists()
