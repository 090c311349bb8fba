"""Kills a flow before each of its steps in turn, runs it again, and compares what is there.

    python -m tests.helpers.sweep FLOW FOLDER [twice]

A step is what a process does to a file: it opens it to write, renames, removes or fsyncs it, or
makes or removes a folder. With `twice` the run that goes on is killed too, at another step. Every
run is a fork of this process, which has imported everything and started nothing of TensorFlow:
that saves its import.
Prints the number of kills.
"""

import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

from tests.helpers import kill_flows
from tests.helpers.points import Point

MOST = 1000  # steps of a flow


def forked(function, *args):
    """Runs a function in a fork; returns the number of the signal that ended it, 0 for none."""
    child = os.fork()
    if not child:
        try:
            function(*args)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or not os.WEXITSTATUS(status), f"{function} {args} failed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def killed(flow, folder, number):
    """Runs a flow up to a step; returns whether it came to it."""
    log = folder.parent / f"{folder.name}.log"
    log.unlink(missing_ok=True)

    def run():
        Point(folder, log, getattr(flow, "steps", "(?!line )"), number).watch_here()
        flow.run(folder)

    return forked(run) == signal.SIGKILL


def check_synced(lines):
    """Fails where a rename is not on disk before the next step that changes names."""
    steps = [tuple(line.split()[1:3]) for line in lines]
    for at, (verb, path) in enumerate(steps):
        if verb != "rename" or ".partial" in path:
            continue
        later = steps[at + 1 :]
        sync = later.index(("fsync", os.path.dirname(path) or "."))
        assert not [s for s in later[:sync] if s[0] in ("rename", "remove", "rmdir")], path


def sweep(flow, root, twice):
    """Returns the number of kills; fails where one leaves anything but what a whole run does."""
    root.mkdir(parents=True)
    kills, start, whole = 0, root / "start", root / "whole"
    start.mkdir()
    forked(flow.prepare, start)
    shutil.copytree(start, whole)
    forked(flow.run, whole)
    expected = flow.result(whole)
    for number in range(1, MOST):
        folder = root / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        if not killed(flow, folder, number):
            check_synced((root / "killed.log").read_text().splitlines())
            break
        kills += 1
        if twice:
            kills += killed(flow, folder, 1 + number * 7 % 23)
        forked(flow.run, folder)
        assert flow.result(folder) == expected, f"killed at step {number}: {folder}"
    assert kills and number < MOST - 1
    return kills


if __name__ == "__main__":
    name, folder, *more = sys.argv[1:]
    print(sweep(kill_flows.FLOWS[name](), Path(folder), bool(more)))
