"""What a run trains on: few videos of each class, listed; sizes that a test needs."""

import pytest

from i3d.data import stored
from i3d.runtime.command import UserError
from i3d.training import input as train_input
from tests.helpers import datasets, training

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("input")
    return datasets.build(root / "data", datasets.videos(root / "videos"))


def settings_of(folder, **data):
    settings = training.tiny(folder)
    settings.data.flow_method, settings.data.validation = "", ""
    for key, value in data.items():
        settings.data[key] = value
    return settings


def ids(records):
    every = stored.labels(records)
    return {every[number][0] for number in records.chosen}


def test_few_videos_of_each_class_are_listed(folder, tmp_path):
    told = []
    settings = settings_of(folder, shots=2)
    records, validation = train_input.opened(settings, told.append)
    assert validation is None and len(ids(records)) == 6
    assert told == ["few shots: 2 video(s) of each of 3 classes, 6 of 9"]
    train_input.write_shots(tmp_path, settings, records)
    head, *rows = (tmp_path / "shots.csv").read_text().splitlines()
    assert head == "id,class" and {row.split(",")[0] for row in rows} == ids(records)
    assert {row.split(",")[1] for row in rows} == set(records.class_names)
    settings.seed = 1
    assert ids(train_input.opened(settings)[0]) != ids(records)
    train_input.write_shots(tmp_path / "none", settings_of(folder), records)
    assert not (tmp_path / "none").exists()


def test_few_videos_are_none_of_those_held_out(folder):
    told = []
    held = {"validation": "train", "validation_share": 0.3}
    records, validation = train_input.opened(settings_of(folder, shots=4, **held), told.append)
    assert not ids(records) & ids(validation) and len(ids(records)) + len(ids(validation)) == 9
    assert "held out" in told[0] and "; 3 classes have fewer: " in told[1]


def test_a_bicubic_test_resizes_small_pictures(folder):
    with pytest.raises(UserError, match="config.data.size: expected at most 48"):
        train_input.opened(settings_of(folder, size=56))
    small = {"size": 56, "crop": "multi_scale", "validation": "train"}
    with pytest.raises(UserError, match="config.data.size: expected at most 48"):
        train_input.opened(settings_of(folder, **small))
    settings = settings_of(folder, interpolation="bicubic", **small)
    records, _ = train_input.opened(settings)
    spec = train_input.spec(settings, records)
    assert (spec.crop, spec.resize, spec.interpolation) == (56, 64, "bicubic")
