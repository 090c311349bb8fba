"""The list of videos whose features are wanted: a path in each line, labels after it ignored.

entries = read("ucf101.txt", "UCF-101")
entries[0].name, entries[0].path            # "Archery/a.avi", "/data/UCF-101/Archery/a.avi"
file_names(entries)[0]                      # "Archery/a"
"""

import collections
import os
import re
from typing import NamedTuple

from i3d.runtime.text import InputError, read_lines


class Entry(NamedTuple):
    """One line: `where` it is ("file:line"), the path below the root, the absolute path."""

    where: str
    name: str
    path: str


def read(video_list, video_root=None):
    """Returns an Entry for each line that is not blank, in their order.

    A line is a path that may hold spaces, or a path and labels, which are whole numbers.

    Args:
      video_list: text file.
      video_root: folder that the paths are relative to and must not leave; None is the list's.

    Raises:
      InputError: the list is empty or not readable, or one of its videos is missing or outside
        of the root; one line that names the first such line.
    """
    root = os.path.abspath(os.path.dirname(video_list) if video_root is None else video_root)
    if not os.path.isdir(root):
        raise InputError(f"--video_root: expected a folder, got {video_root!r}")
    try:
        lines = read_lines(video_list)
    except OSError as error:
        raise InputError(f"--video_list: {video_list}: {error.strerror}") from error
    if not lines:
        raise InputError(f"{video_list}: expected a video path in each line, found no line")
    entries = [_entry(where, line, root) for where, line in lines]
    missing = [entry for entry in entries if not os.path.isfile(entry.path)]
    if missing:
        where, _, path = missing[0]
        raise InputError(
            f"{where}: no such video: {path}; {len(missing)} of {len(entries)} are missing, "
            "check --video_root"
        )
    return entries


def _entry(where, line, root):
    """Returns the Entry of a line; of a file that is there, if need be without labels."""
    short = re.sub(r"(\s+-?\d+)+$", "", line)
    name = line if os.path.isfile(os.path.join(root, line)) else short
    path = os.path.normpath(os.path.join(root, name))
    if not path.startswith(os.path.join(root, "")):
        raise InputError(
            f"{where}: expected a path inside {root}, got {name!r}; give the folder that holds "
            "the videos by --video_root"
        )
    return Entry(where, os.path.relpath(path, root), path)


def file_names(entries):
    """Returns a name for each video without its extension, which stays where two would be equal.

    Raises:
      InputError: a video is in the list twice.
    """
    seen = {}
    for entry in entries:
        if entry.path in seen:
            raise InputError(
                f"{entry.where}: expected each video once for one file per video, "
                f"{entry.name!r} came at {seen[entry.path]} already"
            )
        seen[entry.path] = entry.where
    names = [entry.name for entry in entries]
    short = [os.path.splitext(name)[0] for name in names]
    count = collections.Counter(short)
    count.update(names)
    return [s if count[s] == 1 else name for s, name in zip(short, names, strict=True)]
