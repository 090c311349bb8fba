"""TV-L1 in keras.ops: the flow of i3d.flow.tvl1.pair, batched, on every backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from i3d.flow.tvl1 import accelerated
from i3d.flow.tvl1.pair import tvl1_flow
from tests.flow.test_tvl1 import moved_texture
from tests.helpers.processes import ROOT

MOTIONS = ((0.8, -0.5), (3.0, 1.5), (0.0, 0.0))


def pairs(shape):
    return [moved_texture(*shape, motion, seed) for seed, motion in enumerate(MOTIONS)]


def errors(shape):
    """End-point differences [B, H, W] of a batch of pairs that stop after unlike iterations."""
    both = np.array(pairs(shape))
    inputs = keras.Input((2, *shape), dtype="uint8")
    model = keras.Model(inputs, accelerated.TvL1Flow()(inputs))
    found = model.predict(both, verbose=0)[:, 0]
    expected = np.array([tvl1_flow(*pair) for pair in both])
    assert found.dtype == np.float32 and found.shape == expected.shape
    return np.linalg.norm(found - expected, axis=-1)


@pytest.mark.long
def test_equal_to_the_flow_of_a_pair():
    found = errors((24, 37))  # rounding moves single pixels
    assert (np.median(found, axis=(1, 2)) < 0.001).all() and found.max() < 0.05


@pytest.mark.slow
def test_equal_at_every_scale():
    assert (np.median(errors((64, 80)), axis=(1, 2)) < 0.01).all()


@pytest.mark.long
def test_a_layer_of_a_model():
    frames = np.stack([moved_texture(16, 20)[0], *moved_texture(16, 20)])[None]
    inputs = keras.Input((3, 16, 20), dtype="uint8")
    model = keras.Model(inputs, accelerated.TvL1Flow()(inputs))
    flow = model.predict(frames, verbose=0)
    assert model.output_shape == (None, 2, 16, 20, 2) and not flow[0, 0].any()
    assert np.abs(flow[0, 1] - tvl1_flow(*frames[0, 1:])).max() < 0.01


def test_images_that_are_too_small():
    with pytest.raises(ValueError, match="at least 16 pixels a side"):
        accelerated.tvl1_flow(np.zeros((1, 15, 20)), np.zeros((1, 15, 20)))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = "from tests.flow.test_accelerated import errors; print(errors((24, 37)).max())"
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.05
