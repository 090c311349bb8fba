"""The training step: its parts on one device, and equality over replicas and workers.

Run as a script this file is the processes of the last tests: the number of devices must be set
before TensorFlow starts.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from i3d import models
from i3d.models import blocks
from i3d.runtime.command import UserError
from i3d.training import checkpoints
from i3d.training.losses import binary_cross_entropy
from i3d.training.objectives import Classification
from i3d.training.optimizer import SGD
from i3d.training.step import TrainStep, check_finite, set_batch_norm
from tests.helpers.processes import free_ports

CLASSES, CLIPS = 5, 4


def small_model(dropout=0.0):
    """Two units of I3D and its kind of head."""
    inputs = keras.Input((4, 8, 8, 3))
    x = blocks.unit(inputs, 4, (3, 3, 3), (1, 2, 2), "one")
    x = blocks.unit(x, 6, (3, 3, 3), (1, 1, 1), "two")
    x = blocks.mean(x, True, "features")
    x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(CLASSES, dtype="float32", name="Logits")(x))


def random_batch(seed, shape):
    rng = np.random.default_rng(seed)
    clips = rng.uniform(-1, 1, shape).astype("float32")
    return clips, rng.integers(0, CLASSES, shape[0])


@pytest.fixture
def batch():
    return tuple(map(tf.constant, random_batch(0, (CLIPS, 4, 8, 8, 3))))


def build(batch_norm="local", dropout=0.0, clips=CLIPS, seed=0, **options):
    keras.utils.set_random_seed(1)
    model = small_model(dropout)
    set_batch_norm(model, batch_norm)
    optimizer = SGD.of(model.trainable_variables, **options)
    strategy = tf.distribute.get_strategy()
    return model, TrainStep(strategy, model, optimizer, clips_per_update=clips, seed=seed)


def test_results_are_the_loss_hits_and_norm_of_the_batch(batch):
    model, train_step = build("frozen")
    logits = model(batch[0]).numpy()
    results = train_step([batch], 0.1, 0)
    exp = np.exp(logits)
    own = (exp / exp.sum(axis=1, keepdims=True))[np.arange(CLIPS), batch[1].numpy()]
    np.testing.assert_allclose(results["loss"], -np.log(own).mean(), rtol=1e-5)
    assert float(results["hits"]) == np.sum(logits.argmax(axis=1) == batch[1].numpy())
    assert float(results["gradient_norm"]) > 0


def test_several_labels_are_hit_by_any_of_them(batch):
    """Also where there is none, and the loss is the one that is given."""
    keras.utils.set_random_seed(1)
    model, truth = small_model(), np.zeros((CLIPS, CLASSES), bool)
    set_batch_norm(model, "frozen")
    best = model(batch[0]).numpy().argmax(axis=1)
    truth[0, [best[0], (best[0] + 1) % CLASSES]] = truth[1, best[1]] = True
    truth[2, (best[2] + 1) % CLASSES] = True
    optimizer = SGD.of(model.trainable_variables)
    own = {"clips_per_update": CLIPS, "objective": Classification(binary_cross_entropy)}
    train_step = TrainStep(tf.distribute.get_strategy(), model, optimizer, **own)
    expected = binary_cross_entropy(model(batch[0]), truth).numpy().mean()
    results = train_step([(batch[0], tf.constant(truth))], 0.1, 0)
    assert float(results["hits"]) == 2
    np.testing.assert_allclose(results["loss"], expected, rtol=1e-5)


def test_loss_falls(batch):
    _, train_step = build("local")
    losses = [float(train_step([batch], 0.1, step)["loss"]) for step in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_frozen_keeps_statistics_scale_and_offset(batch):
    model, train_step = build("frozen")
    before = {v.path: v.numpy() for v in model.weights}
    train_step([batch], 0.1, 0)
    for v in model.weights:
        moved = not np.array_equal(before[v.path], v.numpy())
        assert moved == (v.name in ("kernel", "bias")), v.path


def test_local_updates_statistics_and_offset(batch):
    model, train_step = build("local")
    before = {v.path: v.numpy() for v in model.weights}
    train_step([batch], 0.1, 0)
    assert all(np.any(before[v.path] != v.numpy()) for v in model.weights)


def test_sync_of_one_replica_is_local(batch):
    after = {}
    for mode in ("local", "sync"):
        model, train_step = build(mode)
        train_step([batch], 0.1, 0)
        after[mode] = model.get_weights()
    for one, other in zip(*after.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_switching_back_from_frozen():
    model = small_model()
    set_batch_norm(model, "frozen")
    assert len(model.trainable_variables) == 4
    set_batch_norm(model, "local")
    assert len(model.trainable_variables) == 6
    with pytest.raises(ValueError, match="expected one of .*'sync'.* got 'synced'"):
        set_batch_norm(model, "synced")


def test_parts_of_a_batch_give_the_update_of_the_whole(batch):
    whole, train_step = build("frozen", weight_decay=1e-2, clip_norm=0.5)
    results = [train_step([batch], 0.1, step) for step in range(3)]
    parted, train_step = build("frozen", weight_decay=1e-2, clip_norm=0.5, accumulates=True)
    parts = [tuple(x[i : i + 1] for x in batch) for i in range(CLIPS)]
    for step, expected in enumerate(results):
        got = train_step(parts, 0.1, step)
        for key, value in expected.items():
            np.testing.assert_allclose(got[key], value, rtol=1e-5)
    for one, other in zip(whole.get_weights(), parted.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_bfloat16_keeps_loss_and_weights_in_float32(batch):
    _, train_step = build("local")
    expected = train_step([batch], 0.1, 0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, train_step = build("local")
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("two").compute_dtype == "bfloat16"
    got = train_step([batch], 0.1, 0)
    assert got["loss"].dtype == tf.float32
    assert {str(v.dtype) for v in model.weights} == {"float32"}
    np.testing.assert_allclose(got["loss"], expected["loss"], rtol=0.02)
    assert float(got["loss"]) != float(expected["loss"])


def test_float16_is_refused():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2, dtype="mixed_float16", name="head")(inputs))
    with pytest.raises(ValueError, match="layer head computes in float16"):
        TrainStep(tf.distribute.get_strategy(), model, SGD.of([]), clips_per_update=1)


def test_dropout_is_a_function_of_seed_and_step(batch):
    def losses(seed, steps):
        _, train_step = build("frozen", dropout=0.5, seed=seed)
        return [float(train_step([batch], 0.0, step)["loss"]) for step in steps]

    first = losses(0, [0, 1, 2])
    assert len(set(first)) == 3
    assert losses(0, [2, 1]) == [first[2], first[1]]
    assert losses(1, [0])[0] != first[0]


def test_clips_per_update_must_be_those_given(batch):
    _, train_step = build("local", clips=6)
    with pytest.raises(ValueError, match="expected 6 clips per update, got 4 per replica x 1"):
        train_step([batch], 0.1, 0)


def test_nan_loss_is_named_with_its_step(batch):
    _, train_step = build("local")
    clips = tf.where(tf.range(CLIPS)[:, None, None, None, None] == 1, np.nan, batch[0])
    losses = [train_step([b], 0.1, i)["loss"] for i, b in enumerate([batch, (clips, batch[1])])]
    assert check_finite(losses[:1], 10) == [float(losses[0])]
    with pytest.raises(UserError, match="step 11: the loss is nan"):
        check_finite(losses, 10)


# Replicas and workers: the same update from the same weights, at several points of a run.
#
# The small model agrees in every array, and so does I3D with frozen normalisation. With batch
# statistics the gradients of a network as deep as I3D are chaotic at its beginning: one device
# against itself, with the clips of a batch in another order, differs by 3 % in the median array.
# There the loss and the weights as a whole are compared.

RATES = (0.01, 0.01, 0.001)  # by turns: the rate changes between the points
BUILDERS = {  # model, patches along T, H, W, and the size of each
    "small": (small_model, (4, 4, 4), (1, 2, 2)),
    "i3d": (
        lambda: models.build("inception_i3d", num_classes=CLASSES, width=0.125, size=198),
        (3, 6, 6),
        (3, 33, 33),
    ),
}


def make_run(strategy, batch_norm, name):
    """Returns the model, optimizer, step and a function giving a step's distributed batch."""
    build_model, patches, patch = BUILDERS[name]
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = build_model()
        set_batch_norm(model, batch_norm)
        optimizer = SGD.of(
            model.trainable_variables, weight_decay=1e-4, clip_norm=1.0, ema_decay=0.9
        )
    train_step = TrainStep(strategy, model, optimizer, clips_per_update=CLIPS)

    def distributed(step):
        # Patches: of pure noise every clip has the same features but for rounding.
        clips, labels = random_batch(step, (CLIPS, *patches, 3))
        for axis, size in enumerate(patch, 1):
            clips = clips.repeat(size, axis)
        data = tf.data.Dataset.from_tensor_slices((clips, labels))
        options, policies = tf.data.Options(), tf.data.experimental.AutoShardPolicy
        options.experimental_distribute.auto_shard_policy = policies.DATA
        data = data.batch(CLIPS, drop_remainder=True).with_options(options)
        return next(iter(strategy.experimental_distribute_dataset(data)))

    return model, optimizer, train_step, distributed


def one_step(run, step):
    _, _, train_step, distributed = run
    results = train_step([distributed(step)], RATES[step % len(RATES)], step)
    return {key: float(value) for key, value in results.items()}


def snapshot(run):
    model, optimizer, _, _ = run
    return {v.path: v.numpy() for v in model.weights} | optimizer.state()


def record(folder, mode, num_steps):
    """Trains on one device and saves what each step began with and led to."""
    run = make_run(tf.distribute.get_strategy(), *mode.split("-"))
    np.savez(folder / f"{mode}-0.npz", **snapshot(run))
    for step in range(num_steps):
        results = one_step(run, step)
        np.savez(folder / f"{mode}-{step + 1}.npz", **snapshot(run))
        (folder / f"{mode}-{step}.json").write_text(json.dumps(results))


def compare(folder, mode, num_steps, strategy):
    """Prints the relative differences of results and arrays from those recorded."""
    run = make_run(strategy, *mode.split("-"))
    model, optimizer, _, _ = run
    for step in range(num_steps):
        with np.load(folder / f"{mode}-{step}.npz") as start:
            for v in model.weights:
                v.assign(start[v.path])
            optimizer.load_state({k: start[k] for k in optimizer.state()})
        expected = json.loads((folder / f"{mode}-{step}.json").read_text())
        results = one_step(run, step)
        errors = {k: abs(results[k] - v) / max(abs(v), 1e-30) for k, v in expected.items()}
        with np.load(folder / f"{mode}-{step + 1}.npz") as end:
            errors |= differences(snapshot(run), dict(end))
        print("RESULT", json.dumps({"mode": mode, "step": step} | errors), flush=True)


def differences(got, expected):
    """Returns norms of differences over norms: of all weights together and the worst array."""
    off = {k: np.linalg.norm(v - expected[k]) for k, v in got.items()}
    size = {k: np.linalg.norm(v) for k, v in expected.items()}
    worst = max(off, key=lambda k: off[k] / max(size[k], 1e-30))
    own = [k for k in off if not k.startswith(("momentum/", "average/"))]
    whole = np.linalg.norm([off[k] for k in own]) / np.linalg.norm([size[k] for k in own])
    share = off[worst] / max(size[worst], 1e-30)
    return {"weights": float(whole), "worst": float(share), "of": worst}


def check_copies(folder, strategy):
    """Local normalisation: replicas differ within a step, and hold the same after it."""
    run = make_run(strategy, "local", "small")
    model, optimizer, train_step, distributed = run
    start, batch = model.get_weights(), distributed(0)
    train_step([batch], 0.1, 0)
    means = []
    for part in zip(*map(strategy.experimental_local_results, batch), strict=True):
        single, *_ = make_run(tf.distribute.get_strategy(), "local", "small")
        single.set_weights(start)
        single(part[0], training=True)
        means.append({v.path: v.numpy() for v in single.weights if v.name.startswith("moving")})
    for path in means[0]:
        assert np.any(means[0][path] != means[1][path])
        own = next(v.numpy() for v in model.weights if v.path == path)
        np.testing.assert_allclose(own, (means[0][path] + means[1][path]) / 2, rtol=1e-5)
    checkpoints.save(folder, 1, model, optimizer, {})
    expected = snapshot(run)
    train_step([batch], 0.1, 1)
    assert checkpoints.restore(folder, model, optimizer) == {"step": 1}
    assert all(np.array_equal(v, expected[k]) for k, v in snapshot(run).items())
    for v in model.weights:
        one, other = v.value.values
        np.testing.assert_array_equal(one, other, err_msg=v.path)


def check_dropout(strategy):
    """Replicas drop different features: equal clips get different losses."""
    with strategy.scope():
        model = small_model(0.5)
    train_step = TrainStep(strategy, model, SGD.of([]), clips_per_update=2)

    @tf.function
    def logits(clips):
        def replica_step(clips):
            train_step._seed_dropout(tf.constant(3, tf.int64))
            return model(clips, training=True)

        return strategy.run(replica_step, (clips,))

    one, other = strategy.experimental_local_results(logits(tf.ones((1, 4, 8, 8, 3))))
    assert np.any(one != other)


def check_step_agreement(strategy):
    checkpoints.check_same_step(strategy, 1200)
    with pytest.raises(ValueError, match="expected all workers to resume from the same step"):
        task = strategy.cluster_resolver.task_id
        checkpoints.check_same_step(strategy, 1200 * task)


def main(role, folder, modes, num_steps):
    tf.config.experimental.enable_op_determinism()
    folder, num_steps = Path(folder), int(num_steps)
    if role == "replicas":
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        check_copies(folder, strategy)
        check_dropout(strategy)
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        check_step_agreement(strategy)
    assert strategy.num_replicas_in_sync == 2
    for mode in modes.split(","):
        if role == "replicas":
            record(folder, mode, num_steps)
        compare(folder, mode, num_steps, strategy)


def launch(role, folder, modes, num_steps, **environment):
    command = [
        sys.executable,
        "-m",
        "tests.training.test_step",
        role,
        folder,
        modes,
        str(num_steps),
    ]
    return subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results_of(process):
    output, _ = process.communicate()
    assert process.returncode == 0, output[-3000:]
    return [json.loads(line[7:]) for line in output.splitlines() if line.startswith("RESULT")]


def launch_workers(folder, modes, num_steps):
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    for index in range(2):
        place = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        yield launch("workers", folder, modes, num_steps, TF_CONFIG=json.dumps(place))


def assert_equal_steps(results, modes, num_steps):
    assert [(r["mode"], r["step"]) for r in results] == [
        (mode, step) for mode in modes.split(",") for step in range(num_steps)
    ]
    for r in results:
        assert r["loss"] < 1e-4 and r["hits"] == 0 and r["weights"] < 1e-4, r
        if r["mode"] != "sync-i3d":
            assert r["gradient_norm"] < 1e-4 and r["worst"] < 1e-4, r


def check_replicas_and_workers(folder, modes, num_steps):
    """Two replicas first, as they record what two workers are compared with too."""
    results = results_of(launch("replicas", folder, modes, num_steps))
    assert_equal_steps(results, modes, num_steps)
    for worker in list(launch_workers(folder, modes, num_steps)):
        results = results_of(worker)
        assert_equal_steps(results, modes, num_steps)


@pytest.mark.slow
def test_two_replicas_and_two_workers_make_the_step_of_one_device(tmp_path):
    check_replicas_and_workers(tmp_path, "sync-small,frozen-small", 5)


@pytest.mark.slow
def test_two_replicas_and_two_workers_at_20_points_of_a_run(tmp_path):
    check_replicas_and_workers(tmp_path, "sync-small,frozen-i3d,sync-i3d", 20)


if __name__ == "__main__":
    main(*sys.argv[1:])
