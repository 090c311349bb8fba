"""Handles Ctrl-C and SIGTERM: ends a process within seconds, or after the current step.

with prompt(lambda: print("stopped")) as interrupts:    # around the work of a command
    ...
    with requests() as asked:                           # within it, around steps
        while not asked:
            step()

Python handles a signal between two of its own instructions: not during an operation of TensorFlow
that takes minutes, nor at its very end, where a thread of TensorFlow may keep it waiting.
"""

import _thread
import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from i3d.runtime.starting import STATUS
from i3d.runtime.starting import end as end_at_once

GRACE_S = 5.0  # from Ctrl-C to the end of the process
_KINDS = (signal.SIGINT, signal.SIGTERM)


class _Watch:
    """Sees SIGINT while the main thread is busy, and ends the process where that goes on."""

    def __init__(self, on_late):
        self.came = False
        self._on_late, self._finished = on_late, threading.Event()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self):
        with open(self._read, "rb", buffering=0) as signals:
            while number := signals.read(1):  # written by C, whatever Python is at
                if number[0] != signal.SIGINT:
                    continue
                self.came = True
                if not self._finished.wait(GRACE_S):
                    self._on_late()
                    os._exit(STATUS)

    def finish(self):
        """Lets what follows take its time."""
        self._finished.set()

    def close(self):
        """Ends the watch."""
        self.finish()
        signal.set_wakeup_fd(self._before)
        os.close(self._write)


_watch: _Watch | None = None


@contextlib.contextmanager
def prompt(on_late: Callable[[], object]) -> Iterator["Interrupts"]:
    """Ends the process GRACE_S after SIGINT, whatever it is at; around the work of a command.

    Only where the main thread calls it, and SIGINT is Python's own KeyboardInterrupt or ends the
    process at once, as it does again afterwards.

    Args:
      on_late: called by another thread before the process ends with STATUS.
    """
    global _watch
    found = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    own = before in (signal.default_int_handler, end_at_once)
    if _watch or not own or threading.current_thread() is not threading.main_thread():
        yield found
        return

    def handle(number, frame):
        found.came = True
        raise KeyboardInterrupt

    watch = _watch = _Watch(on_late)
    signal.signal(signal.SIGINT, handle)
    lost, sys.unraisablehook = sys.unraisablehook, _again
    atexit.register(found.leave)  # called after what the libraries register from here on
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = lost
        _watch = None
        found.came = found.came or watch.came
        watch.close()


def _again(lost):
    """Raises a KeyboardInterrupt anew that came where Python can raise nothing, as in __del__."""
    if lost.exc_type is KeyboardInterrupt:
        later = threading.Timer(0.05, _thread.interrupt_main)  # once that place is left
        later.daemon = True
        later.start()
    else:
        sys.__unraisablehook__(lost)


class Interrupts:
    """Whether SIGINT came, and the end of the process after it.

    Attributes:
      came: whether it came.
      status: exit status of the command.
    """

    came = False
    status = 0

    def leave(self) -> None:
        """Ends a process that SIGINT stopped, without waiting for threads of libraries in C++."""
        if self.came and self.status == STATUS:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(STATUS)


def finishing() -> None:
    """Lets what Ctrl-C has interrupted finish, however long it takes, such as saving."""
    if _watch:
        _watch.finish()


@contextlib.contextmanager
def requests(listen=True):
    """Gives a list of the numbers of the signals SIGINT and SIGTERM that came, at most one.

    The second one acts as ever. It must be called by the main thread.

    Args:
      listen: False leaves the signals alone, and the list empty. So it is for one of several
        workers, for which the others would wait: it ends at once, and all go on from the last
        checkpoint.
    """
    asked: list[int] = []
    if not listen:
        yield asked
        return
    before = {kind: signal.getsignal(kind) for kind in _KINDS}

    def handle(number, frame):
        asked.append(number)
        _restore(before)
        # Not print, which the signal may have interrupted.
        limit = f", or in {GRACE_S:g} s" if number == signal.SIGINT and _watch else ""
        words = f"\nstopping after this step{limit}; once more to stop at once\n"
        os.write(2, words.encode())

    for kind in _KINDS:
        signal.signal(kind, handle)
    try:
        yield asked
    finally:
        _restore(before)


def _restore(before):
    for kind, handler in before.items():
        signal.signal(kind, handler)


@contextlib.contextmanager
def ignored():
    """Ignores SIGINT, where the main thread calls it; processes that are started inherit that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def sigterm_as_ctrl_c():
    """Makes SIGTERM raise KeyboardInterrupt, where the main thread calls it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
