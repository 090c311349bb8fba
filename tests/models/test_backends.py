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
        rows, channels = (24, 8) if gives_proposals(name) else (192, 32)
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


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Returns a function from a backend and a name to the outputs in a process of that backend.

    Each backend has one process, which imports it once.
    """
    folder, running = tmp_path_factory.mktemp("backends"), {}

    def found(backend, name):
        if importlib.util.find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed")
        if backend not in running:
            running[backend] = subprocess.Popen(
                [sys.executable, "-m", "tests.models.test_backends", str(folder / backend)],
                cwd=ROOT,
                env=os.environ | ENVIRONMENT | {"KERAS_BACKEND": backend},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        process = running[backend]
        print(name, file=process.stdin, flush=True)
        assert process.stdout.readline().split() == [backend, name]
        with np.load(folder / f"{backend}.npz") as arrays:
            return dict(arrays)

    yield found
    for process in running.values():
        with process:
            process.stdin.close()
        assert process.returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", contract.in_tiers(NAMES, QUICK, fast=()))
def test_outputs_are_those_of_tensorflow(name, backend, elsewhere):
    found, expected = elsewhere(backend, name), outputs(name)
    assert found.keys() == expected.keys()
    for key, wanted in expected.items():
        assert found[key].dtype == wanted.dtype and np.isfinite(wanted).all()
        assert np.abs(found[key] - wanted).max() <= TOLERANCE * wanted.std(), key


if __name__ == "__main__":  # the other process: names come in, outputs go out
    for line in sys.stdin:
        given = line.strip()
        np.savez(f"{sys.argv[1]}.npz", **outputs(given))
        assert "tensorflow" not in sys.modules
        print(keras.backend.backend(), given, flush=True)
