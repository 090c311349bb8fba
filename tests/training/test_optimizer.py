"""The optimizer against a few lines of numpy, and where Keras' own differs."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d.training.objectives import Classification
from i3d.training.optimizer import SGD
from i3d.training.step import TrainStep
from tests.helpers.processes import ROOT

RATES = [0.5] * 3 + [0.05] * 4 + [0.2] * 3
SHAPES = ((3, 2), (2,))


def start():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in SHAPES]


def gradients(step, part=0):
    rng = np.random.default_rng([1, step, part])
    return [rng.normal(size=shape).astype("float32") * 3 for shape in SHAPES]


def variables():
    return [keras.Variable(v, name=f"v{i}") for i, v in enumerate(start())]


def by_hand(momentum=0.9, decay=0.0, clip=0.0, kernels_only=False, gradients=gradients):
    """Returns the values after each step of RATES: float64, one array at a time."""
    values = [v.astype("float64") for v in start()]
    buffers = [np.zeros_like(v) for v in values]
    history = []
    for step, rate in enumerate(RATES):
        grads = gradients(step)
        norm = np.sqrt(sum(np.sum(g.astype("float64") ** 2) for g in grads))
        factor = min(1.0, clip / norm) if clip else 1.0
        for v, b, g in zip(values, buffers, grads, strict=True):
            b *= momentum
            b += factor * g + (decay * v if v.ndim > 1 or not kernels_only else 0)
            v -= rate * b
        history.append([v.copy() for v in values])
    return history


def run(gradients=gradients, **options):
    """Returns the optimizer and the values after each step of RATES."""
    optimizer = SGD.of(variables(), **options)
    apply = tf.function(optimizer.update)
    history = []
    for step, rate in enumerate(RATES):
        apply([tf.constant(g) for g in gradients(step)], tf.constant(rate))
        history.append([v.numpy() for v in optimizer.trained])
    return optimizer, history


def assert_close(got, expected):
    for step, (one, other) in enumerate(zip(got, expected, strict=True)):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=f"step {step}")


@pytest.mark.parametrize(
    "options, hand",
    [
        ({}, {}),
        ({"momentum": 0.0}, {"momentum": 0.0}),
        ({"weight_decay": 0.1}, {"decay": 0.1}),
        ({"weight_decay": 0.1, "kernels_only": True}, {"decay": 0.1, "kernels_only": True}),
        ({"clip_norm": 4.0}, {"clip": 4.0}),
        ({"clip_norm": 4.0, "weight_decay": 0.5}, {"clip": 4.0, "decay": 0.5}),
    ],
)
def test_ten_steps_with_changing_rate_as_by_hand(options, hand):
    assert_close(run(**options)[1], by_hand(**hand))


def test_clipping_comes_before_l2_and_is_global():
    """With clipping after L2, or of each variable alone, the numbers would be others."""
    optimizer = SGD.of(variables(), momentum=0.0, weight_decay=0.5, clip_norm=1.0)
    grads = gradients(0)
    norm = optimizer.update([tf.constant(g) for g in grads], 1.0)
    exact = np.sqrt(sum(np.sum(g**2) for g in grads))
    np.testing.assert_allclose(norm, exact, rtol=1e-6)
    for v, w, g in zip(optimizer.trained, start(), grads, strict=True):
        np.testing.assert_allclose(v.numpy(), w - (g / exact + 0.5 * w), rtol=1e-5, atol=1e-6)


def test_small_gradients_are_not_scaled_up():
    small = lambda step: [g / 1000 for g in gradients(step)]  # noqa: E731
    assert_close(run(small, clip_norm=4.0)[1], by_hand(gradients=small))


def keras_run(**options):
    optimizer = keras.optimizers.SGD(0.0, momentum=0.9, **options)
    values = variables()
    optimizer.build(values)
    history = []
    for step, rate in enumerate(RATES):
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(g) for g in gradients(step)], values)
        history.append([v.numpy() for v in values])
    return history


def test_keras_differs_once_the_rate_changes():
    ours, theirs = run()[1], keras_run()
    assert_close(ours[:3], theirs[:3])
    step = 3  # the rate is cut to a tenth here: Keras goes on with old gradients at the old one
    moved = [np.abs(h[step][0] - h[step - 1][0]).mean() for h in (ours, theirs)]
    assert moved[1] > 3 * moved[0]


def test_keras_weight_decay_does_not_go_through_momentum():
    """In the first step both take rate * decay * v; later ours is still there, by momentum."""
    plain, ours = run()[1], run(weight_decay=0.1)[1]
    keras_plain, theirs = keras_run(), keras_run(weight_decay=0.1)
    effect = [a[0][0] - b[0][0] for a, b in ((ours, plain), (theirs, keras_plain))]
    np.testing.assert_allclose(*effect, rtol=1e-2, atol=1e-6)
    effect = [np.abs(a[2][0] - b[2][0]).mean() for a, b in ((ours, plain), (theirs, keras_plain))]
    assert effect[0] > 1.3 * effect[1]


def test_accumulated_parts_add_up():
    def total(step):
        return [a + b + c for a, b, c in zip(*(gradients(step, p) for p in range(3)), strict=True)]

    optimizer = SGD.of(variables(), clip_norm=4.0, weight_decay=0.1, accumulates=True)
    history = []
    for step, rate in enumerate(RATES):
        optimizer.accumulate([tf.constant(g) for g in gradients(step, 0)])
        optimizer.accumulate([tf.constant(g) for g in gradients(step, 1)])
        optimizer.update([tf.constant(g) for g in gradients(step, 2)], rate)
        history.append([v.numpy() for v in optimizer.trained])
    assert_close(history, by_hand(clip=4.0, decay=0.1, gradients=total))


def test_average_follows_the_weights():
    optimizer, history = run(ema_decay=0.8)
    average = start()[0].astype("float64")
    for values in history:
        average = 0.8 * average + 0.2 * values[0]
    with optimizer.averaged():
        np.testing.assert_allclose(optimizer.trained[0].numpy(), average, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(optimizer.trained[0].numpy(), history[-1][0])
    with pytest.raises(KeyError), optimizer.averaged():
        raise KeyError
    np.testing.assert_array_equal(optimizer.trained[0].numpy(), history[-1][0])


def test_without_average_the_weights_stay():
    optimizer, history = run()
    with optimizer.averaged():
        np.testing.assert_array_equal(optimizer.trained[0].numpy(), history[-1][0])


def test_state_goes_on_where_it_was():
    optimizer, _ = run(ema_decay=0.8)
    other = SGD.of(variables(), ema_decay=0.8)
    other.load_state(optimizer.state())
    for one, two in zip(optimizer.trained, other.trained, strict=True):
        two.assign(one)
    for each in (optimizer, other):
        each.update([tf.constant(g) for g in gradients(99)], 0.1)
    assert set(optimizer.state()) == {"momentum/v0", "momentum/v1", "average/v0", "average/v1"}
    for name, value in optimizer.state().items():
        np.testing.assert_array_equal(other.state()[name], value)
    np.testing.assert_array_equal(other.trained[0], optimizer.trained[0])


def test_state_of_another_model_is_refused_whole():
    optimizer, _ = run()
    before = optimizer.state()
    with pytest.raises(ValueError, match="got 4; 2 differ, the first is 'average/v0'"):
        optimizer.load_state(run(ema_decay=0.8)[0].state())
    with pytest.raises(ValueError, match="the first is 'momentum/v1'"):
        optimizer.load_state({"momentum/v0": np.ones((3, 2)), "momentum/v1": np.ones(3)})
    for name, value in before.items():
        np.testing.assert_array_equal(optimizer.state()[name], value)


@pytest.mark.parametrize(
    "options",
    [{"momentum": 1.0}, {"ema_decay": -0.1}, {"weight_decay": -1e-4}, {"clip_norm": -1.0}],
)
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected at least 0"):
        SGD.of(variables(), **options)


def test_missing_gradients_and_twin_names():
    with pytest.raises(ValueError, match="v1 has no gradient"):
        SGD.of(variables()).update([tf.zeros((3, 2)), None], 0.1)
    with pytest.raises(ValueError, match="different names"):
        SGD.of([keras.Variable(1.0, name="a"), keras.Variable(1.0, name="a")])


# As a Keras optimizer: compile and fit.

INPUTS = np.random.default_rng(3).normal(size=(20, 4)).astype("float32")
TARGETS = np.random.default_rng(4).normal(size=(20, 3)).astype("float32")
BATCH = 4
OPTIONS = {"momentum": 0.8, "weight_decay": 0.1, "clip_norm": 0.5}


def linear_model():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5, activation="tanh", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="Logits")(hidden))
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def fitted(epochs=2, **options):
    """Returns the model after `fit`, at a rate of 0.1 and from the sixth update on of 0.01."""
    model = linear_model()
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([4], [0.1, 0.01])
    model.compile(SGD(rate, **options), loss="mse")
    model.fit(INPUTS, TARGETS, BATCH, epochs, verbose=0, shuffle=False)
    return model


def by_torch(momentum, weight_decay, clip_norm):
    """Returns the weights after the same updates by torch.optim.SGD, in Keras' order and layout."""
    import torch

    start = [torch.tensor(w, requires_grad=True) for w in linear_model().get_weights()]
    optimizer = torch.optim.SGD(start, 0.1, momentum, weight_decay=weight_decay)
    for step in range(10):
        optimizer.param_groups[0]["lr"] = 0.1 if step < 5 else 0.01
        rows = slice(step % 5 * BATCH, (step % 5 + 1) * BATCH)
        x, y = (torch.tensor(a[rows]) for a in (INPUTS, TARGETS))
        optimizer.zero_grad()
        kernel, bias, kernel2, bias2 = start
        (((x @ kernel + bias).tanh() @ kernel2 + bias2 - y) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(start, clip_norm)
        optimizer.step()
    return [w.detach().numpy() for w in start]


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed (extra [torch])"
)
def test_fit_makes_the_updates_of_torch():
    expected = by_torch(**OPTIONS)
    for got, wanted in zip(fitted(**OPTIONS).get_weights(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_fit_makes_the_updates_of_the_trainer():
    model = linear_model()
    options = OPTIONS | {"ema_decay": 0.8, "kernels_only": True, "factors": {"Logits/bias": 2.0}}
    optimizer = SGD.of(model.trainable_variables, **options)

    def loss(logits, labels):
        return tf.reduce_mean((logits - tf.gather(TARGETS, labels)) ** 2, axis=-1)

    own = {"clips_per_update": 4, "objective": Classification(loss)}
    step = TrainStep(tf.distribute.get_strategy(), model, optimizer, **own)
    for number in range(10):
        rows = np.arange(number % 5 * BATCH, (number % 5 + 1) * BATCH)
        batch = tf.constant(INPUTS[rows]), tf.constant(rows)
        step([batch], 0.1 if number < 5 else 0.01, number)
    other = fitted(**options)
    for got, wanted in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    for name, value in optimizer.state().items():
        np.testing.assert_allclose(other.optimizer.state()[name], value, rtol=1e-5, atol=1e-6)
    assert int(other.optimizer.iterations) == 10


def test_saved_with_the_model(tmp_path):
    model = fitted(**OPTIONS, factors={"Logits/bias": 2.0})
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    assert isinstance(again.optimizer, SGD)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, again):
        each.fit(INPUTS, TARGETS, BATCH, verbose=0, shuffle=False)
    for got, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


BACKEND = """
import sys
import numpy as np
from tests.training import test_optimizer
np.savez(sys.argv[1], *test_optimizer.fitted(**test_optimizer.OPTIONS).get_weights())
"""
REPLICAS = """
import sys
import keras, numpy as np, tensorflow as tf
from tests.training import test_optimizer
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = test_optimizer.fitted(**test_optimizer.OPTIONS, ema_decay=0.5)
with model.optimizer.averaged():
    assert np.isfinite(model.get_weights()[0]).all()
np.savez(sys.argv[1], *model.get_weights())
"""


@pytest.mark.long
@pytest.mark.parametrize(
    "script, backend",
    [(REPLICAS, "tensorflow"), pytest.param(BACKEND, "torch", marks=pytest.mark.slow)],
)
def test_fit_on_two_replicas_and_on_another_backend(tmp_path, script, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra [{backend}])")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", script, str(tmp_path / "a.npz")]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "a.npz") as arrays:
        for name, wanted in zip(arrays, fitted(**OPTIONS).get_weights(), strict=True):
            np.testing.assert_allclose(arrays[name], wanted, rtol=1e-5, atol=1e-6)
