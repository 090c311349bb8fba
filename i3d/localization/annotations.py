"""Reads and writes files of segments: the truth of untrimmed videos, and what was found in them.

    truth = annotations.read("thumos14.json")        # {video: Annotated(subset, duration_s, ...)}
    found = annotations.read_found("result.json")    # [Segment(video, start_s, end_s, ...)]
    annotations.write_found("result.csv", found)

Truth is JSON as of ActivityNet and THUMOS14 ({"database": {video: {subset, duration, fps,
annotations: [{segment, label}]}}}), JSON as of MMAction2 ({video: {duration_second, fps,
annotations}}), or CSV with the header path,label,start_s,end_s and, if told, split, duration_s and
fps. What was found is JSON as of ActivityNet's results
({"results": {video: [{segment, label, score}]}}) or CSV with the header video,start_s,end_s,score
and, if told, label. Times are seconds from the first frame.
"""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from i3d.localization import segment_forms
from i3d.localization.segment_forms import FOUND, OF_VIDEO, TRUTH, SegmentError
from i3d.localization.segments import Annotated, Segment, by_video
from i3d.runtime import files
from i3d.runtime.json_file import JsonError

__all__ = [
    "Annotated", "SegmentError", "found_as_csv", "found_as_json", "problems", "read", "read_as_is",
    "read_found", "write", "write_found",
]  # fmt: skip

_TOLERANCE_S = 0.5  # by which segments may end after the video: durations are rounded
_VERSION = "VERSION 1.3"  # of ActivityNet, which readers of its form ask for


def read(path: str | os.PathLike) -> dict[str, Annotated]:
    """Returns {video: Annotated} of a file of truth, in its order.

    Raises:
      SegmentError: the file cannot be used, holds no segment, or `problems` finds something in one.
      OSError: it cannot be read.
    """
    found = read_as_is(path)
    if wrong := problems(found):
        more = f" ({len(wrong):,} such segments)" if len(wrong) > 1 else ""
        raise SegmentError(f"{path}: {wrong[0]}{more}")
    return found


def read_as_is(path: str | os.PathLike) -> dict[str, Annotated]:
    """Returns what `read` does, with segments beyond their video and segments without a length.

    Published files hold some, which the published figures count.

    Raises:
      SegmentError: the file cannot be used, or holds no segment.
      OSError: it cannot be read.
    """
    found = _read(path, segment_forms.truth_of_csv, segment_forms.truth_of_json)
    if not any(video.segments for video in found.values()):
        raise SegmentError(f"{path}: expected segments with a start, an end and a label, got none")
    return found


def problems(found: Mapping[str, Annotated]) -> list[str]:
    """Returns a line on each segment that ends before it begins or lies outside of its video.

    A segment may end 0.5 s after the video, as durations are rounded.
    """
    lines = []
    for name, video in found.items():
        most = math.inf if math.isnan(video.duration_s) else video.duration_s + _TOLERANCE_S
        for number, one in enumerate(video.segments, 1):
            if one.start_s < one.end_s and one.start_s >= 0 and one.end_s <= most:
                continue
            if one.start_s >= one.end_s:
                expected = "an end after the start"
            elif one.start_s < 0:
                expected = "a start of 0 s or later"
            else:
                expected = f"an end in the video, which has {video.duration_s:g} s"
            where = f"video {name!r:.200}, segment {number}"
            lines.append(f"{where}: expected {expected}, got {one.start_s:g} to {one.end_s:g} s")
    return lines


def read_found(path: str | os.PathLike) -> list[Segment]:
    """Returns the Segments of a file of results, in its order; without labels they are proposals.

    Raises:
      SegmentError: the file cannot be used; there may be none in it.
      OSError: it cannot be read.
    """
    return _read(path, segment_forms.found_of_csv, segment_forms.found_of_json)


def write(path: str | os.PathLike, videos: Mapping[str, Annotated]) -> None:
    """Writes a file of truth that `read` reads: CSV where its name ends so, else JSON.

    Raises:
      OSError: it cannot be written.
    """
    if _is_csv(path):
        return files.write_text(path, _csv_of(videos))
    database = {name: _json_of(video) for name, video in videos.items()}
    text_of = json.dumps({"version": _VERSION, "taxonomy": [], "database": database})
    return files.write_text(path, text_of + "\n")


def write_found(path: str | os.PathLike, found: Iterable[Segment]) -> None:
    """Writes a file of results that `read_found` reads: CSV where its name ends so, else JSON.

    Raises:
      OSError: it cannot be written.
    """
    files.write_text(path, found_as_csv(found) if _is_csv(path) else found_as_json(found))


def found_as_csv(found: Iterable[Segment]) -> str:
    """Returns the CSV of Segments, video,start_s,end_s,label,score, with its header."""
    rows = ((one.video, one.start_s, one.end_s, one.label, one.score) for one in found)
    return _csv(FOUND, rows)


def found_as_json(found: Iterable[Segment], videos: Iterable[str] = ()) -> str:
    """Returns the JSON of Segments as of ActivityNet's results.

    Args:
      found: Segments.
      videos: names of videos that are to be told of also where nothing was found in them.
    """
    results: dict[str, list] = {name: [] for name in videos}
    results |= {
        name: [
            {"segment": [float(one.start_s), float(one.end_s)], "score": float(one.score)}
            | ({"label": one.label} if one.label else {})
            for one in segments
        ]
        for name, segments in by_video(found).items()
    }
    return json.dumps({"version": _VERSION, "results": results, "external_data": {}}) + "\n"


def _read(path, of_csv, of_json):
    """Returns what the reader of the form that the name of a file says gives; JSON by default."""
    if _is_csv(path):
        return of_csv(path)
    try:
        return of_json(path)
    except JsonError as error:
        if Path(path).suffix.lower() == ".json":
            raise
        line = f"{path}: expected JSON, or CSV in a file whose name ends in .csv, got neither"
        raise SegmentError(line) from error


def _is_csv(path):
    return Path(path).suffix.lower() == ".csv"


def _csv(header, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _csv_of(videos):
    """Returns the CSV of {video: Annotated}; columns that no video fills are left out."""
    known = [any(value) for value in zip(*map(_of_video, videos.values()), strict=True)]
    rows = []
    for name, video in videos.items():
        cells = [cell for cell, kept in zip(_of_video(video), known, strict=True) if kept]
        for one in video.segments or [Segment(name, "", "", "")]:
            rows.append((name, one.label, one.start_s, one.end_s, *cells))
    kept = [column for column, kept in zip(OF_VIDEO, known, strict=True) if kept]
    return _csv((*TRUTH, *kept), rows)


def _of_video(video):
    """Returns the cells of the columns on a video, "" for what is not known."""
    return video.subset, *("" if math.isnan(x) else x for x in (video.duration_s, video.fps))


def _json_of(video):
    """Returns the object on a video of ActivityNet's JSON."""
    found = {"subset": video.subset} if video.subset else {}
    numbers = {"duration": video.duration_s, "fps": video.fps}
    found |= {name: value for name, value in numbers.items() if not math.isnan(value)}
    segments = [{"segment": [one.start_s, one.end_s], "label": one.label} for one in video.segments]
    return found | {"annotations": segments}
