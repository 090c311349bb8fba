"""Records that are whole and yet wrong are told by number and id."""

import re

import numpy as np
import pytest
import tensorflow as tf

from data_prep import check
from data_prep.jpeg import jpeg
from i3d.data import read, schema
from i3d.data.build_settings import BuildSettings

HEIGHT, WIDTH = 16, 24
RECIPE = BuildSettings(flow_method="dis", short_side=HEIGHT)


def frame(seed, height=HEIGHT, width=WIDTH):
    return jpeg(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


def field(height=2 * HEIGHT, width=WIDTH):
    return jpeg(np.full((height, width), 128, np.uint8))


def segment(id="a", first=0, count=3, **changes):
    """Returns one example: frames `first` to first + count - 1 of video `id`."""
    values = {"id": id, "label": 0, "fps": 25.0, "start_s": first / 25}
    values |= {"source_height": 9, "source_width": 9}
    values["frames"] = [frame(index) for index in range(first, first + count)]
    values["flow"] = [field()] * (count - 1)
    return schema.serialised(**values | changes)


def found(tmp_path, *examples, recipe=RECIPE, with_flow=True, length=None, multi_label=False):
    path = tmp_path / "shard"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in examples:
            writer.write(one)
    shard = read.Shard("train", path, len(examples) if length is None else length)
    shards = {"train": [shard]}
    data = read.Dataset(tmp_path, ("x", "y"), with_flow, shards, {}, recipe, multi_label)
    return check.check_shard(data, shard)


def test_good_shard(tmp_path):
    told = found(tmp_path, segment("a"), segment("a", 2), segment("a", 4), segment("b", label=1))
    assert told.problems == []
    assert (told.examples, told.frames, told.fields) == (4, 10, 8)
    assert told.videos == {
        "a": (read.Place("a", told.shard, 0), (0,)),
        "b": (read.Place("b", told.shard, 3), (1,)),
    }


def test_good_shard_without_flow(tmp_path):
    told = found(tmp_path, segment(flow=None), segment(first=2, flow=None), with_flow=False)
    assert told.problems == [] and (told.frames, told.fields) == (5, 0)


def test_several_labels(tmp_path):
    good = segment("a", label=(0, 1)), segment("a", 2, label=(0, 1))
    told = found(tmp_path, *good, multi_label=True)
    assert told.problems == [] and told.videos["a"][1] == (0, 1)
    for label, message in (
        (1, "expected labels, as features.json says; got one label"),
        ((), "expected labels, as features.json says; got none"),
        ((0, 2), "expected a label from 0 to 1, got 2"),
        ((1, 0), "expected the label and size of the segment before it"),
    ):
        told = found(tmp_path, good[0], segment("a", 2, label=label), multi_label=True)
        assert len(told.problems) == 1 and message in told.problems[0]
    (problem,) = found(tmp_path, segment(label=(0,))).problems
    assert "expected one label, as features.json says; got labels" in problem


BAD_FRAME, BAD_FIELD = [frame(0), frame(1)[:-9], frame(2)], [field(), b"\xff\xd8 and not more"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 2}, "expected a label from 0 to 1, got 2"),
        ({"label": -1}, "expected a label from 0 to 1, got -1"),
        ({"flow": None}, "expected flow, as features.json says; got none"),
        ({"fps": 24.0}, "expected 25 frames per second, as build.json says; got 24"),
        ({"frames": BAD_FRAME}, "frame 1: not a whole JPEG file"),
        ({"flow": BAD_FIELD}, "flow field 1: not a whole JPEG file"),
        (
            {"frames": [frame(0), frame(1), frame(2, 16, 22)]},
            "frame 2: expected 16 x 24 colour, got 16 x 22 colour",
        ),
        (
            {"frames": [frame(0), field(16), frame(2)]},
            "frame 1: expected 16 x 24 colour, got 16 x 24 grey",
        ),
        (
            {"frames": [frame(i, 20, 24) for i in range(3)]},
            "expected a shorter side of 16, as build.json says; got 20 x 24",
        ),
        (
            {"flow": [field(), field(16)]},
            "flow field 1: expected 32 x 24 grey, got 16 x 24 grey",
        ),
        (
            {"flow": [frame(0, 32), field()]},
            "flow field 0: expected 32 x 24 grey, got 32 x 24 colour",
        ),
    ],
)
def test_wrong_content(tmp_path, change, message):
    told = found(tmp_path, segment("a"), segment("b", **change), segment("c"))
    place = f"record 1 (byte {len(segment('a')) + 16}), b"
    assert told.problems == [f"shard: {place}: {message}"]
    assert told.examples == 3 and "c" in told.videos


def test_recipe_is_not_needed(tmp_path):
    assert found(tmp_path, segment(fps=10.0), recipe=None).problems == []


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([segment("a", 2)], "a: expected the segment from 0 s on first, got the one from 0.08"),
        ([segment(), segment("a", 4)], "a: expected the segment from 0.08 s on, got .* 0.16 s on"),
        ([segment(), segment()], "a: expected the segment from 0.08 s on, got .* 0 s on"),
        ([segment(), segment("b"), segment("a", 2)], "a: its video came before"),
        ([segment(), segment("a", 2, label=1)], "a: expected the label and size of the segment"),
        (
            [segment(), segment("a", 2, frames=[frame(7), frame(8), frame(9)])],
            "a: expected it to begin with the frame that the one before it ends with",
        ),
    ],
)
def test_wrong_order(tmp_path, examples, message):
    told = found(tmp_path, *examples)
    (line,) = told.problems
    assert re.search(rf"record {len(examples) - 1} \(byte \d+\), {message}", line)


def test_damaged_record_costs_no_other(tmp_path):
    parts = [segment("a"), segment("a", 2), segment("a", 4), segment("b")]
    shard = found(tmp_path, *parts).shard
    damaged = bytearray(shard.path.read_bytes())
    damaged[len(parts[0]) + 16 + 100] ^= 1
    shard.path.write_bytes(damaged)
    data = read.Dataset(tmp_path, ("x", "y"), True, {}, {}, RECIPE)
    told = check.check_shard(data, shard)
    where = f"shard: record 1 (byte {len(parts[0]) + 16})"
    assert told.problems == [f"{where}: its checksum is wrong"]
    assert list(told.videos) == ["a", "b"] and told.examples == 4


def test_number_of_records(tmp_path):
    told = found(tmp_path, segment("a"), segment("b"), length=3)
    assert told.problems == ["shard: expected 3 records, as dataset_info.json says; got 2"]


def test_shard_that_is_not_there(tmp_path):
    shard = read.Shard("train", tmp_path / "gone", 3)
    data = read.Dataset(tmp_path, ("x",), True, {}, {}, None)
    told = check.check_shard(data, shard)
    assert told.problems == ["gone: cannot be read: No such file or directory"]
