"""Reads what feature extraction wrote: a .npz file, or a folder of .npy and .npz files.

    found = read("features.npz")
    found.ids[0], found.features[0]            # "Archery/a.avi", float [C]

A .pkl is not read: unpickling runs what a file says.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from i3d.runtime import npy
from i3d.runtime.command import BadData


class Vectors(NamedTuple):
    """N feature vectors, one of each video or of each window.

    Attributes:
      ids: N names of videos; those of windows repeat.
      features: float [N, C], finite.
      start_s, end_s: float64 [N], seconds; NaN of whole videos.
    """

    ids: list[str]
    features: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray


def check_there(path: str | os.PathLike) -> None:
    """Raises BadData where there is no such file or folder."""
    if not Path(path).exists():
        raise BadData(f"{path}: no such file; `python -m i3d.extract_features --out` writes it")


def read(path: str | os.PathLike) -> Vectors:
    """Returns the Vectors of a .npz file, or of a folder in the order of its names.

    Raises:
      BadData: there is no such file, or it is not one of i3d.extract_features.
    """
    check_there(path)
    path = Path(path)
    if path.is_dir():
        return _of_folder(path)
    if path.suffix != ".npz":
        raise BadData(f"{path}: expected a .npz file or a folder of i3d.extract_features")
    arrays = _arrays(path)
    ids = arrays.get("ids", np.zeros(0))
    if ids.dtype.kind != "U" or ids.ndim != 1:
        raise BadData(f"{path}: expected ids and features of i3d.extract_features")
    return _checked(path, ids.tolist(), arrays)


def _of_folder(folder):
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".npy", ".npz"))
    if not paths:
        raise BadData(f"{folder}: expected .npy or .npz files of i3d.extract_features, found none")
    each = [_of_video(path, folder) for path in paths]
    widths = {one.features.shape[1]: path for one, path in zip(each, paths, strict=True)}
    if len(widths) > 1:
        (width, _), (other, path) = list(widths.items())[:2]
        raise BadData(f"{path}: expected {width} features as in other files, got {other}")
    ids = [id for one in each for id in one.ids]
    return Vectors(ids, *(np.concatenate(parts) for parts in list(zip(*each, strict=True))[1:]))


def _of_video(path, folder):
    id = path.relative_to(folder).with_suffix("").as_posix()
    arrays = _arrays(path)
    count = arrays["features"].shape[0] if arrays["features"].ndim else 0
    return _checked(path, [id] * count, arrays)


def _arrays(path):
    """Returns {name: array}, "features" [N, C] among them; of a .npy file just that."""
    try:
        if path.suffix == ".npy":
            return {"features": np.array(npy.mapped(path))[None]}
        arrays = npy.read_npz(path)
    except (npy.ArrayError, OSError) as error:
        raise BadData(f"{path}: cannot be read: {error}") from error
    if "features" not in arrays:
        raise BadData(f"{path}: expected features of i3d.extract_features")
    return arrays


def _checked(path, ids, arrays):
    features = arrays["features"]
    if features.dtype.kind != "f" or features.ndim != 2 or len(features) != len(ids):
        got = f"{features.dtype} {features.shape} of {len(ids)} videos"
        raise BadData(f"{path}: expected a row of features for each id, got {got}")
    if not features.size:
        raise BadData(f"{path}: expected at least one row of features, got {features.shape}")
    if (wrong := ~np.isfinite(features).all(axis=1)).any():
        row = int(wrong.argmax())
        value = features[row][~np.isfinite(features[row])][0]
        raise BadData(
            f"{path}: expected finite numbers, got {value} in {wrong.sum()} of {len(ids)} rows, "
            f"the first that of {ids[row]!r}; extract these again"
        )
    nothing = np.full(len(ids), np.nan)
    start, end = (arrays.get(name, nothing) for name in ("start_s", "end_s"))
    if any(one.dtype.kind != "f" or one.shape != nothing.shape for one in (start, end)):
        raise BadData(f"{path}: expected a time for each row in start_s and end_s")
    return Vectors(ids, features, start, end)
