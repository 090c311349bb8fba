"""Losses: published numbers, precision, sums over replicas, and L2 in the gradient."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d.training import losses
from tests.golden import mmaction
from tests.helpers import clip_golden

GOLDEN = mmaction.read("views_and_loss.json")
CLIP = json.loads((clip_golden.FOLDER / "tiny_s0.json").read_text())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_published_one(smoothing):
    logits, labels = np.float32(GOLDEN["scores"]), np.array(GOLDEN["loss_labels"])
    each = losses.cross_entropy(logits, labels, smoothing)
    expected = GOLDEN[f"loss_label_smooth_{smoothing}"]["loss_cls"]
    assert each.shape == (6,)
    assert float(losses.weighted_mean(each)) == pytest.approx(expected, rel=1e-6)


def test_smoothed_loss_by_hand():
    # softmax of (ln 2, 0, 0) = (1/2, 1/4, 1/4); target (0.8, 0.1, 0.1)
    logits = np.float32([[np.log(2), 0, 0]])
    found = losses.cross_entropy(logits, [0], 0.3)
    expected = -(0.8 * np.log(0.5) + 0.2 * np.log(0.25))
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_loss_of_several_labels_is_the_published_one():
    logits, labels = np.float32(GOLDEN["scores"]), np.array(GOLDEN["loss_bce_labels"], bool)
    each = losses.binary_cross_entropy(logits, labels)
    assert each.shape == (6,)
    expected = GOLDEN["loss_bce_multilabel"]["loss_cls"]
    assert float(losses.weighted_mean(each)) == pytest.approx(expected, rel=1e-6)


def test_smoothed_loss_of_several_labels_by_hand():
    # Sigmoids of (0, ln 3, -ln 3) are (1/2, 3/4, 1/4); targets (0.8, 0.8, 0.1) are smoothed by 0.3.
    logits, labels = np.float32([[0, np.log(3), -np.log(3)]]), np.array([[True, True, False]])
    found = losses.binary_cross_entropy(logits, labels, 0.3)
    low, high = -np.log(1 / 4), -np.log(3 / 4)
    expected = (np.log(2) + 0.8 * high + 0.2 * low + 0.1 * low + 0.9 * high) / 3
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_one_label_is_one_of_several():
    logits = np.float32(GOLDEN["scores"])
    labels = np.array(GOLDEN["loss_labels"])
    one_hot = labels[:, None] == np.arange(5)
    found = losses.binary_cross_entropy(logits, labels, 0.1)
    np.testing.assert_array_equal(found, losses.binary_cross_entropy(logits, one_hot, 0.1))


def test_large_logits_do_not_overflow_a_sigmoid():
    logits = np.array([[60_000, -60_000], [0, 0]], np.float16)
    found = keras.ops.convert_to_numpy(
        losses.binary_cross_entropy(logits, np.array([[False, True], [True, False]]))
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [60_000, np.log(2)], rtol=1e-3)


def test_half_precision_logits_are_computed_with_in_float32():
    logits = np.array([[60_000, -60_000], [1000, 0]], np.float16)
    found = keras.ops.convert_to_numpy(losses.cross_entropy(logits, [1, 1]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [120_000, 1000], rtol=1e-6)


def test_gradient_in_a_compiled_step_is_softmax_minus_target():
    logits = tf.Variable(np.float32(GOLDEN["scores"]))
    labels = tf.constant(GOLDEN["loss_labels"])

    @tf.function
    def gradient(smoothing):
        with tf.GradientTape() as tape:
            loss = losses.weighted_mean(losses.cross_entropy(logits, labels, smoothing))
        return tape.gradient(loss, logits)

    probs = tf.nn.softmax(logits).numpy()
    for smoothing in (0.0, 0.1):
        target = (1 - smoothing) * np.eye(5)[labels.numpy()] + smoothing / 5
        np.testing.assert_allclose(gradient(smoothing), (probs - target) / 6, atol=1e-7)


# Videos and texts.


@pytest.mark.parametrize("head", ["meanP", "LSTM", "Conv_1D", "Transf", "Transf_cls"])
def test_loss_of_videos_and_texts_is_the_published_one(head):
    golden, labels = clip_golden.tiny(), np.array(CLIP["labels"])
    both = [golden[f"logits_{way}_{head}"] for way in ("v2t", "t2v")]
    each = losses.contrastive(*both, labels, labels)
    assert each.shape == (6,)
    assert float(losses.weighted_mean(each)) == pytest.approx(CLIP[f"loss_{head}"]["total"], 1e-6)
    one_way = losses.contrastive(both[0], both[0], labels, labels)
    assert float(losses.weighted_mean(one_way)) == pytest.approx(CLIP[f"loss_{head}"]["img"], 1e-6)
    np.testing.assert_array_equal(golden["gen_label"], labels[:, None] == labels)


def test_pairs_of_a_replica_sum_to_the_loss_of_the_batch():
    golden, labels = clip_golden.tiny(), np.array(CLIP["labels"])
    both = [golden[f"logits_{way}_Transf"] for way in ("v2t", "t2v")]
    whole = losses.contrastive(*both, labels, labels)
    for part in (slice(2), slice(2, 6)):
        found = losses.contrastive(*(x[part] for x in both), labels[part], labels)
        np.testing.assert_allclose(found, whole[part], rtol=1e-6)


def test_normalised_target_by_hand():
    # Row (ln 2, 0, 0): softmax (1/2, 1/4, 1/4); the first two have one label, so 1/2 each.
    row, labels = np.float32([[np.log(2), 0, 0]]), np.array([4, 4, 1])
    found = losses.contrastive(row, row, labels[:1], labels, "normalised")
    np.testing.assert_allclose(found, [0.5 * np.log(2)], rtol=1e-6)
    # Certain of the third, where the target is it alone: nothing to learn.
    sure = np.float32([[0, 0, 200]])
    np.testing.assert_allclose(
        losses.contrastive(sure, sure, labels[2:], labels, "normalised"), [0], atol=1e-6
    )
    with pytest.raises(ValueError, match="target: expected one of .*'normalised'.* got 'counts'"):
        losses.contrastive(row, row, labels[:1], labels, "counts")


def test_padding_has_no_part_in_the_mean():
    values = np.float32([1, 2, 6, 100])
    assert float(losses.weighted_mean(values, np.array([True, True, True, False]))) == 3
    assert float(losses.weighted_mean(values, np.float32([2, 0, 1, 0]))) == pytest.approx(8 / 3)


def test_replicas_sum_to_the_loss_of_the_whole_batch():
    values, weights = np.float32([1, 2, 6, 100]), np.float32([1, 1, 1, 0])
    whole = losses.weighted_mean(values, weights)
    parts = [losses.weighted_mean(values[i:j], weights[i:j], 3) for i, j in ((0, 3), (3, 4))]
    assert float(sum(parts)) == pytest.approx(float(whole)) == 3
    assert float(parts[1]) == 0  # a replica that got nothing but padding


@pytest.mark.parametrize("label", [5, -1])
def test_label_of_no_class_is_an_error_on_a_cpu(label):
    with (
        tf.device("CPU:0"),
        pytest.raises(tf.errors.InvalidArgumentError, match="valid range|is not in"),
    ):
        losses.cross_entropy(np.zeros((1, 5), "f"), [label])


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
@pytest.mark.parametrize("loss", losses.LOSSES.values())
def test_smoothing_outside_its_range_is_refused(loss, smoothing):
    with pytest.raises(ValueError, match="expected smoothing in"):
        loss(np.zeros((1, 5), "f"), np.array([0]), smoothing)


def small_model():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, use_bias=False),
        ]
    )
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.5, 2, v.shape).astype("f") for v in model.weights])
    return model


@pytest.mark.parametrize("kernels_only", [False, True])
def test_l2_is_the_gradient_of_half_the_sum_of_squares(kernels_only):
    variables = small_model().trainable_variables
    assert [v.name for v in variables] == ["kernel", "bias", "gamma", "beta", "kernel"]
    decayed = [v for v in variables if v.name == "kernel" or not kernels_only]
    with tf.GradientTape() as tape:
        penalty = 0.25 / 2 * sum(tf.reduce_sum(v.value**2) for v in decayed)
    expected = tape.gradient(penalty, [v.value for v in variables], unconnected_gradients="zero")
    zeros = [tf.zeros(v.shape) for v in variables]
    found = losses.add_l2(zeros, variables, 0.25, kernels_only)
    for variable, ours, theirs in zip(variables, found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=variable.path)


def test_sgd_steps_with_l2_are_numpys():
    """Momentum 0.9, L2 in the gradient, the rate outside the momentum, and it changes."""
    kernel = keras.Variable(np.float32([[1, -2], [3, 0.5]]))
    expected, velocity, ours = kernel.numpy().astype(float), np.zeros((2, 2)), np.zeros((2, 2))
    for step, rate in enumerate((0.1, 0.1, 0.01)):
        gradient = np.float32([[0.3, 0.1], [-0.2, step]])
        velocity = 0.9 * velocity + gradient + 0.05 * expected
        expected = expected - rate * velocity
        (total,) = losses.add_l2([tf.constant(gradient)], [kernel], 0.05)
        ours = 0.9 * ours + total.numpy()
        kernel.assign_sub(rate * ours)
    np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-6)


def test_variable_without_gradient_is_named():
    variable = keras.Variable(np.ones((2, 2), "f"), name="unused")
    with pytest.raises(ValueError, match="unused has no gradient"):
        losses.add_l2([None], [variable], 0.1)


def test_loss_of_boxes_is_that_of_the_classes_without_the_background():
    rng = np.random.default_rng(0)
    logits, actions = rng.normal(size=(2, 3, 6)).astype("f4"), rng.random((2, 3, 5)) < 0.4
    found = np.array(losses.box_cross_entropy(logits, actions))
    flat = losses.binary_cross_entropy(logits[..., 1:].reshape(6, 5), actions.reshape(6, 5))
    np.testing.assert_allclose(found.ravel(), flat, rtol=1e-6)


def test_focal_loss_of_boxes_by_hand():
    # Sigmoids of (0, ln 3) are (1/2, 3/4); the truth is given 1/2 and 1/4.
    logits, actions = np.float32([[[9, 0, np.log(3)]]]), np.array([[[True, False]]])
    found = losses.box_cross_entropy(logits, actions, focal_alpha=3.0, focal_gamma=1.0)
    expected = 3 * (0.5 * np.log(2) + 0.75 * np.log(4)) / 2
    np.testing.assert_allclose(found, [[expected]], rtol=1e-6)


def test_focal_loss_of_boxes_has_a_gradient_where_the_truth_is_certain():
    logits = tf.Variable([[[0.0, 200.0, -200.0]]])
    with tf.GradientTape() as tape:
        loss = losses.box_cross_entropy(logits, np.array([[[True, False]]]), 1.0, 0.5)
    assert np.all(np.isfinite(tape.gradient(loss, logits)))
