"""Marks an output of extract_features as complete, with a digest of what it was made of.

    complete.mark("ucf101.pkl", plan)                # after it was written, before its rename
    complete.is_marked("ucf101.pkl", plan)           # run again, there is nothing to do

The mark is a digest of the plan and a checksum of all other bytes, at the end of the file, in a
folder of the first one: readers of pickles and arrays stop before it, and in an archive it is the
comment. A folder of text, which has no place for it, gets a file of its own.
"""

import hashlib
import json
import mmap
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

from i3d.runtime.command import BadData

_MARK = b"complete, plan "
_DIGITS = 8  # of the checksum, at the very end
_OF_TEXT = ".complete"  # in a folder of text


def mark(path: str | os.PathLike, plan: dict[str, Any]) -> None:
    """Marks a .pkl, a .npz or a folder as complete by this plan."""
    bearer, text = _bearer(path), _text(plan) + b"0" * _DIGITS
    if bearer.suffix == ".npz":
        with zipfile.ZipFile(bearer, "a") as archive:
            archive.comment = text
    else:
        with open(bearer, "ab") as file:
            file.write(text)
    checksum = _checksum(path)
    with open(bearer, "r+b") as file:
        file.seek(-_DIGITS, os.SEEK_END)
        file.write(checksum)


def is_marked(path: str | os.PathLike, plan: dict[str, Any]) -> bool:
    """Returns whether an output is there, and marked as complete by this plan.

    Raises:
      BadData: it is, but its bytes have changed since.
    """
    text = _text(plan)
    length = len(text) + _DIGITS
    try:
        with open(_bearer(path), "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - length))
            found = stream.read(length)
        if not found.startswith(text):
            return False
        whole = found[len(text) :] == _checksum(path)
    except OSError:
        return False
    if not whole:
        raise BadData(
            f"{path}: damaged: its bytes are not those that were written (checksum); remove it and "
            "run the same command again"
        )
    return True


def _checksum(path):
    """Returns the CRC-32 of an output, names of its files too, but for the checksum itself."""
    path, bearer, found = Path(path), _bearer(path), 0
    for file in _files(path):
        found = zlib.crc32(os.fsencode(file.relative_to(path)), found)
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as data:
            with memoryview(data) as view, view[: -_DIGITS if file == bearer else None] as content:
                found = zlib.crc32(content, found)
    return b"%0*x" % (_DIGITS, found)


def _files(path):
    """Returns what the checksum is of: a file, or those of a folder, in order."""
    if not path.is_dir():
        return [path]
    own = path / _OF_TEXT
    return sorted([*path.rglob("*.np[yz]"), *path.rglob("*.csv"), *([own] if own.exists() else [])])


def _bearer(path):
    """Returns the file that is marked: itself, or of a folder the first, or one for the mark."""
    path = Path(path)
    return min(path.rglob("*.np[yz]"), default=path / _OF_TEXT) if path.is_dir() else path


def _text(plan):
    """Returns the mark: as long for every plan."""
    plan = json.dumps(plan, sort_keys=True).encode()
    return _MARK + hashlib.sha256(plan).hexdigest().encode()
