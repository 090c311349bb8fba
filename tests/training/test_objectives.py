"""Training of videos and texts: losses, gradients and updates of the original, and replicas.

Run as a script this file is the process with two replicas: the number of devices must be set
before TensorFlow starts.
"""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from i3d import models
from i3d.inference import network
from i3d.models import actionclip
from i3d.training.objectives import VideoText
from i3d.training.optimizer import SGD, AdamW
from i3d.training.step import TrainStep
from i3d.weights.pytorch import clip_names
from tests.helpers import clip_golden
from tests.helpers.processes import ROOT

pytestmark = pytest.mark.long

CLIP = json.loads((clip_golden.FOLDER / "tiny_s0.json").read_text())
LABELS = np.array(CLIP["labels"])
RATES = {"text": 1e-5, "visual": 1e-5, "fusion": 1e-4}


class Given(VideoText):
    """Takes a text for each clip, as the golden batch has it."""

    def _drawn(self, labels, draw):
        return tf.constant(self._tokens[0])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return clip_golden.loaded(tmp_path_factory.mktemp("golden"), "Transf")


def golden_texts():
    rows = clip_golden.tiny()["logit_text_rows"]
    tokens = np.load(clip_golden.FOLDER / "tokens_ucf101.npz")["tokens"].astype(np.int32)
    return tokens[rows][None, :, :20]


def step_of(model, optimizer, objective, clips=6):
    strategy = tf.distribute.get_strategy()
    return TrainStep(strategy, model, optimizer, clips_per_update=clips, objective=objective)


def batch(rows=slice(None)):
    return tf.constant(clip_golden.frames()[rows]), tf.constant(LABELS[rows])


@pytest.fixture(scope="module")
def golden_run(model, eager):
    """Returns (results of four steps, gradients of the first by path), by the original's rates.

    The model has its golden weights again afterwards.
    """
    start = model.get_weights()
    factors = {v.path: RATES[actionclip.group_of(v)] / 1e-5 for v in model.trainable_variables}
    optimizer = AdamW.of(model.trainable_variables, weight_decay=0.2, factors=factors)
    step = step_of(model, optimizer, Given(golden_texts()))
    results = [step([batch()], 1e-5, 0)]
    means = optimizer.state()  # a tenth of the gradients, after one step
    gradients = {v.path: 10 * means[f"mean/{v.path}"] for v in model.trainable_variables}
    results += [step([batch()], 1e-5, number) for number in range(1, 4)]
    model.set_weights(start)
    return [{name: float(value) for name, value in each.items()} for each in results], gradients


def test_losses_of_three_updates_are_the_originals(golden_run):
    losses = [each["loss"] for each in golden_run[0]]
    np.testing.assert_allclose(losses, CLIP["train3"]["losses"], atol=2e-5)


def test_hits_are_clips_that_find_a_text_of_their_label(golden_run):
    logits = clip_golden.tiny()["logits_v2t_Transf"]
    assert golden_run[0][0]["hits"] == np.sum(LABELS[logits.argmax(axis=1)] == LABELS)


def test_gradients_are_the_originals(model, golden_run):
    gradients, expected = golden_run[1], CLIP["grad_l2"]
    named = {weight.key: weight for weight in clip_names.towers(model, "openai")}
    named |= {f"fusion.{weight.key}": weight for weight in clip_names.fusion(model)}
    assert len(expected) == 147
    for key, norm in expected.items():
        parts = [np.sum(np.square(gradients[v.path], dtype="f8")) for v in named[key].variables]
        assert np.sqrt(sum(parts)) == pytest.approx(norm, rel=1e-3, abs=1e-5), key
    for key in ("visual.class_embedding", "text_projection", "logit_scale"):
        (variable,) = named[key].variables
        wanted = np.reshape(clip_golden.tiny()[f"grad_{key}"], variable.shape)
        error = np.abs(gradients[variable.path] - wanted).max()
        assert error <= 2e-4 * np.abs(wanted).max(), key


def test_bfloat16_keeps_norms_and_weights_in_float32(golden_run, model):
    with network.computing_in("bfloat16"):
        half = models.build("actionclip_tiny_8f", frames=8)
    half.set_weights(model.get_weights())
    assert {layer.compute_dtype for layer in half.layers} >= {"bfloat16", "float32"}
    assert {str(v.dtype) for v in half.trainable_variables} == {"float32"}
    optimizer = AdamW.of(half.trainable_variables, weight_decay=0.2)
    step = step_of(half, optimizer, Given(golden_texts()))
    losses = [float(step([batch()], 1e-5, number)["loss"]) for number in range(2)]
    np.testing.assert_allclose(losses[0], CLIP["train3"]["losses"][0], rtol=0.03)
    assert losses[1] < losses[0]


# A model of a few weights.


def small_model():
    """Returns a model that takes and gives what those of i3d.models.actionclip do."""
    frames = keras.Input((8, 32, 32, 3), name="frames")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    pixels = layers.Dense(4, "tanh", name="visual_one")(frames)
    video = layers.Dense(5, name="visual_two")(keras.ops.mean(pixels, axis=(1, 2, 3)))
    words = layers.Embedding(50_000, 4, name="text_one")(tokens)
    text = layers.Dense(5, name="text_two")(keras.ops.mean(words, axis=1))
    logits = actionclip.Similarity(name="logit_scale")([video, text])
    outputs = {"video": video, "text": text, "logits": logits}
    return keras.Model({"frames": frames, "tokens": tokens}, outputs)


def test_parts_are_batches_of_their_own():
    """The loss is the mean of what each part has alone."""
    keras.utils.set_random_seed(1)
    model, objective = small_model(), VideoText(table())
    optimizer = SGD.of(model.trainable_variables, accumulates=True)
    parts = [batch(slice(3)), batch(slice(3, 6))]
    alone = [float(step_of(model, optimizer, objective, 3)([p], 0.0, 0)["loss"]) for p in parts]
    both = step_of(model, optimizer, objective)(parts, 0.0, 0)
    assert float(both["loss"]) == pytest.approx(np.mean(alone), rel=1e-5)


def table(templates=1, classes=8):
    """Returns tokens of made-up texts, int32 [P, K, 6]."""
    rng = np.random.default_rng(5)
    found = rng.integers(1, 40_000, (templates, classes, 6)).astype(np.int32)
    found[..., 0], found[..., -1] = 49406, 49407
    return found


def test_templates_are_drawn_by_seed_step_and_example():
    labels = tf.constant([3] * 64, tf.int64)
    rows = table(16)

    def drawn(seed, draw):
        found = VideoText(rows, seed=seed)._drawn(labels, tf.constant(draw, tf.int64)).numpy()
        places = [np.flatnonzero((rows[:, 3] == row).all(axis=1)) for row in found]
        return [int(place[0]) for place in places]

    first = drawn(0, 0)
    assert len(set(first)) > 8 and first == drawn(0, 0)
    assert first != drawn(0, 1) and first != drawn(1, 0)


# Two replicas.


def made(strategy):
    """Returns a small model, its optimizer, and a step on the golden batch by a strategy."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        model = small_model()
        optimizer = SGD.of(model.trainable_variables, momentum=0.0)
    objective = VideoText(table())
    step = TrainStep(strategy, model, optimizer, clips_per_update=6, objective=objective)
    data = tf.data.Dataset.from_tensor_slices((clip_golden.frames(), LABELS))
    data = data.batch(6, drop_remainder=True)
    return model, step, next(iter(strategy.experimental_distribute_dataset(data)))


def compare():
    """Prints the differences of one update by two replicas from that by one."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = []
    for strategy in (one, two):
        model, step, given = made(strategy)
        before = {v.path: v.numpy() for v in model.trainable_variables}
        results = {name: float(value) for name, value in step([given], 1.0, 0).items()}
        found.append(
            (results, {v.path: before[v.path] - v.numpy() for v in model.trainable_variables})
        )
    (first, own), (second, other) = found
    size = max(np.abs(value).max() for value in own.values())
    off = max(np.abs(own[path] - other[path]).max() for path in own) / size
    scale = next(path for path in own if "log_scale" in path)
    print("RESULT", json.dumps({"one": first, "two": second, "off": float(off),
                                "scale": [float(own[scale]), float(other[scale])]}))  # fmt: skip


def test_two_replicas_make_the_update_of_one():
    line = [sys.executable, "-m", "tests.training.test_objectives"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.split("RESULT ")[1])
    for name, value in found["one"].items():
        assert found["two"][name] == pytest.approx(value, rel=1e-5), name
    assert found["off"] < 1e-5
    assert found["scale"][1] == pytest.approx(found["scale"][0], rel=1e-4)


if __name__ == "__main__":
    compare()
