"""OmniSource's network of clips and images against what MMAction2 computed."""

import gzip
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d import models, weights
from i3d.models.fold import fold_batch_norm
from i3d.training import sources
from i3d.training.optimizer import SGD
from i3d.training.step import TrainStep, set_batch_norm
from i3d.weights import start
from i3d.weights.errors import Misfit
from i3d.weights.pytorch.load import head_classes
from i3d.weights.zoo import card_of
from tests.golden import mmaction_models as golden
from tests.helpers import torch_files

NAME = "omni_slowonly_r50"
FOLDER = golden.FOLDER.parent


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file with the published names, both heads and synthetic weights."""
    keys = json.loads(gzip.decompress((FOLDER / "mmaction_omni_keys.json.gz").read_bytes()))
    shapes = {key: tuple(shape) for key, shape in keys.items()}
    path = tmp_path_factory.mktemp("omni") / "omni.safetensors"
    state = {key: golden.weight(key, shapes) for key, shape in shapes.items() if shape}
    torch_files.write_safetensors(path, state)
    return path


def small(**keywords):
    return models.build(NAME, **{"num_classes": 5, "width": 0.0625, "size": None, **keywords})


def randomised(model):
    random = np.random.default_rng(0)
    for variable in model.weights:
        value = random.uniform(-1, 1, variable.shape) * np.sqrt(6 / np.prod(variable.shape[:-1]))
        positive = variable.name in ("gamma", "moving_variance")
        variable.assign(1 + 0.2 * value / np.sqrt(6) if positive else value)
    return model


def inputs(clips, images):
    random = np.random.default_rng(1)
    shapes = {"clips": (clips, 3, 32, 32, 3), "images": (images, 40, 40, 3)}
    return {key: random.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


def cross_entropy(logits, labels):
    values = keras.ops.log_softmax(np.asarray(logits, np.float64))
    return -np.mean([value[label] for value, label in zip(np.asarray(values), labels, strict=True)])


@pytest.mark.long
def test_golden(published):
    with np.load(FOLDER / "mmaction_omni.npz") as arrays:
        expected = dict(arrays)
    model = models.build(NAME, num_classes=400, image_classes=1000)
    weights.load(model, published)
    clips = golden.clip(tuple(expected["video_shape"]))[:, 0].transpose(0, 2, 3, 4, 1)
    images = golden.clip(tuple(expected["image_shape"]), 1).transpose(0, 2, 3, 1)
    actual = model({"clips": clips, "images": images}, training=False)
    for ours, theirs in (("logits", "video"), ("image_logits", "image")):
        logits = expected[f"{theirs}/logits"]
        error = np.abs(np.asarray(actual[ours]) - logits).max() / logits.std()
        print(f"{ours}: {error:.1e} of the standard deviation")
        assert error <= 1e-4
    for ours, labels, index in (("logits", (3, 7), 0), ("image_logits", (11, 500), 1)):
        loss = cross_entropy(actual[ours], labels)
        assert abs(loss - expected[f"joint_loss_eval_mode/loss_cls_{index}"]) <= 1e-5

    alone = models.build(NAME, num_classes=400)
    weights.load(alone, published)  # the head of images is left out
    logits = np.asarray(alone(clips, training=False))
    assert np.abs(logits - actual["logits"]).max() <= 1e-5 * logits.std()
    assert head_classes(published, NAME) == 400


@pytest.mark.long
def test_golden_step_of_both_sources(published):
    """One update of a batch of clips and one of images, by the steps of a joint training."""
    with np.load(FOLDER / "mmaction_omni.npz") as arrays:
        expected = {key: arrays[key] for key in arrays if arrays[key].size < 10}
    model = models.build(NAME, num_classes=400, image_classes=1000)
    weights.load(model, published)
    set_batch_norm(model, "frozen")  # the losses are of the test's statistics
    optimizer = SGD.of(model.trainable_variables, accumulates=True)
    strategy = tf.distribute.get_strategy()
    of_clips, of_images = (
        TrainStep(strategy, branch, optimizer, clips_per_update=2)
        for branch in sources.branches(model)
    )
    clips = golden.clip(tuple(expected["video_shape"]))[:, 0].transpose(0, 2, 3, 4, 1)
    images = golden.clip(tuple(expected["image_shape"]), 1).transpose(0, 2, 3, 1)
    before = {v.path: v.numpy() for v in model.trainable_variables}
    image_loss = of_images.accumulate((tf.constant(images), tf.constant([11, 500])), 0)
    told = of_clips([(tf.constant(clips), tf.constant([3, 7]))], 1e-3, 0)
    for loss, index in ((told["loss"], 0), (image_loss, 1)):
        assert abs(float(loss) - expected[f"joint_loss_eval_mode/loss_cls_{index}"]) <= 1e-5
    assert all(np.any(v.numpy() != before[v.path]) for v in model.trainable_variables)


@pytest.mark.long
def test_trunk_of_the_published_file_begins_another_classifier(published):
    model = models.build(NAME, num_classes=7)
    with pytest.raises(Misfit):
        weights.load(model, published)
    begun = models.build(NAME, num_classes=7)
    line = start.begin(begun, lambda classes: models.build(NAME, num_classes=classes), published)
    assert "left out" in line
    own = model.get_layer("fc3d-2").get_weights()
    weights.load(model, published, head=False)
    np.testing.assert_array_equal(model.get_layer("fc3d-2").get_weights()[0], own[0])
    trunk = models.build(NAME, num_classes=400)
    weights.load(trunk, published)
    for layer in ("conv1-conv", "layer4-2-conv3-bn"):
        for other in (model, begun):
            pairs = (other.get_layer(layer).weights, trunk.get_layer(layer).weights)
            for ours, theirs in zip(*pairs, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_image_is_the_middle_of_a_clip_that_stands_still():
    """9 blocks span 3 frames: the middle of 19 equal frames does not see the ends."""
    model = randomised(small(image_classes=6))
    images = np.random.default_rng(1).normal(size=(2, 33, 40, 3)).astype(np.float32)
    clips = np.repeat(images[:, None], 19, axis=1)
    ends = [node.output_tensors[0] for node in model.get_layer("layer4")._inbound_nodes]
    both = keras.Model(model.inputs, ends)
    of_clips, of_images = (np.asarray(maps) for maps in both([clips, images], training=False))
    assert of_images.shape == (2, 1, 2, 2, 128)
    scale = np.abs(of_images).max()
    assert np.abs(of_clips[:, 9:10] - of_images).max() <= 1e-5 * scale
    assert np.abs(of_clips[:, :1] - of_images).max() > 1e-3 * scale


def test_both_branches_share_their_weights():
    model, alone = small(image_classes=6, dropout=0.5), small()
    heads_own = 4 + 2  # of the normalisation and the dense layer of images
    assert len(model.weights) == len(alone.weights) + heads_own
    before = np.asarray(model.get_layer("conv1-bn").moving_mean)
    outputs = model(inputs(clips=2, images=4), training=True)
    shapes = {key: tuple(value.shape) for key, value in outputs.items()}
    assert shapes == {"logits": (2, 5), "image_logits": (4, 6)}
    assert np.abs(model.get_layer("conv1-bn").moving_mean - before).max() > 0
    layers = {layer.name: layer for layer in model.layers}
    momenta = [layers[name].momentum for name in ("conv1-bn", "fc3d-3", "fc2d-2")]
    rates = [layers[f"{head}-dropout"].rate for head in ("Logits", "image_logits")]
    assert momenta == [0.99, 0.9, 0.9] and rates == [0.5, 0.2]


@pytest.mark.long
def test_saved_and_folded_models_of_both_are_the_same(tmp_path):
    model = randomised(small(image_classes=6))
    x = inputs(clips=1, images=2)
    model.save(tmp_path / "model.keras")
    expected = model(x, training=False)
    for other in (keras.models.load_model(tmp_path / "model.keras"), fold_batch_norm(model)):
        for key, value in other(x, training=False).items():
            scale = np.abs(expected[key]).max()
            assert np.abs(np.asarray(value) - expected[key]).max() <= 2e-5 * scale


@pytest.mark.long
def test_head_of_other_classes_from_a_keras_file(tmp_path):
    model = randomised(small())
    model.save_weights(tmp_path / "model.weights.h5")
    other = small(num_classes=3)
    weights.load(other, tmp_path / "model.weights.h5", head=False)
    np.testing.assert_array_equal(
        other.get_layer("conv1-conv").kernel, model.get_layer("conv1-conv").kernel
    )


def test_card_and_arguments():
    card = card_of("slowonly_r50_8xb16-8x8x1-256e_imagenet-kinetics400-rgb_20230208-61c4be0d.pth")
    assert (card.model, card.top1, card.spec.frames, card.spec.stride) == (NAME, 77.3, 8, 8)
    with pytest.raises(ValueError, match="image_classes: expected 0 or more, got -1"):
        small(image_classes=-1)
