"""Speed-up of two worker processes of a Dask cluster over one, for `--runner=beam`.

    python -m benchmarks.workers                     # needs the extras [beam] and [dask]

Each worker has one processor to itself, as a machine of a cluster would: it decodes drawn videos
and runs the demo network on them. `python -m i3d.extract_features` is timed on a part of the videos
and on all of them; the rate is that of the further videos, so that what every run begins with (the
network is loaded by the command and by each worker) does not count. Clusters of one and of two
workers take turns. Exit status 0.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags

from i3d.visual.figures import render

VIDEOS = flags.DEFINE_integer("videos", 192, "videos", 64)
FEW = 32  # of them, of the short run
REPEATS = flags.DEFINE_integer("repeats", 3, "timed runs of each cluster", 1)
ACTIONS = ("jumping_jacks", "kicking", "walking_left")
RUNNER = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
THREADS = {
    name: "1" for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
}


@contextlib.contextmanager
def cluster(count, folder):
    """Context: address of a scheduler with `count` workers, each pinned to a processor."""
    file = folder / f"scheduler{time.time()}"
    with contextlib.ExitStack() as processes:
        scheduler = ["scheduler", f"--scheduler-file={file}", "--port=0"]
        start(processes, scheduler)
        while not (file.exists() and file.read_text()):
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        for processor in sorted(os.sched_getaffinity(0))[:count]:
            start(processes, ["worker", address, "--nthreads=1", "--no-nanny"], processor)
        yield address


def start(processes, words, processor=None):
    """Starts a process of a cluster, which is ended with the context `processes`."""
    line = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", "--no-dashboard", *words[1:]]
    if processor is not None:
        line = ["taskset", "--cpu-list", str(processor), *line]
    process = subprocess.Popen(line, env=os.environ | THREADS, stderr=subprocess.DEVNULL)
    processes.callback(process.wait)
    processes.callback(process.terminate)


def seconds(videos, out, address):
    """Returns how long the command takes for these videos."""
    line = [sys.executable, "-m", "i3d.extract_features", "--checkpoint=demo_rgb", f"--out={out}"]
    options = [RUNNER, f"--dask_client_address={address}", f"--dask_npartitions={len(videos)}"]
    begin = time.monotonic()
    words = [*line, "--runner=beam", *videos, "--", *options]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.monotonic() - begin


def rate(videos, workers, folder):
    """Returns videos per second beyond the first ones, on a cluster of so many workers."""
    with cluster(workers, folder) as address:
        times = []
        for some in (videos[:FEW], videos):
            out = folder / f"rows{time.time()}.npz"
            times.append(seconds(some, out, address))
    return (len(videos) - FEW) / (times[1] - times[0])


def main(argv):
    del argv
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        each = -(-VIDEOS.value // len(ACTIONS))
        render.write_videos(folder / "videos", each, actions=ACTIONS, height=240, width=320)
        videos = sorted(map(str, (folder / "videos").rglob("*.mp4")))[: VIDEOS.value]
        rates = {1: [], 2: []}
        for _ in range(REPEATS.value):
            for workers, found in rates.items():
                found.append(rate(videos, workers, folder))
        one, two = (statistics.median(found) for found in rates.values())
    print(
        f"{len(videos)} videos: {one:.2f} videos/s with one worker, {two:.2f} with two: "
        f"{two / one:.2f} times as fast (medians of {REPEATS.value})"
    )


if __name__ == "__main__":
    app.run(main)
