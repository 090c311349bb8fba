"""Every model of the catalogue gives the same numbers on JAX and PyTorch as on TensorFlow."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from i3d import models
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.localization_zoo import gives_proposals, takes_features
from tests.helpers.processes import ROOT
from tests.models import test_contract as contract

BACKENDS = ("jax", "torch")
# What JAX leaves out takes longer than it saves.
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
TOLERANCE = 1e-4  # of the standard deviation of the outputs
QUICK = ("tsn_r50_1x1x3", "actionformer_w7", "bmn")
# CLIP's, which have no narrow copy; the tiny ones have the same layers.
LARGE = [name for name in models.names() if takes_text(name) and "tiny" not in name]
NAMES = [name for name in models.names() if name not in (*LARGE, "actionclip")]


def small(name):
    """Returns a narrow copy of a model of the catalogue, with weights that show."""
    if takes_text(name):
        model = models.build(name)
    elif takes_boxes(name):
        model = models.build(name, num_classes=5, width=0.125, frames=8)
    elif gives_proposals(name):
        model = models.build(name, channels=8, rows=24, durations=6, width=0.125)
    elif takes_features(name):
        model = models.build(name, num_classes=5, channels=32, width=0.125)
    else:
        model = contract.small(name)
    return contract.randomised(model)


def inputs(name, model):
    """Returns arrays that a small copy takes."""
    random = np.random.default_rng(1)
    if takes_text(name):
        shape = (2, *model.input["frames"].shape[1:])
        tokens = random.integers(1, 1000, (3, 77)).astype(np.int32)
        return {"frames": random.normal(size=shape).astype("f"), "tokens": tokens}
    if takes_boxes(name):
        corners = random.uniform(0, 0.4, (1, 3, 2))
        boxes = np.concatenate([corners, corners + 0.5], axis=-1).astype("f")
        return {"clips": random.normal(size=(1, 8, 64, 80, 3)).astype("f"), "boxes": boxes}
    if takes_features(name):
        rows, channels = (24, 8) if gives_proposals(name) else (576, 32)
        features = random.normal(size=(1, rows, channels)).astype("f")
        mask = {} if gives_proposals(name) else {"mask": np.arange(rows)[None] < rows - 9}
        return {"features": features} | mask
    return contract.clips(model)


def outputs(name):
    """Returns {name: float array} of what a small copy gives."""
    model = small(name)
    found = model.predict_on_batch(inputs(name, model))  # compiled, where JAX is slow otherwise
    found = found if isinstance(found, dict) else {"logits": found}
    return {key: keras.ops.convert_to_numpy(value) for key, value in found.items()}


class Elsewhere:
    """A process of a backend, which imports it once and runs one network after the other."""

    def __init__(self, backend, folder):
        self._backend, self._file = backend, folder / f"{backend}.npz"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.models.test_backends", str(self._file)],
            cwd=ROOT,
            env=os.environ | ENVIRONMENT | {"KERAS_BACKEND": backend},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name):
        """Has it run a network, while this process does something else."""
        print(name, file=self._process.stdin, flush=True)

    def answer(self, name):
        """Returns what `outputs` of that network are there."""
        answer = self._process.stdout.readline().rstrip("\n")
        assert answer == f"{self._backend} {name}"
        with np.load(self._file) as arrays:
            return dict(arrays)

    def end(self):
        """Makes sure that it ends well."""
        with self._process:
            self._process.stdin.close()
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """{backend: Elsewhere} of those that are installed."""
    folder = tmp_path_factory.mktemp("backends")
    found = [backend for backend in BACKENDS if importlib.util.find_spec(backend)]
    if not found:
        pytest.skip("neither JAX nor PyTorch is installed")
    processes = {backend: Elsewhere(backend, folder) for backend in found}
    yield processes
    for process in processes.values():
        process.end()


@pytest.mark.parametrize("name", contract.in_tiers(NAMES, QUICK, fast=()))
def test_outputs_are_those_of_tensorflow(name, elsewhere):
    for process in elsewhere.values():
        process.ask(name)
    expected = outputs(name)
    answers = {backend: process.answer(name) for backend, process in elsewhere.items()}
    for backend, found in answers.items():
        assert found.keys() == expected.keys()
        for key, wanted in expected.items():
            assert found[key].dtype == wanted.dtype and np.isfinite(wanted).all()
            error = np.abs(found[key] - wanted).max() / wanted.std()
            assert error <= TOLERANCE, (backend, key)


if __name__ == "__main__":  # the other process: names come in, outputs go out
    sys.modules["tensorflow"] = None  # whose import is an error now; KerasHub tries it
    for line in sys.stdin:
        given, said = line.strip(), ""
        try:
            np.savez(sys.argv[1], **outputs(given))
        except Exception as error:  # the next network is run all the same
            said = f": {error!r}"
        print(f"{keras.backend.backend()} {given}{said}", flush=True)
