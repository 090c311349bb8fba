"""A Dask cluster of processes of their own, on this machine."""

import contextlib
import json
import os
import subprocess
import sys

from tests.helpers.processes import ROOT, wait_for

RUNNER = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
PARTS = "--dask_npartitions=12"  # without it, one worker does everything
READY = "import sys, distributed as d; d.Client(sys.argv[1]).wait_for_workers(int(sys.argv[2]), 60)"


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
