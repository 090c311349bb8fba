"""Speed and agreement of TV-L1 flow: i3d.flow.tvl1.pair against OpenCV's DualTVL1, one thread each.

    python benchmarks/flow.py --clips=folder/of/videos     # default: I3D_TEST_CLIPS, or textures

One pair of frames a clip, shorter side 256. Seconds are CPU seconds of the calling thread, least
of several calls, the two methods in turn. "error" is the mean end-point difference to OpenCV in
pixels; "itself" is OpenCV's to itself when tau and lambda change by 2e-7, which no implementation
can beat: on some clips the method is chaotic. Pairs that hardly differ stop early and are told
apart. Exits with status 1 if moving pairs are less than 16 times as fast (geometric mean), or an
error is above 0.01 pixel + 3 times OpenCV's own.
"""

import itertools
import os
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import llvmlite.binding
import numba
import numpy as np
from absl import app, flags

from i3d.flow.tvl1.pair import tvl1_flow
from i3d.video import frames as video_frames

CLIPS = flags.DEFINE_string("clips", os.environ.get("I3D_TEST_CLIPS"), "folder of videos")
LIMIT = flags.DEFINE_integer("limit", 24, "clips at most, from all folders in turn", 1)
THREADS = flags.DEFINE_integer("threads", 1, "also time this many threads at once, if above 1", 1)
FASTER, NEAR_PX, OWN_ERRORS = 16, 0.01, 3
MOVING = 1.0  # mean grey difference, levels
FIRST_FRAME = 20
SUFFIXES = (".avi", ".mp4", ".mkv", ".mov", ".webm", ".gif")


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    cv2.setNumThreads(1)
    print(f"{processor()}\nOpenCV {cv2.__version__}, numba {numba.__version__}")
    pairs = dict(clip_pairs(CLIPS.value) if CLIPS.value else texture_pairs())
    print_first_call(next(iter(pairs.values())))
    print(
        f"\n{'clip':32} {'size':>9} {'change':>6} {'OpenCV s':>8} {'ours s':>7} {'ratio':>6}"
        f" {'error':>7} {'itself':>7}"
    )
    rows = {name: row for name, pair in pairs.items() if (row := compared(name, pair))}
    moving = [row for row in rows.values() if row["change"] >= MOVING]
    if not moving:
        raise SystemExit("No pair of frames moves: name another folder with --clips.")
    summary("near-static", [row for row in rows.values() if row["change"] < MOVING])
    ratio = summary("moving", moving)
    if THREADS.value > 1:
        print_scaling(list(pairs.values()))
    apart = [n for n, row in rows.items() if row["error"] > NEAR_PX + OWN_ERRORS * row["itself"]]
    for name in apart:
        print(f"{name} differs by more than {NEAR_PX} px + {OWN_ERRORS} times OpenCV's own.")
    sys.exit(int(ratio < FASTER or bool(apart)))


def processor():
    """Returns the processor's name, count and vector instructions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line]
    present = llvmlite.binding.get_host_cpu_features()
    vectors = [name for name in ("sse4.2", "avx2", "avx512f", "neon") if present.get(name)]
    return f"{names[0] if names else 'processor'}, {os.cpu_count()} processors, {vectors[-1:]}"


def clip_pairs(folder):
    """Yields (name, (previous, following)), grey images of clips taken from each folder in turn."""
    folders = defaultdict(list)
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            folders[path.parent].append(path)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*folders.values()))
    found = 0
    for path in filter(None, turns):
        if found == LIMIT.value:
            return
        try:
            frames = itertools.islice(video_frames.read_frames(path), FIRST_FRAME, FIRST_FRAME + 2)
            pair = tuple(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
        except video_frames.VideoError as error:
            print(f"left out: {error}")
            continue
        if len(pair) < 2:
            print(f"left out: {path} has no frame {FIRST_FRAME + 1}")
            continue
        found += 1
        yield path.name, pair


def texture_pairs():
    """Yields (name, pair) of smooth random textures under different movements."""
    random = np.random.default_rng(0)
    for number in range(12):
        coarse = random.integers(0, 256, (32, 40), np.uint8)
        texture = cv2.resize(coarse, (400, 320), interpolation=cv2.INTER_CUBIC)
        matrix = cv2.getRotationMatrix2D((200, 160), 0.1 * number, 1 + 0.002 * number)
        matrix[:, 2] += random.uniform(-2, 2, 2)
        moved = cv2.warpAffine(texture, matrix, (400, 320), flags=cv2.INTER_CUBIC)
        views = (np.ascontiguousarray(image[32:288, 30:370]) for image in (texture, moved))
        yield f"texture {number}", tuple(views)


def compared(name, pair):
    """Prints and returns the figures of one pair."""
    taken, fields = {"opencv": [], "ours": []}, {}
    for method in ("ours", "opencv", "ours", "ours", "opencv", "ours"):
        started = time.thread_time()
        fields[method] = METHODS[method](*pair)
        taken[method].append(time.thread_time() - started)
    itself = METHODS["opencv"](*pair, change=2e-7)
    change = np.abs(pair[0].astype(float) - pair[1]).mean()
    row = {
        "change": change,
        "opencv": min(taken["opencv"]),
        "ours": min(taken["ours"]),
        "error": float(np.linalg.norm(fields["ours"] - fields["opencv"], axis=2).mean()),
        "itself": float(np.linalg.norm(itself - fields["opencv"], axis=2).mean()),
    }
    row["ratio"] = row["opencv"] / row["ours"]
    size = f"{pair[0].shape[1]}x{pair[0].shape[0]}"
    print(
        f"{name[:32]:32} {size:>9} {change:6.2f} {row['opencv']:8.3f} {row['ours']:7.4f}"
        f" {row['ratio']:6.1f} {row['error']:7.4f} {row['itself']:7.4f}",
        flush=True,
    )
    return row


def opencv_flow(previous, following, change=0.0):
    """Returns DualTVL1's flow, its tau and lambda raised by a relative change."""
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    method.setTau(method.getTau() * (1 + change))
    method.setLambda(method.getLambda() * (1 + change))
    return method.calc(previous, following, None)


METHODS = {"opencv": opencv_flow, "ours": tvl1_flow}


def print_first_call(pair):
    started = time.perf_counter()
    tvl1_flow(*pair)
    taken = time.perf_counter() - started
    print(f"first call {taken:.1f} s (about ten where it compiles, under one from its cache)")


def summary(kind, rows):
    """Prints the figures of several pairs and returns the geometric mean of their ratios."""
    if not rows:
        return None
    ratio = statistics.geometric_mean(row["ratio"] for row in rows)
    error, itself = (statistics.median(row[key] for row in rows) for key in ("error", "itself"))
    ours = statistics.median(row["ours"] for row in rows)
    print(
        f"{len(rows)} {kind} pairs: {ratio:.1f} times as fast, median error {error:.4f} px"
        f" (OpenCV's own {itself:.4f}), median {1e3 * ours:.1f} ms a pair"
    )
    return ratio


def print_scaling(pairs):
    """Prints pairs per second of one thread and of several."""
    for count in (1, THREADS.value):
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda pair: tvl1_flow(*pair), pairs))  # buffers of each thread
            started = time.perf_counter()
            list(pool.map(lambda pair: tvl1_flow(*pair), pairs * 3))
            taken = time.perf_counter() - started
        print(f"{count} thread(s): {3 * len(pairs) / taken:.1f} pairs/s")


if __name__ == "__main__":
    app.run(main)
