"""Points of the progress of a process at which it, or those beside it, get a signal.

    point = Point(out, tmp_path / "log", "rename .*json", number=3, to="group")
    process = builds.start(*flags, environment=point.environment())
    ...
    assert len(point.steps()) == 3

The point is reached however fast or slow the machine is.
"""

import dataclasses
import json
import os
import signal
from pathlib import Path

from tests.helpers.processes import PATIENCE_S, wait_for
from tests.helpers.site.sitecustomize import watch

SITE = Path(__file__).parent / "site"


@dataclasses.dataclass(frozen=True)
class Point:
    """A step of a process, told by what it is about to do to a file; `watch` explains the rest."""

    folder: Path
    log: Path
    pattern: str
    number: int = 1
    kind: signal.Signals = signal.SIGKILL
    to: str = "self"

    def environment(self):
        """Returns what a process needs in its environment; those it starts inherit it."""
        paths = [str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
        fields = {k: str(v) if isinstance(v, Path) else v for k, v in vars(self).items()}
        return {"PYTHONPATH": os.pathsep.join(paths), "I3D_TEST_POINT": json.dumps(fields)}

    def watch_here(self):
        """Watches this process, for ever: for one that was forked."""
        watch(str(self.folder), str(self.log), self.pattern, self.number, self.kind, self.to)

    def steps(self):
        """Returns the steps up to now that fit the pattern, without their process ids."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.split(maxsplit=1)[1].rstrip() for line in lines]

    def wait(self, process):
        """Waits until a process that was started has come to the point."""
        wait_for(
            lambda: len(self.steps()) >= self.number or process.poll() is not None,
            f"step {self.number} of {self.pattern!r}",
            5 * PATIENCE_S,
        )
        assert process.poll() is None or self.kind == signal.SIGKILL, process.communicate()
