"""Checks the further sources of a training, config.sources, before TensorFlow is there.

    source_checks.check_keys(values)            # values: {"a.b": value} of a configuration
    source_checks.check_records(values, main)   # main: read.Dataset of config.data.records
    source_checks.rows(values)                  # [{"name", "records", "split", ...}, ...]

Every mistake is one line.
"""

import os
from pathlib import Path
from typing import Any

from i3d.data import read, shards
from i3d.data.metadata import DatasetError
from i3d.runtime.command import UserError
from i3d.training import config_keys as keys


def rows(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns {"name", "records", "split", "kind", "ratio", "per_replica"} of each source."""
    records = _listed(values, "records")
    columns = {
        "name": [_name(folder) for folder in records],
        "records": records,
        "split": _listed(values, "train"),
        "kind": _listed(values, "kinds"),
        "ratio": list(values["sources.ratios"]) or [1.0],
        "per_replica": list(values["sources.per_replica"]) or [values["batch.per_replica"]],
    }
    full = [value * len(records) if len(value) == 1 else value for value in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*full, strict=True)]


def check_keys(values: dict[str, Any]) -> None:
    """Refuses keys of sources that do not fit each other or the model."""
    count = len(_listed(values, "records"))
    if not count:
        return
    lists = {key: values[f"sources.{key}"] for key in ("ratios", "per_replica")}
    lists |= {key: _listed(values, key) for key in ("train", "kinds")}
    for key, found in lists.items():
        needed = key in ("train", "kinds")
        if len(found) not in (1, count) and (found or needed):
            raise UserError(
                f"config.sources.{key}: expected one for all or {count}, one for each of "
                f"config.sources.records, got {len(found)}"
            )
    ratios, kinds = lists["ratios"], lists["kinds"]
    if any(not 0 <= ratio <= 1000 for ratio in ratios) or (ratios and not any(ratios)):
        raise UserError(
            "config.sources.ratios: expected numbers from 0 to 1000, one of them above 0, got "
            f"{ratios}"
        )
    if any(clips < 1 for clips in lists["per_replica"]):
        raise UserError(
            f"config.sources.per_replica: expected at least 1, got {lists['per_replica']}"
        )
    strange = [kind for kind in kinds if kind not in ("clips", "images")]
    if strange:
        raise UserError(f"config.sources.kinds: expected clips or images, got {strange[0]!r}")
    if "images" in kinds:
        _check_images(values, kinds * count if len(kinds) == 1 else kinds)


def _check_images(values, kinds):
    """Refuses a source of images where the network has no head for it."""
    if values["model.name"] not in keys.WITH_IMAGES or kinds.count("images") > 1:
        raise UserError(
            "config.sources.kinds: 'images' is of one source, and of a network with a head of "
            f"images: {', '.join(keys.WITH_IMAGES)}; got {kinds.count('images')} and model.name "
            f"{values['model.name']!r}. As 'clips' images of the same classes go with any network"
        )
    if not values["sources.together"]:
        raise UserError("config.sources.kinds: 'images' goes with config.sources.together=True")


def check_records(values: dict[str, Any], main: read.Dataset) -> None:
    """Refuses data sets of sources that are not there, or do not go with the main one.

    Metadata and names of files are looked at, no record.

    Args:
      values: {"a.b": value} of a configuration, whose keys are checked.
      main: that of config.data.records.

    Raises:
      UserError: a data set or its split is missing or empty, has other classes than `main`, labels
        or streams that this training does not take, or fewer videos than a batch has; or two data
        sets have one name.
    """
    names = [_name(main.folder)]
    for row in rows(values):
        data = _opened(row)
        if row["name"] in names:
            raise UserError(
                f"config.sources.records: expected folders of different names, which the log "
                f"tells losses by, got two called {row['name']!r}"
            )
        names.append(row["name"])
        if row["kind"] == "clips":
            _check_classes(data, main)
        _check_labels(data, main, values)
        _check_batch(data, row)


def _opened(row):
    try:
        read.check_labelled(data := read.opened(row["records"]))
        shards.check_split(data, row["split"])
    except DatasetError as error:
        raise UserError(f"config.sources.records: {error}") from error
    return data


def _check_classes(data, main):
    ours, theirs = main.class_names, data.class_names
    if theirs == ours:
        return
    strange = [name for name in theirs if name not in ours]
    missing = [name for name in ours if name not in theirs]
    got = "them in another order"
    got = f"none called {missing[0]!r}" if missing else got
    got = f"also {strange[0]!r}" if strange else got
    raise UserError(
        f"config.sources.records: {data.folder}: expected the {len(ours)} classes of "
        f"{main.folder} in their order, got {got}; build it with --labels"
    )


def _check_labels(data, main, values):
    if data.multi_label and not main.multi_label and values["loss"] != "sigmoid":
        raise UserError(
            f"config.sources.records: {data.folder}: expected one label per video, as "
            f"{main.folder} has, got several; config.loss='sigmoid' takes both"
        )
    if values["data.stream"] == "flow" and not data.with_flow:
        raise UserError(
            f"config.sources.records: {data.folder}: expected flow, which config.data.stream asks "
            "for, it holds pictures alone; build it with --streams=rgb,flow (images have no flow)"
        )


def _check_batch(data, row):
    count = sum(shard.length for shard in data.shards[row["split"]])
    if row["per_replica"] > count:
        raise UserError(
            f"config.sources.per_replica: expected at most {count}, as many as {data.folder} has "
            f"in the split {row['split']!r}, got {row['per_replica']}"
        )


def _name(folder):
    return Path(os.path.abspath(folder)).name


def _listed(values, key):
    """Returns the words of "a,b"."""
    return [word.strip() for word in values[f"sources.{key}"].split(",") if word.strip()]
