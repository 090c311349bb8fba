"""BMN: proposals of segments from feature rows, by all pairs of a start and a duration.

    model = bmn("bmn", channels=400, rows=100)
    found = model({"features": rows})      # confidence [B, D, T, 2], start [B, T], end [B, T]

The kernel of the three-dimensional convolution is applied to the rows before they are sampled for
each pair: the same sums in another order, for a third of the arithmetic; and only for pairs that
end in the sequence.

Source: Lin et al. 2019, "BMN: Boundary-Matching Network for Temporal Action Proposal Generation"
(arXiv:1907.09702), details and layer names as in MMAction2's checkpoints.
"""

import functools

import keras
import numpy as np
from keras import layers, ops

from i3d.models.resnet_blocks import check_arguments

CONFIGS = {"bmn": ()}
SAMPLES = 32  # of a pair, each the mean of
_POINTS = 3  # points between two rows
MOST_ROWS = 200  # as the weights of all samples take 32 * rows^3 / 2 numbers


def bmn(
    name: str,
    num_classes: int = 1,
    channels: int = 400,
    rows: int = 100,
    durations: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model.

    It takes {"features": float32 [B, T, C]} and gives {"confidence": float32 [B, D, T, 2],
    "start": float32 [B, T], "end": float32 [B, T]}, all in [0, 1]. Confidence is of the pair of a
    duration of d + 1 rows (axis 1) and a start at row s (axis 2): first by regression of its
    tIoU, then by classification. Pairs with s + d >= T are of no meaning; see `valid_pairs`.

    Args:
      name: one of CONFIGS.
      num_classes: not read, as proposals have no class.
      channels: C, a multiple of 4.
      rows: T.
      durations: D, at most T; None: T.
      width: multiplies every filter count (1.0 is the published network).
      dropout: 0.0: the network has none.

    Raises:
      ValueError: an argument out of its range.
    """
    check_arguments(num_classes, width, dropout, None)
    if channels < 4 or channels % 4:
        raise ValueError(f"channels: expected a multiple of 4, got {channels}")
    if not 2 <= rows <= MOST_ROWS:
        raise ValueError(f"rows: expected 2 to {MOST_ROWS}, got {rows}")
    durations = rows if durations is None else durations
    if not 1 <= durations <= rows:
        raise ValueError(f"durations: expected 1 to {rows}, the rows, got {durations}")
    if dropout:
        raise ValueError(f"dropout: expected 0.0, as {name} has none, got {dropout}")
    base, wide, narrow = (4 * max(1, round(n * width / 4)) for n in (256, 512, 128))
    features = keras.Input((rows, channels), name="features")
    x = features
    for index in (0, 2):
        x = GroupedConv(base, 4, name=f"x_1d_b-{index}")(x)
    start, end = (_boundary(x, base, name) for name in ("start", "end"))
    x = layers.Conv1D(base, 3, padding="same", activation="relu", name="x_1d_p-0")(x)
    x = PairConv(wide, durations, name="x_3d_p-0")(x)
    x = layers.Dense(narrow, activation="relu", name="x_2d_p-0")(x)
    x = OnGrid(rows, durations, name="grid")(x)
    for index in (2, 4):
        name = f"x_2d_p-{index}"
        x = layers.Conv2D(narrow, 3, padding="same", activation="relu", name=name)(x)
    last = layers.Dense(2, activation="sigmoid", dtype="float32", name="x_2d_p-6")
    outputs = {"confidence": last(x), "start": start, "end": end}
    return keras.Model({"features": features}, outputs, name="bmn")


def valid_pairs(rows: int, durations: int) -> np.ndarray:
    """Returns bool [D, T]: whether the pair of duration d + 1 and start s ends in T rows."""
    return np.arange(durations)[:, None] + np.arange(rows) < rows


@functools.lru_cache(maxsize=2)
def sample_weights(rows: int, durations: int) -> np.ndarray:
    """Returns the weight of each row in each sample of each valid pair, float32 [N, T, 32].

    The pairs are those of `valid_pairs` in its order. A pair is sampled from half its length
    before its start to half its length after its end, at 96 points that are linear between two
    rows, three of them a sample; rows outside are left out. A point less than a row before row 0
    is row 0, as published.
    """
    duration, start = np.nonzero(valid_pairs(rows, durations))
    length = duration + 1.0
    begin, end = start - 0.5 * length, start + duration + 0.5 * length
    count = SAMPLES * _POINTS
    place = begin[:, None] + np.arange(count) * ((end - begin) / (count - 1))[:, None]
    place = np.where((place > -1) & (place < 0), 0.0, place)
    below = np.floor(place)
    found = np.zeros((len(start), rows, SAMPLES))
    sample = np.broadcast_to(np.arange(count) // _POINTS, place.shape)
    pair = np.broadcast_to(np.arange(len(start))[:, None], place.shape)
    for row, weight in ((below, 1 - (place - below)), (below + 1, place - below)):
        there = (row >= 0) & (row < rows)
        where = (pair[there], row[there].astype(np.int64), sample[there])
        np.add.at(found, where, weight[there] / _POINTS)
    found = found.astype(np.float32)
    found.flags.writeable = False  # it is shared
    return found


def _boundary(x, filters, name):
    """Returns the probability of a start or an end at each row, [B, T]."""
    own = f"x_1d_{name[0]}"
    x = GroupedConv(filters, 4, name=f"{own}-0")(x)
    x = layers.Dense(1, activation="sigmoid", dtype="float32", name=f"{own}-2")(x)
    return layers.Reshape((-1,), dtype="float32", name=name)(x)


@keras.saving.register_keras_serializable("i3d")
class GroupedConv(layers.Layer):
    """Convolution over three rows in groups of channels, and ReLU: [B, T, C] -> [B, T, filters].

    Keras' own with groups needs a GPU or XLA on TensorFlow.
    """

    def __init__(self, filters, groups, **keywords):
        """filters: channels of the output. groups: of which each sees its part of the input."""
        super().__init__(**keywords)
        self.filters, self.groups = filters, groups

    def build(self, shape):
        """Makes the kernel [3, C / groups, filters] and the bias."""
        kernel = (3, shape[-1] // self.groups, self.filters)
        self.kernel = self.add_weight(shape=kernel, initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}

    def compute_output_shape(self, shape):
        """Returns [B, T, filters]."""
        return (*shape[:2], self.filters)

    def call(self, x):
        """Returns the rows."""
        kernels = ops.split(self.kernel, self.groups, axis=2)
        parts = ops.split(x, self.groups, axis=2)
        found = [ops.conv(p, k, padding="same") for p, k in zip(parts, kernels, strict=True)]
        return ops.relu(ops.concatenate(found, axis=2) + self.bias)


@keras.saving.register_keras_serializable("i3d")
class PairConv(layers.Layer):
    """Samples each valid pair and convolves its 32 samples, and ReLU.

    [B, T, C] -> [B, N + 1, filters]; the last is for pairs that are not valid, whose samples are
    zeros. The kernel is applied first.
    """

    def __init__(self, filters, durations, **keywords):
        """filters: channels of the output. durations: D."""
        super().__init__(**keywords)
        self.filters, self.durations = filters, durations

    def build(self, shape):
        """Makes the kernel, of the shape of a convolution over samples, durations and starts."""
        kernel = (SAMPLES, 1, 1, shape[-1], self.filters)
        self.kernel = self.add_weight(shape=kernel, initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        # No variable: it is not saved.
        weights = sample_weights(shape[1], self.durations)
        self._samples = ops.convert_to_tensor(weights.reshape(len(weights), -1), self.compute_dtype)

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "filters": self.filters, "durations": self.durations}

    def compute_output_shape(self, shape):
        """Returns [B, N + 1, filters]."""
        pairs = int(valid_pairs(shape[1], self.durations).sum())
        return (shape[0], pairs + 1, self.filters)

    def call(self, x):
        """Returns the rows of pairs."""
        rows, channels = x.shape[1:]
        kernel = ops.transpose(self.kernel[:, 0, 0], (1, 0, 2))
        y = ops.matmul(x, ops.reshape(kernel, (channels, SAMPLES * self.filters)))
        y = ops.reshape(y, (-1, rows * SAMPLES, self.filters))
        pairs = ops.matmul(self._samples, y)
        pairs = ops.pad(pairs, ((0, 0), (0, 1), (0, 0)))
        return ops.relu(pairs + self.bias)


@keras.saving.register_keras_serializable("i3d")
class OnGrid(layers.Layer):
    """Puts pairs where they belong: [B, N + 1, C] -> [B, D, T, C], the last where none is valid."""

    def __init__(self, rows, durations, **keywords):
        """rows: T. durations: D."""
        super().__init__(**keywords)
        self.rows, self.durations = rows, durations

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "rows": self.rows, "durations": self.durations}

    def compute_output_shape(self, shape):
        """Returns [B, D, T, C]."""
        return (shape[0], self.durations, self.rows, shape[2])

    def call(self, x):
        """Returns the grid."""
        valid = valid_pairs(self.rows, self.durations)
        place = np.full(valid.shape, valid.sum(), np.int32)
        place[valid] = np.arange(valid.sum())
        x = ops.take(x, place.reshape(-1), axis=1)
        return ops.reshape(x, (-1, self.durations, self.rows, x.shape[-1]))
