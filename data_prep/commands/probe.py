"""Decodes every video; reports properties and problems, and estimates size and time of a build.

    python -m data_prep probe --videos=clips/ --out=manifest.csv
    python -m data_prep probe --videos=train.csv --video_root=clips --workers=8
    python -m data_prep probe --videos=jump.mp4

Takes what `build` takes, and a video file, a folder of images or a folder of videos without
classes. Sizes and times of a build are estimated from a few frames of three of the videos, stored
in this very run. The exit status is 1 where a build would leave a video out. A manifest that exists
is not replaced.
"""

import csv
import dataclasses
import math
import os
import sys
from collections import Counter
from concurrent import futures
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from absl import flags

from data_prep import estimate
from data_prep.commands import given, need
from i3d.data.build_settings import BuildSettings
from i3d.flow import methods
from i3d.runtime import files
from i3d.runtime.command import UserError, refuse_words
from i3d.runtime.progress import tracked
from i3d.video import frames as video_frames
from i3d.video import images, inputs
from i3d.video.inputs import Item

FLAGS = flags.FlagValues()
given.define(FLAGS, "as for build; or one video; or a folder")
flags.DEFINE_string("split", None, "split of a list to read; default: all", flag_values=FLAGS)
flags.DEFINE_string("out", None, "manifest to write, CSV", flag_values=FLAGS)
flags.DEFINE_enum(
    "flow_method", "tvl1", list(methods.METHODS), "optical flow of the estimate", flag_values=FLAGS
)
flags.DEFINE_integer("workers", os.cpu_count(), "worker processes", 1, flag_values=FLAGS)

COLUMNS = "id path label codec width height fps frames duration_s rotation problem".split()
MEASURED = 3  # videos


class Row(NamedTuple):
    """A video as it was found: `info` is None where it cannot be read at all."""

    item: Item
    info: video_frames.VideoInfo | None
    problem: str
    stored: int  # frames that a build would store of it; 0 where it would leave it out


def check(options: flags.FlagValues, argv: list[str]) -> tuple[list[Item], list[str]]:
    """Returns the videos of the command line and the names of their classes."""
    refuse_words(options(argv)[1:])
    need(options, "videos")
    if options.out:
        files.check_new(options.out)
    return _items()


def work(job: tuple[list[Item], list[str]]) -> int:
    """Prints the summary and writes the manifest; returns 0, or 1 where videos are unusable."""
    items, names = job
    recipe = BuildSettings(flow_method=FLAGS.flow_method)
    rows = _rows(items, recipe)
    if FLAGS.out:
        _write(rows, names)
    for line in dict.fromkeys(f"  {row.item.path}: {row.problem}" for row in rows if row.problem):
        print(line, file=sys.stderr)
    print("\n".join(_summary(rows, names)))
    print(_estimated([row for row in rows if row.stored], recipe))
    return 0 if all(row.stored for row in rows) else 1


def _items():
    """Returns (items, class names); a video file or a plain folder has no classes."""
    path, fps = Path(FLAGS.videos), images.rate(FLAGS)
    of_a_list = FLAGS.split or set(given.beside(FLAGS)) - {"image_fps"}
    try:
        if not of_a_list and _is_of_images(path):
            video = images.checked(str(path.absolute()), fps)
            return [Item(path.name, video.folder, 0, images=video)], []
        if not of_a_list and (plain := _plain(path)):
            root = path if path.is_dir() else path.parent
            return [Item(str(p.relative_to(root)), str(p.absolute()), 0) for p in plain], []
        return given.read(FLAGS, FLAGS.split)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _plain(given):
    """Returns the paths where `given` is a video file, or a folder with some right in it."""
    if not given.is_dir():
        return [given] if given.is_file() and _is_video(given) else []
    if not any(_is_video(path) for path in given.iterdir() if path.is_file()):
        return []  # folders of classes
    return sorted(path for path in given.rglob("*") if path.is_file() and _is_video(path))


def _is_of_images(folder):
    """Returns whether there are images right in a folder, no videos and no other folders."""
    entries = [path for path in folder.iterdir()] if folder.is_dir() else []
    others = any(path.is_dir() or _is_video(path) for path in entries)
    return not others and any(images.is_image(path.name) for path in entries)


def _is_video(path):
    return not path.name.startswith(".") and inputs.is_video(str(path))


def _rows(items, recipe):
    """Returns a Row for each item; a file that several name is read once."""
    sources = list(dict.fromkeys(item.source for item in items))
    probed = tracked(_probed(sources), len(sources), "video", "probe")
    found = dict(zip(sources, probed, strict=True))
    return [_row(item, *found[item.source], recipe) for item in items]


def _probed(paths):
    """Yields (VideoInfo or None, problem) of each path."""
    workers = min(FLAGS.workers, len(paths))
    if workers == 1:
        yield from map(_probe, paths)
        return
    pool = futures.ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        yield from pool.map(_probe, paths)
    except futures.process.BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed (out of memory?); run it again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _probe(path):
    try:
        info = video_frames.probe(path)
    except video_frames.VideoError as error:
        return None, str(error).removeprefix(f"{path}: ")
    return info, info.problem


def _row(item, info, problem, recipe):
    if info is None:
        return Row(item, info, problem, 0)
    end = min(info.duration_s, math.inf if item.end_s is None else item.end_s)
    slots = [math.floor(time * recipe.fps + 0.5) for time in (item.start_s, end)]
    stored = slots[1] - slots[0]
    reaches_end = item.end_s is None or item.end_s > info.duration_s
    if problem.startswith("corrupt") and reaches_end:  # a build of it would end in an error too
        stored = 0
    elif stored < 2:
        stored = 0
        problem = (
            f"fewer than two frames from {item.start_s:g} s on, at {recipe.fps:g} per second; it "
            f"ends at {info.duration_s:.2f} s"
        )
    return Row(item, info, problem, stored)


def _write(rows, names):
    """Writes the manifest."""
    with files.new_file(FLAGS.out, "w", newline="", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            label = ";".join(names[label] for label in row.item.labels) if names else ""
            cells = {"id": row.item.id, "path": row.item.path, "label": label}
            if row.info:
                info = dataclasses.asdict(row.info)
                cells |= info | {name: round(info[name], 4) for name in ("fps", "duration_s")}
            writer.writerow(cells | {"problem": row.problem})


def _summary(rows, names):
    """Yields the lines of the table."""
    infos = list({row.item.source: row.info for row in rows if row.info}.values())
    classes = Counter(label for row in rows for label in row.item.labels)
    each = [classes[label] for label in range(len(names))]
    among = f" in {len(names)} classes of {min(each)} to {max(each)}" if names else ""
    usable = [row for row in rows if row.stored]
    marred = sum(bool(row.problem) for row in usable)
    yield f"videos    {len(rows)}{among}"
    yield f"usable    {len(usable)}, of which with a problem {marred}"
    yield f"unusable  {len(rows) - len(usable)}, which a build would leave out"
    yield f"codec     {_counted(info.codec for info in infos)}"
    yield f"fps       {_counted(f'{info.fps:.4g}' for info in infos)}"
    yield f"size      {_counted(f'{info.width}x{info.height}' for info in infos)}"
    yield f"length    {_hours(sum(info.duration_s for info in infos))} in all"


def _counted(values):
    """Returns the most frequent values, each with its count."""
    counts = Counter(values).most_common()
    rest = sum(count for _, count in counts[8:])
    words = [f"{value} ({count})" for value, count in counts[:8]]
    return ", ".join(words + [f"others ({rest})"] * bool(rest)) or "-"


def _estimated(rows, recipe):
    """Returns the line on what a build of the usable videos would take."""
    if not rows:
        return "build     nothing to build"
    count = min(MEASURED, len(rows))
    chosen = [rows[len(rows) * i // count] for i in range(count)]
    try:
        cost = estimate.measured([(r.item.source, r.info.duration_s) for r in chosen], recipe)
    except UserError as error:
        return f"build     no estimate: {error}"
    frames = sum(row.stored for row in rows)
    seconds = frames * (cost.frame_s + cost.field_s) / FLAGS.workers
    return (
        f"build     about {frames * cost.frame_bytes / 1e9:.3g} GB of frames and "
        f"{frames * cost.field_bytes / 1e9:.3g} GB of flow, {_hours(seconds)} with "
        f"--workers={FLAGS.workers} on a core each\n"
        f"          ({frames} frames, {recipe.fps:g} per second, shorter side "
        f"{recipe.short_side}; measured here on {cost.pairs} pairs of frames of {count} videos: "
        f"{cost.frame_s * 1e3:.0f} ms a frame, {cost.field_s * 1e3:.0f} ms a pair by "
        f"{recipe.flow_method})"
    )


def _hours(seconds):
    return f"{seconds / 3600:.2f} h" if seconds >= 360 else f"{seconds:.0f} s"
