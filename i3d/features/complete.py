"""Marks an output of extract_features with the plan that it was made by, once it is complete.

    complete.mark("ucf101.pkl", plan)                # after it was written, before its rename
    complete.is_marked("ucf101.pkl", plan)           # run again, there is nothing to do

The mark is a digest at the end of the file, in a folder of the first one: readers of pickles and
arrays stop before it, and in an archive it is the comment.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

_MARK = b"complete, plan "


def mark(path: str | os.PathLike, plan: dict[str, Any]) -> None:
    """Marks a .pkl, a .npz or a folder as complete by this plan."""
    path, text = _bearer(path), _text(plan)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = text
    else:
        with open(path, "ab") as file:
            file.write(text)


def is_marked(path: str | os.PathLike, plan: dict[str, Any]) -> bool:
    """Returns whether an output is there, and marked as complete by this plan."""
    text = _text(plan)
    try:
        with open(_bearer(path), "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - len(text)))
            return stream.read(len(text)) == text
    except OSError:
        return False


def _bearer(path):
    """Returns the file that is marked: itself, or the first in a folder."""
    path = Path(path)
    return min(path.rglob("*.np[yz]"), default=path) if path.is_dir() else path


def _text(plan):
    """Returns the mark: as long for every plan."""
    plan = json.dumps(plan, sort_keys=True).encode()
    return _MARK + hashlib.sha256(plan).hexdigest().encode()
