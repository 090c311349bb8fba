"""The pyramid of levels of ActionFormer and TemporalMaxer, and the heads that the levels share.

    levels = pyramid(x, masks, row, filters=512, dropout=0.1)       # [B, T, D], [B, T / 2, D], ...
    logits, offsets = heads(levels, masks, row, 512, num_classes=20)

`row` is a Network of i3d.models.actionformer. Layers are named after ActionFormer's checkpoints.
"""

import math
from typing import Any

import keras
from keras import layers

from i3d.models.segment_layers import (
    ClassConv,
    GroupNorm,
    HalvingMax,
    LocalAttention,
    Masked,
    Scale,
)

HEADS = 4  # of the attention
_PRIOR = 0.01  # probability of each class in the beginning


def pyramid(x: Any, masks: list[Any], row: Any, filters: int, dropout: float) -> list[Any]:
    """Returns the outputs of all levels, [B, T, D], [B, T / 2, D], ...

    Args:
      x: [B, T, C], zeros where the mask is False.
      masks: bool [B, T], [B, T / 2], ..., of each level.
      row: Network.
      filters: D.
      dropout: as for `actionformer`.
    """
    for index in range(2):
        names = f"backbone-embd-{index}-conv", f"backbone-embd_norm-{index}"
        x = _unit(x, masks[0], row, _conv(filters, names[0]), _norm(row.epsilon, names[1]))
    if not row.window:
        if dropout:
            x = layers.SpatialDropout1D(dropout, name="backbone-dropout")(x)
        found = [x]
        for level in range(1, len(masks)):
            x = HalvingMax(name=f"backbone-pool-{level}")(found[-1])
            found.append(Masked(name=f"backbone-level-{level}")([x, masks[level]]))
        return found
    for index in range(2):
        x = _block(x, masks[0], 1, row.window, dropout, f"backbone-stem-{index}")
    found = [x]
    for level in range(1, len(masks)):
        name = f"backbone-branch-{level - 1}"
        found.append(_block(found[-1], masks[level], 2, row.window, dropout, name))
    return found


def _block(x, mask, stride, window, dropout, name):
    """A transformer's block: local attention, then two dense layers, each added to its input."""
    filters = x.shape[-1]
    inner = _norm(1e-5, f"{name}-ln1")(x)
    qkv = []
    for kind in ("query", "key", "value"):
        part = _depthwise(inner, stride, f"{name}-attn-{kind}_conv-conv")
        part = Masked(name=f"{name}-attn-{kind}-masked")([part, mask])
        part = _norm(1e-5, f"{name}-attn-{kind}_norm")(part)
        qkv.append(_dense(filters, f"{name}-attn-{kind}")(part))
    y = LocalAttention(HEADS, window, name=f"{name}-attention")([*qkv, mask])
    y = Masked(name=f"{name}-attn-masked")([_dense(filters, f"{name}-attn-proj")(y), mask])
    if stride > 1:
        x = HalvingMax(name=f"{name}-pool_skip")(x)
    x = Masked(name=f"{name}-skip")([x, mask])
    x = layers.Add(name=f"{name}-attended")([x, _branch(y, dropout, f"{name}-drop_path_attn")])
    y = _dense(4 * filters, f"{name}-mlp-0")(_norm(1e-5, f"{name}-ln2")(x))
    y = layers.Activation("gelu", name=f"{name}-gelu")(y)  # the exact one
    y = Masked(name=f"{name}-mlp-masked")([_dense(filters, f"{name}-mlp-3")(y), mask])
    return layers.Add(name=name)([x, _branch(y, dropout, f"{name}-drop_path_mlp")])


def _branch(x, dropout, name):
    """Scales the channels of a branch; in training it is dropped as a whole now and then."""
    x = Scale(each_channel=True, initial=1e-4, name=name)(x)
    if dropout:
        x = layers.Dropout(dropout, noise_shape=(None, 1, 1), name=f"{name}-dropped")(x)
    return x


def normalised(x: Any, row: Any, level: int) -> Any:
    """Returns the output of a level [B, T, D], normalised as row.neck says."""
    name = f"neck-fpn_norms-{level}"
    if row.neck == "layer":
        return _norm(1e-5, name)(x)
    return GroupNorm(4, 1e-5, name=name)(x)


def heads(
    levels: list[Any], masks: list[Any], row: Any, filters: int, num_classes: int
) -> tuple[Any, Any]:
    """Returns logits [B, P, K] and offsets [B, P, 2]; the levels share all but one scale.

    Args:
      levels: normalised outputs.
      masks, row, filters: as for `pyramid`.
      num_classes: K.
    """
    bias = keras.initializers.Constant(-math.log((1 - _PRIOR) / _PRIOR))
    last = {"padding": "same", "dtype": "float32", "kernel_initializer": _uniform()}
    ends = {
        "cls": ClassConv(num_classes, 3, bias_initializer=bias, name="Logits", **last),
        "reg": layers.Conv1D(2, 3, name="reg_head-offset_head-conv", **last),
    }
    found = {}
    for kind, end in ends.items():
        units = [
            (
                _conv(filters, f"{kind}_head-head-{index}-conv"),
                _norm(row.epsilon, f"{kind}_head-norm-{index}"),
            )
            for index in range(2)
        ]
        each = []
        for level, (x, mask) in enumerate(zip(levels, masks, strict=True)):
            for conv, norm in units:
                x = _unit(x, mask, row, conv, norm)
            x = end(x)
            if row.window:
                x = Masked(dtype="float32", name=f"{kind}_head-masked-{level}")([x, mask])
            if kind == "reg":
                x = Scale(dtype="float32", name=f"reg_head-scale-{level}")(x)
                x = layers.ReLU(dtype="float32", name=f"reg_head-relu-{level}")(x)
            each.append(x)
        name = "logits" if kind == "cls" else "offsets"
        found[name] = layers.Concatenate(axis=1, dtype="float32", name=name)(each)
    return found["logits"], found["offsets"]


def _unit(x, mask, row, conv, norm):
    """Convolution, mask, normalisation, ReLU; with pooling the mask once more."""
    x = layers.ReLU()(norm(Masked()([conv(x), mask])))
    return x if row.window else Masked()([x, mask])


def _uniform():
    """Returns the initialiser of PyTorch's convolutions: uniform, up to 1 / sqrt(fan_in)."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _conv(filters, name):
    return layers.Conv1D(
        filters, 3, padding="same", use_bias=False, kernel_initializer=_uniform(), name=name
    )


def _depthwise(x, stride, name):
    """Convolution of each channel apart; row r of the output is about row r * stride."""
    limit = 3**-0.5
    if stride > 1:
        x = layers.ZeroPadding1D((1, 0), name=f"{name}-padded")(x)
    return layers.DepthwiseConv1D(
        3,
        stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=keras.initializers.RandomUniform(-limit, limit),
        name=name,
    )(x)


def _dense(filters, name):
    return layers.Dense(filters, kernel_initializer=_uniform(), name=name)


def _norm(epsilon, name):
    return layers.LayerNormalization(epsilon=epsilon, name=name)
