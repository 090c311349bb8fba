"""Ctrl-C and SIGTERM that let the step at hand finish.

with requests() as asked:
    while not asked:
        step()
"""

import contextlib
import os
import signal
import threading

_KINDS = (signal.SIGINT, signal.SIGTERM)


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
        os.write(2, b"\nstopping after this step; once more to stop at once\n")

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
