"""Manages a data set on disk: shards, TFDS metadata, failures, completeness.

    builder = tensorflow_datasets.builder_from_directory("data/ucf")

Files: videos-SPLIT.tfrecord-00000-of-00016, dataset_info.json, features.json, the class names,
build.json (how it was made, and the size and checksum of each shard) and failures.jsonl (videos
that could not be read, one a line).
"""

import json
import os
import shutil
from pathlib import Path

from data_prep import shards
from i3d.data import metadata, read
from i3d.data.build_settings import BUILD, KeyFrameSettings, described
from i3d.data.metadata import INFO, DatasetError, Metadata, Split
from i3d.runtime import files
from i3d.runtime.progress import tracked

FAILURES = "failures.jsonl"
_ANY = (read.VIDEOS, read.KEY_FRAMES)
_FAILURE = ("split", "id", "path", "reason")  # what a line of it tells


def is_complete(out, split, fingerprint):
    """Returns whether the split is there, made of exactly this.

    Raises:
      DatasetError: it is there, made of something else.
    """
    there = described(out).get("splits", {}).get(split)
    if there not in (None, fingerprint):
        raise DatasetError(
            f"{out}: split {split!r} is there already, built from other videos or flags; "
            "choose another --out, or remove the folder"
        )
    return there is not None


def lost(build):
    """Returns the tasks of a complete split whose shards are gone, or not of the bytes they had.

    Reads all shards. Of data sets of version 0.1.0 neither sizes nor checksums are known.
    """
    pairs = list(zip(build.tasks, _recorded(build), strict=True))
    return [task for task, shard in tracked(pairs, len(pairs), "shard", "check") if _is_lost(shard)]


def _is_lost(shard):
    if not shard.path.is_file() or shard.size not in (None, shard.path.stat().st_size):
        return True
    return shard.crc32 not in (None, files.crc32(shard.path))


def _recorded(build):
    """Returns the read.Shard of each task of a complete split."""
    there = read.opened(build.out, _ANY).shards[build.split]
    if len(there) != len(build.tasks):
        raise DatasetError(
            f"{build.out}: expected {len(build.tasks)} shards of split {build.split!r}, its "
            f"metadata list {len(there)}; remove the folder and build it again"
        )
    return there


def check_fits(out, build):
    """Raises DatasetError where the folder holds another recipe, other classes or other data."""
    there = described(out)
    if not there:
        if (Path(out) / INFO).exists() and not build.work.exists():
            raise DatasetError(
                f"{out}: holds a data set that was made by something else; choose another --out"
            )
        return
    if there["splits"]:
        read.opened(out, _ANY)  # its metadata are gone on with
    wanted = build.recipe.to_json()
    if ("reach" in wanted) != ("reach" in there["recipe"]):
        kind = "key frames" if "reach" in there["recipe"] else "videos"
        raise DatasetError(f"{out}: holds a data set of {kind}; choose another --out")
    if bool(wanted.get("images")) != bool(there["recipe"].get("images")):
        kind = "images" if there["recipe"].get("images") else "videos"
        raise DatasetError(f"{out}: holds a data set of {kind}; choose another --out")
    if wanted.get("multi_label") and not there["recipe"].get("multi_label"):
        raise DatasetError(
            f"{out}: the splits in it have one label per video, of these videos some have several; "
            "in another --out build this split first, and the others after it"
        )
    if there["recipe"] != wanted:
        before = there["recipe"]
        differ = [name for name, value in before.items() if wanted.get(name) != value]
        raise DatasetError(
            f"{out}: the splits in it were built with "
            + ", ".join(f"{name} {before[name]} (not {wanted.get(name)})" for name in differ)
            + "; use the same flags or another --out"
        )
    if there["class_names"] != list(build.class_names):
        raise DatasetError(
            f"{out}: the splits in it have {len(there['class_names'])} classes, this one has "
            f"{len(build.class_names)} or another order; give both the same --labels"
        )


def failures(out, split=None):
    """Returns the failures of a split (or all), a list of {split, id, path, reason}.

    Raises:
      DatasetError: the file is damaged.
    """
    file = Path(out) / FAILURES
    metadata.check_inside(file)
    try:
        lines = file.read_text().splitlines() if file.exists() else []
        found = [json.loads(line) for line in lines]
        rows = [{key: str(row[key]) for key in _FAILURE} for row in found]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"{file}: damaged; remove it to continue without it") from error
    return [row for row in rows if split in (None, row["split"])]


def finish(build):
    """Puts the shards of a split, all whole, in place with their metadata; returns its failures.

    Files are renamed into place, TFDS's dataset_info.json after what it speaks of and build.json
    last: it makes the split complete. A kill on the way leaves what the next call resumes from.
    """
    out, work = Path(build.out), build.work
    reports = [shards.report(task) for task in build.tasks]
    failed = [{"split": build.split} | f for report in reports for f in report["failures"]]
    if not sum(report["examples"] for report in reports):
        shutil.rmtree(work)  # so that the next run tries the videos again
        first = failed[0]
        raise DatasetError(
            f"{out}: not one of {len(failed)} videos could be read; the first, {first['path']}: "
            f"{first['reason']}"
        )
    _write_info(build, reports, work / "info")
    _write_failures(build, failed, work / "info")
    _write_build(build, reports, work / "info")
    for task in build.tasks:
        if os.path.exists(task.path):  # else it was moved before a kill
            files.move(task.path, out / Path(task.path).name)
    if not (work / "info" / FAILURES).exists():  # all that failed before is mended
        (out / FAILURES).unlink(missing_ok=True)
    for name in sorted(os.listdir(work / "info"), key=lambda name: (name == BUILD, name == INFO)):
        files.move(work / "info" / name, out / name)
    shutil.rmtree(work)
    return failed


def reopen(build, tasks):
    """Makes a complete split incomplete: the shards of these tasks are to be written again.

    The other shards keep their bytes and get the reports that `finish` asks for.
    """
    out, again = Path(build.out), {task.path for task in tasks}
    rows = failures(out, build.split)
    recorded = _recorded(build)
    build.work.mkdir(parents=True, exist_ok=True)
    for task, shard in zip(build.tasks, recorded, strict=True):
        if task.path not in again:
            ids = {item.id for item in task.items}
            failed = [{key: row[key] for key in _FAILURE[1:]} for row in rows if row["id"] in ids]
            shards.write_report(task, shard.path, shard.length, failed, shard.crc32)
    made = described(out)
    for key in ("splits", "shards"):
        made.get(key, {}).pop(build.split, None)
    _write_description(build.work / BUILD, made)  # not in OUT, where a kill would leave debris
    files.move(build.work / BUILD, out / BUILD)


def failed_tasks(build):
    """Returns the tasks of a complete split in which a video failed."""
    bad = {row["id"] for row in failures(build.out, build.split)}
    return [task for task in build.tasks if bad.intersection(item.id for item in task.items)]


def _write_failures(build, failed, folder):
    rows = failed + [row for row in failures(build.out) if row["split"] != build.split]
    if rows:
        rows.sort(key=lambda row: (row["split"], row["id"]))
        files.write_text(folder / FAILURES, "".join(f"{json.dumps(row)}\n" for row in rows))


def _write_build(build, reports, folder):
    there = described(build.out)
    made = {"recipe": build.recipe.to_json(), "class_names": list(build.class_names)}
    made["splits"] = there.get("splits", {}) | {build.split: build.fingerprint()}
    facts = [[report[key] for key in ("examples", "bytes", "crc32")] for report in reports]
    made["shards"] = there.get("shards", {}) | {build.split: facts}
    _write_description(folder / BUILD, made)


def _write_description(path, made):
    files.write_text(path, json.dumps(made, indent=1, sort_keys=True))


def _write_info(build, reports, folder):
    """Writes the metadata of all splits, as TFDS reads them, into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    there = metadata.read(Path(build.out)).splits if (Path(build.out) / INFO).exists() else {}
    lengths = tuple(report["examples"] for report in reports)
    own = Split(lengths, sum(report["bytes"] for report in reports))
    recipe = build.recipe
    key_frames = isinstance(recipe, KeyFrameSettings)
    if key_frames:
        more = f"; {recipe.reach} frames on either side of each key frame"
    else:
        more = f"; flow {recipe.flow_method}" if recipe.with_flow else "; no flow"
    found = Metadata(
        description=f"{recipe.fps:g} fps, short side {recipe.short_side}{more}",
        class_names=tuple(build.class_names),
        with_flow=recipe.with_flow,
        multi_label=recipe.multi_label,
        splits=there | {build.split: own},
        key_frames=key_frames,
    )
    metadata.write(folder, found)
