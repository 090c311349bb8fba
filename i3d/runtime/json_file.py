"""Reads JSON objects from files, within bounds of size and depth.

settings = json_file.read("runs/rgb/config.json")        # a dict
"""

import json
import os
from collections import Counter
from typing import Any

from i3d.runtime.command import BadData

_MAX_BYTES = 1 << 24  # of a file; those of a run have a few thousand


class JsonError(BadData):
    """A file that holds no object of JSON; one line that begins with its path."""


def read(path: os.PathLike | str, most_bytes: int = _MAX_BYTES) -> dict[str, Any]:
    """Returns the object in a file of at most so many bytes.

    Raises:
      JsonError: it is damaged, nested too deep or larger than such files are.
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise JsonError(f"{path}: expected JSON of at most {most_bytes:,} bytes, got more")
    return parsed(data, path)


def parsed(text: bytes | str, source: os.PathLike | str) -> dict[str, Any]:
    """Returns the object that a text says; `source` begins the line of an error.

    Raises:
      JsonError: it says none, or a name stands in it twice.
    """
    try:
        found = json.loads(text, object_pairs_hook=_each_once)
        json.dumps(found, ensure_ascii=False).encode()  # else it holds text that nothing prints
    except RecursionError:
        raise JsonError(f"{source}: cannot be read: JSON nested too deep") from None
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise JsonError(f"{source}: cannot be read: not JSON: {reason:.200}") from error
    if not isinstance(found, dict):
        raise JsonError(f"{source}: cannot be read: expected an object of JSON, got {found!r:.80}")
    return found


def _each_once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the name {twice[:80]!r} stands twice in one object")
    return found
