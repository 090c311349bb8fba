"""Reads MMAction2's lists: of videos and of frames, with one label or several.

    rows, _ = mmaction2.read_mmaction2(request)

`path label ...` in each line for video files. For folders of images `dir num_frames label ...`, or
`dir offset num_frames label ...` (with_offset), or `dir label` for all of its images.
"""

import os
from collections import Counter

from data_prep.inputs.rows import Row, index, is_video_name
from i3d.runtime.text import InputError, below, path_and_numbers
from i3d.video import images
from i3d.video.source import VideoError


def read_mmaction2(request):
    """Returns a Row for each line of the list, and None.

    Raises:
      InputError: a line is something else, or may be read in two ways.
    """
    lines = [(where, *_parsed(where, line, request.root)) for where, line in request.lines]
    is_frames = [len(words) > 1 and _is_folder(path, request.root) for _, path, words in lines]
    frames = [line for line, of_frames in zip(lines, is_frames, strict=True) if of_frames]
    offset = _has_offset(frames, request) if frames else False
    rows = []
    for (where, path, words), of_frames in zip(lines, is_frames, strict=True):
        numbers = [index(word, where) for word in words]
        if not of_frames:
            rows.append(Row(where, path, tuple(numbers)))
            continue
        first, (count, *labels) = (numbers[0], numbers[1:]) if offset else (0, numbers)
        if not count or not labels:
            expected = "dir offset num_frames label" if offset else "dir num_frames label"
            raise InputError(f"{where}: expected `{expected}`, got {_shown(path, words)}")
        rows.append(Row(where, path, tuple(labels), first=first, count=count))
    return rows, None


def begins(line):
    """Returns whether a list that begins with this line is one of MMAction2's."""
    words = line.split()
    return len(words) > 1 and words[-1].lstrip("+-").isdecimal()


def _parsed(where, line, root):
    path, words = path_and_numbers(line, root)
    if not words or not all(word.isdecimal() for word in words):
        raise InputError(f"{where}: expected `path label_index`, got {line[:80]!r}")
    return path, words


def _is_folder(path, root):
    """Returns whether a path is a folder of images, by what is there and else by its name."""
    whole = below(path, root)
    return os.path.isdir(whole) or not is_video_name(path) and not os.path.exists(whole)


def _has_offset(frames, request):
    """Returns whether the first number of lines on frames is an offset.

    `dir 40 0 1` may be 40 images of two classes, or one image after 40 others: what fits the
    number of images that there are in more folders is right.
    """
    if request.with_offset is not None:
        return request.with_offset
    if any(len(words) < 3 for _, _, words in frames):
        return False
    fits = Counter()
    for where, path, words in frames:
        total = _count(below(path, request.root))
        first, second, *_ = (index(word, where) for word in words)
        fits["plain"] += 0 < first <= total
        fits["offset"] += 0 < second <= total - first
    if fits["plain"] == fits["offset"] > 0:
        where, path, words = frames[0]
        raise InputError(
            f"{where}: {_shown(path, words)} may be `dir offset num_frames label` or `dir "
            "num_frames label label`; say --with_offset or --nowith_offset"
        )
    return fits["offset"] > fits["plain"]


def _count(folder):
    """Returns the number of images in a folder, 0 where there are none."""
    try:
        return len(images.listed(folder).names) if os.path.isdir(folder) else 0
    except VideoError:
        return 0


def _shown(path, words):
    return repr(f"{path} {' '.join(words)}"[:80])
