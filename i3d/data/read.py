"""Reads a data set back: its shards, videos and pictures; memory holds one segment of a video.

    data = read.opened("data/ucf")
    place = read.find(read.videos(data, ["train"]), "archery/v_1")
    for frame, field in read.steps(read.segments(place)):    # JPEG files of the whole video
        picture, motion = read.rgb(frame), read.flow(field)

Damage is told by shard and record.
"""

import dataclasses
import difflib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from i3d.data import example, schema, tfrecord
from i3d.data.build_settings import INFO, BuildSettings, described
from i3d.runtime.command import BadData


class ReadError(BadData):
    """A data set, or something in it, cannot be read; the message is one line."""


class Shard(NamedTuple):
    """A file of a split, and how many examples it is said to hold."""

    split: str
    path: Path
    length: int


class Place(NamedTuple):
    """Where a video is stored: the number of the record that its first segment is in."""

    id: str
    shard: Shard
    first: int


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    Attributes:
      folder: where it is.
      class_names: in label order.
      with_flow: whether flow is stored.
      shards: {split: list of Shard}.
      made: build.json; {} where it is missing.
      recipe: the BuildSettings it was built by; None likewise.
    """

    folder: Path
    class_names: tuple
    with_flow: bool
    shards: dict
    made: dict
    recipe: BuildSettings | None


@dataclasses.dataclass(frozen=True)
class Segment:
    """One stored example: a video, or a part of a long one; fields as in schema.serialised."""

    id: str
    label: int
    fps: float
    start_s: float
    source_height: int
    source_width: int
    frames: list
    flow: list | None


def opened(folder):
    """Returns the Dataset in a folder; looks at its metadata alone.

    Raises:
      ReadError: it holds no data set of videos, or metadata that cannot be read.
    """
    import tensorflow_datasets as tfds
    from google.protobuf.json_format import ParseError

    folder = Path(folder)
    if not (folder / INFO).is_file():
        raise ReadError(_no_data_set(folder))
    try:
        info = tfds.builder_from_directory(folder).info
        made = described(folder)
        recipe = BuildSettings.of(made)
    except (ParseError, ValueError, OSError, KeyError, TypeError) as error:
        raise ReadError(f"{folder}: its metadata cannot be read: {_first_line(error)}") from error
    if not {"id", "label", "frames"} <= set(info.features):
        raise ReadError(
            f"{folder}: expected a data set of videos with id, label and frames, its features are "
            f"{', '.join(info.features)}"
        )
    if not info.splits:
        raise ReadError(f"{folder}: expected a data set with a split, it has none")
    shards = {
        name: [Shard(name, Path(p), n) for p, n in zip(s.filepaths, s.shard_lengths, strict=True)]
        for name, s in info.splits.items()
    }
    names = tuple(info.features["label"].names)
    return Dataset(folder, names, "flow" in info.features, shards, made, recipe)


def _no_data_set(folder):
    if not folder.is_dir():
        return f"{folder}: expected the folder of a data set, there is none"
    if (folder / ".build").exists():
        return f"{folder}: the build in it is not finished; run the same build command again"
    return f"{folder}: expected a data set, as `build` makes it; it has no {INFO}"


def examples(shard, first=0):
    """Yields (record number, Segment) of a shard, from a record on.

    Raises:
      ReadError: while iterating, where the file or a record is damaged.
    """
    try:
        for record in tfrecord.read(shard.path):
            if record.problem:
                raise ReadError(f"{shard.path}: {at(record)}: {record.problem}")
            if record.number >= first:
                try:
                    segment = parsed(record.data)
                except ReadError as error:
                    raise ReadError(f"{shard.path}: {at(record)}: {error}") from error
                yield record.number, segment
    except OSError as error:
        raise ReadError(f"{shard.path}: cannot be read: {error.strerror}") from error


def at(record):
    """Returns the words that say where in its file a tfrecord.Record is."""
    return f"record {record.number} (byte {record.offset})"


def parsed(data):
    """Returns the Segment of the bytes that schema.serialised made.

    Raises:
      ReadError: they are something else; it says what, not where.
    """
    try:
        values = example.decoded(data)
    except example.ExampleError:
        raise ReadError("not a tf.train.Example") from None
    flow = values.pop("flow", None)
    kinds = {"id": bytes, "label": int, "fps": float, "start_s": float}
    kinds |= {"source_height": int, "source_width": int}
    wrong = [n for n, kind in kinds.items() if [type(v) for v in values.get(n, [])] != [kind]]
    if wrong or "frames" not in values:
        raise ReadError(f"expected one value for {(wrong or ['frames'])[0]}, as `build` writes it")
    single = {name: values[name][0] for name in kinds}
    single["id"] = single["id"].decode(errors="backslashreplace")
    frames = values["frames"]
    if not frames or flow is not None and len(flow) != len(frames) - 1:
        fields = "" if flow is None else f" and {len(flow)} flow fields"
        raise ReadError(
            f"{single['id']}: expected frames, and a flow field less than frames, got "
            f"{len(frames)} frames{fields}"
        )
    if not single["fps"] > 0:
        raise ReadError(f"{single['id']}: expected fps above 0, got {single['fps']}")
    return Segment(**single, frames=frames, flow=flow)


def segments(place):
    """Yields the Segments of one video.

    Raises:
      ReadError: while iterating, where a record is damaged.
    """
    for _, segment in examples(place.shard, place.first):
        if segment.id != place.id:
            return
        yield segment


def steps(parts):
    """Yields (frame, field) of a video's segments, JPEG files; the shared frames come once.

    Field t leads from frame t to the next; it is None for the last frame, and without flow.
    """
    last = None
    for part in parts:
        *frames, last = part.frames
        flow = [None] * len(frames) if part.flow is None else part.flow
        yield from zip(frames, flow, strict=True)
    yield last, None


def picture(jpeg):
    """Returns the decoded image uint8, BGR [H, W, 3] or grey [H, W]; ReadError if damaged."""
    whole = jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9"  # OpenCV fills up what is cut off
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED) if whole else None
    if image is None:
        raise ReadError("not a whole JPEG file")
    return image


def rgb(jpeg):
    """Returns a stored frame as uint8 RGB [H, W, 3]."""
    return cv2.cvtColor(picture(jpeg), cv2.COLOR_BGR2RGB)


def flow(jpeg):
    """Returns a stored flow field as float32 [H, W, 2], pixels per frame, x then y."""
    return schema.levels_to_flow(picture(jpeg))


def videos(data, splits):
    """Yields the Place of every video of these splits.

    Raises:
      ReadError: while iterating, where a record is damaged.
    """
    for split in splits:
        for shard in data.shards[split]:
            last = None
            for number, segment in examples(shard):
                if segment.id != last:
                    yield Place(segment.id, shard, number)
                last = segment.id


def find(places, id):
    """Returns the Place of that id; takes places until it comes.

    Raises:
      ReadError: there is none; it names the nearest.
    """
    seen = []
    for place in places:
        if place.id == id:
            return place
        seen.append(place.id)
    near = difflib.get_close_matches(id, seen, 1, cutoff=0)
    hint = f"the nearest is {near[0]!r}" if near else "it holds no video"
    raise ReadError(f"no video has the id {id!r}; {hint}")


def _first_line(error):
    return str(error).partition("\n")[0]
