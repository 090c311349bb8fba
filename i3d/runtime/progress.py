"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere.

for item in tracked(items, total=100, unit="frame", what="flow"):
    ...
with Progress(total=120, unit="video") as progress:
    progress.add(frames=250)
"""

import sys
import time

from tqdm import tqdm

LINE_EVERY_S = 10.0


class Progress:
    """Counts units, and frames beside them; tells count, rate and time left on standard error."""

    def __init__(self, total=None, unit="it", what=""):
        """`total` is the number of units, None where it is not known."""
        self._total, self._unit, self._what = total, unit, what
        self._count = self._frames = self._told = 0
        self._start = self._last = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(desc=what, total=total, unit=f" {unit}", dynamic_ncols=True)

    def add(self, frames=0):
        """Counts one unit more, of so many frames."""
        self._count += 1
        self._frames += frames
        now = time.monotonic()
        if self._bar is not None:
            if self._frames:
                self._bar.set_postfix_str(self._frame_rate(now), refresh=False)
            self._bar.update()
        elif now - self._last >= LINE_EVERY_S:
            self._print_line(now)
            self._last = now

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *error):
        """Closes the bar, or tells the end where a line was told before."""
        if self._bar is not None:
            self._bar.close()
        elif 0 < self._told < self._count:
            self._print_line(time.monotonic())

    def _frame_rate(self, now):
        return f"{self._frames / max(now - self._start, 1e-9):.1f} frame pairs/s"

    def _print_line(self, now):
        line = tqdm.format_meter(
            self._count,
            self._total,
            now - self._start,
            ncols=0,
            prefix=self._what,
            unit=f" {self._unit}",
            postfix=self._frame_rate(now) if self._frames else None,
        )
        print(line, file=sys.stderr, flush=True)
        self._told = self._count


def tracked(items, total=None, unit="it", what=""):
    """Yields the items; count, rate and time left go to standard error."""
    with Progress(total, unit, what) as progress:
        for item in items:
            yield item
            progress.add()
