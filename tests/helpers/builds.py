"""`python -m data_prep` as a process of its own, `build` above all."""

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.processes import ROOT, of_session

QUICK = ("--short_side=48", "--flow_method=dis", "--workers=1")
# What TensorFlow 2.21 prints when it is imported, whatever TF_CPP_MIN_LOG_LEVEL says; and the
# lines of progress, which a build prints on a slow machine only.
_NOISE = re.compile(r"WARNING: All log messages before absl|I0000 |.*\d/\d+ \[\d")


def process(*words):
    """Runs a command of data_prep to its end; returns the CompletedProcess, its output as text."""
    line = [sys.executable, "-m", "data_prep", *map(str, words)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)


def command(*flags):
    """Returns the command line of a build."""
    return [sys.executable, "-m", "data_prep", "build", *map(str, flags)]


def build(*flags, **settings):
    """Runs a build to its end; returns the CompletedProcess, its output as text."""
    return subprocess.run(command(*flags), cwd=ROOT, capture_output=True, text=True, **settings)


def start(*flags, environment=None):
    """Starts a build in a session of its own, with more in its environment; returns the Popen."""
    return subprocess.Popen(
        command(*flags),
        cwd=ROOT,
        env=os.environ | (environment or {}),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(errors):
    """Returns the lines on standard error, without those of TensorFlow and of progress."""
    return [line for line in errors.splitlines() if not _NOISE.match(line)]


def workers(session):
    """Returns {process id: status} of the worker processes that a build has now."""
    found = {}
    for pid, status in of_session(session).items():
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found[pid] = status
    return found


def peak_worker_bytes(process):
    """Waits for a build started by `start`; returns the highest VmHWM of its workers.

    Fails where the build does.
    """
    peak = 0
    while process.poll() is None:
        for status in workers(process.pid).values():
            peak = max(peak, int(status.get("VmHWM", "0 kB").split()[0]) * 1024)
        time.sleep(0.1)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return peak
