"""Training of boxes: its loss over replicas, the first weights, and keys that do not go together.

Run as a script this file is the process with two replicas: the number of devices must be set
before TensorFlow starts.
"""

import dataclasses
import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from i3d import models
from i3d.runtime.command import UserError
from i3d.training import config, losses
from i3d.training import model as training_model
from i3d.training.objectives import Detection
from i3d.training.optimizer import SGD
from i3d.training.step import TrainStep
from i3d.weights import ava_zoo, zoo
from i3d.weights.pytorch.names import entries, schemes
from tests.helpers.processes import ROOT
from tests.helpers.torch_files import write_safetensors

CLASSES = 3
RNG = np.random.default_rng(0)
CLIPS = {
    "clips": RNG.random((4, 2, 8, 8, 3), "f4"),
    "boxes": RNG.random((4, 5, 4), "f4"),
}
LABELS = {
    "actions": RNG.random((4, 5, CLASSES)) < 0.4,
    "counted": np.arange(5) < np.array([5, 1, 2, 0])[:, None],  # six for one replica, two here
}


def small_model():
    """Returns a model that takes and gives what those of i3d.models.ava do."""
    clips, boxes = keras.Input((2, 8, 8, 3), name="clips"), keras.Input((None, 4), name="boxes")
    colours = layers.Dense(4, "tanh")(ops.mean(clips, axis=(1, 2, 3)))
    x = layers.Dense(6, "tanh")(boxes) + layers.Dense(6)(colours)[:, None]
    return keras.Model({"clips": clips, "boxes": boxes}, layers.Dense(1 + CLASSES)(x))


def step_of(objective, clips=4, strategy=None, **options):
    """Returns a model and its step, always of the same weights."""
    keras.utils.set_random_seed(1)
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        model = small_model()
        optimizer = SGD.of(model.trainable_variables, momentum=0.0, **options)
    return model, TrainStep(strategy, model, optimizer, clips_per_update=clips, objective=objective)


def batch(rows=slice(None)):
    return tf.nest.map_structure(lambda array: tf.constant(array[rows]), (CLIPS, LABELS))


def test_loss_and_hits_are_means_over_the_boxes_that_count():
    model, step = step_of(Detection(focal_alpha=3.0, focal_gamma=1.0, weight=2.0))
    logits = np.array(model(CLIPS))
    each = np.array(losses.box_cross_entropy(logits, LABELS["actions"], 3.0, 1.0))
    results = step([batch()], 0.0, 0)
    assert float(results["loss"]) == pytest.approx(2 * each[LABELS["counted"]].mean(), rel=1e-5)
    best = logits[..., 1:].argmax(-1)
    right = np.take_along_axis(LABELS["actions"], best[..., None], -1)[..., 0]
    share = float(results["hits"]) / 4
    assert share == pytest.approx(right[LABELS["counted"]].mean(), rel=1e-5)


def test_boxes_that_fill_up_a_batch_change_nothing():
    results = []
    for filling in (0.0, 0.7):
        _, step = step_of(Detection())
        clips, labels = batch()
        counted = labels["counted"][..., None]
        given = clips | {"boxes": tf.where(counted, clips["boxes"], filling)}
        results.append(step([(given, labels)], 0.1, 0))
    assert all(float(results[0][name]) == float(results[1][name]) for name in results[0])


def test_without_a_box_the_loss_is_0():
    _, step = step_of(Detection())
    clips, labels = batch()
    results = step([(clips, labels | {"counted": tf.zeros((4, 5), tf.bool)})], 0.1, 0)
    assert {float(value) for value in results.values()} == {0.0}


def test_parts_are_batches_of_their_own():
    """The loss is the mean of what each part has alone, however many boxes that is."""
    parts = [batch(slice(2)), batch(slice(2, 4))]
    alone = [float(step_of(Detection(), 2)[1]([part], 0.0, 0)["loss"]) for part in parts]
    _, step = step_of(Detection(), accumulates=True)
    assert float(step(parts, 0.0, 0)["loss"]) == pytest.approx(np.mean(alone), rel=1e-5)


def compare():
    """Prints the results of one update by two replicas and by one."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    found = []
    for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
        model, step = step_of(Detection(), strategy=strategy)
        data = tf.data.Dataset.from_tensor_slices((CLIPS, LABELS)).batch(4, drop_remainder=True)
        strategy = strategy or tf.distribute.get_strategy()
        given = next(iter(strategy.experimental_distribute_dataset(data)))
        results = {name: float(value) for name, value in step([given], 0.5, 0).items()}
        found.append(results | {"sum": float(sum(np.abs(w).sum() for w in model.get_weights()))})
    print("RESULT", json.dumps(found))


@pytest.mark.long
def test_two_replicas_make_the_update_of_one():
    line = [sys.executable, "-m", "tests.training.test_detection"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = json.loads(done.stdout.split("RESULT ")[1])
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-5), name


# Configurations.


def settings_of(**keys):
    c = config.defaults()
    c.data.frames, c.data.stride, c.data.size = 4, 16, 64
    c.model.name, c.model.width = "ava_slowonly_r50_4x16x1", 0.125
    c.boxes.scale = (64, 80)
    c.update_from_flattened_dict({key.replace("__", "."): value for key, value in keys.items()})
    config.check(c)
    return c


BAD = {
    "crop": ({"data__crop": "multi_scale"}, "data.crop: read by models without boxes only, and"),
    "loss": ({"loss": "softmax"}, "config.loss: read by models without boxes only"),
    "shots": ({"data__shots": 2}, "config.data.shots: read by models without boxes only"),
    "text": ({"text__labels": "a"}, "config.text.labels: read by models with a text tower only"),
    "boxes": (
        {"model__name": "slowonly_r50_4x16x1", "boxes__scale": (256, 320), "boxes__jitter": 0.1},
        "config.boxes.jitter: read by models of boxes only, and model.name is 'slowonly_r50_4",
    ),
    "size": ({"data__size": 65}, "data.size: expected at most 64, the least short side of config"),
    "scale": ({"boxes__scale": (80, 64)}, "boxes.scale: expected the least and the most pixels"),
    "ids": ({"boxes__classes": (4, 4)}, r"boxes.classes: expected different ids of .*\(4, 4\)"),
    "id 0": ({"boxes__classes": (0, 4)}, "boxes.classes: expected different ids of at least 1"),
    "overlap": ({"boxes__proposal_iou": 1.5}, "boxes.proposal_iou: expected at most 1, got 1.5"),
    "most": ({"boxes__most": 0}, "config.boxes.most: expected at least 1, got 0"),
    "stream": (
        {"data__stream": "flow"},
        "data.stream: expected 'rgb', as ava_slowonly_r50_4x16x1 takes pictures, got 'flow'",
    ),
}


@pytest.mark.parametrize("keys, message", BAD.values(), ids=BAD)
def test_keys_that_do_not_go_together_are_one_line(keys, message):
    with pytest.raises(UserError, match=message) as caught:
        settings_of(**keys)
    assert "\n" not in str(caught.value)


def test_frames_that_the_network_does_not_take_are_one_line():
    settings = settings_of(model__name="ava_slowfast_r50_4x16x1", data__frames=12)
    spec = dataclasses.replace(ava_zoo.SPECS[settings.model.name], frames=12)
    with pytest.raises(UserError, match="a multiple of 8.* got 12") as caught:
        training_model.build(settings, spec, 9)
    assert "\n" not in str(caught.value)


# First weights.


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(3)
    return models.build("slowonly_r50_4x16x1", num_classes=5, width=0.125)


def started(path):
    """Returns a model of 8 classes, begun at a file, and the line that says so."""
    settings = settings_of(model__start=str(path))
    spec = ava_zoo.SPECS[settings.model.name]
    model = training_model.build(settings, spec, 9)
    return model, training_model.start(settings, spec, model)


@pytest.mark.long
@pytest.mark.parametrize("file", ["kinetics.weights.h5", "kinetics.safetensors"])
def test_a_classifier_of_videos_gives_all_but_the_head(classifier, file, tmp_path):
    if file.endswith(".h5"):
        classifier.save_weights(tmp_path / file)
    else:
        write_safetensors(tmp_path / file, state_dict(classifier))
    model, line = started(tmp_path / file)
    assert line.endswith(f"{file}; left out: the head")
    own = [layer for layer in model.layers if layer.weights and layer.name != "Logits"]
    assert len(own) == len([layer for layer in classifier.layers if layer.weights]) - 1
    for layer in own:
        values = classifier.get_layer(layer.name).get_weights()
        assert all(map(np.array_equal, layer.get_weights(), values)), layer.name


def state_dict(model):
    """Returns the weights of a model as PyTorch has them, under MMAction2's keys."""
    found = {}
    for entry in entries(model, schemes(model.name)[0]):
        array = entry.variable.numpy()
        axes = {5: (4, 3, 0, 1, 2), 2: (1, 0), 1: (0,)}[array.ndim]
        found[entry.key] = np.ascontiguousarray(array.transpose(axes))
    return found


@pytest.mark.long
@pytest.mark.parametrize("classes, told", [(9, ", head included"), (5, "; left out: the head")])
def test_a_run_of_boxes_gives_its_head_where_the_classes_are_as_many(classes, told, tmp_path):
    source = models.build("ava_slowonly_r50_4x16x1", num_classes=classes, width=0.125)
    source.save_weights(tmp_path / "own.weights.h5")
    model, line = started(tmp_path / "own.weights.h5")
    assert line.endswith(f"own.weights.h5{told}")
    same = np.array_equal(*(m.get_layer("Logits").get_weights()[0][:, :5] for m in (model, source)))
    assert same == (classes == 9)


def test_another_network_is_one_line(tmp_path):
    source = models.build("tsn_r50_1x1x3", num_classes=5, width=0.125)
    source.save_weights(tmp_path / "tsn.weights.h5")
    with pytest.raises(UserError, match="expected weights of that network, or of its trunk as a"):
        started(tmp_path / "tsn.weights.h5")


def test_weights_of_videos_and_of_boxes_are_told_apart(tmp_path):
    with pytest.raises(UserError) as caught:
        started("demo_rgb")
    lacking = r"not weights of ava_slowonly_r50_4x16x1: \d+ layers are missing, the first is "
    assert re.search(rf"{lacking}.*; it is of inception_i3d; expected", str(caught.value))
    settings = settings_of(
        model__name="inception_i3d", boxes__scale=(256, 320), model__start="demo_detection"
    )
    settings.data.frames, settings.data.size = 16, 32
    spec = zoo.default_spec("inception_i3d")
    with pytest.raises(UserError) as caught:
        training_model.start(settings, spec, training_model.build(settings, spec, 8))
    assert "; it is of ava_slowonly_r50_8x8x1, which scores the actions of " in str(caught.value)


def test_weights_that_are_not_there():
    with pytest.raises(UserError, match="nowhere/a.pth: no such checkpoint; put it there, or name"):
        started("nowhere/a.pth")
    name = "slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb_20220906-953ef5fe.pth"
    with pytest.raises(UserError) as caught:
        started(f"nowhere/{name}")
    get = f"nowhere/{name}: no such checkpoint; get {name} from github.com/open-mmlab/mmaction2; "
    assert str(caught.value).startswith(f"{get}put it there, or name other weights in config.")


if __name__ == "__main__":
    compare()
