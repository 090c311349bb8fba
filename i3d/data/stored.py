"""A split of a data set on disk, and its records by number.

    records = stored.opened("data/ucf101", "train", ("rgb", "flow"), flow_method="tvl1")
    video = stored.video(records, number)            # in a tf.data map; pictures still encoded

Records are numbered through the shards, from 0. Any of them can be read at once: on the way there
the reader takes the lengths of the records before it in the shard (about 32) and jumps over them.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from i3d.data import schema
from i3d.data.build_settings import DatasetError, check_there, described

STREAMS = ("rgb", "flow")
_READ_BUFFER = 0  # bytes; none, as each read is one whole record


@dataclasses.dataclass(frozen=True)
class Records:
    """One split of a data set.

    Attributes:
      files: paths of the shards, those without records left out.
      lengths: number of records of each.
      num_bytes: of all shards.
      class_names: in label order.
      streams: what is wanted of it: ("rgb",), ("flow",) or ("rgb", "flow").
      recipe: how it was built, as in its build.json: {"flow_method": ..., "fps": ..., ...}; {}
        for a data set that does not tell.
    """

    files: tuple
    lengths: tuple
    num_bytes: int
    class_names: tuple
    streams: tuple
    recipe: dict

    @property
    def num_records(self):
        """Videos, where none is longer than a segment."""
        return sum(self.lengths)


def opened(folder, split, streams, flow_method=None):
    """Returns the Records of a split; looks at metadata and at the names of files alone.

    Args:
      folder: a data set as `python -m data_prep build` makes it.
      split: name of the split.
      streams: ("rgb",), ("flow",) or ("rgb", "flow").
      flow_method: what the stored flow must have been made with, such as "tvl1"; None for any.
        Looked at where flow is wanted.

    Raises:
      DatasetError: there is no such data set, split, stream or shard, or flow of another method.
    """
    import tensorflow_datasets as tfds

    folder = Path(folder)
    if not streams or not set(streams) <= set(STREAMS):
        raise DatasetError(f"expected streams out of {', '.join(STREAMS)}, got {streams}")
    check_there(folder)
    try:
        info = tfds.builder_from_directory(folder).info
        recipe = described(folder).get("recipe", {})
    except Exception as error:  # whatever TFDS raises on what it cannot make sense of
        raise DatasetError(
            f"{folder}: its metadata cannot be read: {_first_line(error)}"
        ) from error
    _check(folder, info, split, streams, recipe, flow_method)
    there = info.splits[split]
    shards = zip(there.filepaths, there.shard_lengths, strict=True)
    files, lengths = zip(*((str(p), n) for p, n in shards if n), strict=True)
    for file in files:
        if not os.access(file, os.R_OK):
            raise DatasetError(f"{file}: this shard is missing or not readable; build it again")
    names = tuple(info.features["label"].names)
    streams = tuple(stream for stream in STREAMS if stream in streams)
    return Records(files, lengths, int(there.num_bytes), names, streams, recipe)


def _check(folder, info, split, streams, recipe, flow_method):
    if missing := {"id", "label", "frames"} - set(info.features):
        raise DatasetError(
            f"{folder}: not a data set of videos, its records have no {min(missing)}"
        )
    if split not in info.splits:
        there = ", ".join(sorted(info.splits)) or "none"
        raise DatasetError(f"{folder}: expected the split {split!r}, there is {there}")
    if not info.splits[split].num_examples:
        raise DatasetError(f"{folder}: the split {split!r} is empty")
    if "flow" not in streams:
        return
    if "flow" not in info.features:
        raise DatasetError(f"{folder}: holds no flow; build it with --streams=rgb,flow")
    made = recipe.get("flow_method", "an unknown method")
    if flow_method not in (None, made):
        raise DatasetError(
            f"{folder}: expected flow made by {flow_method}, this was made by {made}; build it "
            f"with --flow_method={flow_method}"
        )


def video(records, number):
    """Returns schema.parsed of a record, checked, for a scalar int64 tensor in a tf.data map.

    Raises:
      tf.errors.InvalidArgumentError: in the iterator; command.op_error_line gives the line that
        says which shard or which video is at fault.
    """
    with_flow = "flow" in records.streams
    found = schema.parsed(_read(records, number), with_flow)
    label, frames = found["label"], tf.size(found["frames"])
    classes = len(records.class_names)
    text = (": expected a label from 0 to ", classes - 1, ", got ", label)
    checks = [
        _stop_unless((label >= 0) & (label < classes), found["id"], *text),
        _stop_unless(frames > 0, found["id"], ": has no frames"),
    ]
    if with_flow:
        fields = tf.size(found["flow"])
        text = (": expected one flow field less than frames, got ", fields, " and ", frames)
        checks.append(_stop_unless((fields == frames - 1) & (fields > 0), found["id"], *text))
    with tf.control_dependencies(checks):
        return {name: tf.identity(value) for name, value in found.items()}


def _read(records, number):
    """Returns a serialised record; the error of one that cannot be read names its shard."""
    ends = np.cumsum(records.lengths)
    file = tf.searchsorted(ends, number[None], side="right")[0]
    path = tf.constant(records.files)[file]
    number -= tf.constant(ends - records.lengths)[file]
    # TensorFlow's error would not say which file it was. An error within `map` ends the data
    # set, so that the empty string is what is left.
    found = (
        tf.data.Dataset.from_tensors((path, number)).map(_record).ignore_errors(log_warning=True)
    )
    record = found.concatenate(tf.data.Dataset.from_tensors("")).take(1).get_single_element()
    text = (
        ": damaged, gone or cut off: cannot read record ",
        number,
        "; `python -m data_prep verify` finds all such, then build the data set again",
    )
    with tf.control_dependencies([_stop_unless(record != "", path, *text)]):
        return tf.identity(record)


def _stop_unless(holds, *words):
    """Returns the op that raises the words, strings and integers, one after the other."""
    texts = [tf.as_string(w) if not isinstance(w, str) else w for w in words]
    return tf.debugging.Assert(holds, [tf.strings.join(texts)])


def _record(path, number):
    shard = tf.data.TFRecordDataset(path, buffer_size=_READ_BUFFER)
    return shard.skip(number).take(1).get_single_element()


def _first_line(error):
    return str(error).strip().partition("\n")[0]
