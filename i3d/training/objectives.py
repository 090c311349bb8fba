"""Objectives of a training step: the loss of each example of a batch, and its hits.

    objective = Classification(cross_entropy)             # of a model of classes
    objective = VideoText(tokens, seed=0)                 # of a model of videos and texts
    objective = Detection()                               # of a model of boxes
    each, hits = objective(model, clips, labels, draw)    # in a replica step, under a GradientTape

An example is a clip with its label. `accuracy` names in the log what the hits are a share of. Those
of localizers are in i3d.training.segment_objectives.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from i3d.models import actionclip
from i3d.training.losses import box_cross_entropy, contrastive, cross_entropy

_STREAM = 999  # of the random numbers here; those of layers count from 0


class Objective:
    """What all have: a state that is saved with the run, {} where there is none."""

    def state(self) -> dict[str, float]:
        """Returns numbers that a resumed run must go on with."""
        return {}

    def load_state(self, state: dict[str, float]) -> None:
        """Takes over what `state` returned."""


class Classification(Objective):
    """The loss of logits against labels; a hit is a clip whose best class is its label."""

    accuracy = "accuracy"

    def __init__(self, loss: Callable[[Any, Any], Any] = cross_entropy) -> None:
        """Keeps the loss: (logits [B, K], labels) -> float32 [B], see i3d.training.losses."""
        self._loss = loss

    def __call__(self, model: Any, clips: Any, labels: Any, draw: Any) -> tuple[Any, Any]:
        """Returns the loss of each clip, float32 [B], and the number of hits.

        Args:
          model: clips -> logits [B, K].
          clips: as the model takes them.
          labels: int [B], or bool [B, K] where clips have several.
          draw: int64 scalar, the number of the batch or of its part; not read.
        """
        logits = model(clips, training=True)
        return self._loss(logits, labels), _hits(logits, labels)


class VideoText(Objective):
    """The loss of videos against the texts of their labels, over the batch of all replicas.

    Every clip gets its label in one template, drawn anew at each step. Each replica computes the
    features of its own clips and texts and compares them with those of all replicas, so that the
    sum of the replicas' losses, and of their gradients, is that of the whole batch. (The published
    code does so on one machine alone.) Where an update has several parts, each part is a batch of
    its own: clips are compared with the texts of their part.

    A hit is a clip whose best text of that batch is of its label. It is not the accuracy of a test:
    there are fewer texts, and other clips of the same label bring the right one again.
    """

    accuracy = "accuracy_in_batch"

    def __init__(
        self,
        tokens: np.ndarray,
        *,
        seed: int = 0,
        target: str = "softmax",
        weight: float = 1.0,
    ) -> None:
        """Keeps its arguments.

        Args:
          tokens: int32 [P, K, L] of P templates and K classes.
          seed: int >= 0; which template is drawn is a function of it, the draw and the replica.
          target: as for i3d.training.losses.contrastive.
          weight: what the loss is multiplied by.
        """
        self._tokens = np.asarray(tokens, np.int32)
        self._seed, self._target, self._weight = seed, target, weight

    def __call__(self, model: Any, clips: Any, labels: Any, draw: Any) -> tuple[Any, Any]:
        """Returns the loss of each clip, float32 [B], and the number of hits.

        Args:
          model: as i3d.models.actionclip builds it.
          clips: float32 [B, T, H, W, 3].
          labels: int [B].
          draw: int64 scalar, the number of the batch or of its part.
        """
        found = model({"frames": clips, "tokens": self._drawn(labels, draw)}, training=True)
        video, text = (
            tf.math.l2_normalize(tf.cast(found[name], tf.float32), -1, epsilon=1e-24)
            for name in ("video", "text")
        )
        videos, texts = _gathered([video, text])
        (others,) = _gathered([labels])
        scale = tf.exp(tf.convert_to_tensor(actionclip.log_scale(model)))
        to_texts = scale * tf.matmul(video, texts, transpose_b=True)
        to_videos = scale * tf.matmul(text, videos, transpose_b=True)
        each = contrastive(to_texts, to_videos, labels, others, self._target)
        best = tf.gather(others, tf.argmax(to_texts, axis=-1))
        return self._weight * each, tf.reduce_sum(tf.cast(best == labels, tf.float32))

    def _drawn(self, labels, draw):
        """Returns the tokens [B, L] of each label in a random template."""
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        count = draw * context.num_replicas_in_sync + replica
        seed = tf.stack([tf.constant(1000 * self._seed + _STREAM, tf.int64), count])
        templates, classes, _ = self._tokens.shape
        row = tf.random.stateless_uniform(tf.shape(labels), seed, 0, templates, tf.int64)
        table = tf.constant(self._tokens.reshape(templates * classes, -1))
        return tf.gather(table, row * classes + tf.cast(labels, tf.int64))


class Detection(Objective):
    """The loss of boxes against their labels: the mean over all boxes of a batch, of all replicas.

    So the sum of the replicas' losses is that of the whole batch, however many boxes each has.
    (MMAction2 takes the mean of each GPU's means.) Where an update has several parts, it is the
    mean of theirs. The number of hits is scaled likewise: their share of the clips is the share of
    the boxes whose most probable class is among their labels.
    """

    accuracy = "box_accuracy"

    def __init__(
        self, focal_alpha: float = 1.0, focal_gamma: float = 0.0, weight: float = 1.0
    ) -> None:
        """Keeps its arguments.

        Args:
          focal_alpha, focal_gamma: as for i3d.training.losses.box_cross_entropy.
          weight: what the loss is multiplied by.
        """
        self._focal, self._weight = (focal_alpha, focal_gamma), weight

    def __call__(self, model: Any, clips: Any, labels: Any, draw: Any) -> tuple[Any, Any]:
        """Returns the loss of each clip, float32 [B], and the number of hits.

        Args:
          model: as i3d.models.ava builds it: logits [B, N, K + 1].
          clips: {"clips": float32 [B, T, H, W, 3], "boxes": float32 [B, N, 4]}.
          labels: {"actions": bool [B, N, K], "counted": bool [B, N], False for padding}.
          draw: int64 scalar, the number of the batch or of its part; not read.
        """
        logits = model(clips, training=True)
        counted = tf.cast(labels["counted"], tf.float32)
        each = box_cross_entropy(logits, labels["actions"], *self._focal)
        best = tf.argmax(logits[..., 1:], axis=-1)
        right = tf.cast(tf.gather(labels["actions"], best, batch_dims=2), tf.float32)
        share = _clips_per_box(counted)
        loss = self._weight * share * tf.reduce_sum(counted * each, axis=-1)
        return loss, share * tf.reduce_sum(counted * right)


def _clips_per_box(counted):
    """Returns the clips of all replicas over their boxes, float32 scalar."""
    context = tf.distribute.get_replica_context()
    boxes = tf.reduce_sum(counted)
    if context.num_replicas_in_sync > 1:
        boxes = context.all_reduce(tf.distribute.ReduceOp.SUM, boxes)
    return counted.shape[0] * context.num_replicas_in_sync / tf.maximum(boxes, 1.0)


def _hits(logits, labels):
    best = ops.argmax(logits, axis=-1)
    if len(labels.shape) == 1:
        right = ops.equal(best, ops.cast(labels, best.dtype))
    else:
        right = ops.take_along_axis(labels, best[:, None], axis=1)
    return ops.sum(ops.cast(right, "float32"))


def _gathered(values):
    """Returns tensors of all replicas, one replica's rows after the other's; with gradients."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return values
    return context.all_gather(values, axis=0)
