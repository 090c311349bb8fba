"""Three updates of SlowOnly and TSN against those of MMAction2 on PyTorch, through TrainStep.

Losses, gradients, weights and statistics after each update, with learning rates that change. The
original's numbers are those that it gave in float64: its own in float32 are off by up to 1e-5 of
the largest weight after the first update, and by 2e-3 in the first layer's gradient.
"""

import functools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from i3d import models
from i3d.runtime import devices
from i3d.training.optimizer import SGD
from i3d.training.step import of as step_of
from i3d.weights.pytorch.names import entries
from tests.golden import mmaction_models as golden

pytestmark = pytest.mark.long

FILE = Path(__file__).parents[1] / "golden/mmaction_train_steps.npz"
INPUTS = {"slowonly_r50_4x16x1": (4, 1, 3, 4, 64, 64), "tsn_r50_1x1x3": (4, 3, 3, 64, 64)}
DECAY, KEPT = 1e-4, 0.9  # weight decay; share of statistics that a step keeps
CLIPS = 4
# Of the largest value, by step: three times the original's own rounding, which grows.
TOLERANCES = (3e-5, 1e-3, 1e-3)
LOSS_TOLERANCES = (1e-5, 1e-3, 1e-3)
FIRST_GRADIENT = 4e-3
# Values that a variance is of; Keras keeps the biased one, PyTorch the one divided by n - 1.
COUNTS = {
    "slowonly_r50_4x16x1": {"conv1": 4 * 4 * 32 * 32, "layer4.2.conv2": 4 * 4 * 2 * 2},
    "tsn_r50_1x1x3": {"conv1": 4 * 3 * 32 * 32, "layer4.2.conv2": 4 * 3 * 2 * 2},
}


def clips_of(name, step):
    """Returns the input as our models take it, float32 [4, T, 64, 64, 3]."""
    clips = golden.clip(INPUTS[name], step)
    if len(clips.shape) == 6:
        return clips[:, 0].transpose(0, 2, 3, 4, 1)
    return clips.transpose(0, 1, 3, 4, 2)


def torch_layout(array, shape):
    """Returns a kernel of ours as PyTorch has it."""
    if array.ndim == 5:
        array = array.transpose(4, 3, 0, 1, 2)
    return (array.T if array.ndim == 2 else array).reshape(shape)


@functools.cache
def trained(name):
    """Returns [{quantity: array}] of each step, in PyTorch's layout and names."""
    model = models.build(name, num_classes=400)
    state = golden.state_dict(name)
    found = {entry.key: entry for entry in entries(model)}
    for key, entry in found.items():
        entry.variable.assign(entry.layout(state[key]))
    optimizer = SGD.of(model.trainable_variables, weight_decay=DECAY, clip_norm=40.0)
    step = step_of(devices.in_scope(), model, optimizer, clips_per_update=CLIPS)
    with np.load(FILE) as arrays:
        labels, rates = arrays["labels"], arrays["lrs"]
    results = []
    for number, rate in enumerate(rates):
        before = {key: entry.variable.numpy() for key, entry in found.items()}
        batch = tf.constant(clips_of(name, number)), tf.constant(labels)
        told = step([batch], float(rate), number)
        result = {key: float(told[key]) for key in ("loss", "gradient_norm")}
        momentum = optimizer.state()
        for key, entry in found.items():
            shape = golden.shapes(name)[key]
            result[f"after/{key}"] = torch_layout(entry.variable.numpy(), shape)
            slot = f"momentum/{entry.variable.path}"
            if number == 0 and slot in momentum:
                gradient = momentum[slot] - DECAY * before[key]
                result[f"grad/{key}"] = torch_layout(gradient, shape)
        results.append(result)
    return results


def expected(name, step):
    """Returns {quantity: values} of one step of the original; arrays are 32 values of each."""
    start = f"{name}/float64/step{step}/"
    with np.load(FILE) as arrays:
        return {key.removeprefix(start): arrays[key] for key in arrays if key.startswith(start)}


def assert_close(actual, wanted, tolerance, key):
    error = np.abs(np.subtract(actual, wanted, dtype=np.float64)).max()
    assert error <= tolerance * np.abs(wanted).max(), f"{key}: {error / np.abs(wanted).max():.1e}"


CASES = [
    pytest.param(name, step, marks=[pytest.mark.slow] if name.startswith("tsn") else [])
    for name in INPUTS
    for step in range(3)
]


@pytest.mark.parametrize(("name", "step"), CASES)
def test_losses_and_weights(name, step):
    got, wanted = trained(name)[step], expected(name, step)
    assert got["loss"] == pytest.approx(float(wanted["loss"]), rel=LOSS_TOLERANCES[step])
    compared = [key for key in wanted if key.startswith("after/") and "running_var" not in key]
    assert len(compared) == 4
    for key in compared:
        assert_close(golden.probe(got[key]), wanted[key], TOLERANCES[step], key)


@pytest.mark.parametrize("name", INPUTS)
def test_gradients_of_the_first_step(name):
    got, wanted = trained(name)[0], expected(name, 0)
    norm = float(wanted["grad_norm_before_clip"])
    assert norm < 40  # so that nothing was clipped
    assert got["gradient_norm"] == pytest.approx(norm, rel=TOLERANCES[0])
    compared = [key for key in wanted if key.startswith("grad/")]
    assert len(compared) == 3
    for key in compared:
        tolerance = FIRST_GRADIENT if "conv1" in key else 1e-5
        assert_close(golden.probe(got[key]), wanted[key], tolerance, key)


@pytest.mark.parametrize(("name", "step"), CASES)
def test_variances(name, step):
    """What a step adds to them is what the original adds, but for its n / (n - 1)."""
    for layer, count in COUNTS[name].items():
        key = f"backbone.{layer}.bn.running_var"
        first, after = golden.weight(key, golden.shapes(name)), f"after/{key}"
        ours = trained(name)[step - 1][after] if step else first
        theirs = expected(name, step - 1)[after] if step else golden.probe(first)
        added = expected(name, step)[after] - KEPT * theirs
        wanted = KEPT * golden.probe(ours) + added * (count - 1) / count
        assert_close(golden.probe(trained(name)[step][after]), wanted, TOLERANCES[step], key)
