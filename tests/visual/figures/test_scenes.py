"""Scenes with several people: labels, boxes and the files that are written."""

import csv

import numpy as np
import pytest

from i3d.visual.figures import scenes, writing
from i3d.visual.figures.acts import ACTS, LABELS
from i3d.visual.figures.scenes import write_scenes

SIZE = {"height": 64, "width": 86}


@pytest.fixture(scope="module")
def drawn():
    return [scenes.scene(seed, **SIZE) for seed in range(12)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("scenes")
    write_scenes(out, 2, **SIZE)
    return out


def test_scenes_are_a_function_of_their_seed():
    first, again, other = (scenes.scene(seed, **SIZE) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.frame(40), again.frame(40))
    assert first.people[0].acts == again.people[0].acts
    assert np.abs(first.frame(40).astype(int) - other.frame(40)).mean() > 5


def test_scenes_have_two_or_three_people_and_last_six_to_eight_seconds(drawn):
    assert {len(scene.people) for scene in drawn} == {2, 3}
    assert {scene.fps for scene in drawn} <= {24, 25, 30}
    for scene in drawn:
        assert 6 * scene.fps - 1 <= scene.frames <= 8 * scene.fps
        assert scene.seconds[0] == 1 and scene.seconds[-1] <= scene.frames / scene.fps - 1


def test_no_labelled_second_is_near_a_change_of_action(drawn):
    changes = [(s, p.change) for s in drawn for p in s.people if np.isfinite(p.change)]
    assert len(changes) >= 5
    for scene, change in changes:
        assert min(abs(second - change) for second in scene.seconds) >= 0.7
        assert scene.seconds[0] < change < scene.seconds[-1]  # both actions have labels


def test_every_label_occurs_and_some_people_have_two(drawn):
    found = {label for act in ACTS.values() for label in act.labels}
    assert found == set(LABELS)
    several = {len(p.labels(second)) for s in drawn for p in s.people for second in s.seconds}
    assert several == {1, 2}


def test_boxes_are_the_extent_of_what_is_drawn():
    """Each figure drawn alone differs from the empty wall there and nowhere else."""
    for seed in range(3):
        scene = scenes.scene(seed, 96, 128)
        layers = scene._layers
        bodies = layers[1::2]  # shadow, body, shadow, body
        for t in (0, scene.frames // 2, scene.frames - 1):
            empty = scene._place.picture([], t).astype(int)
            found = []
            for body in bodies:
                changed = np.abs(scene._place.picture([body], t) - empty).max(axis=-1) > 25
                rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
                found.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
            told = [person.boxes[t] * (128, 96, 128, 96) for person in scene.people]
            found.sort()
            told.sort(key=lambda box: box[0])
            np.testing.assert_allclose(found, told, atol=1.0)


def test_walkers_walk_and_stay_on_the_picture_and_others_stay_where_they_are(drawn):
    ways = {"walk": [], "wave": []}
    for scene in drawn:
        for person in scene.people:
            assert (person.boxes >= 0).all() and (person.boxes <= 1).all()
            sides = person.boxes[:, 2] - person.boxes[:, 0]
            assert (sides > 0.03).all()
            middle = person.boxes[:, ::2].mean(axis=1)
            if len(person.acts) == 1 and person.acts[0].startswith("walk"):
                ways["walk"].append(np.ptp(middle))
            elif person.acts == ("wave",):
                ways["wave"].append(np.ptp(middle))
    assert min(ways["walk"]) > 0.1
    assert max(ways["wave"]) < 0.1


def test_written_annotations_are_those_of_the_scenes(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "annotations.csv", "label_map.txt", "videos",
    ]  # fmt: skip
    assert sorted(path.name for path in (folder / "videos").iterdir()) == [
        "scene_000.mp4", "scene_001.mp4",
    ]  # fmt: skip
    lines = (folder / "label_map.txt").read_text().splitlines()
    assert lines[0] == "1: stand" and len(lines) == len(LABELS)
    with open(folder / "annotations.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    scene = scenes.scene(1, **SIZE)
    expected = {
        (str(second), str(person), LABELS.index(label) + 1)
        for second in scene.seconds
        for person, known in enumerate(scene.people)
        for label in known.labels(second)
    }
    of_scene = [row for row in rows if row["video"] == "scene_001"]
    found = {(row["second"], row["person_id"], int(row["action_id"])) for row in of_scene}
    assert found == expected and len(of_scene) == len(expected)
    row = of_scene[-1]
    box = scene.people[int(row["person_id"])].boxes[int(row["second"]) * scene.fps]
    np.testing.assert_allclose([float(row[k]) for k in ("x1", "y1", "x2", "y2")], box, atol=6e-6)


def test_a_second_run_adds_what_is_missing(tmp_path, folder, capsys):
    write_scenes(tmp_path, 1, **SIZE)
    write_scenes(tmp_path, 2, **SIZE)
    assert "1 of 2 videos are there" in capsys.readouterr().err
    for name in ("annotations.csv", "label_map.txt", "videos/scene_001.mp4"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_of_other_scenes_is_refused(folder):
    with pytest.raises(ValueError, match="annotations.csv is not the file that would be written"):
        write_scenes(folder, 1, seed=7, **SIZE)
    with pytest.raises(ValueError, match="run into the test seeds"):
        write_scenes(folder, 2, seed=writing.TEST_SEED - 1, **SIZE)
    with pytest.raises(ValueError, match="seed must be 0 or more"):
        scenes.scene(-1)
