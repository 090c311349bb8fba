"""Losses of localizers: of points (focal and distance-IoU) and of proposals (BMN's three).

    each = sigmoid_focal(logits, classes)                       # [B, P, K]
    each = distance_iou_loss(offsets, targets)                  # [B, P]
    each = boundary(probabilities, labels)                      # [B, T], its sum is the loss
    each = overlap_regression(predicted, iou, kept)             # [B, D, T], its sum is the loss
    each = overlap_classification(predicted, iou, mask)         # [B, D, T], its sum is the loss

keras.ops only. What BMN's losses count (positives, entries) they count in the whole batch: `total`
sums a number over replicas.

Sources: Lin et al. 2017, arXiv:1708.02002, 3.2; Zheng et al. 2020, arXiv:1911.08287, 3; Lin et al.
2019, arXiv:1907.09702, 4.3, with the numbers of MMAction2's BMN.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any  # of the backend that Keras runs on
_TINY = 1e-8
_OF_LOGARITHMS = 1e-5  # added to probabilities
_RATIOS = (1.05, 21.0)  # of entries to positives: the least and the most
_HIGH, _LOW, _POSITIVE = 0.7, 0.3, 0.9  # IoU of well, little, and very well placed proposals


def _same(value):
    return value


def sigmoid_focal(
    logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Returns the focal loss of each logit, float32 as `logits`.

    Args:
      logits: float; computed with in float32, whatever their type.
      targets: float, 0 to 1, of the same shape.
      alpha: weight of the positive, 1 - alpha that of the negative.
      gamma: power of what the probability of the truth lacks to 1.
    """
    logits = ops.cast(logits, "float32")
    entropy = ops.binary_crossentropy(targets, logits, from_logits=True)
    positive = ops.sigmoid(logits)
    right = positive * targets + (1 - positive) * (1 - targets)
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return weight * entropy * (1 - right) ** gamma


def distance_iou_loss(offsets: Tensor, targets: Tensor) -> Tensor:
    """Returns 1 - IoU + (distance of middles / hull)**2 of segments about one point, [...].

    Args:
      offsets, targets: float [..., 2], distances from the point to the start and to the end, at
        least 0.
    """
    left, right = offsets[..., 0], offsets[..., 1]
    true_left, true_right = targets[..., 0], targets[..., 1]
    inside = ops.minimum(left, true_left) + ops.minimum(right, true_right)
    union = (left + right) + (true_left + true_right) - inside
    hull = ops.maximum(left, true_left) + ops.maximum(right, true_right)
    apart = 0.5 * (right - left - true_right + true_left)
    return 1 - inside / ops.maximum(union, _TINY) + ops.square(apart / ops.maximum(hull, _TINY))


def boundary(
    probabilities: Tensor, labels: Tensor, total: Callable[[Tensor], Tensor] = _same
) -> Tensor:
    """Returns BMN's loss of starts, or of ends; the sum is the loss of the batch.

    Args:
      probabilities: float [B, T].
      labels: float [B, T], as i3d.training.segment_targets.proposal_map; positive above 0.5.
      total: number -> its sum over all replicas.
    """
    positive = ops.cast(labels > 0.5, "float32")
    entries = total(ops.sum(ops.ones_like(positive)))
    positives = ops.maximum(total(ops.sum(positive)), 1.0)
    return _balanced(probabilities, positive, 1 - positive, entries, positives) / entries


def overlap_classification(
    predicted: Tensor, iou: Tensor, mask: Tensor, total: Callable[[Tensor], Tensor] = _same
) -> Tensor:
    """Returns BMN's loss of the classifying map; the sum is the loss of the batch.

    Args:
      predicted: float [B, D, T], probabilities of an IoU above 0.9.
      iou: float32 [B, D, T], of the labels.
      mask: bool [D, T], proposals that count.
      total: as for `boundary`.
    """
    mask = ops.cast(mask, "float32")
    positive = ops.cast(iou > _POSITIVE, "float32") * mask
    negative = ops.cast(iou <= _POSITIVE, "float32") * mask
    positives = ops.maximum(total(ops.sum(positive)), 1.0)
    entries = positives + total(ops.sum(negative))
    return _balanced(predicted, positive, negative, entries, positives) / entries


def overlap_regression(
    predicted: Tensor,
    iou: Tensor,
    mask: Tensor,
    drawn: tuple[Tensor, Tensor],
    total: Callable[[Tensor], Tensor] = _same,
) -> Tensor:
    """Returns BMN's loss of the regressing map; the sum is the loss of the batch.

    All H proposals of an IoU above 0.7 count, and about as many of the M between 0.3 and 0.7, and
    of the L below. The original takes every place of the map, also those that end after the
    sequence, where H is above M or L; here it is all that there are of the kind. The original is
    not a number where H is 0; here it is 0, as nothing is chosen.

    Args:
      predicted: float [B, D, T], of the IoU.
      iou, mask: as for `overlap_classification`.
      drawn: two float32 [B, D, T] in [0, 1): what is above 1 - H / M of the first, and above
        1 - H / L of the second, is taken.
      total: as for `boundary`.
    """
    iou = iou * ops.cast(mask, "float32")
    high, low = iou > _HIGH, ops.logical_and(iou > 0, iou <= _LOW)
    medium = ops.logical_and(iou > _LOW, iou <= _HIGH)
    high, medium, low = (ops.cast(kind, "float32") for kind in (high, medium, low))
    count = total(ops.sum(high))
    weight = high
    for kind, own in ((medium, drawn[0]), (low, drawn[1])):
        share = count / ops.maximum(total(ops.sum(kind)), 1.0)
        weight = weight + kind * ops.cast(own > 1 - share, "float32")
    chosen = ops.maximum(total(ops.sum(weight)), 1.0)
    return 0.5 * weight * ops.square(ops.cast(predicted, "float32") - iou) / chosen


def _balanced(probabilities, positive, negative, entries, positives):
    """Returns the cross-entropy, positives weighted by what they lack to half of the entries."""
    ratio = ops.clip(entries / positives, *_RATIOS)
    p = ops.cast(probabilities, "float32")
    rare = 0.5 * ratio * positive * ops.log(p + _OF_LOGARITHMS)
    usual = 0.5 * ratio / (ratio - 1) * negative * ops.log(1 - p + _OF_LOGARITHMS)
    return -(rare + usual)
