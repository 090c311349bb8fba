"""A data set on disk: shard names, TFDS metadata, failures, and what makes it complete.

    builder = tensorflow_datasets.builder_from_directory("data/ucf")

Files: videos-SPLIT.tfrecord-00000-of-00016, dataset_info.json, features.json, the class names,
build.json (how it was made) and failures.jsonl (videos that could not be read, one a line).
"""

import json
import os
import shutil
from pathlib import Path

from i3d.data import schema
from i3d.data.build_settings import BUILD, INFO, NAME, DatasetError, described
from i3d.runtime import files

FAILURES = "failures.jsonl"


def shard_name(split, index, count):
    """Returns the file name of a shard, as TFDS expects it."""
    return f"{NAME}-{split}.tfrecord-{index:05d}-of-{count:05d}"


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


def check_fits(out, build):
    """Raises DatasetError where the folder holds another recipe, other classes or other data."""
    there = described(out)
    if not there:
        if (Path(out) / INFO).exists() and not build.work.exists():
            raise DatasetError(
                f"{out}: holds a data set that was made by something else; choose another --out"
            )
        return
    wanted = build.recipe.to_json()
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
    """Returns the failures of a split (or all), a list of {split, id, path, reason}."""
    file = Path(out) / FAILURES
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [row for row in rows if split in (None, row["split"])]


def finish(build):
    """Puts the shards of a split, all whole, in place with their metadata; returns its failures.

    Files are renamed into place, TFDS's dataset_info.json after what it speaks of and build.json
    last: it makes the split complete. A kill on the way leaves what the next call goes on from.
    """
    out, work = Path(build.out), build.work
    reports = [json.loads(Path(task.report).read_text()) for task in build.tasks]
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
    _write_build(build, work / "info")
    for task in build.tasks:
        if os.path.exists(task.path):  # else it was moved before a kill
            files.move(task.path, out / Path(task.path).name)
    if not (work / "info" / FAILURES).exists():  # all that failed before is mended
        (out / FAILURES).unlink(missing_ok=True)
    for name in sorted(os.listdir(work / "info"), key=lambda name: (name == BUILD, name == INFO)):
        files.move(work / "info" / name, out / name)
    shutil.rmtree(work)
    return failed


def reopen(build):
    """Makes a complete split incomplete: the shards in which a video failed are to be written.

    The other shards keep their bytes and get the reports that `finish` asks for.
    """
    import tensorflow_datasets as tfds

    out = Path(build.out)
    bad = {row["id"] for row in failures(out, build.split)}
    lengths = tfds.builder_from_directory(out).info.splits[build.split].shard_lengths
    build.work.mkdir(parents=True, exist_ok=True)
    for task, length in zip(build.tasks, lengths, strict=True):
        if not bad.intersection(item.id for item in task.items):
            size = (out / Path(task.path).name).stat().st_size
            report = {"examples": length, "bytes": size, "frames": 0, "failures": []}
            files.write_text(task.report, json.dumps(report))
    made = described(out)
    del made["splits"][build.split]
    _write_description(build.work / BUILD, made)  # not in OUT, where a kill would leave debris
    files.move(build.work / BUILD, out / BUILD)


def _write_failures(build, failed, folder):
    rows = failed + [row for row in failures(build.out) if row["split"] != build.split]
    if rows:
        rows.sort(key=lambda row: (row["split"], row["id"]))
        files.write_text(folder / FAILURES, "".join(f"{json.dumps(row)}\n" for row in rows))


def _write_build(build, folder):
    splits = described(build.out).get("splits", {}) | {build.split: build.fingerprint()}
    made = {"recipe": build.recipe.to_json(), "class_names": list(build.class_names)}
    _write_description(folder / BUILD, made | {"splits": splits})


def _write_description(path, made):
    files.write_text(path, json.dumps(made, indent=1, sort_keys=True))


def _write_info(build, reports, folder):
    """Writes TFDS's own metadata of all splits into `folder`."""
    import tensorflow_datasets as tfds

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    template = tfds.core.ShardedFileTemplate(
        data_dir=build.out, dataset_name=NAME, filetype_suffix="tfrecord"
    )
    splits = []
    if (Path(build.out) / INFO).exists():
        there = tfds.builder_from_directory(build.out).info.splits
        splits = [info for name, info in there.items() if name != build.split]
    splits.append(
        tfds.core.SplitInfo(
            name=build.split,
            shard_lengths=[report["examples"] for report in reports],
            num_bytes=sum(report["bytes"] for report in reports),
            filename_template=template,
        )
    )
    recipe = build.recipe
    flow = f"; flow {recipe.flow_method}" if recipe.with_flow else "; no flow"
    info = tfds.core.DatasetInfo(
        builder=tfds.core.dataset_info.DatasetIdentity(
            name=NAME, version=tfds.core.Version("1.0.0"), data_dir=str(build.out), module_name=""
        ),
        features=schema.tfds_features(build.class_names, recipe.with_flow, recipe.multi_label),
        description=f"{recipe.fps:g} fps, short side {recipe.short_side}{flow}",
        supervised_keys=None,
    )
    info.set_file_format("tfrecord")
    info.set_splits(tfds.core.SplitDict(sorted(splits, key=lambda split: split.name)))
    info.write_to_directory(folder)
