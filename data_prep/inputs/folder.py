"""Reads a folder that holds a folder of video files for each class.

    from data_prep import inputs_folder
    rows, _ = inputs_folder.read_folder(request)  # Row("/data/jump/a.mp4", "jump/a.mp4", "jump")

Hidden files are passed over, links are followed, files that are no videos are counted aloud.
"""

import os
import sys
from collections import Counter

from data_prep.inputs.rows import Row
from i3d.runtime.text import InputError

EXTENSIONS = frozenset(
    ".3gp .asf .avi .divx .f4v .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm"
    " .wmv".split()
)

_SPLIT_NAMES = {"test", "testing", "train", "training", "val", "valid", "validate", "validation"}


def read_folder(request):
    """Returns a Row for each video of the folder, sorted by path, and None."""
    classes = _classes(request)
    rows, others = [], Counter()
    for path in _files(request.root):
        name = path[len(os.path.join(request.root, "")) :]
        extension = os.path.splitext(name)[1].lower()
        if extension in EXTENSIONS:
            rows.append(Row(_printable(path), name, _class_folder(name, path)))
        else:
            others[extension or "no extension"] += 1
    empty = sorted(set(classes) - {row.label for row in rows})
    if empty and request.names is None:
        raise InputError(
            f"{os.path.join(request.videos, empty[0])}: expected videos of a class, found none; "
            "remove the folder, or name the classes by --labels"
        )
    if others:
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(others.items()))
        print(f"{request.videos}: left out files that are no videos ({counts})", file=sys.stderr)
    return sorted(rows, key=lambda row: row.path), None


def _classes(request):
    """Returns the names of the folders in the root, which must not be those of splits."""
    classes = [entry.name for entry in _entries(request.root) if entry.is_dir()]
    if set(classes) <= _SPLIT_NAMES - set(request.names or ()):
        raise InputError(
            f"{request.videos}: expected a folder for each class, found "
            f"{', '.join(classes) or 'none'}; name the folder of one split, or the file of a list "
            "(DIR/*_test_split1.txt for HMDB51)"
        )
    return classes


def _class_folder(name, path):
    folder, separator, _ = name.partition(os.sep)
    if not separator:
        raise InputError(f"{path}: expected videos in folders of classes; move it into one")
    return folder


def _entries(folder):
    """Returns the entries of a folder that are not hidden, sorted by name."""
    with os.scandir(folder) as entries:
        shown = (entry for entry in entries if not entry.name.startswith("."))
        return sorted(shown, key=lambda entry: entry.name)


def _files(folder, above=()):
    """Yields the files below a folder; links are followed."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise InputError(f"{folder}: is a link to a folder that it lies in; remove it")
    for entry in _entries(folder):
        if entry.is_dir():
            yield from _files(entry.path, (*above, here))
        else:
            yield entry.path


def _printable(path):
    """Returns the path if it can be written down as UTF-8, as records must."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(f"{path!r}: expected a file name in UTF-8; rename it") from None
    return path
