"""Killed before any step, what writes files goes on to the same end, and leaves nothing else.

tests/helpers/kill_flows.py says what is killed, tests/helpers/sweep.py what a step is.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import kill_flows
from tests.helpers.processes import has_proc

pytestmark = pytest.mark.skipif(not has_proc(), reason="open folders are looked up in /proc")
ROOT = Path(__file__).parents[1]
# Of steps; fewer would say that some are not seen.
LEAST = {"download": 12, "training": 60, "train": 20, "build": 60, "lost_shard": 60, "filter": 20}


def kills(name, folder, *more):
    """Returns how often a flow was killed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.sweep", name, str(folder), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    count = int(done.stdout.split()[-1])  # after what the commands print
    print(f"{name}: {count} kills")
    return count


@pytest.mark.long
@pytest.mark.parametrize("name", ["pickle_repaired", "download", "labels", "filter"])
def test_killed_at_every_step(name, tmp_path):
    assert kills(name, tmp_path / "sweep") >= LEAST.get(name, 30)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(kill_flows.FLOWS))
def test_killed_at_every_step_and_once_more_on_the_way(name, tmp_path):
    more = [] if name == "train" else ["twice"]  # which takes a second for each of its steps
    assert kills(name, tmp_path / "sweep", *more) >= LEAST.get(name, 30)
