"""Checkpoints of `tf.train.Saver()` of everything that a training has: found by name."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

import i3d.weights
from i3d import models
from i3d.inference import checkpoint
from i3d.weights import start, tf1, tf1_index
from tests.helpers import synthetic

SCOPES = ["RGB/inception_i3d/", "", "my/net/RGB/inception_i3d/", "tower_0/model/"]
SLOTS = ["Adam", "Adam_1", "Momentum", "RMSProp", "RMSProp_1", "ExponentialMovingAverage"]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def model():
    return models.build("inception_i3d", width=0.0625, num_classes=3, size=64)


def values_for(model, scope="", seed=0):
    """Returns {name: array} of what fits a model."""
    random = np.random.default_rng(seed)
    return {
        scope + name: random.uniform(0.5, 1.5, variable.shape).astype(np.float32)
        for name, variable in sorted(tf1.variables(model).items())
    }


def with_everything(values):
    """Returns the values with the slots of optimizers, averages and counters beside them."""
    found = {
        "global_step": np.int64(1000),
        "beta1_power": np.float32(0.9),
        "beta2_power": np.float32(0.99),
        "loss_scale/good_steps": np.int32(5),
        "learning_rate": np.float32(0.1),
    }
    for name, value in values.items():
        slots = SLOTS[:1] if "moving_" in name else SLOTS
        for slot in slots:
            found[f"{name}/{slot}"] = value + 100
    for name in [name for name in values if name.endswith("moving_mean")]:
        found |= {f"{name}/biased": values[name] + 7, f"{name}/local_step": np.float32(9)}
    return values | found


def holds(model, values, scope=""):
    return all(
        np.allclose(variable, values[scope + name].reshape(variable.shape), rtol=1e-6)
        for name, variable in tf1.variables(model).items()
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_saver_of_everything(scope, model, tmp_path):
    values = values_for(model, scope)
    prefix = synthetic.write_checkpoint(tmp_path, with_everything(values))
    i3d.weights.load(model, prefix)
    assert holds(model, values, scope)
    assert start.head_classes(prefix) == 3
    assert start.input_channels(prefix) == 3


def test_a_session_of_tf1(model, tmp_path):
    """As a training program of TF1 saves, with an optimizer and averages in scopes of their own."""
    values = values_for(model, "RGB/inception_i3d/")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        stored = [
            tf.compat.v1.get_variable(n, initializer=v, use_resource=False)
            for n, v in values.items()
        ]
        tf.compat.v1.train.create_global_step()
        trained = [v for v in stored if "Conv3d_1a" in v.name and "moving" not in v.name]
        loss = tf.add_n([tf.reduce_sum(v * v) for v in trained])
        with tf.compat.v1.variable_scope("train"):
            average = tf.compat.v1.train.ExponentialMovingAverage(0.5)
            tf.compat.v1.train.AdamOptimizer(0.1).minimize(loss, var_list=trained)
            apply = average.apply(trained)
        rest = tf.compat.v1.global_variables()[len(stored) :]  # averages begin at the others
        session.run(tf.compat.v1.variables_initializer(stored))
        session.run(tf.compat.v1.variables_initializer(rest))
        session.run([tf.compat.v1.assign(v, v + 2) for v in trained])
        session.run(apply)
        prefix = tf.compat.v1.train.Saver().save(session, str(tmp_path / "model.ckpt"), 1000)
    names = {v.name.partition(":")[0] for v in trained}
    for averages, more in ((False, 2), (True, 1)):
        i3d.weights.load(model, prefix, averages=averages)
        expected = {n: v + more if n in names else v for n, v in values.items()}
        assert holds(model, expected, "RGB/inception_i3d/")


def test_averages_on_request(model, tmp_path):
    values = values_for(model, "x/")
    everything = with_everything(values)
    i3d.weights.load(model, synthetic.write_checkpoint(tmp_path, everything), averages=True)
    expected = {n: v if "moving_" in n else v + 100 for n, v in values.items()}
    assert holds(model, expected, "x/")
    plain = synthetic.write_checkpoint(tmp_path / "plain", values)
    with pytest.raises(ValueError, match="holds no moving averages of its variables"):
        i3d.weights.load(model, plain, averages=True)


def test_two_streams_in_one_file(model, tmp_path):
    flow = models.build("inception_i3d", width=0.0625, num_classes=3, size=64, channels=2)
    rgb_values = values_for(model, "RGB/inception_i3d/", 1)
    flow_values = values_for(flow, "Flow/inception_i3d/", 2)
    prefix = synthetic.write_checkpoint(tmp_path, with_everything(rgb_values | flow_values))
    i3d.weights.load(model, prefix)
    i3d.weights.load(flow, prefix)
    assert holds(model, rgb_values, "RGB/inception_i3d/")
    assert holds(flow, flow_values, "Flow/inception_i3d/")
    assert start.input_channels(prefix) is None


def test_flow_is_told_by_its_first_kernel(tmp_path):
    flow = models.build("inception_i3d", width=0.0625, num_classes=3, size=64, channels=2)
    prefix = synthetic.write_checkpoint(tmp_path, values_for(flow, "net/"))
    card = checkpoint.card_of("inception_i3d", str(prefix))
    assert (card.spec.stream, card.spec.channels, card.spec.flow_bound_px) == ("flow", 2, 20.0)


def test_a_scale_is_folded(model, tmp_path):
    values = values_for(model, "a/")
    scaled = dict(values)
    for name in values:
        if name.endswith("batch_norm/beta"):
            scaled[f"{name[:-4]}gamma"] = np.full_like(values[name], 2)
    i3d.weights.load(model, synthetic.write_checkpoint(tmp_path, scaled))
    expected = {
        n: 2 * v if n.endswith("moving_mean") or (n.endswith("/w") and "Logits" not in n) else v
        for n, v in values.items()
    }
    assert holds(model, expected, "a/")


def test_a_backbone_and_what_lacks(model, tmp_path):
    values = values_for(model, "a/")
    body = {name: v for name, v in values.items() if "Logits" not in name}
    prefix = synthetic.write_checkpoint(tmp_path, with_everything(body))
    with pytest.raises(i3d.weights.errors.NoHead, match="no head found"):
        start.head_classes(prefix)
    head = model.get_layer("Logits").get_weights()
    i3d.weights.load(model, prefix, head=False)
    assert all(map(np.array_equal, model.get_layer("Logits").get_weights(), head))
    with pytest.raises(ValueError, match=r"2 missing: a/Logits/Conv3d_0c_1x1/conv_3d/b, a/Log"):
        i3d.weights.load(model, prefix)
    extra = with_everything(values) | {"a/Mixed_9z/conv_3d/w": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match="fit inception_i3d: 1 left over: a/Mixed_9z/conv_3d/w$"):
        i3d.weights.load(model, synthetic.write_checkpoint(tmp_path, extra))


def test_the_index_is_read_as_tensorflow_reads_it(tmp_path):
    random = np.random.default_rng(0)
    values = {
        f"scope_{random.integers(3)}/{'x' * random.integers(1, 90)}/{i}": random.integers(
            0, 100, random.integers(0, 4, random.integers(0, 5))
        ).astype(random.choice(["f4", "f8", "i8", "f2", "bool", "u1", ml_dtypes.bfloat16]))
        for i in range(300)
    }
    prefix = synthetic.write_checkpoint(tmp_path, values)
    found = tf1_index.read(prefix)
    reader = tf.train.load_checkpoint(str(prefix))
    shapes = reader.get_variable_to_shape_map()
    assert {name: list(variable.shape) for name, variable in found.items()} == shapes
    for name, variable in found.items():
        wanted = reader.get_tensor(name)
        read = tf1._numbers(prefix, name, variable)
        assert read.dtype == wanted.dtype
        np.testing.assert_array_equal(read, wanted)
