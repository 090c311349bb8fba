"""Turns annotations of actions and boxes into the work items of a build of key frames.

    items, names = annotated_items(Sources("clips", "train.csv", "label_map.txt"))

What does not fit together is told once, with counts and names: see `annotated_items`.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from data_prep.key_frames import Annotated, KeyFrameItem
from i3d.data.metadata import MOST_ACTIONS
from i3d.detection import ava
from i3d.detection import proposals as proposal_files
from i3d.runtime.command import UserError
from i3d.video import inputs

_NAMED = 3  # of those that a line counts


class Sources(NamedTuple):
    """What a data set of key frames is made of.

    Attributes:
      videos: folder of video files; those of folders in it count too.
      annotations: CSV as ava.read_truth reads it.
      label_map: as ava.read_label_map reads it.
      excluded: key frames to leave out, as ava.read_excluded; None: none.
      proposals: boxes of a detector, as proposals.read; None: none.
      start_s: second of the annotations at which the video files begin.
    """

    videos: str
    annotations: str
    label_map: str
    excluded: str | None = None
    proposals: str | None = None
    start_s: float = 0.0


def annotated_items(sources: Sources) -> tuple[list[KeyFrameItem], list[str]]:
    """Returns the videos with their key frames, and the names of the actions.

    Rows of equal boxes in a key frame are one person with several actions. Told on stderr and left
    out: videos of the annotations that are not in the folder, videos of the folder without rows,
    key frames before start_s, excluded ones, and proposals of key frames without rows. Told and
    kept: clipped boxes, repeated rows, and ids that the label map leaves out.

    Returns:
      (items by name, names): names[k - 1] is that of action k, "" where the label map leaves it
      out.

    Raises:
      UserError: a file cannot be used, or nothing is left.
    """
    label_map = ava.read_label_map(sources.label_map)
    if max(label_map) > MOST_ACTIONS:
        raise UserError(
            f"{sources.label_map}: expected ids up to {MOST_ACTIONS}, got {max(label_map)}"
        )
    labels, counts = ava.counted(sources.annotations, label_map)
    _tell_counts(sources, counts)
    paths = _paths(sources, {label.video for label in labels})
    grouped = _without(sources, _grouped(labels, paths))
    found = _proposals(sources, grouped)
    by_video: dict[str, list] = {}
    for (video, second), rows in sorted(grouped.items()):
        one = _annotated(rows, second, second - sources.start_s, found.get((video, second)))
        by_video.setdefault(video, []).append(one)
    items = [KeyFrameItem(video, paths[video], tuple(frames)) for video, frames in by_video.items()]
    return items, [label_map.get(k, "") for k in range(1, max(label_map) + 1)]


def _tell(line):
    print(line, file=sys.stderr)


def _some(names: Iterable[str]) -> str:
    """Returns a count and the first names."""
    listed = sorted(names)
    more = ", ..." if len(listed) > _NAMED else ""
    return f"{len(listed)} ({', '.join(listed[:_NAMED])}{more})"


def _tell_counts(sources, counts):
    if counts.clipped:
        _tell(f"{sources.annotations}: boxes clipped to the picture: {counts.clipped}")
    if counts.repeated:
        _tell(f"{sources.annotations}: rows that repeat another one: {counts.repeated}")
    if counts.unknown:
        rows = ", ".join(f"{action}: {number}" for action, number in counts.unknown.items())
        _tell(
            f"{sources.annotations}: rows of ids that {sources.label_map} has no name for, which "
            f"are kept: {sum(counts.unknown.values())} (id: rows; {rows})"
        )


def _paths(sources, wanted) -> dict[str, str]:
    """Returns {name of a video: path} of the videos that are there; names have no ending."""
    if not os.path.isdir(sources.videos):
        raise UserError(f"--videos: expected a folder of videos, got {sources.videos}")
    found: dict[str, str] = {}
    twice = {}
    for folder, folders, names in os.walk(sources.videos):
        folders.sort()
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.startswith(".") or not inputs.is_video(path):
                continue
            stem = Path(name).stem
            if stem in found:
                twice[stem] = path
            found.setdefault(stem, os.path.abspath(path))
    if clash := sorted(wanted & twice.keys()):
        name = clash[0]
        raise UserError(f"{found[name]} and {twice[name]}: two videos of one name, {name!r}")
    missing = wanted - found.keys()
    if missing == wanted:
        raise UserError(
            f"{sources.videos}: expected videos named as in {sources.annotations} "
            f"({_some(wanted)}), got {_some(found)}; names have no folder and no ending"
        )
    if missing:
        _tell(
            f"{sources.annotations}: videos that are not in {sources.videos}, left out: "
            f"{_some(missing)}"
        )
    if unused := found.keys() - wanted:
        _tell(
            f"{sources.videos}: videos without a row in {sources.annotations}, left out: "
            f"{_some(unused)}"
        )
    return {name: found[name] for name in wanted - missing}


def _grouped(labels, paths) -> dict[tuple[str, float], list]:
    grouped: dict[tuple[str, float], list] = {}
    for label in labels:
        if label.video in paths:
            grouped.setdefault((label.video, label.second), []).append(label)
    return grouped


def _without(sources, grouped):
    """Returns the key frames that are neither excluded nor before the beginning of the videos."""
    excluded = ava.read_excluded(sources.excluded) if sources.excluded else set()
    out = excluded & grouped.keys()
    if sources.excluded:
        _tell(f"{sources.excluded}: key frames excluded: {len(out)} of {len(excluded)} listed")
    before = {key for key in grouped.keys() - out if key[1] < sources.start_s}
    if before:
        _tell(
            f"{sources.annotations}: key frames before second {sources.start_s:g}, where the "
            f"videos begin (--start_s), left out: {_some(ava.key(*key) for key in before)}"
        )
    left = {key: rows for key, rows in grouped.items() if key not in out | before}
    if not left:
        raise UserError(
            f"{sources.annotations}: expected key frames, none is left of {len(grouped)}"
        )
    return left


def _proposals(sources, grouped) -> Mapping:
    """Returns the proposals of the key frames, {} without a file."""
    if not sources.proposals:
        return {}
    found, clipped = proposal_files.counted(sources.proposals)
    proposal_files.check_videos(found, [video for video, _ in grouped], sources.proposals)
    if clipped:
        _tell(f"{sources.proposals}: boxes clipped to the picture: {clipped}")
    if unused := found.keys() - grouped.keys():
        names = _some(ava.key(*key) for key in unused)
        _tell(f"{sources.proposals}: key frames without rows or left out, not stored: {names}")
    if lacking := grouped.keys() - found.keys():
        names = _some(ava.key(*key) for key in lacking)
        _tell(f"{sources.proposals}: key frames without proposals, stored with none: {names}")
    return found


def _annotated(rows, second, at_s, proposals) -> Annotated:
    people: dict[tuple, list] = {}
    for row in rows:
        if row.box is not None:
            people.setdefault(row.box, []).append(row)
    return Annotated(
        second=second,
        at_s=at_s,
        boxes=tuple(people),
        actions=tuple(tuple(sorted({row.action for row in own})) for own in people.values()),
        people=tuple(own[0].person for own in people.values()),
        proposals=() if proposals is None else tuple(map(tuple, proposals.tolist())),
    )
