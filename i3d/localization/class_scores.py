"""Gives proposals the classes of their videos, which a classifier of whole videos found.

scores = read("cuhk_val_simp_share.json")
found, lines = labelled(proposals, scores)

The file is JSON as published for ActivityNet: {"results": {video: [score, ...]}, "class": [name,
...]}, scores of 0 or more, most often without the "v_" that other files begin names with.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from i3d.localization.segments import Segment, by_video
from i3d.runtime import json_file, labels
from i3d.runtime.command import BadData
from i3d.runtime.text import counted

_MOST_BYTES = 1 << 28
_MOST_SCORE = 1e30
_FORM = '{"results": {video: [score, ...]}, "class": [name, ...]}'


class ClassScores(NamedTuple):
    """Scores of the classes of whole videos.

    Attributes:
      path: of the file.
      names: K names.
      videos: {video: float64 [K]}, 0 or more.
    """

    path: str
    names: tuple[str, ...]
    videos: Mapping[str, np.ndarray]


def read(path: str | os.PathLike) -> ClassScores:
    """Returns the ClassScores of a file.

    Raises:
      BadData: it cannot be used.
      OSError: it cannot be read.
    """
    try:
        data = json_file.read(path, _MOST_BYTES)
    except json_file.JsonError as error:
        problem = str(error).removeprefix(f"{path}: ")
        raise BadData(f"{path}: expected JSON, {_FORM}; {problem}") from error
    names, results = data.get("class"), data.get("results")
    if not isinstance(names, list) or not isinstance(results, dict) or not results:
        raise BadData(f"{path}: expected {_FORM}")
    if not all(isinstance(name, str) for name in names):
        raise BadData(f"{path}: class: expected names, got others")
    names = tuple(labels.checked(names, f"{path}: class"))
    videos = {
        name: _row(row, len(names), f"{path}: {name!r:.200}") for name, row in results.items()
    }
    return ClassScores(str(path), names, videos)


def _row(row, count, where):
    """Returns float64 [K] of a list of numbers."""
    usable = (
        isinstance(row, list)
        and len(row) == count
        and all(type(x) in (int, float) and 0 <= x <= _MOST_SCORE for x in row)
    )
    if not usable:
        raise BadData(f"{where}: expected {count} scores of 0 or more, got {row!r:.80}")
    return np.array(row, np.float64)


def labelled(found: list[Segment], scores: ClassScores) -> tuple[list[Segment], list[str]]:
    """Returns (proposals with the two best classes of their videos, lines on the others).

    Raises:
      BadData: the proposals have labels already, or scores below 0, or are of other videos.
    """
    from i3d.localization import decoding  # with Keras

    if any(one.label for one in found):
        raise BadData("--class_scores is for proposals; the segments that were found have labels")
    if negative := [one.score for one in found if one.score < 0]:
        raise BadData(
            "--class_scores: expected proposals with scores of 0 or more, whose product with those "
            f"of the classes has a root, got {negative[0]:g}"
        )
    every: list[Segment] = []
    unknown = 0
    for video, own in by_video(found).items():
        row = scores.videos.get(video, scores.videos.get(video.removeprefix("v_")))
        row = scores.videos.get(f"v_{video}") if row is None else row
        unknown += row is None
        every += [] if row is None else decoding.labelled(own, row, scores.names)
    if found and not every:
        raise BadData(
            f"{scores.path}: expected scores of the classes of {found[0].video!r:.200}, got those "
            f"of {next(iter(scores.videos))!r:.200}"
        )
    told = f"{scores.path}: no scores of {counted(unknown, 'video')}, whose segments are left out"
    return every, [told] if unknown else []
