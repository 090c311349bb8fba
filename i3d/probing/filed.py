"""Features from a file of extract_features, with the classes that the names of its videos say.

given, features = read(options)
"""

import os
from collections.abc import Sequence

import numpy as np

from i3d.probing import videos
from i3d.probing.options import Options
from i3d.probing.videos import Given, Video
from i3d.runtime import npy
from i3d.runtime.command import UserError


def read(options: Options) -> tuple[Given, np.ndarray]:
    """Returns the videos of --features and float32 [N, C], those of `given.all` in their order.

    A video's class is the first folder in its id, as in "jump/a.mp4"; with --videos, what that
    list says of it.

    Raises:
      UserError: it is no such file, or a video of the list is not in it.
    """
    assert options.features
    ids, features = _arrays(options.features)
    if options.videos:
        given = videos.read(options)
        places = {id: place for place, id in enumerate(ids)}
        places |= {os.path.splitext(id)[0]: place for place, id in enumerate(ids)}
        lacking = [video.id for video in given.all if video.id not in places]
        if lacking:
            raise UserError(
                f"{options.features}: holds no features of {lacking[0]}, a video of "
                f"{options.videos}; {len(lacking)} of {len(given.all)} are missing, as "
                f"{ids[0]} is written in it"
            )
        return given, features[[places[video.id] for video in given.all]]
    return _by_folder(ids, options.features), features


def _arrays(path):
    """Returns (list of ids, float [N, C])."""
    if os.path.splitext(path)[1] != ".npz":
        raise UserError(
            f"--features: expected a .npz file of extract_features, which names its videos, got "
            f"{path}"
        )
    try:
        arrays = npy.read_npz(path)
    except OSError as error:
        raise UserError(f"--features: {path}: {error.strerror}") from error
    except npy.ArrayError as error:
        raise UserError(f"--features: {path}: cannot be read: {error}") from error
    ids, features = arrays.get("ids"), arrays.get("features")
    if ids is None or features is None or features.ndim != 2 or len(ids) != len(features):
        raise UserError(f"--features: {path}: expected ids and features of extract_features")
    if features.dtype.kind != "f" or not np.isfinite(features).all() or not len(ids):
        raise UserError(f"--features: {path}: expected finite numbers, at least one row")
    if len(set(ids.tolist())) < len(ids):
        raise UserError(
            f"--features: {path}: expected one row a video, it has several, of windows; extract "
            "without --window_s"
        )
    return ids.tolist(), features


def _by_folder(ids: Sequence[str], path: str) -> Given:
    """Returns the Given of ids that begin with the name of their class."""
    labels = [id.replace(os.sep, "/").split("/")[0] for id in ids]
    if bare := [id for id, label in zip(ids, labels, strict=True) if label == id]:
        raise UserError(
            f"{path}: {bare[0]!r} says no class; expected CLASS/VIDEO, or a list with labels in "
            "--videos"
        )
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise UserError(
            f"{path}: expected videos of at least 2 classes, all {len(ids)} are of {classes[0]!r}"
        )
    found = [
        Video(os.path.splitext(id)[0], id, classes.index(label))
        for id, label in zip(ids, labels, strict=True)
    ]
    return Given(tuple(found), None, tuple(classes))
