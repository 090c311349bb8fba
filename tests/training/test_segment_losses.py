"""Losses of localizers against those of the published codes, golden/localization."""

import numpy as np
import pytest
import tensorflow as tf

from i3d.models.actionformer import points
from i3d.models.bmn import valid_pairs
from i3d.training import segment_losses, segment_targets
from tests.golden.localization import uniform
from tests.training.test_segment_targets import golden, predicted, truth

CASES = ("ab", "ac", "a", "b", "d")


@pytest.mark.parametrize("name, run", [("actionformer", "small_w7"), ("temporalmaxer", "small_gn")])
def test_losses_of_points_are_the_originals(name, run):
    file = golden(name)
    logits, offsets, mask = predicted(file, run)
    given = points(192), *truth(file, run, 2)
    if name == "actionformer":
        classes, wanted = segment_targets.shortest(*given, 20)
    else:
        classes, wanted = segment_targets.least_cost(*given, logits, offsets)
    classes, wanted = np.array(classes), np.array(wanted)
    positive = (classes.sum(-1) > 0) & mask
    normalizer = 0.9 * 100 + 0.1 * positive.sum()
    key = "losses_cls_reg_final" if name == "actionformer" else "losses_cls_reg"
    focal = np.array(segment_losses.sigmoid_focal(logits, classes))[mask].sum() / normalizer
    regression = np.array(segment_losses.distance_iou_loss(offsets, wanted))[positive].sum()
    found = [focal, regression / normalizer]
    np.testing.assert_allclose(found, file[f"{run}/{key}"][:2], atol=1e-5)
    assert normalizer == pytest.approx(file[f"{run}/loss_normalizer_after"])


def test_equal_segments_have_no_loss_and_apart_ones_a_gradient():
    offsets = tf.constant([[2.0, 3.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(offsets)
        loss = segment_losses.distance_iou_loss(offsets, tf.constant([[2.0, 3.0], [1.0, 1.0]]))
    np.testing.assert_allclose(loss, [0.0, 1.0])
    assert np.isfinite(tape.gradient(loss, offsets)).all()


def predictions(case, rows):
    """Returns what the golden losses were computed of: confidence [B, 2, T, T], start, end."""
    count = len(case)
    shapes = {"conf": (count, 2, rows, rows), "start": (count, rows), "end": (count, rows)}
    return [
        (0.5 + 0.48 * uniform(f"bmn:{name}:{case}:{rows}", shape, 0)).astype("f4")
        for name, shape in shapes.items()
    ]


def drawn(case, rows, kind):
    shape = (len(case), rows, rows)
    if kind == "all_kept":
        return [np.ones(shape, "f4")] * 2
    keys = (f"bmn:rand_{level}:{case}:{rows}" for level in "ml")
    return [(0.5 + 0.5 * uniform(key, shape, 0)).astype("f4") for key in keys]


@pytest.mark.parametrize("kind", ["all_kept", "given_random"])
@pytest.mark.parametrize("size, rows", [("small", 24), ("full", 100)])
def test_losses_of_proposals_are_the_originals(size, rows, kind):
    file = golden("bmn")
    mask = valid_pairs(rows, rows)
    for case in CASES:
        confidence, start, end = predictions(case, rows)
        labels = [file[f"{size}/loss_{case}/labels_{name}"] for name in ("iou", "start", "end")]
        edges = [
            np.array(segment_losses.boundary(p, label)).sum()
            for p, label in zip((start, end), labels[1:], strict=True)
        ]
        chosen = drawn(case, rows, kind)
        regression = segment_losses.overlap_regression(confidence[:, 0], labels[0], mask, chosen)
        classes = segment_losses.overlap_classification(confidence[:, 1], labels[0], mask)
        found = [sum(edges), np.array(regression).sum(), np.array(classes).sum()]
        total, *expected = file[f"{size}/loss_{case}/{kind}/total_tem_reg_cls"]
        if np.isnan(total):  # no proposal is well placed
            assert (size, case) == ("small", "d") and found[1] == 0
            expected[1] = 0.0
        else:
            assert found[0] + 10 * found[1] + found[2] == pytest.approx(total, abs=1e-5)
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=case)


def test_where_most_are_well_placed_all_others_are_taken_once():
    iou = np.zeros((1, 4, 4), "f4")
    iou[0, 0] = (0.8, 0.9, 0.75, 0.5)
    iou[0, 3, 3] = 0.6  # ends after the sequence
    mask = valid_pairs(4, 4)
    zeros = [np.zeros((1, 4, 4), "f4")] * 2
    found = np.array(segment_losses.overlap_regression(zeros[0], iou, mask, zeros))
    np.testing.assert_allclose(found[0, 0], 0.5 * iou[0, 0] ** 2 / 4, rtol=1e-6)
    assert not found[0, 1:].any()
