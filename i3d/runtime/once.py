"""Warnings that are printed once in a run, whichever of its processes has the first reason.

once.warn("looped", "a.mp4: 9 frames: short videos are looped")
Process(target=work, args=(once.shared(context),))      # and in it: once.join(memory)
"""

import sys
from typing import Any

KINDS = ("images left out", "looped")
_told: Any = bytearray(len(KINDS))  # a byte of each kind, in memory that the processes share


def warn(kind: str, line: str) -> None:
    """Prints a line on standard error if it is the first of its kind; kinds are KINDS."""
    place = KINDS.index(kind)
    if not _told[place]:
        _told[place] = 1
        print(f"{line} (this warning is shown once)", file=sys.stderr, flush=True)


def shared(context: Any) -> Any:
    """Returns what a process of a context of multiprocessing is given for `join`."""
    global _told
    if isinstance(_told, bytearray):
        # Without a lock, which a process that is killed would keep.
        _told = context.RawArray("B", bytes(_told))
    return _told


def join(memory: Any) -> None:
    """Shares with the process that `memory` is of which warnings were printed."""
    global _told
    _told = memory
