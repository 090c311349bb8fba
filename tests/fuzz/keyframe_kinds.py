"""Data sets of key frames: their metadata, shards and records."""

import itertools
import shutil

import tests.helpers.key_frames as drawn
from data_prep import check, stored_key_frames
from i3d.data import keyframe_schema, read, tfrecord
from tests.fuzz import mutate
from tests.fuzz.harness import Kind


def _data_set(root):
    """Copies a data set of three key frames, made once in a run; returns its folder."""
    made = root.parent / "key frames"
    if not made.exists():
        made.mkdir(parents=True)
        drawn.build(made)
    shutil.copytree(made / "set", root / "data", dirs_exist_ok=True)
    return root / "data"


def _file(name):
    def write(root):
        (path,) = _data_set(root).glob(name)
        return path

    return write


def _read_data_set(path):
    """Reads all that `verify` and `show` read."""
    data = read.opened(path.parent, (read.KEY_FRAMES,))
    for shard in itertools.chain(*data.shards.values()):
        check.check_shard(data, shard)
    list(stored_key_frames.ids(data, data.shards))


def _train_on_data_set(path):
    """Reads as training does; what TensorFlow raises is told in one line by the commands."""
    import tensorflow as tf

    from i3d.data import keyframes

    records = keyframes.opened(path.parent, "train")
    batches = keyframes.train_batches(
        records, frames=2, stride=4, size=32, scale=(32, 40), batch_size=1, seed=0
    )
    try:
        for _ in batches.take(3):
            pass
    except tf.errors.OpError:
        pass


def _write_record(root):
    record = next(tfrecord.read(_file("*tfrecord*")(root)))
    (root / "record").write_bytes(record.data)
    return root / "record"


def _read_record(path):
    for with_frames in (True, False):
        keyframe_schema.key_frame(path.read_bytes(), with_frames)


KINDS = (
    Kind("label_map.txt", _file("label_map.txt"), _read_data_set, mutate.of_text),
    Kind("features.json of key frames", _file("features.json"), _read_data_set, mutate.of_json),
    Kind("build.json of key frames", _file("build.json"), _read_data_set, mutate.of_json),
    Kind("shard of key frames", _file("*tfrecord*"), _read_data_set, mutate.in_records),
    Kind(
        "key frames in training", _file("*tfrecord*"), _train_on_data_set, mutate.in_records, cost=5
    ),
    Kind("key frame", _write_record, _read_record),
)
