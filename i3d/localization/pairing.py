"""Brings what was found together with the truth: the names of videos, the subset, the labels.

videos, found, lines = paired(truth, found, "validation", ("truth.json", "found.json"))
"""

import os
from collections.abc import Mapping, Sequence

from i3d.localization import times
from i3d.localization.segments import Annotated, Segment
from i3d.runtime.command import BadData, UserError
from i3d.runtime.text import counted

Videos = Mapping[str, Annotated]


def named_twice(videos: Videos, path: str) -> list[str]:
    """Returns a line on videos whose names differ by a leading "v_" alone."""
    pairs = [name for name in videos if f"v_{name}" in videos]
    if not pairs:
        return []
    first = f"{pairs[0]!r:.200} and {f'v_{pairs[0]}'!r:.200}"
    return [
        f"{path}: {first} count as two videos ({counted(len(pairs), 'such pair')}); where both are "
        "one video, keep one of them"
    ]


def paired(
    videos: Videos,
    found: list[Segment],
    subset: str,
    paths: tuple[str, str],
    notes: Sequence[str] = (),
) -> tuple[Videos, list[Segment], list[str]]:
    """Returns (videos of the subset, what was found in them or in unknown videos, lines).

    Args:
      videos: {name: Annotated} of the truth.
      found: Segments.
      subset: of the truth; "" for that which was searched.
      paths: of the files of both, for the lines.
      notes: lines that come first.

    Raises:
      BadData, UserError: they do not belong together.
    """
    truth, results = paths
    lines = list(notes)
    if not found:
        raise BadData(f"{results}: expected segments with scores, got none")
    found, told = _named_as(videos, found, results)
    lines += told
    subset = subset or _searched_subset(videos, found, truth)
    chosen = of_subset(videos, subset, truth)
    if subset:
        lines.append(f"{truth}: subset {subset}")
    others = sum(one.video in videos and one.video not in chosen for one in found)
    if others:
        found = [one for one in found if one.video in chosen or one.video not in videos]
        lines.append(
            f"{results}: in videos of other subsets, left out: {counted(others, 'segment')}"
        )
    if not any(one.video in chosen for one in found):
        raise BadData(f"{results}: expected segments in videos of {subset!r}, got none")
    if unknown := sum(one.video not in videos for one in found):
        count = counted(unknown, "segment")
        lines.append(f"{results}: in videos that the truth does not have, false: {count}")
    if empty := sum(one.start_s == one.end_s for one in found):
        lines.append(f"{results}: without a length, false: {counted(empty, 'segment')}")
    lines += times.in_seconds(chosen, found, results)
    return chosen, found, lines + labels(chosen, found, results)


def _named_as(videos, found, path):
    """Returns (the Segments with the names of videos as the truth has them, lines on that)."""
    names = dict.fromkeys(one.video for one in found)
    if any(name in videos for name in names):
        return found, []
    for told, short in (
        ('without the "v_" of one of them', lambda name: name.removeprefix("v_")),
        ("without folder and extension", lambda name: os.path.splitext(name)[0].split("/")[-1]),
    ):
        own = {short(name): name for name in videos}
        if len(own) == len(videos) and any(short(name) in own for name in names):
            renamed = {name: own.get(short(name), name) for name in names}
            found = [one._replace(video=renamed[one.video]) for one in found]
            return found, [f"{path}: names of videos are compared {told}"]
    raise BadData(
        f"{path}: expected segments in videos of the truth, such as {next(iter(videos))!r:.200}, "
        f"got those of {next(iter(names))!r:.200}"
    )


def _subsets(videos):
    """Returns the names of the subsets that hold segments, sorted."""
    return sorted({video.subset for video in videos.values() if video.segments and video.subset})


def only_subset(videos: Videos, path: str) -> str:
    """Returns the one subset, "" where the file names none.

    Raises:
      UserError: there are several.
    """
    names = _subsets(videos)
    if len(names) > 1:
        raise UserError(f"--subset is needed: {path} has {', '.join(names)}")
    return names[0] if names else ""


def _searched_subset(videos, found, path):
    """Returns the subset that was searched, "" where the file names none.

    Raises:
      UserError: it is not one.
    """
    searched = {one.video for one in found}
    own = _subsets({name: video for name, video in videos.items() if name in searched})
    return own[0] if len(own) == 1 else only_subset(videos, path)


def of_subset(videos: Videos, subset: str, path: str) -> Videos:
    """Returns the videos of a subset, whose name may be in other letters; all without one.

    Raises:
      UserError: there is no such subset, or it has no segments.
    """
    if not subset:
        return videos
    if not any(video.subset for video in videos.values()):
        raise UserError(
            f"--subset: {path} names no subsets; leave --subset out, to test on all of its videos"
        )
    chosen = {
        name: video
        for name, video in videos.items()
        if video.subset.casefold() == subset.casefold()
    }
    if not any(video.segments for video in chosen.values()):
        names = ", ".join(_subsets(videos)) or "none with segments"
        why = "which has no segments" if chosen else "which is not there"
        raise UserError(f"--subset: expected one of {path}: {names}; got {subset!r}, {why}")
    return chosen


def labels(videos: Videos, found: list[Segment], path: str) -> list[str]:
    """Returns a line on labels that the truth does not have.

    Raises:
      BadData: it has none of them, or only a part of the segments has labels.
    """
    without = sum(not one.label for one in found)
    if without == len(found):
        return []
    if without:
        raise BadData(
            f"{path}: expected a label for each segment, or none for any; got "
            f"{counted(without, 'segment')} of {len(found):,} without"
        )
    known = {one.label for video in videos.values() for one in video.segments}
    unknown = {one.label for one in found} - known
    if unknown == {one.label for one in found}:
        raise BadData(
            f"{path}: expected labels of the truth, such as {min(known)!r}, got such as "
            f"{min(unknown)!r}"
        )
    if not unknown:
        return []
    count = counted(sum(one.label in unknown for one in found), "segment")
    return [
        f"{path}: {count} of labels that the truth does not have, left out of mAP: {_few(unknown)}"
    ]


def _few(names):
    """Returns names between commas, the first of many."""
    names = sorted(names)
    return ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)
