"""Sends a signal at a point of a process's progress; see tests/helpers/points.py.

Python imports this module when it starts, wherever PYTHONPATH names this folder: in the process
that a test starts and in all that it starts itself.
"""

import json
import os
import re
import signal
import sys

LINE = 256  # bytes of each line of the log, so that its length counts them
_WRITES = os.O_WRONLY | os.O_RDWR


def watch(folder, log, pattern, number, kind, to):
    """Notes what this process is about to do; at the given one, sends a signal instead.

    Args:
      folder: only files below it count; their paths are told relative to it.
      log: file of a line for each step that fits, of all processes.
      pattern: regular expression of a step: "open PATH" (to write), "rename PATH" (to it), "remove
        PATH", "mkdir PATH", "rmdir PATH", "fsync PATH" ("." is the folder), or "line TEXT" printed.
      number: which of those that fit, counted over all processes; 0: none.
      kind: number of the signal.
      to: who gets it: "self", "group", or "leader" of the group.
    """
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def about_to(step):
        if not re.match(pattern, step):
            return
        line = f"{os.getpid()} {step}"[: LINE - 1].encode()
        os.write(handle, line.ljust(LINE - 1) + b"\n")
        if os.lseek(handle, 0, os.SEEK_CUR) == number * LINE:
            _send(kind, to)

    def hook(event, args):
        if step := _step(event, args, folder):
            about_to(step)

    def fsync(handle, real=os.fsync):  # which has no audit event
        place = os.readlink(f"/proc/self/fd/{getattr(handle, 'fileno', lambda: handle)()}")
        if path := _below(place, folder):
            about_to(f"fsync {path}")
        real(handle)

    if os.path.exists("/proc/self/fd"):
        os.fsync = fsync
    sys.addaudithook(hook)
    sys.stdout = _Told(sys.stdout, about_to)


def _send(kind, to):
    if to == "group":
        os.killpg(0, kind)
    else:
        os.kill(os.getpid() if to == "self" else os.getpgrp(), kind)


def _step(event, args, folder):
    """Returns what an audit event says that a process is about to do, or ""."""
    if event == "open" and isinstance(args[2], int) and args[2] & _WRITES:
        verb, path, place = "open", args[0], -1
    elif event == "os.rename":
        verb, path, place = "rename", args[1], args[3]
    elif event in ("os.remove", "os.rmdir", "os.mkdir"):
        verb, path, place = event.removeprefix("os."), args[0], args[-1]
    else:
        return ""
    if not isinstance(path, (str, os.PathLike)):
        return ""
    path = os.fspath(path)
    if place not in (-1, None):  # a name in an open folder, as shutil.rmtree removes them
        path = os.path.join(os.readlink(f"/proc/self/fd/{place}"), path)
    below = _below(path, folder)
    return f"{verb} {below}" if below else ""


def _below(path, folder):
    """Returns a path relative to a folder, "." for itself, "" where it is outside."""
    if path == folder:
        return "."
    return path[len(folder) + 1 :] if path.startswith(folder + os.sep) else ""


class _Told:
    """Standard output that tells of each line after it was printed."""

    def __init__(self, stream, about_to):
        self._stream, self._about_to = stream, about_to

    def write(self, text):
        """Writes, and tells of the text."""
        count = self._stream.write(text)
        if text.strip():
            self._stream.flush()
            self._about_to(f"line {text.strip()}")
        return count

    def __getattr__(self, name):
        """Returns what the stream has."""
        return getattr(self._stream, name)


if point := os.environ.get("I3D_TEST_POINT"):
    signal.Signals(json.loads(point)["kind"])  # a wrong point is an error at once
    watch(**json.loads(point))
