"""Inference speed of I3D: plain or folded batch normalisation, float32 or bfloat16.

    python benchmarks/inference.py                      # 64-frame RGB clip, batch 1

All variants are timed in turn in one run, so that the ratios hold when the machine drifts.
Prints the device, a median per variant, and how far its logits are from plain float32. Where the
processor has AMX, exits with status 1 if bfloat16 folded is less than 3 times as fast as plain
float32, or its logits are off by more than 1e-2 of the largest.
"""

import os
import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from i3d import models

FRAMES = flags.DEFINE_integer("frames", 64, "frames of the clip", 9)
BATCH = flags.DEFINE_integer("batch", 1, "clips at once", 1)
REPEATS = flags.DEFINE_integer("repeats", 7, "timed runs of each variant", 1)
VARIANTS = (
    ("float32", "float32", False),
    ("float32 folded", "float32", True),
    ("bfloat16", "mixed_bfloat16", False),
    ("bfloat16 folded", "mixed_bfloat16", True),
)


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    print(f"device: {device()}\nTensorFlow {tf.__version__}, Keras {keras.__version__}")
    weights = plain_weights()
    runs = [compiled(policy, folded, weights) for _, policy, folded in VARIANTS]
    clip = tf.random.Generator.from_seed(1).uniform(
        (BATCH.value, FRAMES.value, 224, 224, 3), -1.0, 1.0
    )
    logits = [run(clip).numpy() for run in runs]
    seconds = interleaved_seconds(runs, clip)
    print(f"\n{BATCH.value} clip(s) of {FRAMES.value} frames, median of {REPEATS.value} runs")
    print("variant           s/clip   speed-up   logit error   top-5 as float32")
    for (name, *_), taken, values in zip(VARIANTS, seconds, logits, strict=True):
        error = np.abs(values - logits[0]).max() / np.abs(logits[0]).max()
        same = (top(values) == top(logits[0])).all()
        speed_up = seconds[0] / taken
        row = f"{name:16s}  {taken / BATCH.value:6.3f}   {speed_up:7.2f}x   {error:11.1e}   "
        print(row + ("yes" if same else "no"))
    fast_enough = speed_up >= 3 or "amx_bf16" not in device()  # of the last variant
    if not (fast_enough and error <= 1e-2 and same):
        sys.exit("bfloat16 folded: expected 3x with AMX, a logit error below 1e-2, the same top-5")


def device():
    """Returns the GPU's name, or the processor with the instruction sets that matter."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags_seen = fields.get("flags", "").split()
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")
    present = [flag for flag in wanted if flag in flags_seen]
    return f"{fields.get('model name', 'CPU')}, {os.cpu_count()} processors, {' '.join(present)}"


def plain_weights():
    """Returns random weights whose activations keep their scale through the network."""
    model = models.build("inception_i3d")
    random = np.random.default_rng(0)
    values = []
    for variable in model.weights:
        shape = variable.shape
        if variable.name == "kernel":
            limit = (6 / np.prod(shape[:-1])) ** 0.5
            values.append(random.uniform(-limit, limit, shape))
        elif variable.name == "moving_variance":
            values.append(random.uniform(1, 2.5, shape))
        else:
            values.append(random.uniform(-0.2, 0.4, shape))
    return values


def compiled(policy, folded, weights):
    """Returns a tf.function from clips to logits."""
    keras.config.set_dtype_policy(policy)
    model = models.build("inception_i3d")
    model.set_weights(weights)
    model = models.fold_batch_norm(model) if folded else model
    keras.config.set_dtype_policy("float32")
    return tf.function(lambda clip: model(clip, training=False))


def interleaved_seconds(runs, clip):
    """Returns the median seconds of each run; the variants take turns."""
    taken = [[] for _ in runs]
    for _ in range(REPEATS.value):
        for run, times in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run(clip).numpy()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def top(logits):
    """Returns the five best classes of each clip."""
    return np.argsort(-logits)[:, :5]


if __name__ == "__main__":
    app.run(main)
