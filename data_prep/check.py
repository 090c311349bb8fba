"""Checks every record of a shard: framing, checksums, images, numbers, order of segments.

    found = check.check_shard(data, data.shards["train"][0])
    found.problems                                     # lines that name file, record and video

A checksum proves that a record is what was written; the other checks, that it was written right.
"""

import dataclasses
from typing import NamedTuple

from data_prep import check_key_frames, pictures
from i3d.data import read, tfrecord
from i3d.runtime import files


@dataclasses.dataclass
class Found:
    """What is in one shard.

    Attributes:
      shard: read.Shard.
      videos: {id: (read.Place, labels)}; of key frames the labels are those of all people.
      examples, frames, fields: counts; a frame that two segments share counts once.
      problems: one line each, at most one for a record.
    """

    shard: read.Shard
    videos: dict = dataclasses.field(default_factory=dict)
    examples: int = 0
    frames: int = 0
    fields: int = 0
    problems: list = dataclasses.field(default_factory=list)


def check_shard(data, shard):
    """Returns what was Found in a shard; decodes all of its pictures, holds one record.

    The checksum of the file is told where nothing else is wrong with it.

    Args:
      data: read.Dataset.
      shard: read.Shard, one of its.
    """
    found, before = Found(shard), None
    try:
        for record in tfrecord.read(shard.path):
            found.examples += 1
            if data.key_frames:
                check_key_frames.check_record(data, found, record)
            else:
                before = _check_record(data, found, record, before)
        crc32 = files.crc32(shard.path)
    except OSError as error:
        found.problems.append(f"{shard.path.name}: cannot be read: {error.strerror}")
        return found
    if found.examples != shard.length:
        found.problems.append(
            f"{shard.path.name}: expected {shard.length} records, as dataset_info.json says; "
            f"got {found.examples}"
        )
    if not found.problems and shard.crc32 not in (None, crc32):
        found.problems.append(
            f"{shard.path.name}: expected the checksum {shard.crc32}, as build.json says; got "
            f"{crc32}: of another build, or changed"
        )
    return found


class _Before(NamedTuple):
    """What the next segment is compared with."""

    id: str
    labels: tuple
    end_s: float
    frame: bytes  # the last one
    size: tuple  # of its pictures


_DAMAGED = _Before("", (), 0.0, b"", ())  # no video has this id


def _check_record(data, found, record, before):
    """Adds a record to what was found; returns the _Before of the next one."""
    where = f"{found.shard.path.name}: {read.at(record)}"
    try:
        if record.problem:
            raise read.ReadError(record.problem)
        segment = read.parsed(record.data)
        where += f", {segment.id}"
        size = read.picture(segment.frames[0]).shape[:2]
    except read.ReadError as error:
        found.problems.append(f"{where}: {error}")
        return _DAMAGED
    continues = before is not None and before.id == segment.id
    found.frames += len(segment.frames) - continues
    found.fields += len(segment.flow or ())
    try:
        _check_values(data, segment, size)
        if continues:
            _check_continues(segment, size, before)
        else:
            _check_begins(found, record.number, segment, before)
        height, width = size
        pictures.check("frame", segment.frames, (height, width, 3))
        pictures.check("flow field", segment.flow or (), (2 * height, width))
    except read.ReadError as error:
        found.problems.append(f"{where}: {error}")
    end_s = segment.start_s + (len(segment.frames) - 1) / segment.fps
    return _Before(segment.id, segment.labels, end_s, segment.frames[-1], size)


def _check_values(data, segment, size):
    several = isinstance(segment.label, tuple)
    if several != data.multi_label or not segment.labels:
        expected = "labels" if data.multi_label else "one label"
        got = ("labels" if segment.labels else "none") if several else "one label"
        raise read.ReadError(f"expected {expected}, as features.json says; got {got}")
    if wrong := [label for label in segment.labels if not 0 <= label < len(data.class_names)]:
        last = len(data.class_names) - 1
        raise read.ReadError(f"expected a label from 0 to {last}, got {wrong[0]}")
    if data.with_flow != (segment.flow is not None):
        expected, got = ("flow", "none") if data.with_flow else ("no flow", "some")
        raise read.ReadError(f"expected {expected}, as features.json says; got {got}")
    if not data.recipe:
        return
    if abs(segment.fps - data.recipe.fps) > 1e-3:
        expected = f"expected {data.recipe.fps:g} frames per second, as build.json says"
        raise read.ReadError(f"{expected}; got {segment.fps:g}")
    if min(size) != data.recipe.short_side:
        expected = f"expected a shorter side of {data.recipe.short_side}, as build.json says"
        raise read.ReadError(f"{expected}; got {size[0]} x {size[1]}")


def _check_begins(found, number, segment, before):
    """Checks the first segment of a video, and notes the video."""
    if segment.start_s and before is _DAMAGED:
        return  # the first one was in the damaged record
    if segment.id in found.videos:
        raise read.ReadError("its video came before; the segments of a video follow each other")
    place = read.Place(segment.id, found.shard, number)
    found.videos[segment.id] = place, segment.labels
    if segment.start_s:
        raise read.ReadError(
            f"expected the segment from 0 s on first, got the one from {segment.start_s:g} s on"
        )


def _check_continues(segment, size, before):
    if abs(segment.start_s - before.end_s) > 0.5 / segment.fps:
        raise read.ReadError(
            f"expected the segment from {before.end_s:g} s on, got the one from "
            f"{segment.start_s:g} s on"
        )
    if (segment.labels, size) != (before.labels, before.size):
        raise read.ReadError("expected the label and size of the segment before it, got others")
    if segment.frames[0] != before.frame:
        raise read.ReadError("expected it to begin with the frame that the one before it ends with")
