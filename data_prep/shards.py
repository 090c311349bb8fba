"""Writes videos into one TFRecord shard, the unit of work of a build.

    result = write_shard(ShardTask(path, items, recipe))

A shard depends on its items and the recipe alone, so that any worker, on any machine, at any
time writes the same bytes.
"""

import dataclasses
import json
import os
from collections.abc import Callable

from data_prep import key_frames, segments
from data_prep.key_frames import KeyFrameItem
from i3d.data import tfrecord
from i3d.data.build_settings import BuildSettings, KeyFrameSettings
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.video import frames as video_frames
from i3d.video.inputs import Item


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """One shard to be written.

    Attributes:
      path: name of the shard.
      report: file of JSON that tells what is in the shard; a shard with a report is whole.
      items: the videos, in order.
      recipe: what is made of them.
      strict: stop at the first video that fails.
    """

    path: str
    report: str
    items: tuple[Item, ...] | tuple[KeyFrameItem, ...]
    recipe: BuildSettings | KeyFrameSettings
    strict: bool = False


class BadVideoError(UserError):
    """A video failed in a strict build; the message is one line."""


def write_shard(task: ShardTask, done: Callable[[int], None] = lambda frames: None) -> dict:
    """Writes the shard and its report, both atomically.

    A runner may try a shard twice at the same time, and a worker may outlive a killed build for
    a moment: both write the same bytes, under different temporary names.

    Args:
      task: ShardTask.
      done: called with the number of frames after each video, 0 for one that failed.

    Returns:
      The report, as `report`.

    Raises:
      BadVideoError: a video failed and the task is strict.
      OSError: the shard cannot be written.
    """
    written, failures = 0, []
    os.stat(os.path.dirname(task.path))  # of a build that is gone, nothing is to be made again
    with files.new_file(task.path) as shard:
        for item in task.items:
            begin = shard.tell()
            try:
                count, frames, reason = _write_video(shard, item, task.recipe)
            except video_frames.VideoError as error:
                shard.seek(begin)  # a video that fails adds nothing
                shard.truncate()
                reason = str(error).removeprefix(f"{item.path}: ")
                count = frames = 0
            if reason and task.strict:
                raise BadVideoError(f"{item.path}: {reason}")
            if reason:
                failures.append({"id": item.id, "path": item.path, "reason": reason})
            written += count
            done(frames)
    return write_report(task, task.path, written, failures)


def write_report(
    task: ShardTask,
    shard: os.PathLike | str,
    examples: int,
    failures: list[dict[str, str]],
    crc32: str | None = None,
) -> dict:
    """Writes the report of the shard at `shard`, which is whole; returns it.

    Args:
      task: ShardTask.
      shard: where the shard is, which may be moved already.
      examples, failures: as in `report`.
      crc32: that of the shard, if it is known already.
    """
    facts = {"bytes": os.path.getsize(shard), "crc32": crc32 or files.crc32(shard)}
    found = {"examples": examples, "failures": failures} | facts
    files.write_text(task.report, json.dumps(found))
    return found


def report(task: ShardTask) -> dict | None:
    """Returns the report of a shard: {"examples", "bytes", "crc32", "failures": [{"id", "path",
    "reason"}]}, of all examples in it; None where there is none.

    "crc32" is missing where version 0.1.0 wrote it.
    """
    try:
        with open(task.report, encoding="utf-8") as file:
            found = json.load(file)
        names = ("id", "path", "reason")
        rows = [{name: str(row[name]) for name in names} for row in found["failures"]]
        return found | {"failures": rows, "examples": int(found["examples"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def is_done(task: ShardTask, out: os.PathLike | str) -> bool:
    """Returns whether a shard is whole: what its report says, here or already in `out`.

    Reads the shard. A report of version 0.1.0 gets the checksum that it lacks.
    """
    found = report(task)
    places = [task.path, os.path.join(out, os.path.basename(task.path))]
    place = next(filter(os.path.isfile, places), None)
    if found is None or place is None or os.path.getsize(place) != found.get("bytes"):
        return False
    if "crc32" not in found:
        write_report(task, place, found["examples"], found["failures"])
        return True
    return found["crc32"] == files.crc32(place)


def _write_video(shard, item, recipe):
    """Appends the examples of one video.

    Returns (number of examples, number of their frames, "" or a line on what was left out).
    """
    made = key_frames if isinstance(recipe, KeyFrameSettings) else segments
    left = made.examples(item, recipe)
    count = total = 0
    while True:
        try:
            record, frames = next(left)
        except StopIteration as end:
            return count, total, end.value or ""
        tfrecord.write(shard, record)
        count, total = count + 1, total + frames
