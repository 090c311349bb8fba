"""Objectives of localizers on the golden outputs: the published losses, their state and draws."""

import numpy as np
import pytest
import tensorflow as tf

from i3d.training.segment_objectives import Points, Proposals
from tests.training.test_segment_losses import predictions
from tests.training.test_segment_targets import golden, predicted, truth

DRAW = tf.constant(0, tf.int64)


def points_of(name, run):
    """Returns (model, clips, labels) whose losses are golden."""
    file = golden(name)
    logits, offsets, _ = predicted(file, run)
    clips = {"mask": tf.constant(file[f"{run}/level0/mask"])}
    segments, labels = truth(file, run, 2)
    given = {"segments": tf.constant(segments), "labels": tf.constant(labels)}
    found = {"logits": tf.constant(logits), "offsets": tf.constant(offsets)}
    return lambda clips, training: found, clips, given


@pytest.mark.parametrize("name, run", [("actionformer", "small_w7"), ("temporalmaxer", "small_gn")])
def test_the_loss_of_points_is_the_originals(name, run):
    objective = Points(least_cost=name == "temporalmaxer", regression_weight=2.0)
    each, hits = objective(*points_of(name, run), DRAW)
    key = "losses_cls_reg_final" if name == "actionformer" else "losses_cls_reg"
    focal, regression = golden(name)[f"{run}/{key}"][:2]
    assert float(tf.reduce_mean(each)) == pytest.approx(focal + 2 * regression, abs=2e-5)
    assert 0 <= float(hits) <= 2
    assert objective.state()["positives"] == pytest.approx(92.7)


def test_the_moving_average_goes_on_where_it_was():
    given = points_of("actionformer", "small_w7")
    one, other = Points(least_cost=False), Points(least_cost=False)
    one(*given, DRAW)
    other.load_state(one.state())
    first, second = (objective(*given, DRAW)[0] for objective in (one, other))
    np.testing.assert_array_equal(first, second)
    assert one.state() == other.state() != {"positives": 100.0}
    other.load_state({})
    assert one.state() == other.state()


def test_a_batch_without_segments_teaches_that_nothing_is_there():
    model, clips, labels = points_of("actionformer", "small_w7")
    labels = labels | {"labels": -tf.ones_like(labels["labels"])}
    objective = Points(least_cost=False, normalizer=1.0)
    each, hits = objective(model, clips, labels, DRAW)
    assert (each.numpy() > 0).all() and float(hits) == 0
    assert objective.state() == {"positives": 1.0}


def test_smoothing_spreads_the_target_over_the_classes():
    given = points_of("actionformer", "small_w7")
    plain, smooth = (Points(least_cost=False, smoothing=e)(*given, DRAW)[0] for e in (0.0, 0.1))
    assert (np.abs(plain - smooth) > 1e-3).all()


def proposals_of(case, rows):
    confidence, start, end = predictions(case, rows)
    found = {"confidence": confidence.transpose(0, 2, 3, 1), "start": start, "end": end}
    found = {name: tf.constant(array) for name, array in found.items()}
    size = {24: "small", 100: "full"}[rows]
    file = golden("bmn")
    labels = {name: file[f"{size}/loss_{case}/labels_{name}"] for name in ("iou", "start", "end")}
    return lambda clips, training: found, {}, {k: tf.constant(v) for k, v in labels.items()}


class AllKept(Proposals):
    """Takes all proposals of medium and low overlap."""

    def _drawn(self, iou, draw):
        return [tf.ones_like(iou)] * 2


def test_the_loss_of_proposals_is_the_originals():
    for case in ("ab", "a", "ac"):
        each, hits = AllKept(24, 24)(*proposals_of(case, 24), DRAW)
        total = golden("bmn")[f"small/loss_{case}/all_kept/total_tem_reg_cls"][0]
        assert float(tf.reduce_mean(each)) == pytest.approx(total, abs=2e-5)
        assert each.shape == (len(case),) and 0 <= float(hits) <= len(case)


def test_what_counts_is_drawn_by_seed_and_step():
    given = proposals_of("ab", 24)
    losses = [
        float(tf.reduce_sum(Proposals(24, 24, seed=seed)(*given, tf.constant(draw, tf.int64))[0]))
        for seed, draw in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert losses[0] == losses[1] and len(set(losses)) == 3


def test_a_batch_without_well_placed_proposals_is_a_number():
    each, _ = Proposals(24, 24)(*proposals_of("d", 24), DRAW)
    assert np.isfinite(each).all()
