"""Writes videos into one TFRecord shard, the unit of work of a build.

    result = write_shard(ShardTask(path, items, recipe))

A shard depends on its items and the recipe alone, so that any worker, on any machine, at any
time writes the same bytes.
"""

import dataclasses
import json
import math
import os
from collections.abc import Callable

import cv2

from i3d.data import schema, tfrecord
from i3d.data.build_settings import BuildSettings
from i3d.flow import methods as flow_methods
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.video import flow_images
from i3d.video import frames as video_frames
from i3d.video.inputs import Item

_MAX_JPEG_SIDE = 65500  # of OpenCV's encoder, which gives an empty file beyond it


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
    items: tuple[Item, ...]
    recipe: BuildSettings
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
                count, frames = _write_video(shard, item, task.recipe)
            except video_frames.VideoError as error:
                shard.seek(begin)  # a video that fails adds nothing
                shard.truncate()
                reason = str(error).removeprefix(f"{item.path}: ")
                if task.strict:
                    raise BadVideoError(f"{item.path}: {reason}") from error
                failures.append({"id": item.id, "path": item.path, "reason": reason})
                count = frames = 0
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


def examples(item, recipe):
    """Yields (serialised example, number of its frames) of one video, a segment at a time.

    Consecutive segments share one frame, so that every flow field is stored once. Memory holds
    one segment of JPEG files.

    Raises:
      video.VideoError: the video cannot be read, or has one frame and flow is wanted.
    """
    height, width, _ = video_frames.stated(item.source)
    frames = video_frames.read_frames(
        item.source, recipe.fps, recipe.short_side, item.start_s, item.end_s
    )
    fields = max(1, math.floor(recipe.max_segment_s * recipe.fps + 1e-6))
    label = item.labels if recipe.multi_label else item.label
    common = {"id": item.id, "label": label, "fps": recipe.fps}
    common |= {"source_height": height, "source_width": width}
    method = flow_method(item, recipe)
    for index, (pictures, flow) in enumerate(_segments(frames, method, fields)):
        if recipe.with_flow and not flow:
            raise video_frames.VideoError(f"{item.path}: one frame only; flow needs at least two")
        record = schema.serialised(
            **common,
            start_s=index * fields / recipe.fps,
            frames=pictures,
            flow=flow if recipe.with_flow else None,
        )
        yield record, len(pictures)


def flow_method(item, recipe):
    """Returns the function of two grey images that gives the flow of a video; None without flow.

    Raises:
      video.VideoError: the images of flow are not those of this video's frames.
    """
    if not recipe.with_flow:
        return None
    if not recipe.flow_images:
        return flow_methods.METHODS[recipe.flow_method]()
    if not item.images or item.images.fps != recipe.fps:
        raise video_frames.VideoError(
            f"{item.path}: expected a folder of images at the {recipe.fps:g} fps of the data set, "
            "whose flow can be taken as it is; leave out --flow_images"
        )
    return flow_images.method(item.images, item.start_s)


def _segments(frames, method, fields):
    """Yields ([JPEG frames], [JPEG flow]) of at most `fields` + 1 frames, one shared."""
    pictures, flow, previous = [], [], None
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if method else None
        if len(pictures) > fields:
            yield pictures, flow
            pictures, flow = pictures[-1:], []
        if method and previous is not None:
            flow.append(jpeg(schema.flow_to_levels(method(previous, grey))))
        pictures.append(jpeg(frame))
        previous = grey
    yield pictures, flow


def jpeg(image):
    """Returns the JPEG file (bytes) of a uint8 image, RGB [H, W, 3] or grey [H, W].

    Raises:
      video.VideoError: a side is longer than JPEG knows.
    """
    if max(image.shape) > _MAX_JPEG_SIDE:
        height, width = image.shape[:2]
        raise video_frames.VideoError(
            f"a picture of {width}x{height} is too long for JPEG ({_MAX_JPEG_SIDE} pixels a side)"
        )
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, schema.JPEG_QUALITY])
    return encoded.tobytes()


def _write_video(shard, item, recipe):
    """Appends the examples of one video; returns their number and that of their frames."""
    count = total = 0
    for record, frames in examples(item, recipe):
        tfrecord.write(shard, record)
        count, total = count + 1, total + frames
    return count, total
