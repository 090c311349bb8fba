"""Depthwise layers are written for Keras alone: sums and gradients hold on JAX and PyTorch."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
import keras, numpy as np
from keras import ops
from i3d.models import depthwise

assert keras.backend.backend() == sys.argv[1]
found, random = {}, np.random.default_rng(0)
layer = depthwise.DepthwiseConv3D(4, (3, 3, 3), (2, 2, 2))
x = random.normal(size=(2, 5, 7, 6, 4)).astype(np.float32)
layer.build(x.shape)
kernel = random.normal(size=(3, 3, 3, 1, 4)).astype(np.float32)
layer.kernel.assign(kernel)
layer.bias.assign(random.normal(size=4))

def gradient():
    if sys.argv[1] == "tensorflow":
        import tensorflow as tf
        with tf.GradientTape() as tape:
            loss = ops.sum(layer(x) ** 2)
        return tape.gradient(loss, layer.kernel.value)
    if sys.argv[1] == "jax":
        import jax
        def loss(kernel):
            values = [kernel, layer.bias.value]
            return ops.sum(layer.stateless_call(values, [], x)[0] ** 2)
        return jax.grad(loss)(layer.kernel.value)
    loss = ops.sum(layer(x) ** 2)
    loss.backward()
    return layer.kernel.value.grad

found["sums"] = ops.convert_to_numpy(layer(x))
found["gradient"] = ops.convert_to_numpy(gradient())
np.savez(sys.argv[2], **found)
"""


def results(backend, path):
    """Returns what the script finds in a process with that backend, {title: array}."""
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, backend, str(path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(path) as found:
        return dict(found)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return results("tensorflow", tmp_path_factory.mktemp("backends") / "found.npz")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_sums_and_gradients_are_those_of_tensorflow(backend, expected, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    found = results(backend, tmp_path / "found.npz")
    assert set(found) == set(expected) and len(found) == 2
    for title, value in expected.items():
        assert value.std() > 0
        assert np.abs(found[title] - value).max() <= 1e-4 * value.std(), title
