"""Reads files of proposals: boxes of people in key frames, with scores.

    found = proposals.read("people.json")      # {("1j20qq1JyX4", 902.0): float32 [N, 5], ...}
    proposals.of_video(found, "my_clip", "people.json")        # {902.0: float32 [N, 5], ...}

Five numbers a box: x1, y1, x2, y2 in [0, 1] of the picture and the score in [0, 1]. The files:

    people.json   {"video,0902": [[x1, y1, x2, y2, score], ...], ...}
    people.npz    arrays [N, 5] of the same names
    people.csv    rows video,second,x1,y1,x2,y2,score, with or without a header
    people.pkl    a dict of arrays [N, 5] of the same names, as MMAction2's; read as data

The score may be left out of a file; it is 1 then.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from i3d.detection import ava, boxes
from i3d.detection import rows as csv_rows
from i3d.detection.rows import BOX, RowError
from i3d.runtime import npy
from i3d.runtime.command import BadData
from i3d.runtime.text import read_text
from i3d.weights import numpy_pickle

Proposals = dict[tuple[str, float], np.ndarray]
SUFFIXES = (".json", ".csv", ".npz", ".pkl", ".pickle")
_MOST_KEY_FRAMES = 10_000_000
_COLUMNS = ("video", "second", *BOX)


class ProposalError(BadData):
    """A file of proposals that cannot be used; one line that begins with its path."""


def read(path: str | os.PathLike) -> Proposals:
    """Returns {(video, second): float32 [N, 5]} of a file; see `counted`."""
    return counted(path)[0]


def counted(path: str | os.PathLike) -> tuple[Proposals, int]:
    """Returns {(video, second): float32 [N, 5]} of a file, and how many of its boxes were clipped.

    Args:
      path: of the file; its ending says the format. N may be 0.

    Raises:
      ProposalError, RowError: it is damaged, holds no proposals, or a box or a score in it cannot
        be used; the key frame or the line is named.
      OSError: it cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ProposalError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")
    if suffix == ".csv":
        return _of_csv(path)
    try:
        named = {".json": _of_json, ".npz": npy.read_npz}.get(suffix, _of_pickle)(path)
    except npy.ArrayError as error:
        raise ProposalError(f"{path}: cannot be read: {error}") from error
    return _of_named(named, path)


def of_video(found: Proposals, video: str, path: str | os.PathLike) -> dict[float, np.ndarray]:
    """Returns {second: float32 [N, 5]} of one video.

    Raises:
      ProposalError: there is none; the line says of which videos there are.
    """
    seconds = {second: array for (name, second), array in found.items() if name == video}
    if not seconds:
        check_videos(found, [video], path)
    return dict(sorted(seconds.items()))


def check_videos(
    found: Iterable[tuple[str, float]], videos: Iterable[str], path: str | os.PathLike
) -> None:
    """Makes sure that a file holds key frames of at least one of these videos.

    Args:
      found: (video, second) of the file.
      videos: names that are asked for.
      path: of the file, for the message.

    Raises:
      ProposalError: it does not; the line says of which videos there are.
    """
    asked, there = sorted(set(videos)), sorted({video for video, _ in found})
    if not set(asked) & set(there):
        raise ProposalError(
            f"{path}: expected key frames of {_some(asked)}, got those of {_some(there)}; names of "
            "videos have no folder and no ending"
        )


def _some(names):
    shown = ", ".join(repr(name[:80]) for name in names[:3])
    return f"{shown} and {len(names) - 3} others" if len(names) > 3 else shown or "no video"


def _of_csv(path):
    with_score, without = csv_rows.read(path, ((*_COLUMNS, "score"), _COLUMNS))
    grouped: dict[tuple[str, float], list] = {}
    clipped = 0
    for rows in (with_score, without):
        inside, changed = rows.boxes()
        scores = rows.numbers("score", 0, 1) if rows.has("score") else np.ones(len(rows))
        table = np.column_stack([inside, scores]).astype(np.float32)
        for video, second, row in zip(rows.videos(), rows.seconds().tolist(), table, strict=True):
            grouped.setdefault((video, second), []).append(row)
        clipped += changed
    if not grouped:
        raise RowError(f"{path}: expected rows {','.join(_COLUMNS)},score, got none")
    return {key: np.stack(each) for key, each in grouped.items()}, clipped


def _of_json(path):
    """Returns {name: list} of a file."""
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadData):
            raise
        raise ProposalError(f"{path}: not JSON that can be read: {error}") from None
    if not isinstance(found, dict):
        raise ProposalError(f'{path}: expected {{"video,0902": [[x1, y1, x2, y2, score]]}}')
    return found


def _of_pickle(path):
    """Returns {name: array} of a file."""
    with open(path, "rb") as file:
        try:
            return numpy_pickle.read(file, ("float32", "float64"), _MOST_KEY_FRAMES)
        except ValueError as error:
            raise ProposalError(f"{path}: cannot be read: {error}") from error


def _of_named(named: Mapping, path) -> tuple[Proposals, int]:
    """Returns proposals of {name of a key frame: numbers}, checked."""
    if not named:
        raise ProposalError(f"{path}: expected proposals of a key frame or more, got none")
    found: Proposals = {}
    for name, numbers in named.items():
        key = ava.of_key(name)
        if key is None or key in found:
            came = "twice" if key else "got"
            raise ProposalError(
                f"{path}: expected names `video,second` as 'a,0902', each once, {came} {name!r:.90}"
            )
        found[key] = _array(numbers, f"{path}: {name!r:.90}")
    return _checked(found, path)


def _array(numbers, where):
    """Returns float64 [N, 5] of what a file has for a key frame."""
    try:
        array = np.asarray(numbers)
        if array.size == 0 and array.ndim in (1, 2):
            return np.zeros((0, 5))
        if array.dtype.kind in "fiu" and array.ndim == 2 and array.shape[1] in (4, 5):
            array = array.astype(np.float64)
            return array if array.shape[1] == 5 else np.column_stack([array, np.ones(len(array))])
    except (ValueError, TypeError, OverflowError):  # lists of unequal lengths, of other things
        pass
    raise ProposalError(f"{where}: expected rows of five numbers x1, y1, x2, y2, score")


def _checked(found, path):
    """Returns the proposals with clipped boxes, float32, and how many were clipped."""
    counts = [len(array) for array in found.values()]
    table = np.concatenate([*found.values()])
    wrong = boxes.problem(table[:, :4])
    bad_scores = np.flatnonzero(~((table[:, 4] >= 0) & (table[:, 4] <= 1)))
    if wrong is None and bad_scores.size:
        wrong = int(bad_scores[0]), f"expected a score in [0, 1], got {table[bad_scores[0], 4]:g}"
    if wrong is not None:
        place = int(np.searchsorted(np.cumsum(counts), wrong[0], side="right"))
        name = ava.key(*list(found)[place])
        raise ProposalError(f"{path}: {name!r:.90}: {wrong[1]}")
    inside, clipped = boxes.clipped(table[:, :4])
    table = np.column_stack([inside, table[:, 4]]).astype(np.float32)
    parts = np.split(table, np.cumsum(counts)[:-1])
    return dict(zip(found, parts, strict=True)), clipped
