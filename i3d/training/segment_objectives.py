"""Objectives of localizers, for i3d.training.step: of points, and of BMN's proposals.

    objective = Points(least_cost=False)                  # ActionFormer; True: TemporalMaxer
    objective = Proposals(rows=100, durations=100)        # BMN
    each, hits = objective(model, clips, labels, draw)    # in a replica step, under a GradientTape

Losses are those of the whole batch, of all replicas: the sum of the replicas' losses, and of their
gradients, is that of one device. Where an update has several parts, it is the mean of theirs.
"""

from typing import Any

import tensorflow as tf

from i3d.models.actionformer import LEVELS, points
from i3d.models.bmn import valid_pairs
from i3d.models.segment_layers import level_masks
from i3d.training import segment_losses as losses
from i3d.training import segment_targets as targets
from i3d.training.objectives import Objective

_STREAM = 998  # of the random numbers here; those of layers count from 0
_KEEPS = 0.9  # share of the moving average of positive points that a step keeps
_REGRESSION = 10.0  # weight of BMN's loss of regression


class Points(Objective):
    """Focal loss of the classes of all points, and distance-IoU loss of the ends of positive ones.

    Both are divided by the moving average of the number of positive points. A hit is a positive
    point whose best class is one of its own; hits are scaled so that their share of the clips is
    the share of these points.
    """

    accuracy = "point_accuracy"

    def __init__(
        self,
        least_cost: bool,
        *,
        smoothing: float = 0.0,
        regression_weight: float = 1.0,
        normalizer: float = 100.0,
        weight: float = 1.0,
    ) -> None:
        """Makes a variable; to be called under strategy.scope().

        Args:
          least_cost: whether a point's offsets are of the segment of least cost (TemporalMaxer), or
            of the shortest (ActionFormer).
          smoothing: e: the target is 1 - e + e / (K + 1) for a class and e / (K + 1) for others.
          regression_weight: of the distance-IoU loss.
          normalizer: the moving average of the number of positive points in the beginning.
          weight: what the loss is multiplied by.
        """
        self._least_cost, self._smoothing = least_cost, smoothing
        self._regression, self._weight = regression_weight, weight
        self._positives = tf.Variable(
            normalizer,
            trainable=False,
            dtype=tf.float32,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def __call__(self, model: Any, clips: Any, labels: Any, draw: Any) -> tuple[Any, Any]:
        """Returns the loss of each video, float32 [B], and the number of hits.

        Args:
          model: as i3d.models.actionformer builds it.
          clips: {"features": float32 [B, T, C], "mask": bool [B, T]}.
          labels: {"segments": float32 [B, N, 2] in rows, "labels": int32 [B, N], -1 for padding}.
          draw: int64 scalar, the number of the batch or of its part; not read.
        """
        found = model(clips, training=True)
        logits, offsets = (tf.cast(found[name], tf.float32) for name in ("logits", "offsets"))
        there = tf.concat(level_masks(clips["mask"], LEVELS, pooled=self._least_cost), axis=1)
        classes, wanted = self._targets(clips, labels, logits, offsets)
        positive = tf.reduce_any(classes > 0, axis=-1) & there
        count = _total(tf.reduce_sum(tf.cast(positive, tf.float32)))
        normalizer = _KEEPS * self._positives + (1 - _KEEPS) * tf.maximum(count, 1.0)
        self._positives.assign(normalizer)
        hit = tf.gather(classes, tf.argmax(logits, axis=-1), batch_dims=2)
        hits = tf.reduce_sum(tf.where(positive, hit, 0.0)) / tf.maximum(count, 1.0)
        each = self._loss(logits, classes, there)
        each += self._regression * _regression(offsets, wanted, positive)
        clips_in_all = _clips(each)
        return self._weight * clips_in_all / normalizer * each, clips_in_all * hits

    def _targets(self, clips, labels, logits, offsets):
        at = points(clips["mask"].shape[1])
        given = at, labels["segments"], labels["labels"]
        if self._least_cost:
            return targets.least_cost(*given, logits, offsets)
        return targets.shortest(*given, logits.shape[-1])

    def _loss(self, logits, classes, there):
        """Returns the focal loss of each video, summed over its points."""
        e = self._smoothing
        smooth = (1 - e) * classes + e / (classes.shape[-1] + 1)
        each = losses.sigmoid_focal(logits, smooth)
        return tf.reduce_sum(tf.where(there[..., None], each, 0.0), axis=(1, 2))

    def state(self) -> dict[str, float]:
        """Returns the moving average."""
        return {"positives": float(self._positives.numpy())}

    def load_state(self, state: dict[str, float]) -> None:
        """Takes over what `state` returned; a run that had none goes on with its own."""
        if "positives" in state:
            self._positives.assign(state["positives"])


def _regression(offsets, wanted, positive):
    """Returns the distance-IoU loss of each video, summed over its positive points."""
    own, truth = (tf.where(positive[..., None], x, 1.0) for x in (offsets, wanted))
    each = losses.distance_iou_loss(own, truth)
    return tf.reduce_sum(tf.where(positive, each, 0.0), axis=1)


class Proposals(Objective):
    """BMN's losses of starts and ends, of the regressing and of the classifying map.

    Which proposals of little overlap count is drawn anew at each step. A hit is a proposal that the
    regressing map puts on the right side of an IoU of 0.5; hits are scaled as those of Points.
    """

    accuracy = "proposal_accuracy"

    def __init__(self, rows: int, durations: int, *, seed: int = 0, weight: float = 1.0) -> None:
        """Keeps its arguments.

        Args:
          rows, durations: T and D of the model.
          seed: int >= 0; the draws are a function of it, the draw and the replica.
          weight: what the loss is multiplied by.
        """
        self._mask = valid_pairs(rows, durations)
        self._seed, self._weight = seed, weight

    def __call__(self, model: Any, clips: Any, labels: Any, draw: Any) -> tuple[Any, Any]:
        """Returns the loss of each video, float32 [B], and the number of hits.

        Args:
          model: as i3d.models.bmn builds it.
          clips: {"features": float32 [B, T, C]}.
          labels: {"iou": float32 [B, D, T], "start": float32 [B, T], "end": float32 [B, T]}.
          draw: int64 scalar, the number of the batch or of its part.
        """
        found = model(clips, training=True)
        regressed, classified = tf.unstack(tf.cast(found["confidence"], tf.float32), axis=-1)
        iou, mask = labels["iou"], tf.constant(self._mask)
        edges = [losses.boundary(found[name], labels[name], _total) for name in ("start", "end")]
        drawn = self._drawn(iou, draw)
        maps = _REGRESSION * losses.overlap_regression(regressed, iou, mask, drawn, _total)
        maps += losses.overlap_classification(classified, iou, mask, _total)
        each = tf.reduce_sum(sum(edges), axis=1) + tf.reduce_sum(maps, axis=(1, 2))
        right = ((regressed > 0.5) == (iou > 0.5)) & mask
        share = tf.reduce_sum(tf.cast(right, tf.float32)) / float(self._mask.sum())
        return self._weight * _clips(each) * each, share

    def _drawn(self, iou, draw):
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        count = draw * context.num_replicas_in_sync + replica
        seed = tf.stack([tf.constant(1000 * self._seed + _STREAM, tf.int64), count])
        return tf.unstack(tf.random.stateless_uniform([2, *iou.shape], seed))


def _total(value):
    """Returns a number summed over all replicas."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def _clips(each):
    """Returns the videos of a batch, of all replicas."""
    return float(each.shape[0] * tf.distribute.get_replica_context().num_replicas_in_sync)
