"""Finds the videos of a feature extraction: files, or a list with one path per line.

entries = named(["clips/a.avi", "clips/b.avi"])
entries = read("ucf101.txt", "UCF-101")     # labels after the paths are ignored
entries[0].name, entries[0].path            # "Archery/a.avi", "/data/UCF-101/Archery/a.avi"
file_names(entries)[0]                      # "Archery/a"
"""

import collections
import os
from collections.abc import Sequence
from typing import NamedTuple

from i3d.data import read as data_sets
from i3d.data.read import Place
from i3d.runtime.text import InputError, below, inside, printable, read_lines
from i3d.video import images, lists, pictures
from i3d.video.images import Images
from i3d.video.source import IS_IMAGE, VideoError


class Entry(NamedTuple):
    """One line: `where` it is ("file:line"), the path below the root, the absolute path.

    images is None of a file; place is that of a stored video, else None.
    """

    where: str
    name: str
    path: str
    images: Images | None = None
    place: Place | None = None

    @property
    def source(self) -> str | Images | Place:
        """What the readers of videos take."""
        return self.place or self.images or self.path


def named(words: Sequence[str], image_fps: float | None = None) -> list[Entry]:
    """Returns an Entry for each path of a command line, in their order.

    Names are the paths below the innermost folder that holds all of them.

    Args:
      words: paths of video files, and of folders of images.
      image_fps: images per second of folders of images.

    Raises:
      InputError: a file does not exist, comes twice or is an image.
    """
    paths = [os.path.abspath(word) for word in words]
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    entries = [
        _entry(lists.Line(word, path, ()), root, image_fps)
        for word, path in zip(words, paths, strict=True)
    ]
    for entry in entries:
        if not entry.images and not os.path.isfile(entry.path):
            raise InputError(f"{entry.where}: no such file")
    if len(set(paths)) < len(paths):
        twice = next(word for word, path in zip(words, paths, strict=True) if paths.count(path) > 1)
        raise InputError(f"{twice}: expected each video once, it was given twice")
    return entries


def read(video_list, video_root=None, image_fps=None, with_offset=None):
    """Returns an Entry for each line that is not blank, in their order.

    A line is a path that may hold spaces, or a line of MMAction2's lists (i3d.video.lists), whose
    labels are ignored.

    Args:
      video_list: text file.
      video_root: folder that the paths are relative to and must not leave; None is the list's.
      image_fps: images per second of folders of images.
      with_offset: whether lines on folders of images have an offset; None finds out.

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
    whole = {where for where, line in lines if os.path.exists(below(line, root))}
    others = [(where, line) for where, line in lines if where not in whole]
    found = {line.where: line for line in lists.parsed(others, root, with_offset)}
    entries = [
        _entry(found.get(where) or lists.Line(where, line, ()), root, image_fps)
        for where, line in lines
    ]
    missing = [entry for entry in entries if not entry.images and not os.path.isfile(entry.path)]
    if missing:
        first = missing[0]
        raise InputError(
            f"{first.where}: no such video: {first.path[:300]}; {len(missing)} of {len(entries)} "
            "are missing, check --video_root"
        )
    return entries


def stored(records: str, split: str) -> list[Entry]:
    """Returns an Entry for each video of a split of a data set, in the order of its records.

    Raises:
      InputError: there is no such split.
      BadData: the data set cannot be read.
    """
    data = data_sets.opened(records)
    if split not in data.shards:
        known = ", ".join(sorted(data.shards))
        raise InputError(f"--split: {records} has no split {split!r}; expected one of {known}")
    return [_stored(place, records) for place in data_sets.videos(data, [split])]


def _stored(place, records):
    where = f"{records}: {printable(place.id)}"
    inside(place.id, os.path.abspath(records), where)  # files are named so
    return Entry(where, printable(place.id), place.id, place=place)


def _entry(line, root, image_fps):
    """Returns the Entry of a Line."""
    path = inside(line.path, root, line.where)
    name = printable(os.path.relpath(path, root))
    if images.is_image(os.path.basename(path)) and os.path.isfile(path):
        if not pictures.opened(path):  # an animated WebP
            raise InputError(
                f"{line.where}: {name} {IS_IMAGE}; a folder of images is read with --image_fps"
            )
    if not os.path.isdir(path):
        return Entry(line.where, name, path)
    try:
        found = images.checked(path, image_fps, line.first, line.count)
    except VideoError as error:
        raise InputError(f"{line.where}: {error}") from None
    return Entry(line.where, name + found.part(), path, found)


def file_names(entries):
    """Returns a name for each video without its extension, which stays where two would be equal.

    Raises:
      InputError: a video is in the list twice.
    """
    seen = {}
    for entry in entries:
        if entry.source in seen:
            raise InputError(
                f"{entry.where}: expected each video once for one file per video, "
                f"{entry.name!r} came at {seen[entry.source]} already"
            )
        seen[entry.source] = entry.where
    names = [entry.name for entry in entries]
    short = [e.name if e.images or e.place else os.path.splitext(e.name)[0] for e in entries]
    count = collections.Counter(short)
    count.update(names)
    return [s if count[s] == 1 else name for s, name in zip(short, names, strict=True)]
