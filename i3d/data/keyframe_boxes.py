"""Boxes and actions of people for training, in tf.data: labels of proposals, jitter, crops.

    people = labelled(item, Columns.of((), 80), proposal_iou=0.9)
    people = people.seen_in(crop, size=256)
    people.chosen(most=32, rng=rng)                    # {"boxes", "actions", "counted"}

Boxes are x1, y1, x2, y2 in [0, 1] of the picture, then of the crop.
"""

from typing import NamedTuple

import tensorflow as tf

LEAST_SEEN_PX = 1.0  # of a side of a box within a crop


class Columns(NamedTuple):
    """Which column of the labels each action id has.

    Attributes:
      of_id: for ids from 0 on; -1 of those that are not learned.
      count: K.
    """

    of_id: tuple[int, ...]
    count: int

    @classmethod
    def of(cls, classes: tuple[int, ...], num_ids: int) -> "Columns":
        """Returns the columns of the ids 1 to `num_ids`, or of these classes in their order.

        Raises:
          ValueError: a class is none of the ids, or comes twice.
        """
        wanted = tuple(classes) or tuple(range(1, num_ids + 1))
        if len(set(wanted)) < len(wanted) or not set(wanted) <= set(range(1, num_ids + 1)):
            raise ValueError(f"expected different classes from 1 to {num_ids}, got {wanted}")
        places = {action: column for column, action in enumerate(wanted)}
        return cls(tuple(places.get(action, -1) for action in range(num_ids + 1)), len(wanted))


class People(NamedTuple):
    """Boxes with labels: boxes float32 [C, 4], actions bool [C, K]."""

    boxes: tf.Tensor
    actions: tf.Tensor

    def jittered(self, amount: float, rng) -> "People":
        """Moves each side of each box by up to `amount` of its width or height."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        shift = rng.uniform(-amount, amount, tf.size(self.boxes))
        shift = tf.reshape(tf.cast(shift, tf.float32), [-1, 4])
        return self._replace(boxes=self.boxes + shift * tf.concat([sides, sides], axis=1))

    def seen_in(self, crop, size: int) -> "People":
        """Moves boxes of the frame into a cropping.Crop of size x size; drops who is not in it."""
        height, width = (tf.cast(side, tf.float32) for side in crop.frame)
        left, top = (tf.cast(side, tf.float32) for side in (crop.left, crop.top))
        pixels = self.boxes * tf.stack([width, height, width, height])
        inside = tf.clip_by_value((pixels - tf.stack([left, top, left, top])) / size, 0, 1)
        x1, y1, x2, y2 = tf.unstack(inside, axis=1)
        x1, x2 = tf.where(crop.flip, 1 - x2, x1), tf.where(crop.flip, 1 - x1, x2)
        least = LEAST_SEEN_PX / size
        seen = (x2 - x1 >= least) & (y2 - y1 >= least)
        boxes = tf.stack([x1, y1, x2, y2], axis=1)
        return People(tf.boolean_mask(boxes, seen), tf.boolean_mask(self.actions, seen))

    def chosen(self, most: int, rng) -> dict[str, tf.Tensor]:
        """Returns at most so many of them, at random where there are more, filled up with zeros.

        {"boxes": float32 [most, 4], "actions": bool [most, K], "counted": bool [most]}.
        """
        keys = rng.uniform(0, 1, tf.shape(self.boxes)[0])
        kept = tf.sort(tf.argsort(keys, stable=True)[:most])
        missing = [[0, most - tf.size(kept)]]
        found = {
            "boxes": tf.pad(tf.gather(self.boxes, kept), [*missing, [0, 0]]),
            "actions": tf.pad(tf.gather(self.actions, kept), [*missing, [0, 0]]),
            "counted": tf.pad(tf.ones_like(kept, tf.bool), missing),
        }
        return {n: tf.ensure_shape(v, [most, *v.shape[1:]]) for n, v in found.items()}


def actions_of(item: dict[str, tf.Tensor], columns: Columns) -> tf.Tensor:
    """Returns bool [N, K]: which actions each person of keyframe_schema.parsed has."""
    actions = item["actions"]
    people = tf.repeat(tf.range(tf.size(item["action_counts"])), item["action_counts"])
    known = (actions > 0) & (actions < len(columns.of_id))
    column = tf.gather(tf.constant(columns.of_id), tf.where(known, actions, 0))
    places = tf.boolean_mask(tf.stack([people, column], axis=1), column >= 0)
    shape = tf.stack([tf.size(item["action_counts"]), columns.count])
    counts = tf.scatter_nd(places, tf.ones_like(places[:, 0]), shape)
    return tf.ensure_shape(counts > 0, [None, columns.count])


def labelled(item: dict[str, tf.Tensor], columns: Columns, proposal_iou: float) -> People:
    """Returns the people of a key frame that have an action to learn, and proposals of them.

    A proposal that overlaps one of the people by `proposal_iou` or more has the labels of the one
    that it overlaps most; others are left out.

    Source: the assigner of MMAction2's AVA models.
    """
    actions = actions_of(item, columns)
    known = tf.reduce_any(actions, axis=1)
    boxes, actions = tf.boolean_mask(item["boxes"], known), tf.boolean_mask(actions, known)
    # One more without area or action: there is always a best one.
    all_boxes = tf.concat([boxes, tf.zeros([1, 4])], axis=0)
    all_actions = tf.concat([actions, tf.zeros([1, columns.count], tf.bool)], axis=0)
    proposals = item["proposals"][:, :4]
    overlap = iou(proposals, all_boxes)
    matched = tf.reduce_max(overlap, axis=1) >= proposal_iou
    best = tf.boolean_mask(tf.argmax(overlap, axis=1), matched)
    return People(
        tf.concat([boxes, tf.boolean_mask(proposals, matched)], axis=0),
        tf.concat([actions, tf.gather(all_actions, best)], axis=0),
    )


def iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the intersection over union of every pair of boxes, float64 [N, M]."""
    a, b = tf.cast(a, tf.float64), tf.cast(b, tf.float64)
    low, high = tf.maximum(a[:, None, :2], b[:, :2]), tf.minimum(a[:, None, 2:], b[:, 2:])
    common = tf.reduce_prod(tf.maximum(high - low, 0), axis=2)
    areas = [tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return tf.math.divide_no_nan(common, areas[0][:, None] + areas[1] - common)


def detected(proposals: tf.Tensor, least_score: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (boxes [N, 4], scores [N]) of proposals [P, 5]: those of `least_score` or more.

    Without one of them it is the best one, and without proposals the whole picture, of score 1.

    Source: MMAction2's AVADataset.
    """
    whole = tf.constant([[0.0, 0.0, 1.0, 1.0, 1.0]])
    some = tf.cond(tf.shape(proposals)[0] > 0, lambda: proposals, lambda: whole)
    least = tf.minimum(least_score, tf.reduce_max(some[:, 4]))
    kept = tf.boolean_mask(some, some[:, 4] >= least)
    return kept[:, :4], kept[:, 4]
