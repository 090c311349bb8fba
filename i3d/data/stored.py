"""Opens a split of a data set, and reads its records by number in tf.data.

    records = stored.opened("data/ucf101", "train", ("rgb", "flow"), flow_method="tvl1")
    video = stored.video(records, number)            # in a tf.data map; pictures still encoded

Records are numbered through the shards, from 0. Any of them can be read at once: on the way there
the reader takes the lengths of the records before it in the shard (about 32) and jumps over them.
"""

import dataclasses
import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from i3d.data import example, read, schema, shards, tfrecord
from i3d.data.metadata import DatasetError

STREAMS = ("rgb", "flow")
VERIFY = "`python -m data_prep verify` finds all such, then build the data set again"
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
      multi_label: whether a video has any number of labels; else it has one.
      chosen: numbers of the records that are taken, ascending; None takes all.
    """

    files: tuple
    lengths: tuple
    num_bytes: int
    class_names: tuple
    streams: tuple
    recipe: dict
    multi_label: bool = False
    chosen: tuple | None = None

    @property
    def num_records(self):
        """Videos, where none is longer than a segment."""
        return sum(self.lengths) if self.chosen is None else len(self.chosen)

    def part(self, chosen):
        """Returns the Records of these records, ascending numbers of the whole split."""
        share = len(chosen) / self.num_records
        num_bytes = round(self.num_bytes * share)
        return dataclasses.replace(self, chosen=tuple(chosen), num_bytes=num_bytes)


def opened(folder, split, streams, flow_method=None):
    """Returns the Records of a split; looks at metadata, names of files and lengths of records.

    Args:
      folder: a data set as `python -m data_prep build` makes it.
      split: name of the split.
      streams: ("rgb",), ("flow",) or ("rgb", "flow").
      flow_method: what the stored flow must have been made with, such as "tvl1"; None for any.
        Looked at where flow is wanted.

    Raises:
      DatasetError: there is no such data set, split, stream or shard, flow of another method, or
        a record of a length that cannot be.
    """
    if not streams or not set(streams) <= set(STREAMS):
        raise DatasetError(f"expected streams out of {', '.join(STREAMS)}, got {streams}")
    data = read.opened(folder)
    shards.check_split(data, split)
    _check(data, streams, flow_method)
    files, lengths, num_bytes = whole_shards(data, split)
    streams = tuple(stream for stream in STREAMS if stream in streams)
    recipe = data.made.get("recipe", {})
    return Records(files, lengths, num_bytes, data.class_names, streams, recipe, data.multi_label)


def whole_shards(data, split):
    """Returns (paths, numbers of records, bytes of all) of the shards of a split with records.

    Raises:
      DatasetError: a shard is missing, or states a record of a length that cannot be.
    """
    shards.check_whole(data, split)
    there = [shard for shard in data.shards[split] if shard.length]
    files, lengths = zip(*((str(shard.path), shard.length) for shard in there), strict=True)
    _check_lengths(files)
    return files, lengths, sum(os.stat(file).st_size for file in files)


def labels(records):
    """Returns [(id, labels)] of all records of all shards; of each a few hundred bytes are read.

    Raises:
      DatasetError: a shard is damaged.
    """
    wanted = ("id", "label", "labels")
    found = []
    for file, length in zip(records.files, records.lengths, strict=True):
        before = len(found)
        try:
            for data in tfrecord.views(file):
                values = example.decoded(data, wanted)
                own = values["labels"] if "labels" in values else values["label"]
                found.append((values["id"][0].decode(errors="backslashreplace"), tuple(own)))
        except (example.ExampleError, KeyError, IndexError, AttributeError, OSError) as error:
            line = f"{file}: damaged, record {len(found) - before}; {VERIFY}"
            raise DatasetError(line) from error
        if (there := len(found) - before) != length:
            raise DatasetError(f"{file}: expected {length} records, got {there}; {VERIFY}")
    return found


def _check_lengths(files):
    """Raises DatasetError where a record states a length that TensorFlow cannot take."""
    with ThreadPoolExecutor(16) as pool:  # a network's file system takes its time for each
        for file, number in zip(files, pool.map(_oversized, files), strict=True):
            if number is not None:
                line = f"record {number} states a length that no record can have"
                raise DatasetError(f"{file}: {line}; it is damaged, or made to do harm")


def _oversized(file):
    """Returns tfrecord.oversized of a file, which is not read again until it changes."""
    found = os.stat(file)
    return _oversized_at(file, found.st_size, found.st_mtime_ns)


@functools.cache
def _oversized_at(file, *_):
    return tfrecord.oversized(file)


def _check(data, streams, flow_method):
    read.check_labelled(data)
    if "flow" not in streams:
        return
    if not data.with_flow:
        raise DatasetError(f"{data.folder}: holds no flow; build it with --streams=rgb,flow")
    made = data.recipe.flow_method if data.recipe else "an unknown method"
    if flow_method not in (None, made):
        raise DatasetError(
            f"{data.folder}: expected flow made by {flow_method}, this was made by {made}; build "
            f"it with --flow_method={flow_method}"
        )


def video(records, number):
    """Returns schema.parsed of a record, checked, for a scalar int64 tensor in a tf.data map.

    "label" of a data set of several labels is bool [K]: which of the classes it has.

    Raises:
      tf.errors.InvalidArgumentError: in the iterator; command.op_error_line gives the line that
        says which shard or which video is at fault.
    """
    with_flow = "flow" in records.streams
    if records.chosen is not None:
        number = tf.gather(tf.constant(records.chosen, tf.int64), number)
    found = parsed(
        records, number, lambda data: schema.parsed(data, with_flow, records.multi_label)
    )
    frames = tf.size(found["frames"])
    checks = _take_label(found, records)
    checks.append(stop_unless(frames > 0, found["id"], ": has no frames"))
    if with_flow:
        fields = tf.size(found["flow"])
        text = (": expected one flow field less than frames, got ", fields, " and ", frames)
        checks.append(stop_unless((fields == frames - 1) & (fields > 0), found["id"], *text))
    with tf.control_dependencies(checks):
        return {name: tf.identity(value) for name, value in found.items()}


def _take_label(found, records):
    """Puts "label" in place of what is stored of it; returns the ops that check it."""
    labels, classes = found.pop("labels" if records.multi_label else "label"), records.class_names
    known, got, checks = (labels >= 0) & (labels < len(classes)), labels, []
    found["label"] = labels
    if records.multi_label:
        found["label"] = tf.reduce_any(tf.one_hot(labels, len(classes), True, False), axis=0)
        checks.append(stop_unless(tf.size(labels) > 0, found["id"], ": expected labels, got none"))
        known = tf.reduce_all(known)
        got = tf.strings.reduce_join(tf.as_string(labels), separator=" ")
    text = (": expected a label from 0 to ", len(classes) - 1, ", got ", got)
    return [*checks, stop_unless(known, found["id"], *text)]


def parsed(records, number, parse):
    """Returns what a function makes of the bytes of a record, in a tf.data map.

    Args:
      records: it has `files` and `lengths`, as Records.
      number: scalar int64 tensor.
      parse: (scalar string tensor) -> {name: tensor}.

    Raises:
      tf.errors.InvalidArgumentError: in the iterator; it names the shard that cannot be read.
    """
    ends = np.cumsum(records.lengths)
    file = tf.searchsorted(ends, number[None], side="right")[0]
    path = tf.constant(records.files)[file]
    number -= tf.constant(ends - records.lengths)[file]

    def read(path, number):
        return parse(_record(path, number)), True

    # TensorFlow's error would not say which file it was, and quotes bytes that are no text. An
    # error within `map` ends the data set, so that what is empty is left.
    found = tf.data.Dataset.from_tensors((path, number)).map(read).ignore_errors(log_warning=True)
    nothing = tf.nest.map_structure(_empty, found.element_spec[0]), False
    found = found.concatenate(tf.data.Dataset.from_tensors(nothing)).take(1)
    values, whole = found.get_single_element()
    text = (
        ": damaged, gone or cut off: cannot read record ",
        number,
        f"; {VERIFY}",
    )
    with tf.control_dependencies([stop_unless(whole, path, *text)]):
        return {name: tf.identity(value) for name, value in values.items()}


def _empty(spec):
    return tf.zeros([side or 0 for side in spec.shape], spec.dtype)


def stop_unless(holds, *words):
    """Returns an op that raises the words, strings and integers, unless a tensor holds."""
    texts = [tf.as_string(w) if not isinstance(w, str) else w for w in words]
    return tf.debugging.Assert(holds, [tf.strings.join(texts)])


def _record(path, number):
    shard = tf.data.TFRecordDataset(path, buffer_size=_READ_BUFFER)
    return shard.skip(number).take(1).get_single_element()
