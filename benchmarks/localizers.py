"""Speed of localizers: BMN against the published order of its sums, ActionFormer on a long video.

    python -m benchmarks.localizers
    python -m benchmarks.localizers --repeats=9 --rows=4608

ActionFormer sees --rows rows of 2048 features (2304 are five minutes): median seconds of a call,
and the peak of this process's memory. BMN sees 100 rows of 400: our form, whose kernel is applied
before the rows are sampled for pairs, and the published one, which samples 32 rows for each of
100 x 100 pairs first; both take turns. Weights are random.

Exit status 1 if the two forms differ by more than ERROR, or ours is less than SPEED_UP times as
fast.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from i3d import models
from i3d.models.bmn import SAMPLES, sample_weights, valid_pairs

SPEED_UP = 3.0
ERROR = 1e-4  # of probabilities


def main(argv: list[str]) -> int:
    """Prints the figures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.localizers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each")
    parser.add_argument("--rows", type=int, default=2304, help="of ActionFormer, times 576")
    asked = parser.parse_args(argv[1:])
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}; float32")
    for name in ("actionformer", "temporalmaxer"):
        (seconds,) = medians([long_video(name, asked.rows)], asked.repeats)
        print(f"{name}, {asked.rows} x 2048: {seconds:.2f} s, peak memory {peak_gb():.2f} GB")
    ours, published = two_forms()
    error = max(
        float(np.abs(np.asarray(a) - np.asarray(b)).max())
        for a, b in zip(ours().values(), published().values(), strict=True)
    )
    fast, slow = medians([ours, published], asked.repeats)
    print(
        f"bmn, 100 x 400: {fast:.3f} s, samples first {slow:.3f} s: {slow / fast:.1f}x, "
        f"difference {error:.0e}; peak memory {peak_gb():.2f} GB"
    )
    return int(error > ERROR or slow / fast < SPEED_UP)


def long_video(name: str, rows: int) -> Callable[[], dict]:
    """Returns a call of a network on rows of 2048 features."""
    model = models.build(name)
    features = np.random.default_rng(0).normal(size=(1, rows, 2048)).astype("f")
    inputs = {"features": tf.constant(features), "mask": tf.ones((1, rows), tf.bool)}
    return compiled(model, inputs)


def two_forms() -> tuple[Callable[[], dict], Callable[[], dict]]:
    """Returns calls of BMN and of its published form, with the same weights."""
    model = models.build("bmn")
    features = np.random.default_rng(0).normal(size=(1, 100, 400)).astype("f")
    inputs = {"features": tf.constant(features)}
    return compiled(model, inputs), compiled(samples_first(model), inputs)


def samples_first(model: keras.Model) -> keras.Model:
    """Returns a model of the weights of BMN that samples all pairs before the convolution."""
    x = model.get_layer("x_1d_p-0").output
    layer = model.get_layer("x_3d_p-0")
    x = SamplesFirst(layer, name="samples_first")(x)
    x = model.get_layer("x_2d_p-0")(x)
    for index in (2, 4, 6):
        x = model.get_layer(f"x_2d_p-{index}")(x)
    return keras.Model(model.input, {**model.output, "confidence": x})


class SamplesFirst(keras.layers.Layer):
    """The published order: [B, T, C] -> samples [B, D * T, 32, C] -> [B, D, T, filters]."""

    def __init__(self, layer, **keywords):
        """layer: i3d.models.bmn.PairConv, whose weights are taken."""
        super().__init__(**keywords)
        self.layer = layer

    def build(self, shape):
        """Makes the weights of all samples, [D * T * 32, T]; those of invalid pairs are zeros."""
        rows, durations = shape[1], self.layer.durations
        own = np.zeros((durations, rows, rows, SAMPLES), np.float32)
        own[valid_pairs(rows, durations)] = sample_weights(rows, durations)
        self.samples = ops.convert_to_tensor(own.transpose(0, 1, 3, 2).reshape(-1, rows))

    def call(self, x):
        """Returns the grid of pairs."""
        _, rows, channels = x.shape
        pairs = ops.matmul(self.samples, x)
        pairs = ops.reshape(pairs, (-1, self.layer.durations * rows, SAMPLES * channels))
        kernel = ops.reshape(self.layer.kernel, (SAMPLES * channels, self.layer.filters))
        pairs = ops.relu(ops.matmul(pairs, kernel) + self.layer.bias)
        return ops.reshape(pairs, (-1, self.layer.durations, rows, self.layer.filters))


def compiled(model: keras.Model, inputs: dict) -> Callable[[], dict]:
    """Returns a call of a model on inputs, traced once."""
    call = tf.function(lambda values: model(values, training=False))
    return lambda: {name: value.numpy() for name, value in call(inputs).items()}


def medians(calls: list[Callable[[], dict]], repeats: int) -> list[float]:
    """Returns the median seconds of each call; they take turns, after one run of each."""
    seconds: list[list[float]] = [[] for _ in calls]
    for round_number in range(repeats + 1):
        for own, call in zip(seconds, calls, strict=True):
            begin = time.perf_counter()
            call()
            if round_number:
                own.append(time.perf_counter() - begin)
    return [statistics.median(own) for own in seconds]


def peak_gb() -> float:
    """Returns the largest memory that this process had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv))
