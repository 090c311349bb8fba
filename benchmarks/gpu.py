"""Clips a second on a GPU: inference and training of each family, beside PyTorch in the same run.

    KERAS_BACKEND=jax python -m benchmarks.gpu                # or torch, or tensorflow
    KERAS_BACKEND=jax python -m benchmarks.gpu --models=inception_i3d --precisions=bfloat16
    KERAS_BACKEND=jax python -m benchmarks.gpu --work=videos            # from file to logits
    KERAS_BACKEND=jax python -m benchmarks.gpu --batch=1 --size=64 --width=0.1    # on a CPU

Clips have the frames and pixels that a model is trained on and lie on the GPU as uint8; weights
are random. "float32" is strict, "tf32" lets the matrix units round float32 products to 10 bits of
mantissa, "bfloat16" keeps weights in float32 and computes in bfloat16. Inference is of the folded
network, as every command runs it; training is forward, backward and SGD with momentum. The peer
has the same layers and weights, eager, channels last (batch normalisation apart).

"videos" is ours alone: videos a second from drawn files to logits, beside that of decoding,
resizing and cropping alone (benchmarks/gpu_videos.py).

Each row of an engine is a process of its own. A batch that does not fit is halved. Prints medians.
"""

import functools
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.92")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from absl import app, flags

from i3d import models
from i3d.inference import network
from i3d.weights import zoo

FAMILIES = "inception_i3d,tsn_r50_1x1x3,slowonly_r50_4x16x1,slowfast_r50_4x16x1,r2plus1d_r34_8x8x1"
MODELS = flags.DEFINE_list("models", FAMILIES.split(","), "names in the catalogue")
PRECISIONS = flags.DEFINE_list("precisions", ["float32", "tf32", "bfloat16"], "precisions to time")
WORK = flags.DEFINE_list("work", ["inference", "training", "videos"], "work to time")
VIDEOS = flags.DEFINE_integer("videos", 64, "videos of --work=videos", 4)
ENGINES = flags.DEFINE_list("engines", ["keras", "torch"], "keras, and torch where it is installed")
BATCH = flags.DEFINE_integer("batch", 32, "clips at once, halved until they fit", 1)
REPEATS = flags.DEFINE_integer("repeats", 10, "timed steps", 1)
SIZE = flags.DEFINE_integer("size", None, "pixels; default: as trained", 32)
WIDTH = flags.DEFINE_float("width", 1.0, "multiplier of filter counts", 0.01)
ROW = flags.DEFINE_string("row", None, "what a row's process measures, JSON; set by this script")
CLASSES = 400


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    if ROW.value:
        print(json.dumps(measured(**json.loads(ROW.value))))
        return
    ours = f"Keras {keras.__version__} on {keras.backend.backend()}"
    print(f"device: {device()}; {ours}, PyTorch {version_of('torch')}")
    print(f"clips a second (batch), medians of {REPEATS.value} steps")
    print(
        f"{'model':22s} {'T x H x W':>14s} {'':9s} {'precision':9s} {'ours':>15s} {'PyTorch':>15s}"
    )
    engines = [engine for engine in ENGINES.value if engine == "keras" or version_of("torch")]
    for name in MODELS.value:
        rates = {engine: rates_of(engine, name) for engine in engines}
        for work in WORK.value:
            for precision in PRECISIONS.value:
                (print_videos if work == "videos" else print_row)(name, work, precision, rates)


def device():
    """Returns the GPU's name, "CPU" where there is none."""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"CPU, {os.cpu_count()} processors"


def version_of(package):
    """Returns the version of an installed package, None without it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def rates_of(engine, name):
    """Returns {"inference float32": [clips a second, batch] or None, ...} of a process."""
    row = {"engine": engine, "name": name}
    command = [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:], f"--row={json.dumps(row)}"]
    # The peer's network is made by Keras; JAX and TensorFlow would keep the memory for themselves.
    backend = {"KERAS_BACKEND": "torch"} if engine == "torch" else {}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | backend)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


def print_row(name, work, precision, rates):
    cells = []
    for engine in ("keras", "torch"):
        rate = rates.get(engine, {}).get(f"{work} {precision}")
        cells.append(f"{rate[0]:9.1f} ({rate[1]:3d})" if rate else "-")
    shape = shape_of(name)
    what = f"{shape['frames']} x {shape['size']} x {shape['size']}"
    print(f"{name:22s} {what:>14s} {work:9s} {precision:9s} {cells[0]:>15s} {cells[1]:>15s}")
    sys.stdout.flush()


def print_videos(name, work, precision, rates):
    found = rates.get("keras", {}).get(f"{work} {precision}")
    told = "-"
    if found:
        both, alone, views = found
        told = (
            f"{both:.2f} videos/s of {views} views to logits, {alone:.2f} of the input side alone"
        )
    print(f"{name:22s} {'':14s} {work:9s} {precision:9s} {told}", flush=True)


def shape_of(name):
    """Returns the keywords frames, size and channels of what a model is trained on."""
    spec = zoo.default_spec(name)
    frames = 3 if spec.segments else spec.length or spec.frames
    return {"frames": frames, "size": SIZE.value or spec.crop, "channels": spec.channels}


def measured(engine, name):
    """Returns {"work precision": [clips a second, batch], None where not even one clip fits}."""
    steps = {"keras": keras_step, "torch": torch_step}[engine]
    found = {}
    for work in WORK.value:
        for precision in PRECISIONS.value:
            row = f"{work} {precision}"
            if work != "videos":
                found[row] = fastest(functools.partial(steps, name, work, precision))
            elif engine == "keras":
                found[row] = videos_of(name, precision)
    return found


def videos_of(name, precision):
    """Returns [videos a second to logits, of the input side alone, views of each]."""
    from benchmarks import gpu_videos

    spec, batch = gpu_videos.spec_of(name, SIZE.value), min(BATCH.value, 4)
    frames, height, _, channels = spec.view_shape
    shape = {"frames": frames, "size": height, "channels": channels}
    round_products(precision == "tf32")
    model = preprocessed(model_of(name, precision, True, shape), shape)
    return gpu_videos.rates(spec, VIDEOS.value, batch, model.predict_on_batch)


def fastest(step_of):
    """Returns [clips a second, batch] of the largest batch that fits, None for none."""
    batch = BATCH.value
    while batch:
        try:
            return [batch / seconds_of(step_of(batch)), batch]
        except Exception as error:  # each backend has its own class for it
            if "memory" not in str(error).lower() and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            print(f"{batch} clips do not fit", file=sys.stderr)
        batch //= 2
    return None


def seconds_of(step):
    """Returns the median seconds of a function that returns when its work is done."""
    for _ in range(3):
        step()
    taken = []
    for _ in range(REPEATS.value):
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def clips_of(name, batch):
    """Returns uint8 clips [B, T, H, W, C] and int32 labels [B], NumPy."""
    shape, random = shape_of(name), np.random.default_rng(1)
    size = (batch, shape["frames"], shape["size"], shape["size"], shape["channels"])
    return random.integers(0, 256, size, np.uint8), random.integers(0, CLASSES, batch, np.int32)


def model_of(name, precision="float32", folded=False, shape=None):
    """Returns a keras.Model of clips of a name in the catalogue."""
    shape = shape or shape_of(name)
    with network.computing_in("bfloat16" if precision == "bfloat16" else "float32"):
        model = models.build(name, num_classes=CLASSES, width=WIDTH.value, **shape)
        return models.fold_batch_norm(model) if folded else model


def preprocessed(core, shape):
    """Returns a keras.Model of uint8 clips."""
    view = (shape["frames"], shape["size"], shape["size"], shape["channels"])
    return network.with_preprocessing(core, network.Preprocessing(range=(-1.0, 1.0)), view)


def keras_step(name, work, precision, batch):
    """Returns a function that runs our network once."""
    round_products(precision == "tf32")
    model = preprocessed(model_of(name, precision, folded=work == "inference"), shape_of(name))
    clips, labels = (keras.ops.convert_to_tensor(array) for array in clips_of(name, batch))
    if work == "inference":
        return lambda: model.predict_on_batch(clips)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, jit_compile="auto")
    return lambda: float(model.train_on_batch(clips, labels))


def round_products(allowed):
    """Sets whether matrix units may round float32 products to tf32."""
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "tensorfloat32" if allowed else "highest")
    elif keras.backend.backend() == "torch":
        round_products_of_torch(allowed)
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(allowed)


def round_products_of_torch(allowed):
    import torch

    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def torch_step(name, work, precision, batch):
    """Returns a function that runs the twin in PyTorch once."""
    import torch

    from benchmarks import torch_peer

    round_products_of_torch(precision == "tf32")
    place = "cuda" if torch.cuda.is_available() else "cpu"
    half = precision == "bfloat16"
    dtype = torch.bfloat16 if half and work == "inference" else torch.float32
    twin = torch_peer.Twin(model_of(name), dtype, place)
    clips, labels = (torch.from_numpy(array).to(place) for array in clips_of(name, batch))
    if work == "inference":
        return torch.inference_mode()(lambda: twin(clips / 127.5 - 1).float().cpu())
    weights = [weight.requires_grad_() for weight in twin.weights]
    optimizer, twin.training = torch.optim.SGD(weights, 0.01, momentum=0.9), True

    def step():
        with torch.autocast(place, torch.bfloat16, enabled=half):
            loss = torch.nn.functional.cross_entropy(twin(clips / 127.5 - 1), labels.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


if __name__ == "__main__":
    app.run(main)
