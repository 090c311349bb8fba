"""Metadata of data sets: those of TFDS byte by byte, and nothing else is read."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from i3d.data import metadata, read, shards
from i3d.data.metadata import DatasetError, Metadata, Split

SPLITS = {"train": Split((3, 0, 2), 900), "test": Split((1,), 100)}


def tfds_writes(folder, names, with_flow, multi_label):
    """Writes what TFDS writes for SPLITS of records as schema.serialised makes them."""

    def pictures(channels):
        image = tfds.features.Image(shape=(None, None, channels), encoding_format="jpeg")
        return tfds.features.Sequence(image)

    label = tfds.features.ClassLabel(names=names)
    features = {"id": tfds.features.Text(), "fps": np.float32, "start_s": np.float32}
    features |= {"source_height": np.int64, "source_width": np.int64, "frames": pictures(3)}
    features |= {"labels": tfds.features.Sequence(label)} if multi_label else {"label": label}
    features |= {"flow": pictures(1)} if with_flow else {}
    identity = tfds.core.dataset_info.DatasetIdentity(
        name="videos", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(
        builder=identity, features=tfds.features.FeaturesDict(features), description="10 fps"
    )
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name="videos", filetype_suffix="tfrecord"
    )
    splits = [
        tfds.core.SplitInfo(
            name=name,
            shard_lengths=list(split.lengths),
            num_bytes=split.num_bytes,
            filename_template=template,
        )
        for name, split in sorted(SPLITS.items())
    ]
    info.set_file_format("tfrecord")
    info.set_splits(tfds.core.SplitDict(splits))
    info.write_to_directory(folder)


@pytest.mark.parametrize("with_flow", [True, False])
@pytest.mark.parametrize("multi_label", [True, False])
def test_tfds_writes_the_same(tmp_path, with_flow, multi_label):
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    own = Metadata("10 fps", ("run", "jump ü"), with_flow, multi_label, SPLITS)
    metadata.write(tmp_path / "ours", own)
    tfds_writes(tmp_path / "theirs", ["run", "jump ü"], with_flow, multi_label)
    ours, theirs = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in
                    ("ours", "theirs"))  # fmt: skip
    assert ours == theirs
    assert metadata.read(tmp_path / "ours") == own
    info = tfds.builder_from_directory(tmp_path / "ours").info
    assert info.splits["train"].filenames == sorted(SPLITS["train"].files("train"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data set of no records, in a folder that modules can be imported from."""
    folder = tmp_path / "data" / "stranger"
    folder.mkdir(parents=True)
    (folder / "evil.py").write_text("raise SystemExit('imported')\n")
    metadata.write(folder, Metadata("10 fps", ("run", "jump"), True, False, SPLITS))
    for name, split in SPLITS.items():
        for file in split.files(name):
            (folder / file).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def refused(folder, name):
    """Returns the line that says that a file of metadata is not as it should be."""
    with pytest.raises(DatasetError, match=name) as caught:
        read.opened(folder)
    line = str(caught.value)
    assert "\n" not in line and line.isprintable() and len(line) < 1000
    return line


def change(folder, name, edit):
    """Lets a function change the object of JSON in a file."""
    found = json.loads((folder / name).read_text())
    edit(found)
    (folder / name).write_text(json.dumps(found))


def test_the_folder_is_opened(folder):
    assert [shard.length for shard in read.opened(folder).shards["train"]] == [3, 0, 2]


EVIL = "data.stranger.evil.X"


def named(*path, key="pythonClassName", value=EVIL):
    """Returns an edit of features.json that puts a value under a key of a nested feature."""

    def edit(found):
        for part in path:
            found = found["featuresDict"]["features"] if part == "features" else found[part]
        found[key] = value

    return edit


TENSOR = "tensorflow_datasets.core.features.tensor_feature.Tensor"


@pytest.mark.parametrize(
    "edit",
    [
        named(),
        named(key="python_class_name"),
        named(key="proto_cls", value="data.stranger.evil"),
        named(key="type", value=EVIL),
        *(named("features", name) for name in ("id", "label", "fps", "frames", "flow")),
        named("features", "frames", "sequence", "feature"),
        named("features", "frames", "sequence", "feature", key="python_class_name"),
        named("features", "fps", key="python_class_name", value=TENSOR),
        named("features", "fps", key="jsonFeature", value={"json": "{}"}),
        named("features", "fps", key="json_feature", value={"json": "{}"}),
        named("features", "fps", "tensor", key="dtype", value="string"),
        named("features", "fps", "tensor", key="encoding", value="zlib"),
        named("features", "fps", "tensor", "shape", key="dimensions", value=["9" * 12]),
        named("features", key="more", value={"pythonClassName": EVIL, "text": {}}),
        named("features", key="more", value={"pythonClassName": TENSOR}),
        named("features", "label", "classLabel", key="numClasses", value="3"),
        named("features", "label", "classLabel", key="numClasses", value=-2),
        named("features", "label", "classLabel", key="numClasses", value="9" * 4000),
        named("features", "label", "classLabel", key="numClasses", value="\u0662"),
        named("features", "frames", "sequence", key="length", value="1000000000"),
        named("features", "id", value=None),
        named("features", key="id", value=None),
        named("features", key="labels", value={}),
        lambda found: found.update(featuresDict=[]),
        lambda found: found.clear(),
    ],
)
def test_other_features_are_refused(folder, edit):
    change(folder, "features.json", edit)
    refused(folder, "features.json|label.labels.txt")


def test_a_name_that_stands_twice_is_refused(folder):
    text = (folder / "features.json").read_text()
    once = f'"pythonClassName": "{TENSOR}"'
    twice = text.replace(once, f'"pythonClassName": "{EVIL}", {once}', 1)
    (folder / "features.json").write_text(twice)
    assert "twice" in refused(folder, "features.json")


def of_split(**values):
    return lambda found: found["splits"][0].update(values)


@pytest.mark.parametrize(
    "edit",
    [
        lambda found: found.update(moduleName="data.stranger.evil"),
        lambda found: found.update(module_name="data.stranger.evil"),
        lambda found: found.update(redistributionInfo={"license": "evil"}),
        lambda found: found.update(dataSourceAccesses=[{"fileSystem": {"path": "/etc"}}]),
        lambda found: found.update(alternativeFileFormats=["evil"]),
        lambda found: found.update(fileFormat="array_record"),
        lambda found: found.update(file_format="tfrecord"),
        lambda found: found.update(name="../videos"),
        lambda found: found.update(version="../1.0.0"),
        lambda found: found.update(description=["x"]),
        lambda found: found.update(splits={}),
        lambda found: found.update(splits=[]),
        lambda found: found.update(splits=["train"]),
        lambda found: found["splits"].append(found["splits"][0]),
        of_split(filepathTemplate="../{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"),
        of_split(filepathTemplate="/etc/{SPLIT}"),
        of_split(filepath_template="/etc/{SPLIT}"),
        of_split(name="../../etc"),
        of_split(name="a/b"),
        of_split(name=""),
        of_split(name=7),
        of_split(shardLengths="3"),
        of_split(shardLengths=[]),
        of_split(shardLengths=[3]),
        of_split(shardLengths=["-3"]),
        of_split(shardLengths=["1e9"]),
        of_split(shardLengths=["9" * 30]),
        of_split(shardLengths=["1"] * 300_000),
        of_split(numBytes="-1"),
        of_split(numBytes=None),
        of_split(evil="x" * 10_000),
    ],
)
def test_other_infos_are_refused(folder, edit):
    change(folder, "dataset_info.json", edit)
    refused(folder, "dataset_info.json")


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "build.json"])
@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 100_000, '{"a": 1' + "0" * 10_000 + "}", '"\x1b[2J"']
)
def test_deep_and_large_values_are_one_line(folder, name, content):
    (folder / name).write_text(content)
    refused(folder, name)


def test_class_names_are_as_many_as_the_features_say(folder):
    (folder / "label.labels.txt").write_text("run\njump\nwalk\n")
    assert "expected 2 class names, as features.json says, got 3" in refused(folder, "labels.txt")
    (folder / "label.labels.txt").write_bytes(b"run\nju\xffmp\n")
    assert "not UTF-8" in refused(folder, "labels.txt")


@pytest.mark.parametrize(
    "name", ["label.labels.txt", "features.json", SPLITS["test"].files("test")[0]]
)
def test_links_that_lead_out_are_refused(folder, tmp_path, name):
    """Those within the folder are not, nor a link to the folder."""
    inside = (folder / name).rename(folder / "renamed")
    os.symlink("renamed", folder / name)
    os.symlink(folder, tmp_path / "link")
    read.opened(tmp_path / "link")
    shutil.move(inside, tmp_path / "outside")
    (folder / name).unlink()
    os.symlink(tmp_path / "outside", folder / name)
    assert "leads out of it" in refused(folder, name)


def test_a_pipe_is_not_waited_for(folder):
    shard = folder / SPLITS["test"].files("test")[0]
    shard.unlink()
    os.mkfifo(shard)
    assert "expected a file of records" in refused(folder, shard.name)


def test_a_file_that_holds_fewer_records_than_declared(folder):
    with pytest.raises(DatasetError, match="a file of 0 bytes cannot hold them"):
        shards.check_whole(read.opened(folder), "train")


@pytest.mark.parametrize(
    "made",
    [
        {"splits": []},
        {"class_names": "ab"},
        {"class_names": ["jump", "run"]},
        {"recipe": {"streams": ["rgb"]}},
        {"recipe": {"streams": ["rgb", "flow"], "fps": "25"}},
        {"recipe": {"streams": ["rgb", "flow"], "fps": float("nan")}},
        {"recipe": {"streams": ["rgb", "flow"], "short_side": 10**9}},
        {"recipe": {"streams": ["rgb", "flow"], "evil": 1}},
        {"recipe": {"streams": ["rgb", "flow"], "multi_label": True}},
        {"splits": {"gone": "0"}},
        {"shards": {"train": [[3, 1]]}},
        {"shards": {"train": [[3, 1, "a"], [0, 1, "a"], [1, 1, "a"]]}},
        {"shards": {"train": [[3, 1, "a"], [0, 1, "a"]]}},
    ],
)
def test_a_build_json_that_does_not_agree_is_refused(folder, made):
    good = {"recipe": {"streams": ["rgb", "flow"]}, "class_names": ["run", "jump"]}
    good["splits"] = {"train": "0", "test": "1"}
    (folder / "build.json").write_text(json.dumps(good))
    read.opened(folder)
    (folder / "build.json").write_text(json.dumps(good | made))
    refused(folder, "build.json")
