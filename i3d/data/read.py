"""Reads a data set: its shards, videos and images, one segment of a video at a time.

    data = read.opened("data/ucf")                            # the one place that opens any
    place = read.find(read.videos(data, ["train"]), "archery/v_1")
    for frame, field in read.steps(read.segments(place)):    # JPEG files of the whole video
        picture, motion = read.rgb(frame), read.flow(field)

Damage is told by shard and record.
"""

import dataclasses
import difflib
import math
import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from i3d.data import example, metadata, schema, tfrecord
from i3d.data.build_settings import (
    BUILD,
    WORK,
    BuildSettings,
    KeyFrameSettings,
    described,
    settings_in,
)
from i3d.data.metadata import INFO, DatasetError
from i3d.data.shards import AGAIN, Shard, check_whole, of_split
from i3d.runtime import image_size
from i3d.runtime.command import BadData
from i3d.runtime.labels import UNLABELLED

_MOST_MISSING = 10_000  # shards; `build` writes again what is missing


class ReadError(BadData):
    """Something in a data set cannot be read; the message is one line."""


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
      recipe: the BuildSettings, or KeyFrameSettings, it was built by; None likewise.
      multi_label: whether a video has any number of labels; else it has one.
      key_frames: whether it holds key frames with boxes; else videos.
    """

    folder: Path
    class_names: tuple
    with_flow: bool
    shards: dict
    made: dict
    recipe: BuildSettings | KeyFrameSettings | None
    multi_label: bool = False
    key_frames: bool = False


@dataclasses.dataclass(frozen=True)
class Segment:
    """One stored example: a video, or a part of a long one; fields as in schema.serialised."""

    id: str
    label: int | tuple[int, ...]
    fps: float
    start_s: float
    source_height: int
    source_width: int
    frames: list
    flow: list | None

    @property
    def labels(self) -> tuple[int, ...]:
        """The indices of its classes; one where the data set has one label per video."""
        return self.label if isinstance(self.label, tuple) else (self.label,)


VIDEOS, KEY_FRAMES = "videos", "key frames"


def opened(folder, kinds=(VIDEOS,)):
    """Returns the Dataset in a folder; looks at its metadata and at the names of files alone.

    Nothing that the metadata name is imported, and nothing outside of the folder is looked at.

    Args:
      folder: of the data set.
      kinds: what it may hold: VIDEOS, KEY_FRAMES, or both.

    Raises:
      DatasetError: it holds no data set, one of another kind, or metadata that are damaged,
        contradict each other, or are not as `build` writes them.
    """
    folder = Path(folder)
    _check_there(folder, kinds)
    found, made = metadata.read(folder), described(folder)
    recipe = settings_in(made)
    _check_kind(folder, KEY_FRAMES if found.key_frames else VIDEOS, kinds)
    if made:
        _check_agree(folder, found, made, recipe)
    count, entries = sum(len(s.lengths) for s in found.splits.values()), len(os.listdir(folder))
    if count > entries + _MOST_MISSING:  # without looking for each of them
        raise DatasetError(
            f"{folder}: expected {count} shards, as {INFO} says, it holds {entries} files; {AGAIN}"
        )
    shards = {name: of_split(folder, name, split, made) for name, split in found.splits.items()}
    with_flow, multi_label = found.with_flow, found.multi_label
    return Dataset(
        folder, found.class_names, with_flow, shards, made, recipe, multi_label, found.key_frames
    )


def _check_kind(folder, kind, kinds):
    if kind in kinds:
        return
    if kind == KEY_FRAMES:
        raise DatasetError(
            f"{folder}: expected a data set of videos, this one holds key frames with boxes, of "
            "`python -m data_prep build_detection`: train on it by a config of configs/ava, "
            "evaluate with --task=ava"
        )
    raise DatasetError(
        f"{folder}: expected key frames with boxes, this data set holds videos; make one by "
        "`python -m data_prep build_detection`"
    )


def check_labelled(data):
    """Makes sure that the videos of a Dataset have classes.

    Raises:
      DatasetError: it was built without any.
    """
    if tuple(data.class_names) == (UNLABELLED,):
        raise DatasetError(
            f"{data.folder}: was built without classes; build it from folders of classes, or from "
            "a CSV file with the column label"
        )


def _check_there(folder, kinds):
    if (folder / INFO).is_file():
        return
    reason = f"there is no {INFO} in it" if folder.is_dir() else "there is no such folder"
    if (folder / WORK).exists():
        reason = "the build in it is not finished; run the same build command again"
    command = "build" if VIDEOS in kinds else "build_detection"
    raise DatasetError(
        f"{folder}: expected a data set as `python -m data_prep {command} --out={folder}` makes "
        f"it, {reason}"
    )


def _check_agree(folder, found, made, recipe):
    """Compares metadata.Metadata with build.json."""
    agree = {
        "kind": found.key_frames == isinstance(recipe, KeyFrameSettings),
        "class names": list(found.class_names) == made["class_names"],
        "flow": found.with_flow == recipe.with_flow,
        "several labels": found.multi_label == recipe.multi_label,
    }
    for name in made["splits"]:
        listed = made.get("shards", {}).get(name)
        lengths = found.splits[name].lengths if name in found.splits else None
        agree[f"number of records of split {name!r}"] = lengths is not None and (
            listed is None or lengths == tuple(shard[0] for shard in listed)
        )
    if wrong := [what for what, same in agree.items() if not same]:
        raise DatasetError(
            f"{folder}: its {wrong[0]} is not the same in {BUILD} and in the files of TFDS; one "
            "of them was changed or is of another data set"
        )


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
    kinds = {"id": bytes, "fps": float, "start_s": float}
    kinds |= {"source_height": int, "source_width": int}
    if "labels" not in values:
        kinds["label"] = int
    wrong = [n for n, kind in kinds.items() if [type(v) for v in values.get(n, [])] != [kind]]
    if wrong or "frames" not in values:
        raise ReadError(f"expected one value for {(wrong or ['frames'])[0]}, as `build` writes it")
    single = {name: values[name][0] for name in kinds}
    single["id"] = single["id"].decode(errors="backslashreplace")
    if "labels" in values:
        single["label"] = tuple(values["labels"])
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
    size = image_size.stated(jpeg) if whole else None
    if size and math.prod(size) > schema.most_pixels(len(jpeg)):
        raise ReadError(f"{schema.TOO_LARGE}: {size[1]} x {size[0]}, {len(jpeg)} bytes")
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED) if size else None
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
      DatasetError: while iterating, where a split is not whole.
      ReadError: likewise, where a record is damaged.
    """
    for split in splits:
        check_whole(data, split)
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
