"""Inference speed of every model: plain or folded batch normalisation, float32 or bfloat16.

    python -m benchmarks.inference                             # every model, one clip, batch 1
    python -m benchmarks.inference --models=inception_i3d --repeats=7
    python -m benchmarks.inference --torch --models=tsn_r50_1x1x3,slowfast_r50_4x16x1

Clips have the frames and pixels that a model is trained on; weights are random. The variants of a
model take turns, so that ratios hold when the machine drifts. Prints the device, the median of
each variant, and how far the logits of bfloat16 folded are from plain float32; with --torch
(which needs PyTorch) also the same network there, where all of its layers have a twin, in a process
of its own for each precision.

Exit status 1 if logits are off by more than ERROR; if, with --torch, float32 folded is slower than
PyTorch's float32 or bfloat16 folded less than twice as fast as that (CSN and X3D: if float32 takes
more than 1.1 times as long, or bfloat16 not less than PyTorch's bfloat16); or if, where the
processor has AMX, I3D in bfloat16 folded is less than twice as fast as plain.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks import subjects
from i3d import models
from i3d.inference.network import computing_in
from i3d.models import actionclip, actionformer, bmn, csn, x3d

MODELS = flags.DEFINE_list(
    "models", None, "names in the catalogue; default: all of clips", allow_override=True
)
BATCH = flags.DEFINE_integer("batch", 1, "clips at once", 1, allow_override=True)
REPEATS = flags.DEFINE_integer("repeats", 5, "timed runs of each variant", 1, allow_override=True)
TORCH = flags.DEFINE_bool("torch", False, "time PyTorch, too", allow_override=True)
# Of pictures; of texts too, see clip.py; of feature rows, see localizers.py.
NOT_OF_CLIPS = ("inception_v1", *actionclip.CONFIGS, *actionformer.CONFIGS, *bmn.CONFIGS)
AMX_SPEED_UP = 2.0  # of I3D in bfloat16 folded
TORCH_SPEED_UP = 2.0  # of bfloat16 folded against PyTorch in float32
DEPTHWISE = (*csn.CONFIGS, *x3d.CONFIGS)  # PyTorch has 3-D kernels for them, TensorFlow has none
DEPTHWISE_SLOW_DOWN = 1.1  # at most, of float32 folded against PyTorch
ERROR = {"float32": 1e-4, "bfloat16": 1e-2}  # of the largest logit


class Variant(NamedTuple):
    """One way to run a model."""

    title: str
    precision: str
    folded: bool = False


OURS = (
    Variant("float32", "float32"),
    Variant("folded", "float32", folded=True),
    Variant("bfloat16", "bfloat16"),
    Variant("folded", "bfloat16", folded=True),
)
PEERS = (Variant("torch", "float32"), Variant("torch bf16", "bfloat16"))


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    names = MODELS.value or [name for name in models.names() if name not in NOT_OF_CLIPS]
    try:
        shapes = {name: subjects.shape_of(name) for name in names}
    except ValueError as error:
        sys.exit(f"--models: {error}")
    tf.get_logger().setLevel("ERROR")  # it warns of many functions made, which is the purpose here
    print(f"device: {device()}, load average {os.getloadavg()[0]:.1f}")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}", end="")
    print(f"; seconds for {BATCH.value} clip(s), medians of {REPEATS.value} runs")
    titles = [variant.title for variant in (*OURS, *PEERS)]
    print(f"{'model':29s} {'T x H x W':>11s} {' '.join(f'{t:>10s}' for t in titles)}  ", end="")
    print("speed-up   error")
    problems = [problem for name in names for problem in measure(name, shapes[name])]
    if problems:
        sys.exit("\n".join(problems))


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


def measure(name, shape):
    """Prints the row of a model; returns a list of violated expectations."""
    frames, size = shape["frames"], shape["size"]
    clips = subjects.clips_of(shape, BATCH.value)
    with contextlib.ExitStack() as peers:
        runs = compiled(name, shape) | (twins(name, shape, peers) if TORCH.value else {})
        errors = logit_errors({variant: run(clips) for variant, run in runs.items()})
        seconds = interleaved_seconds(runs, clips)
    columns = [f"{seconds[v]:10.3f}" if v in seconds else f"{'-':>10s}" for v in (*OURS, *PEERS)]
    speed_up, what = seconds[OURS[0]] / seconds[OURS[-1]], f"{frames} x {size} x {size}"
    print(f"{name:29s} {what:>11s} {' '.join(columns)}  {speed_up:7.2f}x {errors[OURS[-1]]:7.1e}")
    sys.stdout.flush()
    return list(problems_of(name, seconds, errors))


def problems_of(name, seconds, errors):
    """Yields a line for each thing that is not as it should be."""
    plain, folded, _, best = (seconds[variant] for variant in OURS)
    for variant, error in errors.items():
        if error > ERROR[variant.precision]:
            what = f"{variant.title} ({variant.precision})"
            yield f"{name}: logits of {what} are off by {error:.1e} of the largest"
    if PEERS[0] in seconds and name in DEPTHWISE:
        peer, peer_half = (seconds[variant] for variant in PEERS)
        if folded > DEPTHWISE_SLOW_DOWN * peer or best >= peer_half:
            yield (
                f"{name}: target missed: folded {folded:.3f} s in float32 and {best:.3f} s in "
                f"bfloat16, PyTorch {peer:.3f} s and {peer_half:.3f} s"
            )
    elif PEERS[0] in seconds:
        peer = seconds[PEERS[0]]
        if folded > peer or TORCH_SPEED_UP * best > peer:
            yield (
                f"{name}: target missed: folded {folded:.3f} s in float32 and {best:.3f} s in "
                f"bfloat16, PyTorch {peer:.3f} s and half of that {peer / TORCH_SPEED_UP:.3f} s"
            )
    if name == "inception_i3d" and "amx_bf16" in device() and AMX_SPEED_UP * best > plain:
        yield f"{name}: expected {AMX_SPEED_UP}x with AMX, got {plain / best:.2f}x"


def compiled(name, shape):
    """Returns {Variant: function from clips to logits, numpy arrays}."""
    runs = {}
    for variant in OURS:
        with computing_in(variant.precision):
            model = models.build(name, **shape)
            model.set_weights(subjects.plain_weights(model))
            model = models.fold_batch_norm(model) if variant.folded else model
        runs[variant] = run_of(model)
    return runs


def run_of(model):
    """Returns what the one loop of inference calls: a tf.function, not predict_on_batch."""
    step = tf.function(lambda clips: model(clips, training=False))
    return lambda clips: step(tf.constant(clips)).numpy()


def twins(name, shape, peers):
    """Returns {Variant: function} of processes with PyTorch, empty where a layer has no twin."""
    from benchmarks import torch_peer

    if not torch_peer.has_twin(models.build(name, **shape)):
        return {}
    return {variant: peer_of(name, variant.precision, peers) for variant in PEERS}


def peer_of(name, precision, peers):
    """Returns a function to the logits that a process of its own computes, of the same clips.

    In one process the threads of both libraries would wait for each other.
    """
    command = [sys.executable, "-m", "benchmarks.torch_peer", name, precision, str(BATCH.value)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    process = peers.enter_context(subprocess.Popen(command, **pipes, env=environment))

    def run(_):
        print("run", file=process.stdin, flush=True)
        return np.array(json.loads(process.stdout.readline()), np.float32)

    return run


def logit_errors(logits):
    """Returns {variant: largest difference to plain float32, of its largest logit}."""
    reference = logits[OURS[0]]
    scale = np.abs(reference).max()
    return {variant: np.abs(values - reference).max() / scale for variant, values in logits.items()}


def interleaved_seconds(runs, clips):
    """Returns {variant: median seconds}; the variants take turns."""
    taken = {variant: [] for variant in runs}
    for _ in range(REPEATS.value):
        for variant, run in runs.items():
            start = time.perf_counter()
            run(clips)
            taken[variant].append(time.perf_counter() - start)
    return {variant: statistics.median(times) for variant, times in taken.items()}


if __name__ == "__main__":
    app.run(main)
