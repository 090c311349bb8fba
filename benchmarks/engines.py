"""Times a network on this processor by Keras, OpenVINO, torch.compile, ONNX Runtime and `auto`.

    python -m benchmarks.engines                                  # one of each family
    python -m benchmarks.engines --models=tsn_r50_1x1x3 --repeats=9 --engines=keras,openvino,auto

The same random weights and clips, seconds of the network alone. Each engine is a process of its
own, whose crash is told in its column; they take turns, one at work at a time. PyTorch is compiled
with its weights frozen, ONNX Runtime has float32 alone. Exits with 1 if logits differ from those of
Keras in that precision by more than 2e-4 (float32) or 2e-2 (bfloat16) of the largest, twice the
error that each may have, or `auto` takes more than 1.05 times the best.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from absl import app, flags

from benchmarks import inference, subjects
from i3d import models
from i3d.inference import engine
from i3d.inference.network import Network, computing_in
from i3d.inference.openvino_model import OpenVinoModel
from i3d.weights import zoo

ENGINES = ("keras", "openvino", "torch", "onnxruntime", "auto")
FAMILIES = (
    *("tsn_r50_1x1x3", "tsm_r50_1x1x8", "slowonly_r50_4x16x1", "slowfast_r50_4x16x1"),
    *("i3d_r50_32x2x1", "r2plus1d_r34_8x8x1", "tv_r3d_18", "x3d_s_13x6x1", "ircsn_r50_32x2x1"),
    *("tv_s3d", "c3d_16x1x1", "inception_i3d"),
)
LIMIT = 1.05  # of `auto`, of the best's seconds
NOT_THERE = 3  # exit status of an engine that has no such network or precision

_ENGINES = flags.DEFINE_list("engines", list(ENGINES), "what is timed")
_PRECISIONS = flags.DEFINE_list(
    "precisions", ["float32", "bfloat16"], "what is computed in", allow_override=True
)
_AS = flags.DEFINE_string("as_engine", None, "internal: the engine that this process is")


def main(argv):
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    names = inference.MODELS.value or FAMILIES
    if _AS.value:
        sys.exit(serve(_AS.value, names[0], _PRECISIONS.value[0]))
    try:
        list(map(subjects.shape_of, names))
    except ValueError as error:
        sys.exit(f"--models: {error}")
    if unknown := [*{*_ENGINES.value} - {*ENGINES}, *{*_PRECISIONS.value} - {*inference.ERROR}]:
        sys.exit(f"--engines, --precisions: {unknown[0]!r} is none of {', '.join(ENGINES)}, "
                 f"{', '.join(inference.ERROR)}")  # fmt: skip
    print(f"device: {inference.device()}, load average {os.getloadavg()[0]:.1f}")
    print(f"seconds for {inference.BATCH.value} clip(s), medians of {inference.REPEATS.value} runs")
    print(f"{'model':29s} {'':8s} {' '.join(f'{name:>11s}' for name in _ENGINES.value)}  auto/best")
    problems = []
    for name in names:
        for precision in _PRECISIONS.value:
            problems += measured(name, precision)
    sys.exit("\n".join(problems))


def measured(name, precision):
    """Prints the row of a model; returns a list of violated expectations."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peers = {one: stack.enter_context(Peer(one, name, precision, folder)) for one in ENGINES
                 if one in _ENGINES.value}  # fmt: skip
        for peer in peers.values():
            peer.wait()
        for _ in range(inference.REPEATS.value):
            for peer in peers.values():
                peer.run()
        errors = {one: peer.error(folder / "keras.npy") for one, peer in peers.items()}
    seconds = {one: peer.seconds() for one, peer in peers.items()}
    columns = [f"{peers[one].told():>11s}" for one in _ENGINES.value]
    timed = {one: s for one, s in seconds.items() if s and one != "auto"}
    ratio = seconds["auto"] / min(timed.values()) if timed and seconds.get("auto") else None
    print(f"{name:29s} {precision:8s} {' '.join(columns)}", end="")
    print(f"  {ratio:9.2f}" if ratio else "", flush=True)
    for one, error in errors.items():
        if error > 2 * inference.ERROR[precision]:
            yield f"{name}, {precision}: logits of {one} are off by {error:.1e} of the largest"
    if ratio and ratio > LIMIT:
        yield f"{name}, {precision}: auto takes {ratio:.2f} times the best"


class Peer:
    """A process that runs a network by one engine, when it is told to."""

    def __init__(self, kind, name, precision, folder):
        """Starts it; it writes its logits to KIND.npy in the folder."""
        self.kind, self.rows, self.taken = kind, folder / f"{kind}.npy", []
        words = [f"--as_engine={kind}", f"--models={name}", f"--precisions={precision}"]
        words.append(f"--batch={inference.BATCH.value}")
        own = {"XDG_CACHE_HOME": str(folder), "I3D_ENGINE_ROWS": str(self.rows)}
        with (folder / f"{kind}.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.engines", *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                cwd=Path(__file__).parents[1], env=os.environ | own,
            )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def wait(self):
        """Waits until it is compiled; the next is then let to begin."""
        self._asked()

    def run(self):
        """Takes the time of one run."""
        line = self._asked()
        self.taken += [float(line)] if line else []

    def _asked(self):
        with contextlib.suppress(OSError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            return self.process.stdout.readline()
        return ""

    def seconds(self):
        """Returns the median, None where it has crashed or does not do this."""
        done = len(self.taken) == inference.REPEATS.value
        return statistics.median(self.taken) if done else None

    def told(self):
        """Returns the column."""
        if self.seconds():
            return f"{self.seconds():.3f}"
        return "-" if self.process.returncode == NOT_THERE else "crash"

    def error(self, reference):
        """Returns the largest difference to Keras' logits, of their largest; 0 where none are."""
        if not (self.rows.exists() and reference.exists()):
            return 0.0
        rows, expected = np.load(self.rows), np.load(reference)
        return float(np.abs(rows - expected).max() / np.abs(expected).max())


def serve(kind, name, precision):
    """Runs the network once for each line of standard input; prints the seconds of each."""
    sys.stdin.readline()
    shape = subjects.shape_of(name)
    frames, size, channels = shape.values()
    clips = np.random.default_rng(1).uniform(
        -1, 1, (inference.BATCH.value, frames, size, size, channels)
    )
    clips = clips.astype(np.float32)
    run = BUILT[kind](name, shape, precision)
    if run is None:
        return NOT_THERE
    np.save(os.environ["I3D_ENGINE_ROWS"], np.asarray(run(clips)))
    run(clips)
    print(flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        np.asarray(run(clips))
        print(time.perf_counter() - start, flush=True)
    return 0


def plain(name, shape):
    """Returns the float32 model with the weights that all engines have."""
    model = models.build(name, **shape)
    model.set_weights(subjects.plain_weights(model))
    return model


def folded(name, shape, precision):
    """Returns the model as inference runs it."""
    weights = plain(name, shape).get_weights()
    with computing_in(precision):
        model = models.build(name, **shape)
        model.set_weights(weights)
        return models.fold_batch_norm(model)


def by_keras(name, shape, precision):
    return inference.run_of(folded(name, shape, precision))


def by_openvino(name, shape, precision):
    return OpenVinoModel(folded(name, shape, "float32"), precision)


def by_auto(name, shape, precision):
    spec = zoo.default_spec(name)

    def network(precision):
        return Network(folded(name, shape, precision), spec, 400, preprocess=False)

    net = network(precision).run_by("auto", precision, lambda: network("float32"))
    return engine.of(net, inference.run_of(net.model))


def by_torch(name, shape, precision):
    import torch
    from torch._inductor import config

    from benchmarks import torch_peer

    model = plain(name, shape)
    if not torch_peer.has_twin(model):
        return None
    config.freezing = True
    twin = torch.compile(torch_peer.Twin(model, getattr(torch, precision)).__call__)

    @torch.inference_mode()
    def run(clips):
        return twin(torch.from_numpy(clips)).float().numpy()

    return run


def by_onnxruntime(name, shape, precision):
    if precision != "float32":
        return None
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        keras.Model.export(folded(name, shape, precision), path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return lambda clips: session.run(None, {given.name: clips})[0]


BUILT = {
    "keras": by_keras,
    "openvino": by_openvino,
    "torch": by_torch,
    "onnxruntime": by_onnxruntime,
    "auto": by_auto,
}

if __name__ == "__main__":
    app.run(main)
