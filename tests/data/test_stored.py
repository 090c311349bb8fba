"""Opening a data set for reading: what is there, and what is missing or damaged."""

import dataclasses
import json
import shutil

import pytest
import tensorflow as tf

from i3d.data import stored as data
from i3d.runtime import command
from tests.helpers import datasets, records
from tests.helpers.videos import write_folder


def changed(folder, tmp_path, **splits):
    """Returns a copy of a data set, keys of its first split in dataset_info.json replaced."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "build.json").unlink()
    info = json.loads((copy / "dataset_info.json").read_text())
    info["splits"][0] |= splits
    (copy / "dataset_info.json").write_text(json.dumps(info))
    return copy


def test_opened_tells_what_is_there(built):
    records = data.opened(built["cut"], "train", ["flow", "rgb"], "dis")
    assert records.streams == ("rgb", "flow") and records.class_names == ("jump", "run", "walk")
    assert records.recipe["flow_method"] == "dis" and records.recipe["short_side"] == 48
    assert len(records.files) == 3 and records.num_records == sum(records.lengths) > 18


def test_no_data_set(tmp_path):
    with pytest.raises(data.DatasetError, match=r"nothere: expected a data set .* no such folder$"):
        data.opened(tmp_path / "nothere", "train", ("rgb",))
    with pytest.raises(data.DatasetError, match="no dataset_info.json in it$"):
        data.opened(tmp_path, "train", ("rgb",))


def test_damaged_metadata(built, tmp_path):
    copy = shutil.copytree(built["whole"], tmp_path / "copy")
    (copy / "build.json").write_text("{")
    with pytest.raises(data.DatasetError, match="copy/build.json: cannot be read: not JSON: .*$"):
        data.opened(copy, "train", ("rgb",))


def test_split_absent_or_empty(built, tmp_path):
    message = "expected the split 'test', this data set has: train$"
    with pytest.raises(data.DatasetError, match=message):
        data.opened(built["whole"], "test", ("rgb",))
    copy = changed(built["whole"], tmp_path, shardLengths=["0", "0", "0"])
    with pytest.raises(data.DatasetError, match="the split 'train' is empty$"):
        data.opened(copy, "train", ("rgb",))


def test_stream_missing(built, tmp_path):
    recipe = dataclasses.replace(datasets.RECIPE, streams=("rgb",))
    videos = write_folder(tmp_path / "videos", ("walk",), 1)
    folder = datasets.build(tmp_path / "rgb", videos, recipe, num_shards=1)
    assert data.opened(folder, "train", ("rgb",), "tvl1").num_records == 2
    with pytest.raises(data.DatasetError, match="holds no flow; build it with --streams=rgb,flow$"):
        data.opened(folder, "train", ("rgb", "flow"))
    with pytest.raises(data.DatasetError, match="expected streams out of rgb, flow, got .'rbg',.$"):
        data.opened(built["whole"], "train", ("rbg",))


def test_flow_of_another_method(built, tmp_path):
    with pytest.raises(
        data.DatasetError, match="expected flow made by tvl1, this was made by dis;"
    ):
        data.opened(built["whole"], "train", ("flow",), "tvl1")
    copy = shutil.copytree(built["whole"], tmp_path / "copy")
    (copy / "build.json").unlink()
    with pytest.raises(data.DatasetError, match="this was made by an unknown method;"):
        data.opened(copy, "train", ("flow",), "tvl1")
    assert data.opened(copy, "train", ("flow",)).recipe == {}


def test_shard_missing(built, tmp_path):
    copy = shutil.copytree(built["whole"], tmp_path / "copy")
    shard = sorted(copy.glob("*00001-of-00003"))[0]
    shard.unlink()
    with pytest.raises(data.DatasetError, match="00001-of-00003: this shard is missing"):
        data.opened(copy, "train", ("rgb",))


@pytest.mark.parametrize("content", [b"\xff" * 9, b"", b"\x0a\x03\x0a\x01\xb8", b"\x08\x01"])
def test_a_record_of_something_else_is_one_line(tmp_path, content):
    """TensorFlow's own error quotes the bytes, which Python cannot make a text of."""
    found = records.write(tmp_path, [[content]])
    videos = tf.data.Dataset.range(1).map(lambda number: data.video(found, number))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(videos)
    line = command.op_error_line(caught.value)
    assert line.startswith(f"{tmp_path}/shard0: damaged, gone or cut off: cannot read record 0;")
