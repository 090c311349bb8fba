"""Clips of noise, functions in tf.data, and the published tables of crops."""

import gzip
import json

import numpy as np
import tensorflow as tf

from i3d.data import random_cropping
from tests.helpers.synthetic import GOLDEN

TABLES = json.loads(gzip.decompress((GOLDEN / "mmaction_crops.json.gz").read_bytes()))
FRAME = (40, 52)
RANDOM = {
    "random": lambda frame, seed: random_cropping.random_crop(frame, 24, seed),
    "multi_scale": lambda frame, seed: random_cropping.multi_scale_crop(frame, 24, seed),
    "multi_scale_13": lambda frame, seed: random_cropping.multi_scale_crop(
        frame, 24, seed, places=13
    ),
    "multi_scale_free": lambda frame, seed: random_cropping.multi_scale_crop(
        frame, 24, seed, places=0
    ),
    "random_resized": lambda frame, seed: random_cropping.random_resized_crop(frame, seed),
}


def noise(channels=3, dtype=np.uint8, frame=FRAME):
    values = np.random.default_rng(0).integers(0, 256, (3, *frame, channels))
    return values.astype(dtype)


def through_dataset(function, *clips):
    """Returns function(*clips) run by tf.data that knows C alone."""
    specs = tuple(tf.TensorSpec([None, None, None, c.shape[-1]], c.dtype) for c in clips)
    dataset = tf.data.Dataset.from_generator(lambda: [clips], output_signature=specs)
    return next(iter(dataset.map(function)))


def box(crop):
    return [int(n) for n in (crop.top, crop.left, crop.height, crop.width)]


def middle_of(index, count):
    return (index + 0.5) / count
