"""Writes the rows of videos in the forms of `--out`: .pkl, .npz, or a folder of a file per video.

    write(path, entries, parts, WINDOWS)

A .pkl is written, never read: unpickling runs what a file says.
"""

import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from i3d.features import pooled, videos
from i3d.runtime import npy

# What is told of a video: one vector, a row for each window in seconds, or for each in frames.
VECTORS, WINDOWS, FRAMES = "vectors", "windows", "frames"
_OF_ROWS = {VECTORS: ("features", "views"), WINDOWS: ("features", "start_s", "end_s", "views")}
_OF_ROWS[FRAMES] = _OF_ROWS[WINDOWS]
_SAME = ("window", "stride", "extractors")  # of all videos
_OWN = "fps"  # of each


def write(
    path: Path, entries: list, parts: Sequence[Path | None], form: str, pooled_rows: int = 0
) -> None:
    """Writes what was saved of the videos to a path, whose suffix says how.

    Args:
      path: .pkl, .npz, or a folder that is not there yet.
      entries: videos.Entry of each video.
      parts: of each the .npz file of its rows; None where it failed.
      form: VECTORS, WINDOWS or FRAMES.
      pooled_rows: 0, or how many rows a CSV file of each video has.
    """
    if path.suffix == ".pkl":
        _write_pickle(path, parts, form)
    elif path.suffix == ".npz":
        _write_npz(path, entries, parts, form)
    else:
        for name, part in zip(videos.file_names(entries), parts, strict=True):
            if part is not None:
                suffix = ".csv" if pooled_rows else ".npy" if form == VECTORS else ".npz"
                target = path / f"{name}{suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                _write_video(target, part, form, pooled_rows)


def _write_video(target, part, form, pooled_rows):
    if pooled_rows:
        rows = npy.mapped_npz(part)["features"]
        pooled.write_csv(target, pooled.pooled(rows, pooled_rows))
    elif form == FRAMES:  # hours of rows: not read
        shutil.copyfile(part, target)
    else:
        arrays = npy.read_npz(part)
        with open(target, "wb") as file:
            np.save(file, arrays["features"][0]) if form == VECTORS else np.savez(file, **arrays)


def _of_video(part, form):
    """Returns what a .pkl says of one video: float32 [C], of windows a dict of arrays."""
    if part is None:
        return None
    arrays = npy.read_npz(part)
    return arrays["features"][0] if form == VECTORS else arrays


def _write_pickle(path, parts, form):
    with open(path, "wb") as file:
        pickle.dump([_of_video(part, form) for part in parts], file, protocol=4)


def _write_npz(path, entries, parts, form):
    there = [(e.name, npy.mapped_npz(p)) for e, p in zip(entries, parts, strict=True) if p]
    counts = [len(arrays["views"]) for _, arrays in there]
    arrays: dict[str, Any] = {"ids": np.repeat([name for name, _ in there], counts)}
    for field in _OF_ROWS[form]:
        arrays[field] = np.concatenate([found[field] for _, found in there])
    if form == FRAMES:
        arrays[_OWN] = np.repeat([found[_OWN] for _, found in there], counts)
        arrays |= {field: there[0][1][field] for field in _SAME}
    with open(path, "wb") as file:
        np.savez(file, **arrays)
