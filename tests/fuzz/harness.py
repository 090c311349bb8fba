"""Runs mutated files of one kind through the product, in a process of their own.

    found = run(kind, range(300), seed=0, root=Path("scratch"))       # list of Finding

The contract: a function that reads a file returns, or raises UserError or OSError, within
MOST_SECONDS of processor time and MOST_BYTES of memory. A crash, and work without an end, are
findings too, and the next file is tried by a new process.
"""

import contextlib
import os
import random
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from i3d.runtime import command
from i3d.runtime.command import UserError
from tests.fuzz import mutate

MOST_SECONDS = 2.0
MOST_BYTES = 300 << 20
_PATIENCE_S = 60  # for one file, on a busy machine
_MORE_BYTES = 4 << 30  # beyond which memory ends


@dataclass(frozen=True)
class Kind:
    """A kind of file that the product reads.

    Attributes:
      name: of the kind.
      write: function of a folder that writes good files into it, and returns the path of the one
        to mutate.
      read: function of that path: all that the product does with such a file.
      mutate: function of a random.Random and the bytes of the good file.
      cost: how many other files are tried in the time of one of these.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], None]
    mutate: Callable[[random.Random, bytes], bytes] = mutate.of_bytes
    cost: int = 1


@dataclass(frozen=True)
class Finding:
    """A file that was not read as it should be; `number` and the seed make it again."""

    kind: str
    number: int
    what: str


def run(kind: Kind, numbers: Iterable[int], seed: int, root: Path, keep: Path | None = None):
    """Returns the Findings of the files of these numbers.

    Args:
      kind: Kind.
      numbers: of the mutations; each is made of the kind's name, the seed and its number alone.
      seed: of the run.
      root: folder for scratch files.
      keep: folder for the files that are found; None keeps none.
    """
    left, found = list(numbers), []
    while left:
        begun, told = _in_child(kind, left, seed, root)
        found += told
        left = left[left.index(begun) + 1 :] if begun is not None else []
    for finding in found if keep else ():
        keep.mkdir(parents=True, exist_ok=True)
        good = (root / f"{kind.name}.good").read_bytes()
        (keep / f"{kind.name}-{seed}-{finding.number}").write_bytes(
            mutated(kind, good, seed, finding.number)
        )
    return found


def mutated(kind: Kind, good: bytes, seed: int, number: int) -> bytes:
    """Returns the mutation of this number."""
    return kind.mutate(random.Random(f"{kind.name} {seed} {number}"), good)


def _in_child(kind, numbers, seed, root):
    """Returns (the number at which the process ended before its time, or None; Findings)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(reading)
            report = os.fdopen(writing, "w", buffering=1)
            _child(kind, numbers, seed, root, report)
            status = 0
        except BaseException as error:
            report.write(f"found in the harness: {_described(error)}\n")
        finally:
            os._exit(status)
    os.close(writing)
    lines, hung = _lines(reading, pid)
    _, status = os.waitpid(pid, 0)
    number, found = -1, []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "begin":
            number = int(rest)
        else:
            found.append(Finding(kind.name, number, rest))
    if not status:
        return None, found
    end = "no end" if hung else f"the process ended with {_named(status)}"
    if not found or found[-1].number != number:
        found.append(Finding(kind.name, number, end))
    return number if number in numbers else None, found


def _named(status):
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"status {code}"


def _lines(reading, pid):
    """Returns (the lines that a child wrote, whether it was killed as it wrote no more)."""
    data, hung = b"", False
    while True:
        ready, _, _ = select.select([reading], [], [], _PATIENCE_S)
        if not ready:
            hung = True
            os.kill(pid, signal.SIGKILL)
            continue
        part = os.read(reading, 1 << 16)
        if not part:
            os.close(reading)
            return data.decode(errors="replace").splitlines(), hung
        data += part


def _child(kind, numbers, seed, root, report):
    """Tries the files one by one, and writes what it begins with and what it finds."""
    root.mkdir(parents=True, exist_ok=True)
    _quiet()
    shutil.rmtree(root / kind.name, ignore_errors=True)
    path = kind.write(root / kind.name)
    good = path.read_bytes()
    (root / f"{kind.name}.good").write_bytes(good)
    kind.read(path)  # which must succeed
    resource.setrlimit(resource.RLIMIT_AS, (_memory() + _MORE_BYTES,) * 2)
    for number in numbers:
        report.write(f"begin {number}\n")
        data = mutated(kind, good, seed, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        for what in _tried(kind, path):
            report.write(f"found {what}\n")


def _quiet():
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def _tried(kind, path):
    """Yields what is wrong with how a file is read."""
    before, peak, start = _resident(), _peak(), time.process_time()
    what = _broken(kind, path)
    seconds, after = time.process_time() - start, _peak()
    if what:
        yield what
    if seconds > MOST_SECONDS:
        yield f"{seconds:.1f} s"
    if after > peak and after - before > MOST_BYTES:
        yield f"{(after - before) >> 20} MB"


def _broken(kind, path):
    """Returns the error that reading raised and must not, "" where all is well."""
    try:
        with contextlib.suppress(OSError):
            kind.read(path)
    except UserError as error:
        command.line_of(error).encode()  # what the user sees
    except Exception as error:
        return _described(error)
    return ""


def _described(error):
    """Returns an error in a line, with the last place and the last one outside of libraries."""
    places = [f for f in traceback.extract_tb(error.__traceback__) if "/tests/" not in f[0]]
    place = f"{places[-1].filename}:{places[-1].lineno}" if places else "?"
    ours = [f for f in places if "site-packages" not in f[0]]
    within = f" from {ours[-1].filename}:{ours[-1].lineno}" if ours else ""
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text:.150} at {place}{within}"


def _memory():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
