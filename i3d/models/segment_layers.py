"""Layers of networks over feature rows: local attention, pooling to half, masks of levels.

    x = LocalAttention(heads=4, window=19)([q, k, v, mask])     # [B, T, D]
    masks = level_masks(mask, levels=6)                         # bool [B, T], [B, T / 2], ...

A mask, bool [B, T], tells the rows of the video from those that fill up the batch.

Source: Zhang et al. 2022, "ActionFormer: Localizing Moments of Actions with Transformers"
(arXiv:2202.07925), and its code.
"""

from typing import Any

import keras
from keras import layers, ops

_PADDED = -1e4  # is added to the score of a row that fills up, as published
_OUTSIDE = -1e9  # and of what is no row of the window


@keras.saving.register_keras_serializable("i3d")
class LocalAttention(layers.Layer):
    """Multi-head attention in which each row looks at those at most window // 2 away.

    Rows are cut into pieces of window - 1, and each piece looks at twice as many: T must be a
    multiple of window - 1.
    """

    def __init__(self, heads, window, **keywords):
        """heads: number of them. window: odd, rows that one looks at."""
        super().__init__(**keywords)
        self.heads, self.window = heads, window

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "heads": self.heads, "window": self.window}

    def compute_output_shape(self, shapes):
        """Returns [B, T, D]."""
        return shapes[2]

    def call(self, inputs):
        """Takes queries, keys and values [B, T, D] and a mask; rows that fill up get zeros."""
        q, k, v, mask = inputs
        width, piece = q.shape[-1], self.window - 1
        depth = width // self.heads
        batch, rows = ops.shape(q)[0], ops.shape(q)[1]
        q = ops.reshape(q * depth**-0.5, (batch, rows // piece, piece, self.heads, depth))
        k, v = (
            ops.reshape(self._windows(x), (batch, rows // piece, 2 * piece, self.heads, depth))
            for x in (k, v)
        )
        scores = ops.cast(ops.einsum("bnqhd,bnkhd->bnhqk", q, k), "float32")
        padded = ops.where(mask, 0.0, _PADDED)[..., None]
        padded = self._windows(padded, _OUTSIDE)[..., 0]
        away = ops.arange(2 * piece) - ops.arange(piece)[:, None]
        outside = ops.where((away >= 0) & (away <= piece), 0.0, _OUTSIDE)
        scores = scores + padded[:, :, None, None] + outside
        shares = ops.cast(ops.softmax(scores, axis=-1), v.dtype)
        x = ops.einsum("bnhqk,bnkhd->bnqhd", shares, v)
        return _masked(ops.reshape(x, (batch, rows, width)), mask)

    def _windows(self, x, value=0.0):
        """Returns the rows that each piece looks at: [B, T, C] -> [B, T / piece, 2 * piece, C]."""
        reach, piece = self.window // 2, self.window - 1
        batch, rows, width = ops.shape(x)[0], ops.shape(x)[1], x.shape[-1]
        x = ops.pad(x, ((0, 0), (reach, reach), (0, 0)), constant_values=value)
        x = ops.reshape(x, (batch, rows // piece + 1, piece, width))
        return ops.concatenate([x[:, :-1], x[:, 1:]], axis=2)


@keras.saving.register_keras_serializable("i3d")
class Masked(layers.Layer):
    """Sets the rows that fill up to zero."""

    def compute_output_shape(self, shapes):
        """Returns [B, T, C]."""
        return shapes[0]

    def call(self, inputs):
        """Takes rows [B, T, C] and a mask."""
        return _masked(*inputs)


@keras.saving.register_keras_serializable("i3d")
class HalvingMax(layers.Layer):
    """Maximum of each second row and the two beside it: [B, T, C] -> [B, T / 2, C], T even."""

    def compute_output_shape(self, shape):
        """Returns [B, T / 2, C]."""
        return (shape[0], shape[1] and shape[1] // 2, shape[2])

    def call(self, x):
        """Returns the maxima."""
        even, odd = x[:, ::2], x[:, 1::2]
        before = ops.concatenate([x[:, :1], odd[:, :-1]], axis=1)  # row 0 is in its window anyway
        return ops.maximum(ops.maximum(even, odd), before)


@keras.saving.register_keras_serializable("i3d")
class GroupNorm(layers.Layer):
    """Mean 0 and deviation 1 of each group of channels over all rows; in float32, no weights.

    Keras' own takes the mean of squares less the square of the mean: on 576 rows of 512 channels it
    was off by 6e-4.
    """

    def __init__(self, groups, epsilon, **keywords):
        """groups: number of them. epsilon: is added to the variance."""
        super().__init__(**{**keywords, "dtype": "float32"})
        self.groups, self.epsilon = groups, epsilon

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}

    def compute_output_shape(self, shape):
        """Returns the shape of x."""
        return shape

    def call(self, x):
        """Returns [B, T, C]."""
        batch, rows, width = ops.shape(x)[0], ops.shape(x)[1], x.shape[2]
        parts = ops.reshape(x, (batch, rows, self.groups, width // self.groups))
        parts = parts - _mean(parts)
        parts = parts * ops.rsqrt(_mean(ops.square(parts)) + self.epsilon)
        return ops.reshape(parts, (batch, rows, width))


@keras.saving.register_keras_serializable("i3d")
class Scale(layers.Layer):
    """Multiplies by a learned number, or by one of each channel."""

    def __init__(self, each_channel=False, initial=1.0, **keywords):
        """each_channel: whether each has its own. initial: value."""
        super().__init__(**keywords)
        self.each_channel, self.initial = each_channel, initial

    def build(self, shape):
        """Makes the factor, [] or [C]."""
        shape = (shape[-1],) if self.each_channel else ()
        start = keras.initializers.Constant(self.initial)
        self.scale = self.add_weight(shape=shape, initializer=start, name="scale")

    def get_config(self):
        """Returns what the constructor takes."""
        own = {"each_channel": self.each_channel, "initial": self.initial}
        return {**super().get_config(), **own}

    def compute_output_shape(self, shape):
        """Returns the shape of x."""
        return shape

    def call(self, x):
        """Returns x times the factor."""
        return x * ops.cast(self.scale, x.dtype)


@keras.saving.register_keras_serializable("i3d")
class ClassConv(layers.Conv1D):
    """The convolution that scores classes; files of weights are searched for it by this name."""


@keras.saving.register_keras_serializable("i3d")
class LevelMasks(layers.Layer):
    """Gives the masks of all levels; computes nothing else, and checks the number of rows."""

    def __init__(self, levels, pooled, multiple, **keywords):
        """levels: number. pooled: as for `level_masks`. multiple: what T must be one of."""
        super().__init__(**keywords)
        self.levels, self.pooled, self.multiple = levels, pooled, multiple

    def get_config(self):
        """Returns what the constructor takes."""
        own = {"levels": self.levels, "pooled": self.pooled, "multiple": self.multiple}
        return {**super().get_config(), **own}

    def compute_output_spec(self, mask):
        """Returns the masks' shapes."""
        rows = mask.shape[1]
        check_rows(rows, self.multiple)
        each = [rows and rows // 2**level for level in range(self.levels)]
        return [keras.KerasTensor((mask.shape[0], n), "bool") for n in each]

    def call(self, mask):
        """Returns a list of bool [B, T / 2^level]."""
        check_rows(mask.shape[1], self.multiple)
        return level_masks(mask, self.levels, self.pooled)


def check_rows(rows: int | None, multiple: int) -> None:
    """Raises ValueError where a number of rows, if it is known, is not a multiple of another."""
    if rows is not None and (rows < 1 or rows % multiple):
        raise ValueError(
            f"rows: expected a multiple of {multiple}, got {rows}; fill up with zeros, the mask "
            "being False there"
        )


def level_masks(mask: Any, levels: int, pooled: bool = False) -> list[Any]:
    """Returns the masks of all levels, bool [B, T], [B, T / 2], ...

    Args:
      mask: bool [B, T]; T is a multiple of 2^(levels - 1).
      levels: number of them.
      pooled: whether a row of a level is of the video where any of the three rows is that it is
        the maximum of (TemporalMaxer); else where the middle one is (ActionFormer).
    """
    found = [ops.cast(mask, "bool")]
    for _ in range(levels - 1):
        last = found[-1]
        even = last[:, ::2]
        if pooled:
            odd = last[:, 1::2]
            before = ops.concatenate([last[:, :1], odd[:, :-1]], axis=1)
            even = ops.logical_or(ops.logical_or(even, odd), before)
        found.append(even)
    return found


def _mean(parts):
    """Returns the mean of each group; of channels first, so that sums stay short."""
    return ops.mean(ops.mean(parts, axis=3, keepdims=True), axis=1, keepdims=True)


def _masked(x, mask):
    return x * ops.cast(mask, x.dtype)[..., None]
