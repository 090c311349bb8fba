"""Speed of feature extraction: videos decoded ahead of the network, or one after the other.

    python -m benchmarks.features                                   # synthetic videos
    python -m benchmarks.features --clips=DIR --model=inception_i3d --precision=bfloat16
    python -m benchmarks.features --windows                         # rows for localization
    python -m benchmarks.features --windows --checkpoint=rgb_scratch

"ahead" is what `python -m i3d.extract_features` does. "in sequence" decodes a video, runs the
network on its views, then takes the next one. "network alone" has the views in memory: the bound
that "ahead" nears where the processors that decode are not those that compute. The sides take turns
in one run; rates count from the first finished video to the last. Before that the command itself
runs on the same videos, views as published, and the memory of its largest process is printed. Exit
status 1 where ahead is not at least 1.1 times as fast as in sequence, or that process takes more
than LARGEST_MB.

--windows times the preset thumos_i3d (windows of 16 frames, stride 4) instead: frames of the video
per second from file to rows, with the demo networks of RGB and flow, and with --checkpoint; beside
them decoding and flow alone, in one process. Its exit status is 0.
"""

import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags

from i3d.inference import decoding
from i3d.inference.average import Sums
from i3d.inference.views import ViewsOf
from i3d.runtime import quiet
from i3d.spec import asked
from i3d.video import frames
from i3d.video.lists import is_video_name
from i3d.visual.figures import render
from i3d.weights import zoo

# TensorFlow is imported by functions: decoding processes import this file.

MODEL = flags.DEFINE_string("model", "tsn_r50_1x1x3", "name in the catalogue")
PRECISION = flags.DEFINE_enum(
    "precision", "float32", ["float32", "bfloat16"], "precision of the network"
)
CLIPS = flags.DEFINE_string("clips", None, "folder of videos; default: synthetic ones")
VIDEOS = flags.DEFINE_integer("videos", 26, "videos of a timed run", 3)
VIEWS = flags.DEFINE_integer("views", 3, "clips of each video, or segments", 1)
WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "processes that decode", 1)
BATCH = flags.DEFINE_integer("batch_size", 1, "views at a time", 1)
REPEATS = flags.DEFINE_integer("repeats", 3, "timed runs of each side", 1)
WINDOWS = flags.DEFINE_boolean("windows", False, "time rows of windows of frames instead")
CHECKPOINT = flags.DEFINE_multi_string("checkpoint", [], "of --windows, beside the demo networks")
COMMAND = flags.DEFINE_boolean("command", True, "run the command, and print its memory")
REQUIRED = 1.1
LARGEST_MB = 1500  # of TSN; a larger network may take more


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    tf = quiet.import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        paths = chosen(CLIPS.value or drawn(folder, render.ACTIONS[: 1 if WINDOWS.value else None]))
        if WINDOWS.value:
            print(f"{device(tf)}, TensorFlow {tf.__version__}, load {os.getloadavg()[0]:.1f}")
            for names in filter(None, (["demo_rgb", "demo_flow"], CHECKPOINT.value)):
                time_windows(names, paths[0])
            return 0
        spec = asked(zoo.default_spec(MODEL.value), clips=VIEWS.value, crops=1)
        network, views_of = built(spec), ViewsOf(spec)
        print(f"{device(tf)}, TensorFlow {tf.__version__}, load average {os.getloadavg()[0]:.1f}")
        megabytes = peak_of_command(paths, folder) if COMMAND.value else 0
        print(f"{len(paths)} videos, views of {spec.view_shape}: {spec.num_views} each; ", end="")
        print(f"{WORKERS.value} workers, batches of {BATCH.value}, {PRECISION.value}")
        return compare(paths, views_of, network) or int(megabytes > LARGEST_MB)


def peak_of_command(paths, folder):
    """Returns the megabytes of the largest process of extract_features on the videos."""
    from i3d import models

    spec = zoo.default_spec(MODEL.value)
    weights, listed = Path(folder, "a.weights.h5"), Path(folder, "list.txt")
    models.build(MODEL.value, channels=spec.channels, size=spec.crop).save_weights(weights)
    listed.write_text("".join(f"{os.path.abspath(path)}\n" for path in paths))
    command = [sys.executable, "-m", "i3d.extract_features", f"--model={MODEL.value}"]
    command += [f"--checkpoint={weights}", f"--video_list={listed}", "--video_root=/"]
    command += [f"--out={Path(folder, 'a.npz')}", f"--precision={PRECISION.value}"]
    begin = time.perf_counter()
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - begin
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(f"command: {seconds:.1f} s, {spec.num_views} view(s) a video, ", end="")
    print(f"largest process {megabytes:.0f} MB (at most {LARGEST_MB} MB)")
    return megabytes


def device(tf):
    """Returns the GPU's name, or the number of processors."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return f"{name}, {os.cpu_count()} processors"
    return f"{os.cpu_count()} processors, no GPU"


def drawn(folder, actions):
    """Returns a folder of synthetic videos, one of each action."""
    render.write_videos(folder, 1, actions=actions, height=480, width=640)
    return folder


def chosen(folder):
    """Returns as many paths as were asked for, from all over the folder, some again if need be."""
    found = sorted(p for p in Path(folder).rglob("*") if is_video_name(p.name))
    if not found:
        raise app.UsageError(f"--clips: no video in {folder}")
    step = max(1, len(found) // VIDEOS.value)
    return [str(path) for path in itertools.islice(itertools.cycle(found[::step]), VIDEOS.value)]


def built(spec):
    """Returns the network up to its features, with random weights, folded."""
    from i3d import models
    from i3d.inference import network

    model = network.build(MODEL.value, spec, 400, precision=PRECISION.value, frames=spec.length)
    folded = models.fold_batch_norm(model)
    return network.Network(network.ending_at(folded, "features"), spec, 400)


def compare(paths, views_of, network):
    """Prints videos/s of each side, medians and ratios; returns the exit status."""
    import tensorflow as tf

    from i3d.features import run

    strategy = tf.distribute.get_strategy()
    in_memory = decoded(paths, views_of)
    paths = [path for path in paths if path in in_memory]
    sides = {
        "in sequence": lambda: one_by_one(paths, views_of, network),
        "ahead": lambda: run.extracted(
            paths, views_of, network, strategy, WORKERS.value, BATCH.value
        ),
        "network alone": lambda: one_by_one(paths, in_memory.get, network),
    }
    rates = {name: [] for name in sides}
    for _ in range(REPEATS.value):
        for name, side in sides.items():
            rates[name].append(rate(side()))
            print(f"{name:14s} {rates[name][-1]:7.2f} videos/s", flush=True)
    sequence, ahead, alone = (statistics.median(values) for values in rates.values())
    print(f"medians: in sequence {sequence:.2f}, ahead {ahead:.2f}, network alone {alone:.2f}")
    ratio = ahead / sequence
    print(f"ahead against in sequence: {ratio:.2f}x (required: {REQUIRED}x); ", end="")
    print(f"against the network alone: {ahead / alone:.2f}x")
    return int(ratio < REQUIRED)


def decoded(paths, views_of):
    """Returns {path: list of views}; says which videos cannot be read."""
    found = {}
    for path in dict.fromkeys(paths):
        try:
            found[path] = list(views_of(path))
        except frames.VideoError as error:
            print(f"left out: {error}")
    return found


def rate(results):
    """Returns the results per second after the first one."""
    times = [time.perf_counter() for _ in results]
    return (len(times) - 1) / (times[-1] - times[0])


def one_by_one(paths, views_of, network):
    """Yields the Rows of videos; each is decoded when those before it are done."""
    import tensorflow as tf

    step = tf.function(network)
    for path in paths:
        sums = Sums()
        pieces = [decoding.View(0, key, view) for key, view in views_of(path)]
        for batch in decoding.batches(pieces, BATCH.value):
            for (_, key), vector in zip(batch.keys, step(batch.clips).numpy(), strict=True):
                sums.add(vector, key)
        yield sums.rows()


def time_windows(names, path):
    """Prints frames/s of the preset thumos_i3d with these checkpoints."""
    from i3d.features.presets import PRESETS
    from i3d.inference import checkpoint, dense

    preset = PRESETS["thumos_i3d"]
    cards = [checkpoint.card_of(None, name) for name in names]
    cards = preset.cards(cards, None, "thumos_i3d")
    window, stride = preset.windows.window, preset.windows.stride
    rows = dense.load(cards, window, stride)
    rows.of_video(path)  # compiles
    found, whole = timed(lambda: rows.of_video(path, workers=1))
    _, views = timed(lambda: sum(1 for _ in rows.views_of(path)))
    count, frames = len(found.features), (len(found.features) - 1) * stride + window
    print(f"{' and '.join(names)}: {frames} frames, {count} rows of {rows.spec.channels}")
    print(f"  from file to rows {frames / whole:.2f} frames/s, {count / whole:.2f} rows/s")
    print(f"  decoding and flow alone {frames / views:.1f} frames/s")


def timed(work):
    """Returns (what a function returns, seconds)."""
    begin = time.perf_counter()
    return work(), time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(app.run(main))
