"""The Beam pipeline on a Dask cluster of processes of their own: same bytes, a worker killed."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.helpers.builds import QUICK, build
from tests.helpers.points import Point
from tests.helpers.processes import ROOT, contents, wait_for
from tests.helpers.videos import write_folder

pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
if not importlib.util.find_spec("distributed"):
    pytest.skip("the extra [dask] is not installed", allow_module_level=True)
pytestmark = pytest.mark.long

RUNNER = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
PARTS = "--dask_npartitions=12"  # without it, one worker does everything
READY = "import sys, distributed as d; d.Client(sys.argv[1]).wait_for_workers(int(sys.argv[2]), 60)"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of 12 videos."""
    return write_folder(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def reference(videos, tmp_path_factory):
    """The files of the data set that a local worker built of them."""
    out = tmp_path_factory.mktemp("reference") / "set"
    assert build(f"--videos={videos}", f"--out={out}", *QUICK).returncode == 0
    return contents(out)


@contextlib.contextmanager
def cluster(file, *environments):
    """Context: (address of a scheduler, its worker processes), of one thread, per environment.

    All are processes of their own: an import of distributed changes how exceptions are pickled.
    """
    with contextlib.ExitStack() as processes:
        start(processes, "scheduler", f"--scheduler-file={file}", "--port=0")
        wait_for(lambda: file.exists() and file.read_text(), "the scheduler's file")
        address = json.loads(file.read_text())["address"]
        flags = (address, "--nthreads=1", "--no-nanny")
        workers = [start(processes, "worker", *flags, **more) for more in environments]
        line = [sys.executable, "-c", READY, address, str(len(workers))]
        subprocess.run(line, check=True, timeout=120)
        yield address, workers


def start(processes, kind, *flags, **more):
    """Starts a process of a cluster, which is ended with the context `processes`."""
    line = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *flags]
    started = subprocess.Popen(line, cwd=ROOT, env=os.environ | more, stderr=subprocess.DEVNULL)
    processes.callback(started.wait)
    processes.callback(started.terminate)
    return started


def options(address):
    return ("--runner=beam", "--", RUNNER, f"--dask_client_address={address}", PARTS)


@pytest.mark.slow
def test_same_bytes_as_local_workers(videos, reference, tmp_path):
    with cluster(tmp_path / "scheduler", {}, {}) as (address, _):
        result = build(f"--videos={videos}", f"--out={tmp_path / 'set'}", *QUICK, *options(address))
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "set") == reference


def test_a_worker_that_is_killed(videos, reference, tmp_path):
    out = tmp_path / "set"
    point = Point(out, tmp_path / "log", r"rename \.build/.*tfrecord", 2)
    with cluster(tmp_path / "scheduler", point.environment(), {}) as (address, workers):
        result = build(f"--videos={videos}", f"--out={out}", *QUICK, *options(address))
        assert workers[0].wait(10) == -signal.SIGKILL
    assert result.returncode == 0, result.stderr
    assert contents(out) == reference
