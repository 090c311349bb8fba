"""`python -m data_prep build_detection`: from a folder of scenes to records that TFDS reads."""

import json
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_prep import __main__ as program
from data_prep import stored_key_frames
from i3d.data import keyframes, read
from i3d.visual.figures import scenes
from i3d.visual.figures.acts import LABELS
from tests.helpers.processes import contents

SIZE = {"height": 48, "width": 64}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("scenes")
    scenes.write_scenes(out, 2, **SIZE)
    return out


def words(drawn, out, *more):
    named = {"videos": "videos", "annotations": "annotations.csv", "label_map": "label_map.txt"}
    files = [f"--{name}={drawn / path}" for name, path in named.items()]
    return *files, f"--out={out}", "--short_side=32", "--reach=8", "--workers=1", *more


@pytest.fixture(scope="module")
def built(drawn, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "set"
    assert program.main(["data_prep", "build_detection", *words(drawn, out)]) == 0
    return out


@pytest.fixture
def folder(built, tmp_path):
    """A data set that a test may damage."""
    return shutil.copytree(built, tmp_path / "set")


def test_records_are_those_of_the_scenes(built):
    records = keyframes.opened(built, "train")
    assert tuple(records.label_map.values()) == LABELS
    found = {own.id: own for own in keyframes.truths(records)}
    for number in range(2):
        scene = scenes.scene(number, **SIZE)
        for second in scene.seconds:
            own = found.pop(f"scene_{number:03d},{second:04d}")
            names = [tuple(LABELS[action - 1] for action in each) for each in own.actions]
            assert names == [
                tuple(sorted(person.labels(second), key=LABELS.index)) for person in scene.people
            ]
            boxes = [person.boxes[second * scene.fps] for person in scene.people]
            np.testing.assert_allclose(own.boxes, boxes, atol=1e-5)
    assert not found


def test_tfds_reads_the_folder(built, tmp_path):
    data = tfds.builder_from_directory(built).as_dataset("train")
    ids = set()
    for element in tfds.as_numpy(data):
        ids.add(element["id"].decode())
        assert element["boxes"].shape[1:] == (4,) and element["proposals"].shape == (0, 5)
        assert element["frames"].shape[2:] == (43, 3)
        assert len(element["action_counts"]) == len(element["boxes"]) == len(element["people"])
        assert element["action_counts"].sum() == len(element["actions"])
    assert ids == {own.id for own in keyframes.truths(keyframes.opened(built, "train"))}
    tfds.builder_from_directory(built).info.features.save_config(tmp_path)
    assert (tmp_path / "features.json").read_text() == (built / "features.json").read_text()


def test_a_build_goes_on_to_the_same_bytes(drawn, built, folder, call):
    next(folder.glob("*.tfrecord*")).unlink()
    status, output, _ = call("build_detection", *words(drawn, folder))
    assert status == 0 and output.endswith("key frames of 2 videos asked for\n")
    assert contents(folder) == contents(built)
    status, _, errors = call("build_detection", *words(drawn, folder, "--fps=25"))
    assert status == 1 and "built from other videos or flags" in errors
    status, _, errors = call("build_detection", *words(drawn, folder, "--fps=25", "--split=val"))
    assert status == 1 and "were built with fps 30.0 (not 25.0)" in errors
    status, _, errors = call(
        "build", f"--videos={drawn / 'videos'}", f"--out={folder}", "--split=val"
    )
    assert status == 1 and "holds a data set of key frames; choose another --out" in errors


@pytest.mark.long
def test_key_frames_beyond_the_end_are_listed(drawn, tmp_path, call):
    copy = shutil.copytree(drawn, tmp_path / "scenes")
    with open(copy / "annotations.csv", "a") as file:
        file.write("scene_000,30,0.1,0.1,0.5,0.5,1,0\n")
    status, output, errors = call("build_detection", *words(copy, tmp_path / "set"))
    assert status == 1 and "1 video could not be stored as a whole" in output
    assert "key frames beyond the end of the video" in errors and "the first at second 30" in errors
    (line,) = (tmp_path / "set" / "failures.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "scene_000"
    assert keyframes.opened(tmp_path / "set", "train").num_records > 5


def test_verify_tells_what_is_in_it(folder, call):
    status, output, _ = call("verify", f"--data={folder}")
    assert status == 0 and "all is well" in output
    assert "key frames in 2 shards" in output and "boxes by action: stand " in output
    shard = next(folder.glob("*.tfrecord*"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 255
    shard.write_bytes(data)
    status, _, errors = call("verify", f"--data={folder}")
    assert status == 1 and "its checksum is wrong" in errors
    status, _, errors = call("verify", f"--data={folder}", "--split=train", "--videos=x")
    assert status == 2 and "this one holds key frames" in errors


def test_show_draws_the_people_of_a_key_frame(built, tmp_path, call):
    status, output, _ = call("show", f"--data={built}")
    assert status == 0 and "scene_001,0001" in output.splitlines()
    people = len(scenes.scene(1, **SIZE).people)
    for name, frames in (("a.png", 1), ("a.gif", 17)):
        out = tmp_path / name
        status, output, _ = call("show", f"--data={built}", "--id=scene_001,0001", f"--out={out}")
        told = f"{out}: {frames} frames of scene_001,0001 (train), {people} people\n"
        assert (status, output) == (0, told) and out.exists()
    out = tmp_path / "b.png"
    status, _, errors = call("show", f"--data={built}", "--id=scene_001,09", f"--out={out}")
    assert status == 1 and "no key frame has the id 'scene_001,09'; the nearest is" in errors
    for other in ("scene_000", "scene_000,0099"):
        status, _, errors = call("show", f"--data={built}", f"--id={other}", f"--out={out}")
        assert status == 1 and "the nearest is 'scene_000,0" in errors, errors


def test_people_are_shown_by_the_ids_of_the_csv(built, monkeypatch):
    data = read.opened(built, (read.KEY_FRAMES,))
    own, _ = stored_key_frames.found(data, ["train"], "scene_001,0001")
    seen = []
    monkeypatch.setattr(stored_key_frames.people, "drawn", lambda _, people: seen.append(people))
    next(stored_key_frames.pictures(own._replace(people=[-1, *own.people[1:]]), data.class_names))
    assert [person.number for person in seen[0]] == [None, *own.people[1:]]
    assert {score for person in seen[0] for _, score in person.labels} == {None}


def test_commands_of_videos_say_what_it_is(built, tmp_path, call):
    status, _, errors = call("export_npy", f"--data={built}", "--id=a", f"--out={tmp_path / 'a'}")
    assert status == 2 and "this one holds key frames with boxes" in errors


def test_wrong_calls_are_one_line(drawn, tmp_path, call):
    own = words(drawn, tmp_path / "set")
    for wrong, message in (
        (own[1:], "--videos is needed"),
        ((*own, "--split=a b"), "expected a name like train"),
        ((*own, "--start_s=nan"), "--start_s: expected a number"),
        ((*own, "--annotations=/no/such.csv"), "/no/such.csv: cannot be read"),
        ((*own, f"--out={drawn / 'videos' / 'set'}"), "lies in the folder of videos"),
    ):
        status, _, errors = call("build_detection", *wrong)
        assert status == 2 and message in errors and errors.count("\n") == 1
    assert not (tmp_path / "set").exists()
