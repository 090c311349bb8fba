"""Data sets read back: metadata, videos over several segments, damage."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from data_prep.jpeg import jpeg
from i3d.data import read, schema
from i3d.data.build_settings import BuildSettings
from i3d.data.metadata import DatasetError
from i3d.flow import methods
from i3d.video import frames as video_frames
from tests.helpers import datasets


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return datasets.videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def folder(videos, tmp_path_factory):
    return datasets.build(tmp_path_factory.mktemp("data") / "set", videos)


@pytest.fixture
def data(folder):
    return read.opened(folder)


def place(data, id):
    return read.find(read.videos(data, ["train"]), id)


def test_metadata(data):
    assert data.class_names == ("jump", "run", "walk")
    assert data.with_flow and data.recipe == datasets.RECIPE
    assert list(data.shards) == ["train"]
    lengths = [shard.length for shard in data.shards["train"]]
    assert lengths == [sum(1 for _ in read.examples(s)) for s in data.shards["train"]]


def test_every_video_has_its_place(data):
    found = list(read.videos(data, ["train"]))
    assert sorted(p.id for p in found) == sorted(
        f"{name}/{name}{i}" for name in data.class_names for i in range(3)
    )
    for place in found:
        parts = list(read.segments(place))
        assert {part.id for part in parts} == {place.id}
        assert parts[0].start_s == 0 and len(parts) == 2 + (len(list(read.steps(parts))) > 21)


def test_joined_segments_are_the_video(data, videos):
    """Frames and fields come once, in order, as they come from the file."""
    parts = list(read.segments(place(data, "run/run2")))
    assert len(parts) == 3 and [part.label for part in parts] == [1, 1, 1]
    steps = list(read.steps(parts))
    frames = list(video_frames.read_frames(videos / "run/run2.mp4", 25, 48))
    assert [frame for frame, _ in steps] == [jpeg(frame) for frame in frames]
    fields = list(methods.flow_fields(frames, "dis"))
    assert steps[-1][1] is None
    for field, (_, stored_field) in zip(fields, steps[:-1], strict=True):
        assert stored_field == jpeg(schema.flow_to_levels(field))
        assert np.abs(read.flow(stored_field) - field).mean() < 0.08


def test_pictures_are_those_that_tensorflow_decodes(data, folder):
    skip = tfds.decode.SkipDecoding()
    stored_set = tfds.builder_from_directory(folder).as_dataset(
        split="train", decoders={"frames": skip, "flow": skip}
    )
    theirs = next(iter(stored_set))
    id, start_s = theirs["id"].numpy().decode(), theirs["start_s"].numpy()
    (ours,) = (part for part in read.segments(place(data, id)) if part.start_s == start_s)
    for name, decode in (("frames", read.rgb), ("flow", read.picture)):
        assert getattr(ours, name) == list(theirs[name].numpy())
        decoded = [decode(jpeg) for jpeg in getattr(ours, name)]
        # TensorFlow's default is another, faster transform.
        exact = [tf.io.decode_jpeg(j, dct_method="INTEGER_ACCURATE") for j in theirs[name]]
        np.testing.assert_array_equal(decoded, np.squeeze(exact))


def test_without_flow(videos, tmp_path):
    recipe = BuildSettings(("rgb",), short_side=48, max_segment_s=0.4)
    data = read.opened(datasets.build(tmp_path / "set", videos, recipe))
    assert not data.with_flow
    steps = list(read.steps(read.segments(place(data, "run/run2"))))
    frames = list(video_frames.read_frames(videos / "run/run2.mp4", 25, 48))
    assert steps == [(jpeg(frame), None) for frame in frames]


def test_unknown_id_names_the_nearest(data):
    with pytest.raises(read.ReadError, match="no video has the id 'run/run9'; .*'run/run"):
        place(data, "run/run9")


def test_folders_that_hold_no_data_set(tmp_path, folder):
    with pytest.raises(DatasetError, match="expected a data set .*, there is no such folder"):
        read.opened(tmp_path / "nothing")
    with pytest.raises(DatasetError, match="there is no dataset_info.json in it"):
        read.opened(tmp_path)
    (tmp_path / ".build").mkdir()
    with pytest.raises(DatasetError, match="the build in it is not finished"):
        read.opened(tmp_path)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "build.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"recipe": {"streams": []}}', b"[]"])
def test_broken_metadata(tmp_path, folder, name, content):
    for file in folder.glob("*.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=name) as caught:
        read.opened(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_kind_of_data_set(tmp_path):
    identity = tfds.core.dataset_info.DatasetIdentity(
        name="other", version=tfds.core.Version("1.0.0"), data_dir=str(tmp_path), module_name=""
    )
    features = tfds.features.FeaturesDict({"image": tfds.features.Image()})
    info = tfds.core.DatasetInfo(builder=identity, features=features)
    info.set_file_format("tfrecord")
    info.write_to_directory(tmp_path)
    with pytest.raises(DatasetError, match="its features are image"):
        read.opened(tmp_path)


def example(**features):
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    whole = tf.train.Example()
    for name, values in features.items():
        getattr(whole.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return whole.SerializeToString()


GOOD = {
    "id": [b"a"],
    "label": [0],
    "fps": [25.0],
    "start_s": [0.0],
    "source_height": [4],
    "source_width": [4],
    "frames": [b"x", b"y"],
    "flow": [b"z"],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": [b"walk"]}, "expected one value for label"),
        ({"label": [1, 2]}, "expected one value for label"),
        ({"fps": [25]}, "expected one value for fps"),
        ({"fps": [0.0]}, "a: expected fps above 0, got 0.0"),
        ({"fps": [float("nan")]}, "a: expected fps above 0, got nan"),
        ({"flow": [b"z", b"z"]}, "a: .* got 2 frames and 2 flow fields"),
        ({"frames": [b"x"]}, "a: .* got 1 frames and 1 flow fields"),
        ({"id": None}, "expected one value for id"),
        ({"frames": None}, "expected one value for frames"),
    ],
)
def test_records_of_another_form(change, message):
    features = {name: value for name, value in (GOOD | change).items() if value is not None}
    with pytest.raises(read.ReadError, match=message):
        read.parsed(example(**features))
    assert read.parsed(example(**GOOD)).frames == [b"x", b"y"]


def test_not_a_record():
    with pytest.raises(read.ReadError, match="not a tf.train.Example"):
        read.parsed(b"abc")


def test_cut_jpeg_is_damaged():
    whole = jpeg(np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8))
    assert read.picture(whole).shape == (40, 40)
    for bad in (b"", b"abc", whole[:-2], whole[: len(whole) // 2], whole[2:], b"\xff\xd8\xff\xd9"):
        with pytest.raises(read.ReadError, match="not a whole JPEG file"):
            read.picture(bad)
