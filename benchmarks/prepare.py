"""Speed of data preparation: against a plain OpenCV loop, and of two workers against one.

    python benchmarks/prepare.py --clips=DIR            # or I3D_TEST_CLIPS, or generated videos

Both sides decode, scale to a shorter side of 256, compute TV-L1 flow and write JPEG files, in
one thread, taking turns clip by clip. Then the whole command runs with one worker and with two.
Exit status 1 where two workers are not at least 1.85 times as fast as one.
"""

import csv
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import av
import cv2
import numpy as np
from absl import app, flags

from data_prep import shards
from i3d.data.build_settings import BuildSettings
from i3d.video import frames, inputs
from i3d.video.lists import is_video_name
from i3d.visual.figures import render

CLIPS = flags.DEFINE_string("clips", os.environ.get("I3D_TEST_CLIPS"), "folder of videos")
COUNT = flags.DEFINE_integer("count", 6, "clips for the comparison with OpenCV", 1)
PIECES = flags.DEFINE_integer("pieces", 96, "pieces of one second for one worker against two", 2)
REPEATS = flags.DEFINE_integer("repeats", 3, "timed runs of one worker and of two", 1)
REQUIRED = 1.85  # two workers against one
PAIRS = 12  # frame pairs of a clip for the comparison with OpenCV
PIECE_PAIRS = 24  # of a piece of one second
ROOT = Path(__file__).parents[1]


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    cv2.setNumThreads(1)
    print(f"{processor()}\n{versions()}\nload average {load()}")
    with tempfile.TemporaryDirectory() as folder:
        pieces = one_second_pieces(CLIPS.value or generated(folder))
        compare_with_opencv(spread(pieces, COUNT.value), folder)
        return compare_workers(spread(pieces, PIECES.value), folder)


def processor():
    """Returns the processor's name and the number of them."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(": ")[1] for line in info.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    return f"{name}, {os.cpu_count()} processors"


def versions():
    """Returns the versions of what does the work."""
    names = ("av", "opencv-contrib-python-headless", "numba", "numpy", "tensorflow")
    python = f"Python {platform.python_version()}, "
    return python + ", ".join(f"{name} {version(name)}" for name in names)


def load():
    """Returns the load average of the last minute; others' work makes times longer."""
    return f"{os.getloadavg()[0]:.1f}"


def generated(folder):
    """Returns a folder of synthetic videos."""
    render.write_videos(Path(folder) / "clips", 6, height=256, width=340)
    return Path(folder) / "clips"


def one_second_pieces(clips):
    """Returns [(path, start in seconds)] of the folder's videos, all starts of 0 first."""
    found = sorted(p for p in Path(clips).rglob("*") if is_video_name(p.name))
    pieces = []
    for path in found:
        try:
            seconds = frames.stated(path)[2]
        except frames.VideoError:
            continue
        pieces += [(path, start) for start in range(int((seconds or 0) - 0.5))]
    if not pieces:
        raise app.UsageError(f"--clips: no video of two seconds in {clips}")
    return sorted(pieces, key=lambda piece: piece[1])


def spread(pieces, count):
    """Returns `count` pieces from all over the list."""
    return [pieces[i * len(pieces) // count] for i in range(min(count, len(pieces)))]


def compare_with_opencv(pieces, folder):
    """Prints seconds per frame pair of both sides, and medians."""
    sides = (plain_loop, one_worker)
    for side in sides:
        side(*pieces[0], folder)  # compiles, fills caches
    print(f"\n{'clip':26s} {'size':>9s} {'OpenCV loop':>15s} {'data_prep':>15s}   ratio")
    rows = []
    for path, start in pieces:
        times = [timed(side, path, start, folder) for side in sides]
        rows.append((*times, times[0] / times[1]))
        height, width, _ = frames.stated(path)
        print_row(path.stem[:26], f"{width}x{height}", *rows[-1])
    print_row("median", "", *(statistics.median(column) for column in zip(*rows, strict=True)))
    print(f"load average {load()}")


def print_row(name, size, plain, ours, ratio):
    """Prints a line of the comparison."""
    print(f"{name:26s} {size:>9s} {plain:8.3f} s/pair {ours:8.3f} s/pair {ratio:6.1f}x", flush=True)


def timed(side, path, start, folder):
    """Returns the seconds per frame pair."""
    begin = time.perf_counter()
    pairs = side(path, start, folder)
    return (time.perf_counter() - begin) / pairs


def plain_loop(path, start, folder):
    """Decodes, scales, takes OpenCV's TV-L1 and writes JPEG files; returns the frame pairs."""
    tvl1 = cv2.optflow.DualTVL1OpticalFlow_create()
    previous, pairs = None, 0
    with av.open(str(path)) as container, open(Path(folder) / "plain", "wb") as out:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time < start:
                continue
            picture = frame.to_ndarray(format="bgr24")
            scale = 256 / min(picture.shape[:2])
            picture = cv2.resize(picture, None, fx=scale, fy=scale)
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            out.write(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
            if previous is not None:
                flow = tvl1.calc(previous, grey, None)
                levels = np.clip(np.rint(flow * (127 / 20)) + 128, 1, 255).astype(np.uint8)
                both = np.concatenate([levels[..., 0], levels[..., 1]])
                out.write(cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
                pairs += 1
            if pairs == PAIRS:
                break
            previous = grey
    return pairs


def one_worker(path, start, folder):
    """Writes one shard as a worker does; returns the frame pairs."""
    item = inputs.Item("clip", str(path), 0, start, start + (PAIRS + 1) / 25)
    shard = str(Path(folder) / "shard")
    report = shards.write_shard(
        shards.ShardTask(shard, f"{shard}.json", (item,), BuildSettings(), strict=True)
    )
    return report["frames"] - 1


def compare_workers(pieces, folder):
    """Prints the times of the whole command with one worker and two; returns the exit status."""
    if os.cpu_count() < 2:
        print("\none processor: two workers are not compared with one")
        return 0
    table = Path(folder) / "pieces.csv"
    with open(table, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "start_s", "end_s"])
        rows.writerows([path.resolve(), "any", start, start + 1] for path, start in pieces)
    print(f"\nthe whole command on {len(pieces)} pieces of {PIECE_PAIRS} frame pairs")
    seconds = {1: [], 2: []}
    for number in range(REPEATS.value):
        for workers, times in seconds.items():
            taken, busy = command_seconds(table, f"{folder}/set{number}{workers}", workers)
            times.append(taken)
            rate = len(pieces) * PIECE_PAIRS / taken
            print(f"{workers} workers: {taken:6.1f} s, {rate:5.1f} pairs/s, ", end="")
            print(f"{busy:6.1f} s of processor time, load average {load()}", flush=True)
    ratio = statistics.median(seconds[1]) / statistics.median(seconds[2])
    print(f"two workers against one, of medians: {ratio:.2f}x (required: {REQUIRED}x)")
    return int(ratio < REQUIRED)


def command_seconds(table, out, workers):
    """Returns (seconds, seconds of processor time) of a build, from its call to its end."""
    command = [sys.executable, "-m", "data_prep", "build", f"--videos={table}", f"--out={out}"]
    begin, busy = time.perf_counter(), processor_seconds()
    result = subprocess.run(
        [*command, "--video_root=/", f"--workers={workers}", "--num_shards=32"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        sys.exit(f"the build failed:\n{result.stderr}")
    return time.perf_counter() - begin, processor_seconds() - busy


def processor_seconds():
    """Returns what the processes that were waited for have used, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    app.run(main)
