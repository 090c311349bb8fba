"""Verifies a data set: checks every record, and compares some with their videos.

    python -m data_prep verify --data=data/mine
    python -m data_prep verify --data=data/mine --split=train --videos=train.csv --sample=10

Takes data sets of `build` and of `build_detection`. Prints what is in it, and one line for each
record that is wrong, and for each shard that is not the one that was built; then the exit status is
1. With --videos (and --video_root, --labels and so on, as given to `build`) it also tells which
videos are missing, and computes frames and flow of --sample of them again: peak signal-to-noise
ratio of the frames, mean error (x, y) and root mean squared error of the flow. A damaged split is
to be built again, into another folder.
"""

import os
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from absl import flags

from data_prep import check as data_prep_check
from data_prep import compare, dataset
from data_prep.commands import given, stored
from i3d.data import read
from i3d.data.build_settings import BUILD
from i3d.runtime.command import UserError, refuse_words
from i3d.runtime.progress import Progress, tracked
from i3d.video import frames as video_frames

FLAGS = flags.FlagValues()
stored.define(FLAGS)
given.define(FLAGS, "what the split was built from, as given to build")
flags.DEFINE_integer(
    "sample", 3, "number of videos that are compared with their source", 0, flag_values=FLAGS
)
flags.DEFINE_integer("workers", os.cpu_count(), "threads, one shard each", 1, flag_values=FLAGS)

# Far beyond what storing costs (40 dB and 0.05 px are usual): another video, or another method.
LEAST_PSNR_DB = 25.0
LARGEST_RMSE_PX = 1.0
LARGEST_BIAS_PX = 0.1
SHOWN = 100  # lines of problems


def check(options: flags.FlagValues, argv: list[str]) -> tuple[read.Dataset, list[str], list]:
    """Returns the data set, splits and items of the command line."""
    refuse_words(options(argv)[1:])
    data = stored.opened(options, (read.VIDEOS, read.KEY_FRAMES))
    splits = stored.splits(options, data)
    return data, splits, _items(data, splits)


def work(job: tuple[read.Dataset, list[str], list]) -> int:
    """Prints what was found; returns 0, or 1 where something is wrong."""
    data, splits, items = job
    failed, problems = _failed(data)
    problems += _metadata_problems(data, splits)
    for split in splits:
        found = _checked(data, split)
        print(_summary(data, split, found, len(failed[split])))
        problems += [line for shard in found for line in shard.problems]
        problems += _repeated(found)
    if items:
        videos = {id: video for shard in found for id, video in shard.videos.items()}
        problems += _absent(items, videos, failed[split])
        problems += _unlike(data, items, videos)
    for line in problems[:SHOWN]:
        print(f"  {line}", file=sys.stderr)
    if problems:
        some = f", of which {SHOWN} are shown" if len(problems) > SHOWN else ""
        raise UserError(f"{data.folder}: problems: {len(problems)}{some}")
    print(f"{data.folder}: all is well")
    return 0


def _items(data, splits):
    """Returns the items of --videos, none without it."""
    given.refuse_alone(FLAGS)
    if not FLAGS.videos:
        return []
    if data.key_frames:
        raise UserError("--videos goes with data sets of videos, this one holds key frames")
    if len(splits) > 1:
        raise UserError(f"--videos needs --split, one of {', '.join(splits)}")
    if not data.recipe:
        raise UserError(f"--videos cannot be compared: {data.folder} has no {BUILD}")
    return given.read(FLAGS, splits[0], data.recipe.images)[0]


def _failed(data):
    """Returns ({split: ids of the videos that failed in the build}, problems)."""
    failed = {split: set() for split in data.shards}
    try:
        for row in dataset.failures(data.folder):
            failed.setdefault(row["split"], set()).add(row["id"])
    except (ValueError, KeyError, TypeError):
        return failed, [f"{dataset.FAILURES} is damaged"]
    return failed, []


def _metadata_problems(data, splits):
    if not data.made:
        return [f"{BUILD} is missing: whether the splits are whole is not known"]
    return [
        f"split {split!r}: its build is not finished; run the same build command again"
        for split in splits
        if split not in data.made["splits"]
    ]


def _checked(data, split):
    """Returns the check.Found of all shards; decoding pictures frees Python's lock."""
    shards = data.shards[split]
    with ThreadPoolExecutor(FLAGS.workers) as pool:
        found = pool.map(lambda shard: data_prep_check.check_shard(data, shard), shards)
        return list(tracked(found, len(shards), "shard", split))


def _summary_of_key_frames(data, split, found, failed):
    key_frames = [labels for shard in found for _, labels in shard.videos.values()]
    counted = Counter(label for labels in key_frames for label in labels)
    frames = sum(shard.frames for shard in found)
    size = sum(s.shard.path.stat().st_size for s in found if s.shard.path.exists())
    lines = [
        f"{split}: {len(key_frames)} key frames in {len(found)} shards, {frames} frames, "
        f"{size / 1e6:.1f} MB",
        f"  videos that could not be stored as a whole when it was built: {failed}",
    ]
    counts = ", ".join(
        f"{name or f'id {i}'} {counted[i]}"
        for i, name in enumerate(data.class_names, start=1)
        if name or counted[i]
    )
    lines += textwrap.wrap(f"  boxes by action: {counts}", 98, subsequent_indent="    ")
    return "\n".join(lines)


def _summary(data, split, found, failed):
    if data.key_frames:
        return _summary_of_key_frames(data, split, found, failed)
    videos = [labels for shard in found for _, labels in shard.videos.values()]
    counted = Counter(label for labels in videos for label in labels)
    totals = [sum(getattr(s, n) for s in found) for n in ("examples", "frames", "fields")]
    size = sum(s.shard.path.stat().st_size for s in found if s.shard.path.exists())
    lines = [
        f"{split}: {len(videos)} videos in {totals[0]} records and {len(found)} shards, "
        f"{totals[1]} frames, {totals[2]} flow fields, {size / 1e6:.1f} MB",
        f"  videos that could not be read when it was built: {failed}",
    ]
    counts = ", ".join(f"{name} {counted[i]}" for i, name in enumerate(data.class_names))
    lines += textwrap.wrap(f"  videos by class: {counts}", 98, subsequent_indent="    ")
    return "\n".join(lines)


def _repeated(found):
    shards = Counter(id for shard in found for id in shard.videos)
    return [f"{id}: in {n} shards, expected in one" for id, n in shards.items() if n > 1]


def _absent(items, videos, failed):
    """Returns lines on the items that are neither stored under their label nor known to fail."""
    problems = []
    for item in items:
        if item.id in videos:
            stored_as, wanted = (
                " ".join(map(str, labels)) for labels in (videos[item.id][1], item.labels)
            )
            if stored_as != wanted:
                problems.append(f"{item.id}: stored with label {stored_as}, --videos says {wanted}")
        elif item.id not in failed:
            problems.append(f"{item.id}: in --videos, but neither stored nor in {dataset.FAILURES}")
    return problems


def _unlike(data, items, videos):
    """Compares a sample, evenly spread, with the videos; prints figures, returns problems."""
    both = [item for item in items if item.id in videos]
    count = min(FLAGS.sample, len(both))
    problems = []
    with Progress(unit="frame", what="compare") as progress:
        for item in (both[len(both) * i // count] for i in range(count)):
            parts = read.segments(videos[item.id][0])
            try:
                difference = compare.with_source(parts, item, data.recipe, progress.add)
            except (read.ReadError, video_frames.VideoError) as error:
                problems.append(f"{item.id}: {error}")
                continue
            print(f"  {item.id}: {_told(difference, data.with_flow)}")
            if _is_far(difference):
                problems.append(f"{item.id}: far from its video or flow: other file, or method?")
    return problems


def _told(difference, with_flow):
    frames = f"{difference.frames} frames, PSNR {difference.psnr_db:.1f} dB"
    if not with_flow:
        return frames
    x, y = difference.bias_px
    return f"{frames}; flow bias {x:+.4f} {y:+.4f} px, RMSE {difference.rmse_px:.3f} px"


def _is_far(difference):
    bias = max(abs(value) for value in difference.bias_px)
    return (
        difference.psnr_db < LEAST_PSNR_DB
        or difference.rmse_px > LARGEST_RMSE_PX
        or bias > LARGEST_BIAS_PX
    )
