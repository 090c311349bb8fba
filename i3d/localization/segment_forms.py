"""Parses the files of segments that `annotations` reads: JSON and CSV, each value checked.

truth = truth_of_json("activity_net.v1-3.min.json")      # {video: Annotated}
found = found_of_csv("result.csv")                       # [Segment]

A file that is too large, nested too deep, says a name twice or holds something else than expected
is a SegmentError that names the file and the place.
"""

import functools
import math
import os
from typing import Any

from i3d.localization.segments import Annotated, Segment
from i3d.runtime import json_file, labels, text
from i3d.runtime.command import BadData

_MOST_BYTES = 1 << 28  # of a file
_MOST_SECONDS, _MOST_SCORE = 1e7, 1e30
TRUTH = ("path", "label", "start_s", "end_s")
OF_VIDEO = ("split", "duration_s", "fps")
FOUND = ("video", "start_s", "end_s", "label", "score")


class SegmentError(BadData):
    """A file of segments that cannot be used; one line that names it and the place."""


def truth_of_json(path: str | os.PathLike) -> dict[str, Annotated]:
    """Returns {video: Annotated} of JSON as of ActivityNet and THUMOS14, or as of MMAction2.

    Raises:
      SegmentError, JsonError: it is none.
      OSError: it cannot be read.
    """
    data = json_file.read(path, _MOST_BYTES)
    if "results" in data and "database" not in data:
        raise SegmentError(f"{path}: expected the truth, got results; give them as what was found")
    database = data.get("database", data)
    usable = isinstance(database, dict) and all(
        isinstance(video, dict) and isinstance(video.get("annotations"), list)
        for video in database.values()
    )
    if not usable:
        raise SegmentError(
            f'{path}: expected {{"database": {{video: {{"annotations": [...]}}}}}} as of '
            'ActivityNet, or {video: {"annotations": [...]}} as of MMAction2'
        )
    return {
        name: _video(name, video, f"{path}: video {name!r:.200}")
        for name, video in database.items()
    }


def _video(name: str, video: dict[str, Any], where: str) -> Annotated:
    """Returns the Annotated of an object of a video."""
    _check_name(name, where)
    subset = video.get("subset", "")
    if not isinstance(subset, str):
        raise SegmentError(f"{where}: subset: expected a name, got {subset!r:.80}")
    duration = video.get("duration", video.get("duration_second"))
    segments = tuple(
        _segment(name, one, f"{where}, segment {number}")
        for number, one in enumerate(video["annotations"], 1)
    )
    known = _above_0(duration, "duration", where), _above_0(video.get("fps"), "fps", where)
    return Annotated(subset.strip(), *known, segments)


def found_of_json(path: str | os.PathLike) -> list[Segment]:
    """Returns the Segments of JSON as of ActivityNet's results.

    Raises:
      SegmentError, JsonError: it is none.
      OSError: it cannot be read.
    """
    results = json_file.read(path, _MOST_BYTES).get("results")
    if not isinstance(results, dict) or not all(isinstance(x, list) for x in results.values()):
        raise SegmentError(
            f'{path}: expected {{"results": {{video: [{{"segment": [start, end], "label": name, '
            '"score": number}]}} as of ActivityNet'
        )
    found = []
    for name, segments in results.items():
        _check_name(name, f"{path}: video {name!r}")
        for number, one in enumerate(segments, 1):
            where = f"{path}: video {name!r:.200}, segment {number}"
            found.append(_segment(name, one, where, scored=True))
    return found


def _segment(video, one, where, scored=False):
    """Returns the Segment of an object {segment, label} or {segment, score[, label]}."""
    times = one.get("segment") if isinstance(one, dict) else None
    if not isinstance(times, list) or len(times) != 2:
        raise SegmentError(f'{where}: expected {{"segment": [start, end]}}, got {one!r:.80}')
    start_s, end_s = (_number(time, "segment", where) for time in times)
    label = one.get("label")
    if label is None and scored:
        label = ""  # of a proposal
    else:
        label = _label(str(label) if type(label) is int else label, where)
    score = _number(one.get("score"), "score", where, _MOST_SCORE) if scored else 1.0
    return Segment(video, start_s, end_s, label, score)


def truth_of_csv(path: str | os.PathLike) -> dict[str, Annotated]:
    """Returns {video: Annotated} of CSV, path,label,start_s,end_s[,split][,duration_s][,fps].

    A row with empty cells for the label and the times is a video without segments.

    Raises:
      SegmentError, InputError: a row or the header cannot be used; the line is named.
      OSError: it cannot be read.
    """
    videos: dict[str, Annotated] = {}
    segments: dict[str, list[Segment]] = {}
    for where, cells in text.table(text.read_lines(path), TRUTH, OF_VIDEO):
        name = cells["path"]
        _check_name(name, where)
        known = (_above_0(_parsed(cells.get(column)), column, where) for column in OF_VIDEO[1:])
        video = Annotated(cells.get("split", ""), *known)
        if repr(videos.setdefault(name, video)) != repr(video):  # nan is not equal to nan
            raise SegmentError(
                f"{where}: expected one {', '.join(OF_VIDEO)} for {name!r:.200}, got others than "
                "in an earlier row"
            )
        own = segments.setdefault(name, [])
        if any(cells[column] for column in TRUTH[1:]):
            own.append(Segment(name, *_times(cells, where), _label(cells["label"], where)))
    return {name: video._replace(segments=tuple(segments[name])) for name, video in videos.items()}


def found_of_csv(path: str | os.PathLike) -> list[Segment]:
    """Returns the Segments of CSV, video,start_s,end_s[,label],score.

    Raises:
      SegmentError, InputError: a row or the header cannot be used; the line is named.
      OSError: it cannot be read.
    """
    found = []
    needed = tuple(column for column in FOUND if column != "label")
    for where, cells in text.table(text.read_lines(path), needed, ("label",)):
        _check_name(cells["video"], where)
        label = _label(cells["label"], where) if cells.get("label") else ""
        score = _number(_parsed(cells["score"]), "score", where, _MOST_SCORE)
        found.append(Segment(cells["video"], *_times(cells, where), label, score))
    return found


def _times(cells, where):
    return (_number(_parsed(cells[column]), column, where) for column in ("start_s", "end_s"))


def _parsed(cell):
    """Returns the number of a cell, None of an empty one, the cell where it is none."""
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def _number(value, name, where, most=_MOST_SECONDS):
    """Returns a number, as float, that is not above or below so much."""
    if type(value) not in (int, float) or not -most <= value <= most:
        bound = f" from {-most:g} to {most:g}" if type(value) in (int, float) else ""
        got = "none" if value is None else f"{value!r:.80}"
        raise SegmentError(f"{where}: {name}: expected a number{bound}, got {got}")
    return float(value)


def _above_0(value, name, where):
    """Returns a number above 0, nan where there is none."""
    if value is None:
        return math.nan
    if (number := _number(value, name, where)) <= 0:
        raise SegmentError(f"{where}: {name}: expected a number above 0, got {number:g}")
    return number


def _label(label, where):
    """Returns the name of a class."""
    if not isinstance(label, str):
        got = "none" if label is None else f"{label!r:.80}"
        raise SegmentError(f"{where}: label: expected a name, got {got}")
    try:
        return _composed(label.strip())
    except BadData as error:
        raise SegmentError(f"{where}{error}") from None


@functools.lru_cache(maxsize=4096)
def _composed(label):
    return labels.checked([label], "")[0]


def _check_name(name, where):
    if not name.strip():
        raise SegmentError(f"{where}: expected the name of a video, got an empty one")
