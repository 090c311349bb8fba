"""Tasks for a pool of decoding processes, in a module that is imported fast."""

import os
import signal
import time

import numpy as np

from i3d.runtime import once
from i3d.runtime.command import UserError

SHAPE = (2, 3)
BYTES = 6


def numbered(task):
    """Yields three views of a task, uint8 of SHAPE; some tasks misbehave."""
    if task == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "type":
        yield (0,), np.zeros(SHAPE, np.float32)
    if task == "large":
        yield (0,), np.zeros((2, 4), np.uint8)
    if task == "bug":
        raise ValueError("no mistake of the user")
    for view in range(3):
        if task == "bad" and view == 1:
            raise UserError("broken\nin two lines")
        yield (view,), np.full(SHAPE, 10 * task + view if task != "bad" else 0, np.uint8)


def warning(task):
    """Yields nothing, and warns."""
    once.warn("looped", f"{task}: is short")
    time.sleep(0.5)  # so that the other process has a task too
    return iter(())


def shrinking(task):
    """Yields views of 1 x 3 and 2 x 2, smaller than the room that they wait in."""
    yield (0,), np.full((1, 3), task, np.uint8)
    yield (1,), np.full((2, 2), task, np.uint8)
