"""Reads and writes the metadata of tensorflow_datasets without importing it.

    write(folder, Metadata("25 fps", ("run", "walk"), True, False, {"train": Split((3, 2), 9000)}))
    read(folder).splits["train"].files("train")       # names of the shards

features.json names Python classes, which TFDS imports, and dataset_info.json where the shards lie.
A data set may come from anyone, so what is read must be, word for word, what `write` writes for
data sets of its kind: nothing in it is imported, and nothing leads out of its folder.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from i3d.data import features_json
from i3d.runtime import files, json_file
from i3d.runtime.command import BadData

NAME = "videos"  # of the data set, as TFDS knows it
INFO = "dataset_info.json"
FEATURES = "features.json"
LABEL_MAP = "label_map.txt"  # of key frames

_MAX_BYTES = 1 << 24  # of a file; a hundred thousand shards and class names take less
MOST_ACTIONS = 100_000  # the greatest id of a label map
_MAX_DIGITS = 15  # of a count; a data set of 2**50 bytes has fewer records
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


class DatasetError(BadData):
    """A folder that does not hold what it should; the message is one line."""


class Split(NamedTuple):
    """The shards of a split: how many records each holds, and the bytes of all."""

    lengths: tuple[int, ...]
    num_bytes: int

    def files(self, name: str) -> list[str]:
        """Returns the names of its shards, for the name of the split."""
        count = len(self.lengths)
        return [shard_name(name, index, count) for index in range(count)]


@dataclass(frozen=True)
class Metadata:
    """All that is kept.

    Attributes:
      description: one line for people.
      class_names: in label order.
      with_flow: whether flow is stored.
      multi_label: whether records hold `labels`, any number of them, in place of one `label`.
      splits: {name: Split}.
      key_frames: whether records are key frames with boxes, as keyframe_schema has them; then
        class_names[k - 1] is the name of action k, "" where the label map leaves it out.
    """

    description: str
    class_names: tuple[str, ...]
    with_flow: bool
    multi_label: bool
    splits: dict[str, Split]
    key_frames: bool = False


def shard_name(split: str, index: int, count: int) -> str:
    """Returns the file name of a shard, as TFDS expects it."""
    return f"{NAME}-{split}.tfrecord-{index:05d}-of-{count:05d}"


def write(folder: Path, metadata: Metadata) -> None:
    """Writes the files, byte by byte as TFDS would; each is complete or not there."""
    own = metadata
    splits = [
        {
            "filepathTemplate": _TEMPLATE,
            "name": name,
            "numBytes": str(split.num_bytes),
            "shardLengths": [str(length) for length in split.lengths],
        }
        for name, split in sorted(own.splits.items())
    ]
    info = {"description": own.description, "fileFormat": "tfrecord", "name": NAME}
    info |= {"splits": splits, "version": "1.0.0"}
    if own.key_frames:
        expected = features_json.of_key_frames()
        names = "".join(f"{k}: {name}\n" for k, name in enumerate(own.class_names, 1) if name)
        files.write_text(folder / LABEL_MAP, names)
    else:
        expected = features_json.of_videos(len(own.class_names), own.with_flow, own.multi_label)
        files.write_text(folder / _labels(own.multi_label), "\n".join(own.class_names) + "\n")
    files.write_text(folder / FEATURES, json.dumps(expected, indent=4, sort_keys=True))
    files.write_text(folder / INFO, json.dumps(info, indent=2, sort_keys=True))


def read(folder: Path) -> Metadata:
    """Returns the Metadata in a folder.

    Raises:
      DatasetError: a file is missing, damaged, or not as `write` writes it.
    """
    with_flow, multi_label, count = _read_features(folder / FEATURES)
    description, splits = _read_info(folder / INFO)
    if count is None:
        names = _read_label_map(folder / LABEL_MAP)
        return Metadata(description, names, False, False, splits, key_frames=True)
    path = folder / _labels(multi_label)
    names = tuple(_text(path).removesuffix("\n").split("\n"))
    if len(names) != count:
        raise DatasetError(
            f"{path}: expected {count} class names, as {FEATURES} says, got {len(names)}"
        )
    return Metadata(description, names, with_flow, multi_label, splits)


def read_json(path: Path) -> dict[str, Any]:
    """Returns the object in a file of JSON that came with a data set.

    Raises:
      DatasetError: the file is missing, larger than metadata are, damaged, leads out of its
        folder, or names something twice.
    """
    try:
        return json_file.parsed(_text(path), path)
    except json_file.JsonError as error:
        raise DatasetError(str(error)) from error


def check_inside(path: Path) -> None:
    """Raises DatasetError where a file of a data set is a link that leads out of its folder."""
    if path.is_symlink():
        place = path.resolve()
        if not place.is_relative_to(path.parent.resolve()):
            raise DatasetError(
                f"{path}: expected a file of the data set, this is a link that leads out of it, "
                f"to {place}; copy that file here if it is yours"
            )


def _text(path):
    """Returns the text of a file as it stands, line ends too."""
    check_inside(path)
    if not path.is_file():
        raise DatasetError(f"{path}: missing; the data set is not whole, copy or build it again")
    with open(path, "rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise DatasetError(f"{path}: expected metadata of at most {_MAX_BYTES} bytes, got more")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: damaged, not UTF-8: {error}") from error


def _labels(multi_label):
    return "labels.labels.txt" if multi_label else "label.labels.txt"


def _read_label_map(path):
    """Returns the names of the actions, "" where the map leaves an id out."""
    names = []
    for line in _text(path).removesuffix("\n").split("\n"):
        number, _, name = line.partition(": ")
        known = number.isascii() and number.isdigit() and 0 < len(number) <= 9 and name
        if not known or not len(names) < int(number) <= MOST_ACTIONS:
            raise DatasetError(
                f"{path}: expected lines `id: name` of rising ids from 1 to {MOST_ACTIONS}, got "
                f"{_short(line)}"
            )
        names += [""] * (int(number) - len(names) - 1) + [name]
    return tuple(names)


def _read_features(path):
    """Returns (whether there is flow, whether there are several labels, number of classes).

    The number is None of a data set of key frames.
    """
    found = read_json(path)
    try:
        listed = dict(found["featuresDict"]["features"])
    except (KeyError, TypeError, ValueError):
        raise DatasetError(f"{path}: expected features of a data set, got none") from None
    if {"boxes", "centre", "frames"} <= listed.keys():
        if line := _difference(found, features_json.of_key_frames()):
            raise DatasetError(f"{path}: not as `build_detection` writes it: {line}")
        return False, False, None
    multi_label = "labels" in listed
    label = "labels" if multi_label else "label"
    if not {"id", label, "frames"} <= listed.keys():
        raise DatasetError(
            f"{path}: expected a data set of videos with id, label and frames, its features are "
            f"{_short(', '.join(sorted(listed)) or 'none')}"
        )
    try:
        feature = listed[label]
        feature = feature["sequence"]["feature"] if multi_label else feature
        count = _count(feature["classLabel"]["numClasses"])
    except (KeyError, TypeError, ValueError):
        raise DatasetError(f"{path}: {label}: expected a number of classes, got none") from None
    with_flow = "flow" in listed
    if line := _difference(found, features_json.of_videos(count, with_flow, multi_label)):
        raise DatasetError(f"{path}: not as `build` writes it: {line}")
    return with_flow, multi_label, count


def _difference(found, expected, at=""):
    """Returns a line on the first place where JSON is not as expected, "" where there is none."""
    if not (isinstance(found, dict) and isinstance(expected, dict)):
        if found == expected:
            return ""
        return f"{at.lstrip('.')}: expected {_short(expected)}, got {_short(found)}"
    for key in sorted(found.keys() | expected.keys()):
        if line := _difference(found.get(key), expected.get(key), f"{at}.{_short(key)}"):
            return line
    return ""


def _read_info(path):
    """Returns (description, {name: Split})."""
    found = read_json(path)
    description, listed = found.get("description"), found.get("splits")
    if not isinstance(description, str) or not isinstance(listed, list) or not listed:
        raise DatasetError(f"{path}: expected a data set with a description and a split")
    expected = {"fileFormat": "tfrecord", "name": NAME, "version": "1.0.0"}
    expected |= {"description": description, "splits": listed}
    if line := _difference(found, expected):
        raise DatasetError(f"{path}: not as `build` writes it: {line}")
    splits: dict[str, Split] = {}
    for one in listed:
        name, split = _read_split(one, path)
        if name in splits:
            raise DatasetError(f"{path}: the split {_short(name)} stands there twice")
        splits[name] = split
    return description, splits


def _read_split(found, path):
    """Returns (name, Split) of an item of "splits"."""
    if not isinstance(found, dict):
        raise DatasetError(f"{path}: expected a split, got {_short(found)}")
    name, lengths, num_bytes = (found.get(k) for k in ("name", "shardLengths", "numBytes"))
    if not isinstance(name, str) or not name.isidentifier():
        raise DatasetError(f"{path}: expected a split with a name like train, got {_short(name)}")
    expected = {"name": name, "shardLengths": lengths, "numBytes": num_bytes}
    if line := _difference(found, expected | {"filepathTemplate": _TEMPLATE}):
        raise DatasetError(f"{path}: split {_short(name)}: not as `build` writes it: {line}")
    try:
        if not isinstance(lengths, list) or not lengths:
            raise ValueError("no shards")
        return name, Split(tuple(map(_count, lengths)), _count(num_bytes))
    except ValueError as error:
        raise DatasetError(
            f"{path}: split {_short(name)}: expected the number of records of each shard, and of "
            f"bytes, got {error}"
        ) from error


def _count(text):
    """Returns the integer that is written in digits, as protobuf writes it to JSON."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise ValueError(_short(text))
    if len(text) > _MAX_DIGITS:
        raise ValueError(_short(text))
    return int(text)


def _short(value):
    """Returns a few words on a value of JSON, whatever its size."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = ascii(value)[1:-1] if isinstance(value, str) else str(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
