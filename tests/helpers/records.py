"""Records of ramps, of which every pixel tells column, row and time, and shards of them."""

import numpy as np
import tensorflow as tf

from data_prep.jpeg import jpeg
from i3d.data import schema, stored

HEIGHT, WIDTH = 16, 24


def ramp(t):
    """Returns uint8 [HEIGHT, WIDTH] whose values tell column, row and time."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (30 + 2 * columns + 5 * rows + 4 * t).astype(np.uint8)


def example(id, label=0, num_frames=4, broken=()):
    """Returns a record whose frames, x and y of flow are ramps; no JPEG where t is broken."""
    frames = [jpeg(np.stack([ramp(t)] * 3, axis=-1)) for t in range(num_frames)]
    flow = [jpeg(np.concatenate([ramp(t)] * 2)) for t in range(num_frames - 1)]
    for t in broken:
        frames[t], flow[t] = b"no JPEG", b"no JPEG"
    return schema.serialised(
        id=id, label=label, fps=25.0, start_s=0.0, source_height=HEIGHT, source_width=WIDTH,
        frames=frames, flow=flow,
    )  # fmt: skip


def write(folder, shards, num_classes=7, streams=("rgb", "flow"), multi_label=False):
    """Writes lists of serialised records as shards; returns the Records."""
    files = tuple(str(folder / f"shard{number}") for number in range(len(shards)))
    for file, records in zip(files, shards, strict=True):
        with tf.io.TFRecordWriter(file) as writer:
            for record in records:
                writer.write(record)
    lengths = tuple(len(records) for records in shards)
    names = tuple(f"class {number}" for number in range(num_classes))
    size = 1000 * sum(lengths)
    return stored.Records(files, lengths, size, names, streams, {}, multi_label)
