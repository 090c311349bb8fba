"""Parses lists of videos in the format of MMAction2: files, and folders of images.

    for line in lists.parsed(text.read_lines("train.txt"), root):
        line.path, line.labels                       # "jump/a.mp4", ("0",)
        line.first, line.count                       # the images that are taken of a folder

`path label ...` in each line for files. For folders of images `dir num_frames label ...`, or
`dir offset num_frames label ...` (with_offset), or `dir label` for all of its images.
"""

import os
from collections import Counter
from typing import NamedTuple

from i3d.runtime.text import InputError, below, number, path_and_numbers
from i3d.video import images
from i3d.video.source import VideoError

# By their names; of the last two only what is animated (i3d.video.pictures.is_animated).
EXTENSIONS = frozenset(
    ".3gp .asf .avi .divx .f4v .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm"
    " .wmv .gif .webp".split()
)


OFFSET_HELP = "lines of a list are `dir offset num_frames label`; default: by the folders"


class Line(NamedTuple):
    """One line: `where` it is ("file:line"), path as it stands, labels, which images of a folder.

    labels are words of digits, which may have a sign. count None takes all that follow.
    """

    where: str
    path: str
    labels: tuple[str, ...]
    first: int = 0
    count: int | None = None


def is_video_name(path: str) -> bool:
    """Returns whether a path ends as those of video files do."""
    return path[path.rfind(".") :].lower() in EXTENSIONS


def parsed(lines: list[tuple[str, str]], root: str, with_offset: bool | None = None) -> list[Line]:
    """Returns a Line for each line of a list.

    Args:
      lines: ("file:line", line).
      root: folder that the paths are relative to.
      with_offset: whether lines on folders of images have an offset; None finds out.

    Raises:
      InputError: a line on images has no number of them, or may be read in two ways.
    """
    found = [Line(where, *path_and_numbers(line, root)) for where, line in lines]
    is_frames = [len(line.labels) > 1 and _is_folder(line.path, root) for line in found]
    frames = [line for line, of_frames in zip(found, is_frames, strict=True) if of_frames]
    if not frames:
        return found
    offset = _has_offset(frames, root, with_offset)
    return [
        _part(line, offset) if of_frames else line
        for line, of_frames in zip(found, is_frames, strict=True)
    ]


def _part(line, offset):
    """Returns a line on images with first and count in their places."""
    first, (count, *labels) = (line.labels[0], line.labels[1:]) if offset else ("0", line.labels)
    first, count = number(first), number(count)
    if not count or first is None or not labels:
        expected = "dir offset num_frames label" if offset else "dir num_frames label"
        raise InputError(f"{line.where}: expected `{expected}`, got {_shown(line)}")
    return line._replace(labels=tuple(labels), first=first, count=count)


def _is_folder(path, root):
    """Returns whether a path is a folder of images, by what is there and else by its name."""
    whole = below(path, root)
    return os.path.isdir(whole) or not is_video_name(path) and not os.path.exists(whole)


def _has_offset(frames, root, with_offset):
    """Returns whether the first number of lines on images is an offset.

    `dir 40 0 1` may be 40 images of two classes, or none after 40 others: what fits the number of
    images that there are in more folders is right.
    """
    if with_offset is not None:
        return with_offset
    if any(len(line.labels) < 3 for line in frames):
        return False
    fits = Counter()
    for line in frames:
        total = _count(below(line.path, root))
        first, second = (number(word) or 0 for word in line.labels[:2])
        fits["plain"] += 0 < first <= total
        fits["offset"] += 0 < second <= total - first
    if fits["plain"] == fits["offset"] > 0:
        raise InputError(
            f"{frames[0].where}: {_shown(frames[0])} may be `dir offset num_frames label` or `dir "
            "num_frames label label`; say --with_offset or --nowith_offset"
        )
    return fits["offset"] > fits["plain"]


def _count(folder):
    """Returns the number of images in a folder, 0 where there are none."""
    try:
        return len(images.listed(folder).names) if os.path.isdir(folder) else 0
    except VideoError:
        return 0


def _shown(line):
    return repr(f"{line.path} {' '.join(line.labels)}"[:80])
