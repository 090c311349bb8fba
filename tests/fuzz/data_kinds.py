"""Data sets: their metadata, shards, records and pictures."""

import itertools
import shutil

import cv2
import numpy as np

from data_prep import check, dataset
from data_prep.jpeg import jpeg
from i3d.data import read, schema, tfrecord
from tests.fuzz import mutate
from tests.fuzz.harness import Kind
from tests.helpers import datasets
from tests.helpers.videos import texture_frames, write_video


def _data_set(root):
    """Copies a data set of two classes, made once in a run; returns its folder."""
    made = root.parent / "data set"
    if not made.exists():
        for number, name in enumerate(("walk/a", "run/b")):
            write_video(root.parent / "videos" / f"{name}.mp4", texture_frames(6, seed=number))
        datasets.build(made, root.parent / "videos", num_shards=1)
        (made / dataset.FAILURES).write_text(
            '{"split": "train", "id": "run/c", "path": "c.mp4", "reason": "empty"}\n'
        )
    shutil.copytree(made, root / "data", dirs_exist_ok=True)
    return root / "data"


def _file(name):
    def write(root):
        (path,) = _data_set(root).glob(name)
        return path

    return write


def _older(name):
    """As `_file`, of a data set that does not tell sizes and checksums of its shards."""

    def write(root):
        path = _file(name)(root)
        path.with_name("build.json").unlink(missing_ok=True)
        return path

    return write


def _read_data_set(path):
    """Reads all that `verify`, `show` and a build of a second split read."""
    data = read.opened(path.parent)
    dataset.failures(path.parent)
    for shard in itertools.chain(*data.shards.values()):
        check.check_shard(data, shard)
    for place in read.videos(data, list(data.shards)):
        for frame, field in read.steps(read.segments(place)):
            read.rgb(frame)
            if field:
                read.flow(field)


def _train_on_data_set(path):
    """Reads as training does; what TensorFlow raises is told in one line by the commands."""
    import tensorflow as tf

    from i3d.data import stored

    records = stored.opened(path.parent, "train", ("rgb", "flow"))

    def decoded(number):
        video = stored.video(records, number)
        frames = schema.decoded_frames(video["frames"][:4])
        return frames, schema.decoded_flow(video["flow"][:4])

    try:
        for _ in tf.data.Dataset.range(records.num_records).map(decoded):
            pass
    except tf.errors.OpError:
        pass


def _write_example(root):
    shard = _file("*tfrecord*")(root)
    record = next(tfrecord.read(shard))
    (root / "record").write_bytes(record.data)
    return root / "record"


def _read_example(path):
    segment = read.parsed(path.read_bytes())
    for frame, field in read.steps([segment]):
        read.rgb(frame)
        if field:
            read.flow(field)


def _write_jpeg(root):
    root.mkdir(exist_ok=True)
    picture = next(iter(texture_frames(1)))
    (root / "a.jpg").write_bytes(jpeg(picture))
    return root / "a.jpg"


def _write_progressive(root):
    root.mkdir(exist_ok=True)
    picture = np.full((64, 64, 3), 90, np.uint8)
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    (root / "a.jpg").write_bytes(cv2.imencode(".jpg", picture, options)[1].tobytes())
    return root / "a.jpg"


def _read_jpeg(path):
    read.rgb(path.read_bytes())


def _decode_jpeg(path):
    import tensorflow as tf

    try:
        schema.decoded_frames(tf.constant([path.read_bytes()]))
    except tf.errors.OpError:
        pass


def _sizes(rng, data):
    """Mutates a JPEG file; half of the time the size in its frame header."""
    if rng.random() < 0.5:
        return mutate.of_bytes(rng, data)
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC2)) + 5
    sizes = bytes(rng.choice((0, 1, 20, 78, 255)) for _ in range(4))
    return data[:at] + sizes + data[at + 4 :]


KINDS = (
    Kind("dataset_info.json", _file("dataset_info.json"), _read_data_set, mutate.of_json),
    Kind("features.json", _file("features.json"), _read_data_set, mutate.of_json),
    Kind("build.json", _file("build.json"), _read_data_set, mutate.of_json),
    Kind("names of a data set", _file("label.labels.txt"), _read_data_set, mutate.of_text),
    Kind("failures.jsonl", _file("failures.jsonl"), _read_data_set, mutate.of_text),
    Kind("dataset_info.json alone", _older("dataset_info.json"), _read_data_set, mutate.of_json),
    Kind("shard", _file("*tfrecord*"), _read_data_set, mutate.in_records),
    Kind("shard of 0.1", _older("*tfrecord*"), _read_data_set, mutate.in_records),
    Kind("shard in training", _older("*tfrecord*"), _train_on_data_set, mutate.in_records, cost=5),
    Kind("record", _write_example, _read_example),
    Kind("jpeg", _write_jpeg, _read_jpeg, _sizes),
    Kind("jpeg, progressive", _write_progressive, _read_jpeg, _sizes),
    Kind("jpeg in training", _write_jpeg, _decode_jpeg, _sizes, cost=2),
)
