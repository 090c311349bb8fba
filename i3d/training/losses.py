"""Losses of classes, of texts and of boxes, and L2 regularisation as in the published recipes.

    each = cross_entropy(logits, labels, smoothing=0.1)                # [B], float32
    each = binary_cross_entropy(logits, truth)                         # several labels
    each = contrastive(video_to_text, text_to_video, labels, labels)   # videos against texts
    each = box_cross_entropy(logits, actions)                          # [B, N], of boxes
    loss = weighted_mean(each, mask, total=global_batch_size)          # summable over replicas
    gradients = add_l2(gradients, model.trainable_variables, 1e-7)     # after clipping

keras.ops only, so it runs inside a train step.
"""

from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any  # of the backend that Keras runs on


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Returns the loss of each example, float32 [B], natural logarithm.

    Args:
      logits: float [B, K]; computed with in float32, whatever their type.
      labels: int [B] in 0..K-1; others are an error, or NaN on a GPU.
      smoothing: e in [0, 1): the target is 1 - e + e / K for the label and e / K for the others.

    Raises:
      ValueError: smoothing is outside [0, 1).

    Source: Szegedy et al. 2016, arXiv:1512.00567, 7 (smoothing); MMAction2 `label_smooth_eps`.
    """
    _check(smoothing)
    logits = ops.cast(logits, "float32")
    loss = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    if smoothing:
        uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
        loss = (1 - smoothing) * loss + smoothing * uniform
    return loss


def binary_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Returns the loss of each example, float32 [B]: the mean over the classes, of sigmoids.

    Args:
      logits: float [B, K]; computed with in float32, whatever their type.
      labels: bool [B, K], whether an example has a label; or int [B], the one that it has.
      smoothing: e in [0, 1): the target is 1 - e + e / K for labels and e / K for the others.

    Raises:
      ValueError: smoothing is outside [0, 1).

    Source: MMAction2 `BCELossWithLogits`, and `label_smooth_eps` of its heads.
    """
    _check(smoothing)
    logits = ops.cast(logits, "float32")
    classes = logits.shape[-1]
    if len(labels.shape) == 1:
        labels = ops.one_hot(labels, classes)
    targets = (1 - smoothing) * ops.cast(labels, "float32") + smoothing / classes
    return ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True), axis=-1)


TARGETS = ("softmax", "normalised")
_TARGET_SCALE = 10.0


def contrastive(
    video_to_text: Tensor,
    text_to_video: Tensor,
    labels: Tensor,
    others: Tensor,
    target: str = "softmax",
) -> Tensor:
    """Returns the loss of each pair of a video and a text, float32 [B], natural logarithm.

    It is the Kullback-Leibler divergence from the softmax of a row to its target, the mean of both
    directions. The mean over B pairs, where these are the whole batch, is ActionCLIP's loss.

    Args:
      video_to_text: float [B, N]: learned scale * cosine of B videos and the texts of the batch.
      text_to_video: float [B, N]: the same of the B texts and the videos of the batch.
      labels: int [B], of the pairs.
      others: int [N], of the batch, which has the B pairs among others where replicas share it.
      target: "softmax": softmax(10 * [same label]), as the published code has it, which leaves
        each other pair a little; "normalised": the same label alone, in equal shares.

    Raises:
      ValueError: another target.

    Source: Wang et al. 2021, ActionCLIP, arXiv:2109.08472, eq. 3 to 5; sallymmx/ActionCLIP,
    utils/KLLoss.py and utils/tools.py, gen_label.
    """
    if target not in TARGETS:
        raise ValueError(f"target: expected one of {TARGETS}, got {target!r}")
    same = ops.cast(ops.equal(labels[:, None], others[None, :]), "float32")
    if target == "softmax":
        wanted = ops.softmax(_TARGET_SCALE * same, axis=-1)
    else:
        wanted = same / ops.sum(same, axis=-1, keepdims=True)
    # 0 log 0 is 0.
    entropy = ops.sum(wanted * ops.log(ops.where(wanted > 0, wanted, 1.0)), axis=-1)

    def divergence(logits):
        logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        return entropy - ops.sum(wanted * logs, axis=-1)

    return (divergence(video_to_text) + divergence(text_to_video)) / 2


def box_cross_entropy(
    logits: Tensor, actions: Tensor, focal_alpha: float = 1.0, focal_gamma: float = 0.0
) -> Tensor:
    """Returns the loss of each box, float32 [B, N]: the mean over its classes, of sigmoids.

    With c the binary cross entropy of a class it is alpha * (1 - exp(-c)) ** gamma * c, exp(-c)
    being the probability that was given to the truth. Alpha 1 and gamma 0 leave the cross entropy.

    Args:
      logits: float [B, N, K + 1], the first of the background, which is not read; computed with in
        float32, whatever their type.
      actions: bool [B, N, K], whether a box has a label.
      focal_alpha: 0 or more.
      focal_gamma: 0 or more.

    Source: MMAction2 `BBoxHeadAVA`, `focal_alpha` and `focal_gamma`; Lin et al. 2017,
    arXiv:1708.02002, eq. 5.
    """
    logits = ops.cast(logits, "float32")[..., 1:]
    each = ops.binary_crossentropy(ops.cast(actions, "float32"), logits, from_logits=True)
    if focal_gamma:
        # Not 0, where a root has no gradient.
        each = ops.maximum(-ops.expm1(-each), 1e-7) ** focal_gamma * each
    return focal_alpha * ops.mean(each, axis=-1)


LOSSES = {"softmax": cross_entropy, "sigmoid": binary_cross_entropy}


def weighted_mean(
    values: Tensor, weights: Tensor | None = None, total: float | None = None
) -> Tensor:
    """Returns sum(values * weights) / total, a scalar.

    Args:
      values: float [B].
      weights: number or bool for each value, 0 for padding; None for 1 each.
      total: what to divide by; None for the sum of the weights. A replica gives the sum over all
        replicas, so that the sum of their losses and gradients is that of the whole batch.
    """
    weights = ops.ones_like(values) if weights is None else ops.cast(weights, values.dtype)
    return ops.sum(values * weights) / (ops.sum(weights) if total is None else total)


def add_l2(
    gradients: Sequence[Tensor],
    variables: Sequence[Any],
    decay: float,
    kernels_only: bool = False,
) -> list[Tensor]:
    """Returns gradients + decay * variables: the gradient of decay / 2 * sum(v ** 2).

    What TF1 and PyTorch call weight decay, and so what published numbers (1e-7, 1e-4) mean: it
    goes through momentum. Keras differs twice: `weight_decay` of its optimisers is decoupled from
    the gradient, and its L2 regulariser lacks the half. Clip gradients before, as PyTorch does.

    Args:
      gradients: tensors, in the order of variables.
      variables: trainable variables.
      decay: 0 or more.
      kernels_only: leaves out biases and the scale and offset of normalisation (what has fewer
        than two axes). MMAction2 decays everything, except in its TSM recipes, which decay kernels
        only; kinetics-i3d does not say.

    Raises:
      ValueError: a variable has no gradient.
    """
    result = []
    for gradient, variable in zip(gradients, variables, strict=True):
        if gradient is None:
            raise ValueError(f"{variable.path} has no gradient: the loss does not depend on it")
        if len(variable.shape) > 1 or not kernels_only:
            gradient = gradient + decay * ops.cast(variable, gradient.dtype)
        result.append(gradient)
    return result


def _check(smoothing):
    if not 0 <= smoothing < 1:
        raise ValueError(f"expected smoothing in [0, 1), got {smoothing}")
