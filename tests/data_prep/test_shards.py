"""One shard: what is in it, what a bad video leaves, how long videos are cut."""

import json
import os
import resource
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from data_prep import segments
from data_prep import shards as data_prep_shards
from data_prep.jpeg import jpeg
from i3d.data import schema
from i3d.data.build_settings import BuildSettings
from i3d.flow import methods
from i3d.video import frames as video_frames
from i3d.video.inputs import Item
from tests.helpers import videos

QUICK = BuildSettings(flow_method="dis", short_side=48)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 31 frames, 48x64."""
    path = tmp_path_factory.mktemp("clip") / "texture.mp4"
    return videos.write_video(path, videos.texture_frames(31))


def item(path, name="a", **times):
    return Item(name, str(path), 1, **times)


def task(folder, *items, recipe=QUICK, **settings):
    shard, report = str(folder / "shard"), str(folder / "report.json")
    return data_prep_shards.ShardTask(shard, report, tuple(items), recipe, **settings)


def examples(path):
    """Returns the features of each example of a shard, as dicts of lists."""
    found = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        values = {name: getattr(f, f.WhichOneof("kind")).value for name, f in features.items()}
        found.append({name: list(value) for name, value in values.items()})
    return found


def decoded(data, mode=cv2.IMREAD_UNCHANGED):
    return cv2.imdecode(np.frombuffer(data, np.uint8), mode)


def test_a_shard_and_its_report(tmp_path, clip):
    counts = []
    both = task(tmp_path, item(clip), item(clip, "b", start_s=0.4, end_s=0.8))
    report = data_prep_shards.write_shard(both, counts.append)
    assert sorted(os.listdir(tmp_path)) == ["report.json", "shard"]
    assert report == json.loads((tmp_path / "report.json").read_text())
    size = (tmp_path / "shard").stat().st_size
    crc32 = f"{zlib.crc32((tmp_path / 'shard').read_bytes()):08x}"
    assert report == {"examples": 2, "bytes": size, "crc32": crc32, "failures": []}
    assert counts == [31, 10]
    whole, part = examples(tmp_path / "shard")
    assert len(whole["frames"]) == 31 and len(whole["flow"]) == 30
    assert len(part["frames"]) == 10 and len(part["flow"]) == 9
    assert whole["id"] == [b"a"] and part["id"] == [b"b"]
    assert whole["label"] == [1] and whole["fps"] == [25] and whole["start_s"] == [0]
    assert whole["source_height"] == [48] and whole["source_width"] == [64]
    assert part["frames"] == whole["frames"][10:20]


def test_frames_and_flow_are_those_of_the_video(tmp_path, clip):
    data_prep_shards.write_shard(task(tmp_path, item(clip)))
    (example,) = examples(tmp_path / "shard")
    frames = list(video_frames.read_frames(clip, short_side=48))
    for data, frame in zip(example["frames"], frames, strict=True):
        picture = cv2.cvtColor(decoded(data), cv2.COLOR_BGR2RGB)
        assert np.abs(picture.astype(int) - frame).mean() < 3  # red and blue are 100 apart
    fields = list(methods.flow_fields(frames, "dis"))
    for data, field in zip(example["flow"], fields, strict=True):
        levels = decoded(data)
        assert levels.shape == (96, 64) and levels.dtype == np.uint8
        back = schema.levels_to_flow(levels)
        assert np.abs(back - np.clip(field, -20, 20)).mean() < 0.1
        inner = np.median(back[8:-8, 8:-8], (0, 1))
        np.testing.assert_allclose(inner, videos.MOTION, atol=0.3)


def test_the_same_bytes_each_time(tmp_path, clip):
    shards = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        data_prep_shards.write_shard(task(tmp_path / name, item(clip)))
        shards.append((tmp_path / name / "shard").read_bytes())
    assert shards[0] == shards[1]


def test_a_bad_video_adds_nothing(tmp_path, clip):
    missing = tmp_path / "missing.mp4"
    counts, folder = [], tmp_path / "out"
    folder.mkdir()
    items = [item(missing, "m"), item(clip), item(clip, "late", start_s=100.0)]
    report = data_prep_shards.write_shard(task(folder, *items), counts.append)
    assert [example["id"] for example in examples(folder / "shard")] == [[b"a"]]
    assert report["examples"] == 1 and counts == [0, 31, 0]
    first, second = report["failures"]
    assert first == {"id": "m", "path": str(missing), "reason": "no such file"}
    assert second["id"] == "late" and second["reason"].startswith("no frame from 100.0 s")


def test_a_video_that_breaks_in_the_middle_adds_nothing(tmp_path, clip, monkeypatch):
    """The failure comes after whole examples of it were made."""

    def breaks(path, *rest):
        yield from videos.texture_frames(12)
        raise video_frames.VideoError(f"{path}: corrupt after 12 decoded frames")

    good = video_frames.read_frames
    monkeypatch.setattr(
        video_frames, "read_frames", lambda p, *r: (breaks if p == "x" else good)(p, *r)
    )
    monkeypatch.setattr(video_frames, "stated", lambda path: (48, 64, 1.0))
    recipe = BuildSettings(flow_method="dis", short_side=48, max_segment_s=0.2)
    report = data_prep_shards.write_shard(task(tmp_path, item("x", "x"), item(clip), recipe=recipe))
    assert {example["id"][0] for example in examples(tmp_path / "shard")} == {b"a"}
    assert report["failures"] == [
        {"id": "x", "path": "x", "reason": "corrupt after 12 decoded frames"}
    ]
    assert report["bytes"] == (tmp_path / "shard").stat().st_size
    assert report["examples"] == 6


def test_strict_stops_and_leaves_no_shard(tmp_path, clip):
    with pytest.raises(data_prep_shards.BadVideoError, match="^/no/such.mp4: no such file$"):
        data_prep_shards.write_shard(task(tmp_path, item(clip), item("/no/such.mp4"), strict=True))
    assert os.listdir(tmp_path) == []


def test_segments_share_one_frame_and_lose_no_flow(tmp_path, clip):
    (tmp_path / "cut").mkdir()
    data_prep_shards.write_shard(task(tmp_path, item(clip)))
    recipe = BuildSettings(flow_method="dis", short_side=48, max_segment_s=0.5)  # 12.5 fields
    data_prep_shards.write_shard(task(tmp_path / "cut", item(clip), recipe=recipe))
    (whole,) = examples(tmp_path / "shard")
    segments = examples(tmp_path / "cut" / "shard")
    assert [len(segment["flow"]) for segment in segments] == [12, 12, 6]
    assert [len(segment["frames"]) for segment in segments] == [13, 13, 7]
    np.testing.assert_allclose([s["start_s"][0] for s in segments], [0, 0.48, 0.96], atol=1e-6)
    assert all(segment["id"] == whole["id"] for segment in segments)
    assert sum((segment["flow"] for segment in segments), []) == whole["flow"]
    frames = segments[0]["frames"] + segments[1]["frames"][1:] + segments[2]["frames"][1:]
    assert frames == whole["frames"]


@pytest.mark.parametrize(("count", "lengths"), [(24, [24]), (25, [25]), (26, [25, 2])])
def test_no_segment_is_one_shared_frame_alone(tmp_path, count, lengths):
    path = videos.write_video(tmp_path / "v.mp4", videos.texture_frames(count))
    recipe = BuildSettings(("rgb",), short_side=48, max_segment_s=0.96)  # 24 fields
    assert [frames for _, frames in segments.examples(item(path), recipe)] == lengths


def test_rgb_alone_has_no_flow_and_takes_one_frame(tmp_path):
    path = videos.write_video(tmp_path / "v.mp4", videos.texture_frames(1))
    rgb = BuildSettings(("rgb",), short_side=48)
    data_prep_shards.write_shard(task(tmp_path, item(path), recipe=rgb))
    (example,) = examples(tmp_path / "shard")
    assert len(example["frames"]) == 1 and "flow" not in example
    report = data_prep_shards.write_shard(task(tmp_path, item(path)))
    assert report["failures"][0]["reason"] == "one frame only; flow needs at least two"


def test_a_picture_too_long_for_jpeg_is_a_failure():
    """OpenCV would give an empty file."""
    with pytest.raises(video_frames.VideoError, match="65501x16 is too long for JPEG"):
        jpeg(np.zeros((16, 65501, 3), np.uint8))
    assert decoded(jpeg(np.zeros((65500, 16), np.uint8))).shape == (65500, 16)


def test_two_attempts_at_once_do_not_meet(tmp_path, clip):
    """A slow attempt that ends after another has written the shard changes nothing."""
    inner = []

    def again(frames):
        if not inner:
            inner.append(frames)
            data_prep_shards.write_shard(task(tmp_path, item(clip), item(clip, "b")))
            inner.append((tmp_path / "shard").read_bytes())

    data_prep_shards.write_shard(task(tmp_path, item(clip), item(clip, "b")), again)
    assert (tmp_path / "shard").read_bytes() == inner[1]
    assert sorted(os.listdir(tmp_path)) == ["report.json", "shard"]


def test_a_folder_that_is_gone_is_an_os_error(tmp_path, clip):
    with pytest.raises(OSError, match="No such file"):
        data_prep_shards.write_shard(task(tmp_path / "gone", item(clip)))


def test_a_file_that_may_not_grow_is_an_os_error(tmp_path, clip):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            data_prep_shards.write_shard(task(tmp_path, item(clip)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "shard").exists() and not (tmp_path / "report.json").exists()
