"""Validates the rows of a folder or a list, and makes work items of them.

    from i3d.video.inputs import rows
    row = Row("list.csv:2", "jump/a.mp4", ("jump",), 1.5, 3.0)
    rows.items([row], request, ["jump", "run"])        # [Item("jump/a@1.5-3", ...)]

A reader of a form takes a Request and returns its rows, and the class names where the form fixes
their order, else None.
"""

import dataclasses
import difflib
import os
from collections import Counter
from typing import Literal, NamedTuple

from i3d.runtime.labels import checked, composed, shortened
from i3d.runtime.text import InputError, inside, number
from i3d.video import images
from i3d.video.images import Images
from i3d.video.lists import is_video_name
from i3d.video.source import VideoError

_MAX_CLASSES = 100_000  # a label index above this is something else, say a date
_MOST_COMPARED = 1000  # classes among which the nearest name is looked for


@dataclasses.dataclass(frozen=True)
class Item:
    """One video to be processed.

    Attributes:
      id: path below the root without extension, "@start-end" after it where times are given, and
        "@first+count" where a part of the images of a folder is. The extension stays where two
        files differ in nothing else. Unique among the items.
      path: absolute; the file or folder of images need not exist.
      label: index into the class names; of several, the first.
      start_s: seconds from the start of the file.
      end_s: likewise; None is the end of the file.
      labels: all its classes, in the order of the list; (label,) where none are given.
      images: of a folder; None of a file.
    """

    id: str
    path: str
    label: int
    start_s: float = 0.0
    end_s: float | None = None
    labels: tuple[int, ...] = ()
    images: Images | None = None

    def __post_init__(self):
        """Fills `labels` in."""
        if not self.labels:
            object.__setattr__(self, "labels", (self.label,))

    @property
    def source(self) -> str | Images:
        """What the readers of i3d.video take."""
        return self.images or self.path


class Request(NamedTuple):
    """What the user asked for; lines are those of the list if `videos` is one file."""

    videos: str
    lines: list[tuple[str, str]]  # ("file:line", line)
    root: str
    split: str | None
    names: list[str] | None  # of --labels
    first_label: int | None = None
    image_fps: float | Literal[False] | None = None  # False: messages do not ask for it
    with_offset: bool | None = None
    stills: bool = False


class Row(NamedTuple):
    """One video as listed: `where` it is ("file:line"), path below the root, names or indices.

    first and count are the images that are taken of a folder; None takes all that follow.
    """

    where: str
    path: str
    labels: tuple[str, ...] | tuple[int, ...]
    start_s: float = 0.0
    end_s: float | None = None
    split: str | None = None
    first: int = 0
    count: int | None = None


def index(word, where):
    """Returns the index that a word of a list is; InputError where it is none."""
    found = number(word)
    if found is None:
        raise InputError(f"{where}: expected the index of a class, got {shortened(word)}")
    return found


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


def from_zero(rows, request):
    """Returns the rows with indices from 0, where the list begins with request.first_label.

    Raises:
      InputError: the list has no 0, and what it begins with was not said.
    """
    labels = set().union(*(row.labels for row in rows))
    if any(isinstance(label, str) for label in labels):
        if request.first_label:
            raise InputError("--first_label goes with lists whose labels are indices")
        return rows
    classes = len(request.names) if request.names else max(labels)
    if request.first_label is None and min(labels) > 0 and max(labels) == classes:
        raise InputError(
            f"{request.videos}: no video has label 0; --first_label=1? (--first_label=0 where "
            f"class 0 has no video here; the labels are {min(labels)} to {max(labels)})"
        )
    if not (first := request.first_label):
        return rows
    for row in rows:
        if min(row.labels) < first:
            raise InputError(f"{row.where}: expected labels from {first} on, got {min(row.labels)}")
    return [row._replace(labels=tuple(label - first for label in row.labels)) for row in rows]


def names_in(rows, source):
    """Returns the sorted class names of the rows; of indices, "0" to the largest.

    Raises:
      InputError: a name cannot be that of a class, or an index is too large.
    """
    if isinstance(rows[0].labels[0], str):
        return checked(sorted({composed(label) for row in rows for label in row.labels}), source)
    last = max(rows, key=lambda row: max(row.labels))
    if max(last.labels) >= _MAX_CLASSES:
        raise InputError(f"{last.where}: expected the index of a class, got {max(last.labels)}")
    return [str(index) for index in range(max(last.labels) + 1)]


def items(rows, request, names):
    """Returns an Item for each row; each must be inside the root, come once and have a class."""
    indices = {name: i for i, name in enumerate(names)}
    seen = {}
    for row in rows:
        path = inside(row.path, request.root, row.where)
        key = (path, row.start_s, row.end_s, _images(row, path, request))
        if key in seen:
            raise InputError(
                f"{row.where}: expected each video once, {row.path[:200]!r} came at "
                f"{seen[key].where} already; remove one of the lines"
            )
        seen[key] = row
    found = []
    for name, (key, row) in zip(_ids(seen, request.root), seen.items(), strict=True):
        path, start_s, end_s, part = key
        labels = tuple([_label(label, row.where, indices) for label in row.labels])
        if len(labels) > 1:
            labels = tuple(dict.fromkeys(labels))
        found.append(Item(name, path, labels[0], start_s, end_s, labels, part))
    return found


def _images(row, path, request):
    """Returns the Images of a row that names a folder, None of another."""
    if is_video_name(path) or not os.path.isdir(path):
        return None
    try:
        return images.checked(path, request.image_fps, row.first, row.count)
    except VideoError as error:
        raise InputError(f"{row.where}: {error}") from None


def _label(label, where, indices):
    """Returns the index of a class that is given as a name or an index."""
    if isinstance(label, str):
        found = indices.get(composed(label))
        if found is not None:
            return found
        some = list(indices)[:_MOST_COMPARED]
        near = difflib.get_close_matches(label[:80], some, 1, cutoff=0)[0]
        raise InputError(
            f"{where}: expected one of {len(indices)} classes, got {shortened(label)}, the nearest "
            f"is {shortened(near)}; correct it, or the list of classes"
        )
    if label >= len(indices):
        raise InputError(
            f"{where}: expected a label from 0 to {len(indices) - 1}, got {label}; correct it, "
            "or the list of classes"
        )
    return label


def _ids(keys, root):
    """Returns a unique id for each (path, start, end, Images)."""
    skip = len(os.path.join(root, ""))
    whole = [(path[skip:].replace(os.sep, "/"), _stamp(*part)) for path, *part in keys]
    folders = [part is not None for *_, part in keys]  # they have no extension
    short = [
        (path if folder else os.path.splitext(path)[0]) + stamp
        for folder, (path, stamp) in zip(folders, whole, strict=True)
    ]
    count = Counter(short)
    count.update(path + stamp for path, stamp in whole)
    return [
        name if count[name] == 1 else path + stamp
        for name, (path, stamp) in zip(short, whole, strict=True)
    ]


def _stamp(start, end, part):
    stamp = part.part() if part else ""
    if not start and end is None:
        return stamp
    texts = ("" if time is None else str(time).removesuffix(".0") for time in (start, end))
    return stamp + "@" + "-".join(texts)
