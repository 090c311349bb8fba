"""Checks that segments lie in their videos, in seconds.

lines = outside(truth, "truth.json")                   # raises BadData where they are many
lines = in_seconds(truth, found, "found.json")
"""

import math
from collections.abc import Mapping

from i3d.localization import annotations
from i3d.localization.segments import Annotated, Segment, by_video
from i3d.runtime.command import BadData
from i3d.runtime.text import counted

_FEW = 0.01  # part of the segments of a file that may be outside of their videos
_LATE = 1.5  # times the duration of a video, at which times are no seconds
Videos = Mapping[str, Annotated]


def outside(videos: Videos, path: str) -> list[str]:
    """Returns a line on segments, of the truth or found, outside of their videos.

    Raises:
      BadData: they are more than a few: the times are no seconds, or of other videos.
    """
    wrong = annotations.problems(videos)
    if not wrong:
        return []
    total = sum(len(video.segments) for video in videos.values())
    if len(wrong) > _FEW * total:
        many = f"{len(wrong):,} of {counted(total, 'segment')}"
        raise BadData(f"{path}: {wrong[0]} ({many}; times are seconds)")
    return [f"{path}: segments outside of their video or without a length, kept: {len(wrong):,}"]


def in_seconds(videos: Videos, found: list[Segment], path: str) -> list[str]:
    """Returns lines on found segments that cannot be in their videos.

    Args:
      videos: {name: Annotated} of the truth.
      found: Segments, some maybe in unknown videos.
      path: of their file, for the lines.

    Raises:
      BadData: most end long after their video, or more than a few are outside of it.
    """
    known = [one for one in found if one.video in videos]
    late = [one for one in known if one.end_s > _LATE * videos[one.video].duration_s]
    if len(late) > len(known) / 2:
        one = late[0]
        raise BadData(
            f"{path}: expected times in seconds, got {len(late):,} segments that end after their "
            f"video, such as {one.start_s:g} to {one.end_s:g} in {one.video!r:.200} of "
            f"{videos[one.video].duration_s:g} s"
        )
    own = by_video(one for one in found if one.start_s != one.end_s)
    lines = outside(
        {
            name: videos.get(name, Annotated())._replace(segments=tuple(segments))
            for name, segments in own.items()
        },
        path,
    )
    return lines + _after_the_truth(videos, known, path)


def _after_the_truth(videos, known, path):
    """Returns a line where most segments begin after the truth, in videos of unknown duration."""
    last = {
        name: max(one.end_s for one in video.segments)
        for name, video in videos.items()
        if video.segments and math.isnan(video.duration_s)
    }
    of_these = [one for one in known if one.video in last]
    late = sum(one.start_s > last[one.video] for one in of_these)
    if late <= len(of_these) / 2:
        return []
    return [
        f"{path}: {late:,} of {counted(len(of_these), 'segment')} begin after the last one of the "
        "truth in their video; are the times seconds?"
    ]
