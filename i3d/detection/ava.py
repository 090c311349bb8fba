"""Reads AVA's files: boxes with actions, label maps, excluded key frames, detections.

    labels = ava.read_truth("ava_val_v2.2.csv")                  # [Label(video, second, ...)]
    names = ava.read_label_map("map.pbtxt")                      # {1: "bend/bow (at the waist)"}
    excluded = ava.read_excluded("ava_val_excluded_timestamps_v2.2.csv")
    ava.key("1j20qq1JyX4", 902.0)                                # "1j20qq1JyX4,0902"

A row of the truth is video,second,x1,y1,x2,y2,action_id,person_id: one action of one person in the
key frame at that second, boxes in [0, 1] of the picture; person_id may be left out. A row of two
columns, video,second, is a key frame that was looked at and has no box. A header is accepted.

Source: research.google.com/ava, and what MMAction2 and PySlowFast read.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from i3d.detection import rows as csv_rows
from i3d.detection.rows import BOX, RowError
from i3d.runtime.labels import composed
from i3d.runtime.text import read_lines

NO_PERSON = -1  # person of rows without one
_KEY_FRAME = ("video", "second")
_LABEL = (*_KEY_FRAME, *BOX, "action")
_FIELD = re.compile(r"""\b(name|id|label_id)\s*:\s*(?:"((?:\\.|[^"])*)"|'((?:\\.|[^'])*)'|(\d+))""")
_LINE = re.compile(r"(\d{1,9})\s*[:,;]\s*(\S.*)")


class Label(NamedTuple):
    """One action of one person in one key frame; of a row of two columns, the key frame alone.

    Attributes:
      video: its name.
      second: of the key frame.
      box: x1, y1, x2, y2 in [0, 1] of the picture; None of a key frame without boxes.
      action: id of the label map, 1 or more; None of a key frame without boxes.
      person: number of the person in the video; NO_PERSON where the row has none.
      line: of the file, from 1.
    """

    video: str
    second: float
    box: tuple[float, float, float, float] | None
    action: int | None
    person: int
    line: int


class Counts(NamedTuple):
    """What is worth telling of a file of truth.

    Attributes:
      clipped: rows whose box was cut off at the border of the picture.
      repeated: rows that say again what an earlier one says: key frame, box, action and person.
      unknown: {action id: rows} of ids that the label map leaves out.
    """

    clipped: int
    repeated: int
    unknown: dict[int, int]


class Detections(NamedTuple):
    """Scored boxes of actions, by column.

    Attributes:
      videos: N names.
      seconds: float64 [N].
      boxes: float64 [N, 4], x1, y1, x2, y2.
      actions: int64 [N], ids of the label map.
      scores: float64 [N].
    """

    videos: list[str]
    seconds: np.ndarray
    boxes: np.ndarray
    actions: np.ndarray
    scores: np.ndarray


def read_truth(path: str | os.PathLike) -> list[Label]:
    """Returns the Labels of a file, in its order; see `counted` for what was clipped.

    Raises:
      RowError: a row or the header cannot be used; the line is named.
      OSError: it cannot be read.
    """
    return counted(path)[0]


def counted(
    path: str | os.PathLike, label_map: Mapping[int, str] | None = None
) -> tuple[list[Label], Counts]:
    """Returns the Labels of a file and what is worth telling of them.

    Args:
      path: of the file.
      label_map: {id: name}. AVA numbers 80 actions, of which its maps name 60: rows of an id that
        a map leaves out are counted and kept. An id above all of the map is an error.

    Raises:
      RowError: a row or the header cannot be used, an id is above those of the map, or all are
        left out of it; the line is named.
      OSError: it cannot be read.
    """
    with_person, without, frames = csv_rows.read(path, ((*_LABEL, "person"), _LABEL, _KEY_FRAME))
    found: list[Label] = []
    clipped = 0
    for rows in (with_person, without):
        boxes, changed = rows.boxes()
        clipped += changed
        people = rows.ids("person", -1) if rows.has("person") else [NO_PERSON] * len(rows)
        columns = (rows.videos(), rows.seconds().tolist(), map(tuple, boxes.tolist()))
        numbers = (rows.ids("action", 1).tolist(), np.array(people).tolist(), rows.lines.tolist())
        found += map(Label, *columns, *numbers)
    key_frames = (frames.videos(), frames.seconds().tolist(), frames.lines.tolist())
    found += [
        Label(video, second, None, None, NO_PERSON, line)
        for video, second, line in zip(*key_frames, strict=True)
    ]
    if not found:
        raise RowError(f"{path}: expected rows {','.join(_LABEL)},person, got none")
    found.sort(key=lambda label: label.line)
    unknown = {} if label_map is None else _unknown(found, label_map, path)
    with_box = [label[:5] for label in found if label.box]
    return found, Counts(clipped, len(with_box) - len(set(with_box)), unknown)


def _unknown(labels, label_map, path):
    """Returns {action id: rows} of the ids that are not in a label map."""
    last = max(label_map)
    if beyond := [label for label in labels if label.action and label.action > last]:
        first = beyond[0]
        raise RowError(
            f"{path}:{first.line}: expected an action of the label map, whose ids end at {last}, "
            f"got {first.action}"
        )
    counts = Counter(label.action for label in labels if label.action is not None)
    unknown = {action: n for action, n in sorted(counts.items()) if action not in label_map}
    if counts and len(unknown) == len(counts):
        raise RowError(f"{path}: expected actions of the label map, got none of its ids")
    return unknown


def read_label_map(path: str | os.PathLike) -> dict[int, str]:
    """Returns {id: name} of a label map, ids rising; ids may have gaps.

    It is a .pbtxt of items or labels with `name` and `id` or `label_id`, as AVA's, or has lines
    `id: name`, as MMAction2's (`,` and `;` stand for `:` too).

    Raises:
      RowError: it is neither, an id or a name comes twice, or a name has no id.
      OSError: it cannot be read.
    """
    lines = [(where, line) for where, line in read_lines(path) if not line.startswith("#")]
    is_pbtxt = any(re.match(r"(item|label)\b\s*:?\s*\{", line) for _, line in lines)
    pairs = _of_pbtxt(lines) if is_pbtxt else _of_lines(lines)
    found: dict[int, str] = {}
    for where, number, name in pairs:
        name = composed(name.strip())
        if number < 1 or number in found or not name or name in found.values():
            raise RowError(
                f"{where}: expected each id, from 1, and each name once, got {number} and "
                f"{name[:80]!r}"
            )
        found[number] = name
    if not found:
        raise RowError(
            f"{path}: expected a label map, `id: name` in each line or a .pbtxt, got none"
        )
    return dict(sorted(found.items()))


def _of_lines(lines):
    for where, line in lines:
        match = _LINE.fullmatch(line)
        if not match:
            raise RowError(f"{where}: expected `id: name`, got {line[:80]!r}")
        yield where, int(match[1]), match[2]


def _of_pbtxt(lines):
    """Yields (where, id, name) of each item."""
    item: dict[str, str] = {}
    where = ""
    for where, line in lines:
        outside = re.sub(r'"(?:\\.|[^"])*"', "", line)
        if "{" in outside and item:
            raise RowError(f"{where}: expected a name and an id in each item, the last has no end")
        for field, double, single, digits in _FIELD.findall(line):
            value = re.sub(r"\\(.)", r"\1", double or single)
            item["name" if field == "name" else "id"] = digits or value
        if "}" in outside:
            if item.keys() != {"name", "id"} or not item["id"].isdecimal():
                raise RowError(f"{where}: expected an item with a name and an id above this line")
            yield where, int(item["id"][:9]), item["name"]
            item = {}
    if item:
        raise RowError(f"{where}: expected a }} after the last item")


def read_excluded(path: str | os.PathLike) -> set[tuple[str, float]]:
    """Returns the (video, second) of a file of key frames, video,second in each row.

    Raises:
      RowError: a row cannot be used; the line is named.
      OSError: it cannot be read.
    """
    (rows,) = csv_rows.read(path, (_KEY_FRAME,))
    return set(zip(rows.videos(), rows.seconds().tolist(), strict=True))


def read_detections(path: str | os.PathLike) -> Detections:
    """Returns the Detections of a file: rows video,second,x1,y1,x2,y2,action_id,score.

    Boxes are taken as they are, not clipped.

    Raises:
      RowError: a row or the header cannot be used; the line is named.
      OSError: it cannot be read.
    """
    (rows,) = csv_rows.read(path, ((*_LABEL, "score"),))
    boxes, _ = rows.boxes(clip=False)
    return Detections(
        rows.videos(), rows.seconds(), boxes, rows.ids("action", 1), rows.numbers("score")
    )


def detections_text(rows: Iterable[tuple]) -> str:
    """Returns the CSV of (video, second, x1, y1, x2, y2, action_id, score), without a header.

    Boxes and scores have 6 decimals.
    """
    lines = []
    for video, second, x1, y1, x2, y2, action, score in rows:
        box = f"{x1:.6f},{y1:.6f},{x2:.6f},{y2:.6f}"
        lines.append(f"{_quoted(video)},{_second(second)},{box},{action},{score:.6f}\n")
    return "".join(lines)


def key(video: str, second: float) -> str:
    """Returns the name of a key frame: "video,0902", and of parts of a second "video,0902.5"."""
    return f"{video},{_second(second)}"


def of_key(name: str) -> tuple[str, float] | None:
    """Returns (video, second) of what `key` returns, None of other names."""
    video, _, second = name.rpartition(",")
    if not video or not re.fullmatch(r"\d{1,7}(\.\d{1,6})?", second):
        return None
    return video, float(second)


def _second(second):
    second = round(second, 3)
    if second == int(second):
        return f"{int(second):04d}"
    return f"{second:08.3f}".rstrip("0").rstrip(".")


def _quoted(name):
    return f'"{name.replace(chr(34), chr(34) * 2)}"' if set(name) & set(',"\n') else name
