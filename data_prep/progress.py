"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere.

for item in tracked(items, total=100, unit="frame", what="flow"):
    ...
"""

import sys
import time

from tqdm import tqdm

LINE_EVERY_S = 10.0


def tracked(items, total=None, unit="it", what=""):
    """Yields the items; count, rate and time left go to standard error.

    Args:
      items: any iterable.
      total: how many there are, if known; without it no time left is told.
      unit: what one item is.
      what: what the work is, shown before the count.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, unit=f" {unit}", dynamic_ncols=True)
        return
    start = last = time.monotonic()
    count = 0
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            _print_line(count, total, now - start, unit, what)
            last = now
    if last > start:  # something was told, so tell the end too
        _print_line(count, total, time.monotonic() - start, unit, what)


def _print_line(count, total, elapsed, unit, what):
    line = tqdm.format_meter(count, total, elapsed, ncols=0, prefix=what, unit=f" {unit}")
    print(line, file=sys.stderr, flush=True)
