"""Finds the shards of a split and checks that they are complete.

shards = of_split(folder, "train", metadata.read(folder).splits["train"], described(folder))
check_whole(read.opened(folder), "train")
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from i3d.data import metadata, tfrecord
from i3d.data.build_settings import BUILD
from i3d.data.metadata import INFO, DatasetError

AGAIN = "run the same build command again, which writes it again"


class Shard(NamedTuple):
    """A file of a split.

    Attributes:
      split: its name.
      path: where it is.
      length: how many examples it is said to hold.
      size, crc32: bytes, and their CRC-32 in eight digits; None where build.json does not tell.
    """

    split: str
    path: Path
    length: int
    size: int | None = None
    crc32: str | None = None


def of_split(folder, name, split, made):
    """Returns the Shards of a metadata.Split; `made` is build.json.

    Raises:
      DatasetError: one is a link that leads out of the folder, or no file.
    """
    paths = [folder / file for file in split.files(name)]
    for path in paths:
        metadata.check_inside(path)
        if path.exists() and not path.is_file():  # to open a pipe would wait for ever
            raise DatasetError(f"{path}: expected a file of records, this is none")
    listed = made.get("shards", {}).get(name) if name in made.get("splits", {}) else None
    facts = [(None, None)] * len(paths) if listed is None else [one[1:] for one in listed]
    return [
        Shard(name, path, length, *fact)
        for path, length, fact in zip(paths, split.lengths, facts, strict=True)
    ]


def check_split(data, split):
    """Raises DatasetError where a read.Dataset has no such split, or an empty one."""
    _check_named(data, split)
    if not any(shard.length for shard in data.shards[split]):
        raise DatasetError(f"{data.folder}: the split {split!r} is empty")


def _check_named(data, split):
    if split not in data.shards:
        there = ", ".join(sorted(data.shards))
        raise DatasetError(
            f"{data.folder}: expected the split {split!r}, this data set has: {there}"
        )


def check_whole(data, split):
    """Makes sure that a split is finished, and that all of its shards are there in their sizes.

    Their checksums are compared by `verify`.

    Raises:
      DatasetError: they are not.
    """
    _check_named(data, split)
    if data.made and split not in data.made["splits"]:
        raise DatasetError(
            f"{data.folder}: split {split!r}: its build is not finished; run the same build "
            "command again"
        )
    for shard in data.shards[split]:
        if not (os.access(shard.path, os.R_OK) and stat.S_ISREG(os.stat(shard.path).st_mode)):
            raise DatasetError(f"{shard.path}: this shard is missing or not readable; {AGAIN}")
        size = os.stat(shard.path).st_size
        if shard.size not in (None, size):
            raise DatasetError(
                f"{shard.path}: expected {shard.size} bytes, as {BUILD} says, got {size}; {AGAIN}"
            )
        if size < shard.length * tfrecord.LEAST_BYTES:
            raise DatasetError(
                f"{shard.path}: expected {shard.length} records, as {INFO} says, a file of {size} "
                f"bytes cannot hold them; {AGAIN}"
            )
