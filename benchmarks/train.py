"""Speed and memory of training I3D: input, forward and backward, update; a row per batch size.

    python -m benchmarks.train                               # a narrow I3D, then the published one
    python -m benchmarks.train --width=1 --size=224 --frames=64 --batches=1,2,4 --nopublished
    python -m benchmarks.train --precision=bfloat16

Each row is a process of its own, with a peak memory of its own, on synthetic videos built here.
"clips/s" and "waiting" are of the training loop, whose input is made beside it; the other columns
time each part alone. Memory is that of the GPU's allocator, or of the whole process without GPU.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app, flags

from data_prep import build as data_prep_build
from i3d.data.build_settings import BuildSettings
from i3d.runtime import quiet
from i3d.training import config
from i3d.video import inputs
from i3d.visual.figures import render

WIDTH = flags.DEFINE_float("width", 0.25, "multiplier of I3D's filter counts", 0.01)
SIZE = flags.DEFINE_integer("size", 80, "pixels", 32)
FRAMES = flags.DEFINE_integer("frames", 16, "frames per clip", 9)
BATCHES = flags.DEFINE_list("batches", ["1", "4", "16"], "clips per step; a row each")
PUBLISHED = flags.DEFINE_boolean("published", True, "a row more: 64 x 224 x 224, width 1, 1 clip")
PRECISION = flags.DEFINE_enum(
    "precision", "float32", ["float32", "bfloat16"], "precision of the network"
)
STEPS = flags.DEFINE_integer("steps", 5, "timed steps of each part", 3)
ROW = flags.DEFINE_string("row", None, "what a row's process measures, JSON; set by this script")


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    if ROW.value:
        print(json.dumps(measured(**json.loads(ROW.value))))
        return
    rows = [
        {"width": WIDTH.value, "size": SIZE.value, "frames": FRAMES.value, "batch": int(batch)}
        for batch in BATCHES.value
    ]
    if PUBLISHED.value:
        rows.append({"width": 1.0, "size": 224, "frames": 64, "batch": 1})
    with tempfile.TemporaryDirectory() as folder:
        data = {side: drawn(Path(folder, str(side)), side) for side in {r["size"] for r in rows}}
        for i, row in enumerate(rows):
            print_row(row, in_its_process(row | {"records": data[row["size"]]}), first=not i)


def drawn(folder, side):
    """Returns the folder of a small RGB data set with frames a seventh larger than the crop."""
    side += side // 14 * 2
    render.write_videos(folder / "videos", 1, height=side, width=side // 3 * 4)
    items, names = inputs.read(folder / "videos")
    recipe = BuildSettings(streams=("rgb",), short_side=side)
    build = data_prep_build.Build(folder / "data", "train", tuple(items), tuple(names), recipe)
    data_prep_build.run(build, os.cpu_count())
    return str(folder / "data")


def in_its_process(row):
    command = [sys.executable, "-m", "benchmarks.train", f"--row={json.dumps(row)}"]
    command += [f"--precision={PRECISION.value}", f"--steps={STEPS.value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{row}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def print_row(row, found, first):
    if first:
        print(
            f"{found['device']}, {os.cpu_count()} cores, TensorFlow {found['tensorflow']}, Keras "
            f"{found['keras']}, {PRECISION.value}; medians of {STEPS.value} steps"
        )
        print(
            f"{'width  clip           batch':27s} clips/s  waiting |  input  forward+backward"
            "  update, ms a step | peak MB"
        )
    clip = f"{row['frames']}x{row['size']}x{row['size']}"
    print(
        f"{row['width']:5.2f}  {clip:14s} {row['batch']:5d} {found['clips_per_s']:8.2f} "
        f"{found['waiting']:8.0%} | {found['input']:6.0f} {found['gradients']:17.0f} "
        f"{found['update']:7.0f}            | {found['peak_mb']:7.0f}",
        flush=True,
    )


def measured(width, size, frames, batch, records):
    """Returns what a row shows, in ms, clips per second and MB."""
    tf = quiet.import_tensorflow()
    import keras

    from i3d.inference import network
    from i3d.training import input as train_input
    from i3d.training import model as train_model
    from i3d.training.step import TrainStep

    settings = settings_of(width, size, frames, batch, records)
    data, _ = train_input.opened(settings)
    strategy, spec = tf.distribute.get_strategy(), train_input.spec(settings, data)
    model = train_model.build(settings, spec, len(data.class_names))
    optimizer = train_model.optimizer(settings, model)
    prepare = network.preprocessing(spec)
    step = TrainStep(strategy, model, optimizer, clips_per_update=batch, prepare=prepare)
    batches = iter(train_input.batches(settings, data, strategy, 0))
    loop = loop_times(step, batches)
    clips, labels = next(batches)
    alone = part_times(model, optimizer, prepare(clips), labels)
    times = {name: 1e3 * statistics.median(seconds) for name, seconds in (loop | alone).items()}
    times["input"] = 1e3 * time_of_input(settings, data, strategy)
    gpus = tf.config.list_physical_devices("GPU")
    return times | {
        "clips_per_s": 1e3 * batch / times["step"],
        "waiting": times["wait"] / times["step"],
        "peak_mb": peak_bytes(tf, gpus) / 1e6,
        "device": device_name(tf, gpus),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def settings_of(width, size, frames, batch, records):
    settings = config.defaults()
    settings.data.records, settings.data.validation = records, ""
    settings.data.size, settings.data.frames = size, frames
    settings.model.width, settings.batch.per_replica = width, batch
    settings.precision = PRECISION.value
    config.check(settings)
    return settings


def loop_times(step, batches):
    """Returns seconds of steps of the training loop, and of their waiting for input."""
    step([next(batches)], 0.01, 0)["loss"].numpy()
    times = {"step": [], "wait": []}
    for number in range(1, STEPS.value + 1):
        begin = time.perf_counter()
        parts = [next(batches)]
        times["wait"].append(time.perf_counter() - begin)
        step(parts, 0.01, number)["loss"].numpy()
        times["step"].append(time.perf_counter() - begin)
    return times


def part_times(model, optimizer, clips, labels):
    """Returns seconds of forward and backward alone, and of the update alone."""
    import tensorflow as tf

    from i3d.training.losses import cross_entropy, weighted_mean

    trained = [v.value for v in optimizer.trained]

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = weighted_mean(cross_entropy(model(clips, training=True), labels))
        return tape.gradient(loss, trained)

    @tf.function
    def update(found):
        return optimizer.update(found, tf.constant(0.01))

    found = gradients()
    return {
        "gradients": repeated(lambda: gradients()[-1].numpy()),
        "update": repeated(lambda: update(found).numpy()),
    }


def repeated(action):
    """Returns the seconds of each call after the first."""
    action()
    times = []
    for _ in range(STEPS.value):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return times


def time_of_input(settings, data, strategy):
    """Returns seconds a batch when nothing else runs, those made ahead left out."""
    from i3d.training import input as train_input

    batches = iter(train_input.batches(settings, data, strategy, 0))
    for _ in range(4):
        next(batches)
    begin = time.perf_counter()
    for _ in range(2 * STEPS.value):
        next(batches)
    return (time.perf_counter() - begin) / (2 * STEPS.value)


def peak_bytes(tf, gpus):
    if gpus:
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in kB


def device_name(tf, gpus):
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0])["device_name"]
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "CPU")


if __name__ == "__main__":
    app.run(main)
