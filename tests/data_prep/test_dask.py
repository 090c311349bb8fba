"""The Beam pipeline on a Dask cluster of processes of their own: same bytes, a worker killed."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.helpers.builds import QUICK, build
from tests.helpers.points import Point
from tests.helpers.processes import ROOT, contents
from tests.helpers.videos import write_folder

pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
pytestmark = pytest.mark.long

RUNNER = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
PARTS = "--dask_npartitions=12"  # without it, one worker does everything


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
def cluster(*environments):
    """Context: address of a scheduler with a worker process, of one thread, per environment."""
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as scheduler:
        address = scheduler.scheduler_address
        line = [sys.executable, "-m", "distributed.cli.dask_worker", address]
        line += ["--nthreads=1", "--no-nanny", "--no-dashboard"]
        workers = [
            subprocess.Popen(line, cwd=ROOT, env=os.environ | one, stderr=subprocess.DEVNULL)
            for one in environments
        ]
        try:
            with distributed.Client(address) as client:
                client.wait_for_workers(len(workers), timeout=60)
            yield address, workers
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()


def options(address):
    return ("--runner=beam", "--", RUNNER, f"--dask_client_address={address}", PARTS)


@pytest.mark.slow
def test_same_bytes_as_local_workers(videos, reference, tmp_path):
    with cluster({}, {}) as (address, _):
        result = build(f"--videos={videos}", f"--out={tmp_path}", *QUICK, *options(address))
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path) == reference


def test_a_worker_that_is_killed(videos, reference, tmp_path):
    out = tmp_path / "set"
    point = Point(out, tmp_path / "log", r"rename \.build/.*tfrecord", 2)
    with cluster(point.environment(), {}) as (address, workers):
        result = build(f"--videos={videos}", f"--out={out}", *QUICK, *options(address))
        assert workers[0].wait(10) == -signal.SIGKILL
    assert result.returncode == 0, result.stderr
    assert contents(out) == reference
