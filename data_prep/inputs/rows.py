"""Checks the rows that were read from a folder or a list, and makes work items of them.

    from data_prep import inputs_rows
    row = inputs_rows.Row("list.csv:2", "jump/a.mp4", "jump", 1.5, 3.0)
    inputs_rows.items([row], "/data/videos", ["jump", "run"])  # [Item("jump/a@1.5-3", ...)]

A reader of a form takes a Request and returns its rows, and the class names where the form fixes
their order, else None.
"""

import dataclasses
import difflib
import os
from collections import Counter
from typing import NamedTuple

from i3d.runtime.text import InputError

_MAX_CLASSES = 100_000  # a label index above this is something else, say a date


@dataclasses.dataclass(frozen=True)
class Item:
    """One video to be processed.

    Attributes:
      id: path below the root without extension, "@start-end" after it where times are given. The
        extension stays where two files differ in nothing else. Unique among the items.
      path: absolute; the file need not exist.
      label: index into the class names; of several, the first.
      start_s: seconds from the start of the file.
      end_s: likewise; None is the end of the file.
      labels: all its classes, in the order of the list; (label,) where none are given.
    """

    id: str
    path: str
    label: int
    start_s: float = 0.0
    end_s: float | None = None
    labels: tuple[int, ...] = ()

    def __post_init__(self):
        """Fills `labels` in."""
        object.__setattr__(self, "labels", self.labels or (self.label,))


class Request(NamedTuple):
    """What the user asked for; lines are those of the list if `videos` is one file."""

    videos: str
    lines: list[tuple[str, str]]  # ("file:line", line)
    root: str
    split: str | None
    names: list[str] | None  # of --labels


class Row(NamedTuple):
    """One video as listed: `where` it is ("file:line"), path below the root, name or index."""

    where: str
    path: str
    label: str | int
    start_s: float = 0.0
    end_s: float | None = None
    split: str | None = None


def of_split(rows, request):
    """Returns the rows of the split that was asked for; all where the list has just one."""
    found = sorted({row.split for row in rows if row.split is not None})
    if not found or request.split is None and len(found) == 1:
        return rows
    if request.split not in found:
        raise InputError(
            f"{request.videos}: expected --split to be one in its column split "
            f"({', '.join(found[:10])}), got {request.split!r}"
        )
    return [row for row in rows if row.split == request.split]


def names_in(rows):
    """Returns the sorted class names of the rows; of indices, "0" to the largest."""
    if isinstance(rows[0].label, str):
        return sorted({row.label for row in rows})
    last = max(rows, key=lambda row: row.label)
    if last.label >= _MAX_CLASSES:
        raise InputError(f"{last.where}: expected the index of a class, got {last.label}")
    return [str(index) for index in range(last.label + 1)]


def items(rows, root, names):
    """Returns an Item for each row; each must be inside the root, come once and have a class."""
    index = {name: i for i, name in enumerate(names)}
    seen, labels = {}, []
    for row in rows:
        key = (_inside(row, root), row.start_s, row.end_s)
        if key in seen:
            raise InputError(
                f"{row.where}: expected each video once, {row.path!r} came at {seen[key]} already; "
                "remove one of the lines"
            )
        seen[key] = row.where
        labels.append(_label(row, index))
    return [
        Item(name, path, label, start, end)
        for name, label, (path, start, end) in zip(_ids(seen, root), labels, seen, strict=True)
    ]


def _inside(row, root):
    path = os.path.normpath(os.path.join(root, row.path))
    if not path.startswith(os.path.join(root, "")):
        raise InputError(
            f"{row.where}: expected a path inside {root}, got {row.path!r}; give the folder that "
            "holds the videos by --video_root"
        )
    return path


def _label(row, index):
    label = row.label
    if isinstance(label, str):
        if label in index:
            return index[label]
        near = difflib.get_close_matches(label, index, 1, cutoff=0)[0]
        raise InputError(
            f"{row.where}: expected one of {len(index)} classes, got {label!r}, the nearest is "
            f"{near!r}; correct it, or --labels"
        )
    if label >= len(index):
        raise InputError(
            f"{row.where}: expected a label from 0 to {len(index) - 1}, got {label}; correct it, "
            "or --labels"
        )
    return label


def _ids(keys, root):
    """Returns a unique id for each (path, start, end)."""
    skip = len(os.path.join(root, ""))
    whole = [(path[skip:].replace(os.sep, "/"), _stamp(start, end)) for path, start, end in keys]
    short = [os.path.splitext(path)[0] + stamp for path, stamp in whole]
    count = Counter(short)
    count.update(path + stamp for path, stamp in whole)
    return [
        name if count[name] == 1 else path + stamp
        for name, (path, stamp) in zip(short, whole, strict=True)
    ]


def _stamp(start, end):
    if not start and end is None:
        return ""
    texts = ("" if time is None else str(time).removesuffix(".0") for time in (start, end))
    return "@" + "-".join(texts)
