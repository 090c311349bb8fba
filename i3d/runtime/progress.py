"""Shows the progress of long work: a bar on a terminal, a line now and then elsewhere.

for item in tracked(items, total=100, unit="frame", what="flow"):
    ...
with Progress(total=120, unit="video", done=30, part="window") as progress:
    progress.add_parts(8)                        # of a long video that is still being read
    progress.add()
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

LINE_EVERY_S = 10.0
_Item = TypeVar("_Item")


class Progress:
    """Counts units, and parts of them; writes counts, rates and time left to standard error.

    Attributes:
      note: what is shown after the counts, such as "12 kept".
    """

    def __init__(
        self,
        total: int | None = None,
        unit: str = "it",
        what: str = "",
        *,
        done: int = 0,
        part: str = "frame pair",
        first_apart: bool = False,
    ) -> None:
        """Starts the clock.

        Args:
          total: number of units, those of an earlier run too; None where it is not known.
          unit: name of a unit.
          what: name of the work.
          done: units that an earlier run did; the rate is that of this run.
          part: name of a part of a unit.
          first_apart: whether the first unit, as one that compiles, does not count in the rate.
        """
        self._total, self._unit, self._what, self._part = total, unit, what, part
        self._count = self._done = self._timed_from = done
        self._parts, self._printed, self._first_apart = 0, (done, 0), first_apart
        self._start = self._last = time.monotonic()
        self.note = ""
        self._bar = self._opened_bar()

    def _opened_bar(self):
        """Returns a bar that begins at what is done, None where there is no terminal."""
        if not sys.stderr.isatty():
            return None
        shown = {"desc": self._what, "total": self._total, "unit": f" {self._unit}"}
        return _Bar(**shown, initial=self._timed_from, dynamic_ncols=True)

    def add(self, parts: int = 0) -> None:
        """Counts one unit more, and parts that were not counted yet."""
        self._count += 1
        self._parts += parts
        self._show(1)
        if self._first_apart:
            self._first_apart, self._timed_from = False, self._count
            self._start = time.monotonic()
            if self._bar is not None:
                self._bar.leave = False
                self._bar.close()
                self._bar = self._opened_bar()

    def add_parts(self, count: int) -> None:
        """Counts parts of a unit that is not done yet."""
        self._parts += count
        self._show(0)

    def _show(self, units):
        now = time.monotonic()
        if self._bar is not None:
            if self._parts or self.note:
                self._bar.set_postfix_str(self._postfix(now), refresh=not units)
            self._bar.update(units)
        elif now - self._last >= LINE_EVERY_S:
            self._print_line(now)
            self._last = now

    def __enter__(self) -> "Progress":
        """Returns itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the bar, or prints the end where a line was printed before."""
        if self._bar is not None:
            self._bar.close()
        elif (self._done, 0) < self._printed < (self._count, self._parts):
            self._print_line(time.monotonic())

    def _postfix(self, now):
        return ", ".join(filter(None, (self._parts_done(now), self.note)))

    def _parts_done(self, now):
        if not self._parts:
            return ""
        rate = self._parts / max(now - self._start, 1e-9)
        return f"{self._parts} {self._part}{'s' * (self._parts != 1)}, {rate:.1f}/s"

    def _print_line(self, now):
        line = _Bar.format_meter(
            self._count,
            self._total,
            0 if self._first_apart else now - self._start,
            ncols=0,
            prefix=self._what,
            unit=f" {self._unit}",
            postfix=self._postfix(now) or None,
            initial=self._timed_from,
        )
        print(line, file=sys.stderr, flush=True)
        self._printed = self._count, self._parts


class NoProgress:
    """Takes what a Progress takes and shows nothing: of work that is watched from elsewhere."""

    def add(self, parts: int = 0) -> None:
        """Nothing."""

    def add_parts(self, count: int) -> None:
        """Nothing."""

    def __enter__(self) -> "NoProgress":
        """Returns itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing."""


class _Bar(tqdm):
    """A bar whose units are plural, and have no blank before them after a slash."""

    @staticmethod
    def format_meter(n, total, elapsed, *args, **kwargs):
        """Returns tqdm's line: "9 frames [00:10, 1.12s/frame]"."""
        unit, line = kwargs["unit"], tqdm.format_meter(n, total, elapsed, *args, **kwargs)
        if total is None and n != 1:
            line = line.replace(f"{n}{unit} [", f"{n}{unit}s [", 1)
        return line.replace(f"s/{unit}", f"s/{unit.strip()}")


def tracked(
    items: Iterable[_Item], total: int | None = None, unit: str = "it", what: str = ""
) -> Iterator[_Item]:
    """Yields the items; count, rate and time left go to standard error."""
    with Progress(total, unit, what) as progress:
        for item in items:
            yield item
            progress.add()
