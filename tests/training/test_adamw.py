"""AdamW and Adam against PyTorch's, and what they share with SGD.

Run as a script this file is the process with two replicas: the number of devices must be set
before TensorFlow starts.
"""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d.training.optimizer import SGD, Adam, AdamW
from tests.helpers.processes import ROOT

RATES = [0.02] * 3 + [0.002] * 3 + [0.01] * 3
SHAPES = ((3, 2), (2,), (4,))
FACTOR = 10.0  # of the last variable, a group of its own
OPTIONS = {"weight_decay": 0.2, "factors": {"v2": FACTOR}}

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed (extra [torch])"
)


def start():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in SHAPES]


def gradients(step, part=0):
    rng = np.random.default_rng([1, step, part])
    # Also small ones, where it counts that epsilon is added after the correction of the bias.
    return [(rng.normal(size=s) * 10.0 ** (-4 * i)).astype("float32") for i, s in enumerate(SHAPES)]


def variables():
    return [keras.Variable(v, name=f"v{i}") for i, v in enumerate(start())]


def by_torch(gradients=gradients, clip_norm=None, kind="AdamW"):
    """Returns the values after each step of RATES."""
    import torch

    values = [torch.nn.Parameter(torch.tensor(v)) for v in start()]
    groups = [{"params": values[:2]}, {"params": values[2:]}]
    optimizer = getattr(torch.optim, kind)(groups, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.2)
    history = []
    for step, rate in enumerate(RATES):
        for group, factor in zip(optimizer.param_groups, (1, FACTOR), strict=True):
            group["lr"] = rate * factor
        for value, gradient in zip(values, gradients(step), strict=True):
            value.grad = torch.tensor(gradient)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(values, clip_norm)
        optimizer.step()
        history.append([v.detach().numpy().copy() for v in values])
    return history


def run(gradients=gradients, kind=AdamW, **options):
    """Returns the optimizer and the values after each step of RATES."""
    optimizer = kind.of(variables(), **OPTIONS | options)
    apply = tf.function(optimizer.update)
    history = []
    for step, rate in enumerate(RATES):
        apply([tf.constant(g) for g in gradients(step)], tf.constant(rate))
        history.append([v.numpy() for v in optimizer.trained])
    return optimizer, history


def assert_close(got, expected, rtol=1e-6):
    for step, (one, other) in enumerate(zip(got, expected, strict=True)):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=f"step {step}")


@needs_torch
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.5}])
def test_steps_with_two_groups_and_changing_rates_are_torchs(options):
    assert_close(run(**options)[1], by_torch(**options))


@needs_torch
def test_l2_of_adam_is_torchs():
    assert_close(run(kind=Adam, clip_norm=0.5)[1], by_torch(clip_norm=0.5, kind="Adam"))


def test_l2_of_adam_goes_through_the_averages():
    """The first step is as long whatever the decay is, as the averages are corrected."""
    (_, first), (_, without) = (run(kind=Adam, weight_decay=decay) for decay in (0.2, 0.0))
    for one, other, begin in zip(first[0][:2], without[0], start(), strict=False):
        np.testing.assert_allclose(np.abs(one - begin), np.abs(other - begin), rtol=2e-3)
    assert any((a != b).any() for a, b in zip(first[-1], without[-1], strict=True))


def test_kernels_only_leaves_vectors_without_decay():
    zeros = lambda step: [np.zeros(shape, "float32") for shape in SHAPES]  # noqa: E731
    _, history = run(zeros, kernels_only=True)
    kept = np.prod([1 - 0.2 * rate for rate in RATES])
    np.testing.assert_allclose(history[-1][0], kept * start()[0], rtol=1e-6)
    for got, wanted in zip(history[-1][1:], start()[1:], strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_accumulated_parts_add_up():
    def total(step):
        return [a + b for a, b in zip(gradients(step, 0), gradients(step, 1), strict=True)]

    optimizer = AdamW.of(variables(), **OPTIONS, accumulates=True)
    history = []
    for step, rate in enumerate(RATES):
        optimizer.accumulate([tf.constant(g) for g in gradients(step, 0)])
        optimizer.update([tf.constant(g) for g in gradients(step, 1)], rate)
        history.append([v.numpy() for v in optimizer.trained])
    assert_close(history, run(total)[1])


def test_state_goes_on_where_it_was_with_the_number_of_updates():
    optimizer, _ = run(ema_decay=0.8)
    assert int(optimizer.state()["updates"]) == len(RATES)
    assert {name.split("/")[0] for name in optimizer.state()} == {
        "mean", "square", "average", "updates"
    }  # fmt: skip
    other = AdamW.of(variables(), **OPTIONS, ema_decay=0.8)
    other.load_state(optimizer.state())
    for one, two in zip(optimizer.trained, other.trained, strict=True):
        two.assign(one)
    for each in (optimizer, other):
        each.update([tf.constant(g) for g in gradients(99)], 0.1)
    for name, value in optimizer.state().items():
        np.testing.assert_array_equal(other.state()[name], value)
    np.testing.assert_array_equal(other.trained[0], optimizer.trained[0])


def test_the_state_of_another_optimizer_is_refused():
    with pytest.raises(ValueError, match="expected the 7 arrays of this model and settings, got 3"):
        run()[0].load_state(SGD.of(variables()).state())


@pytest.mark.parametrize(
    "options", [{"betas": (0.9, 1.0)}, {"epsilon": -1.0}, {"weight_decay": -1.0}]
)
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected at least 0"):
        AdamW.of(variables(), **options)


@pytest.mark.long
def test_saved_with_the_model_and_fitted(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(AdamW(0.1, weight_decay=0.2, betas=(0.8, 0.9)), loss="mse")
    rng = np.random.default_rng(3)
    data = rng.normal(size=(8, 4)), rng.normal(size=(8, 3))
    model.fit(*data, batch_size=4, verbose=0, shuffle=False)
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    assert isinstance(again.optimizer, AdamW)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, again):
        each.fit(*data, batch_size=4, verbose=0, shuffle=False)
    for got, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def two_replicas():
    """Returns the values after each step where each replica has half of the gradients."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        optimizer = AdamW.of(variables(), **OPTIONS, clip_norm=0.5)

    @tf.function
    def apply(whole, rate):
        def replica_step(whole, rate):
            place = tf.distribute.get_replica_context().replica_id_in_sync_group
            share = tf.where(tf.equal(place, 0), 0.25, 0.75)
            return optimizer.update([share * g for g in whole], rate)

        return strategy.run(replica_step, (whole, rate))

    history = []
    for step, rate in enumerate(RATES):
        apply([tf.constant(g) for g in gradients(step)], tf.constant(rate))
        history.append([v.numpy() for v in optimizer.trained])
    for variable in optimizer.trained:
        one, other = variable.value.values
        np.testing.assert_array_equal(one, other)
    return history


@pytest.mark.long
@needs_torch
def test_two_replicas_make_the_steps_of_torch(tmp_path):
    line = [sys.executable, "-m", "tests.training.test_adamw", str(tmp_path / "a.npz")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "a.npz") as arrays:
        flat = [value for values in by_torch(clip_norm=0.5) for value in values]
        for name, wanted in zip(arrays, flat, strict=True):
            np.testing.assert_allclose(arrays[name], wanted, rtol=1e-6, atol=1e-6)


if __name__ == "__main__":
    np.savez(sys.argv[1], *(value for values in two_replicas() for value in values))
