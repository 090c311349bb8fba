"""tf.train.Example without TensorFlow: the bytes it would write, and what it would read."""

import random

import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError

from i3d.data import example

GOOD = {"id": [b"jump"], "label": -3, "fps": 25.0, "frames": [b"x" * 300, b"", b"y"], "flow": []}


def theirs(data):
    """Returns what TensorFlow reads, None where it reads nothing."""
    try:
        feature = tf.train.Example.FromString(data).features.feature
    except DecodeError:
        return None
    found = {}
    for name in feature:
        kind = feature[name].WhichOneof("kind")
        found[name] = list(getattr(feature[name], kind).value) if kind else []
    return found


def test_what_is_written_is_read_by_both():
    data = example.encoded(GOOD)
    expected = {k: v if isinstance(v, list) else [v] for k, v in GOOD.items()}
    assert example.decoded(data) == theirs(data) == expected


@pytest.mark.parametrize("packed", [True, False])
def test_lists_of_numbers_are_read(packed):
    """TensorFlow packs them; a writer of another kind may not."""
    features = tf.train.Features(
        feature={
            "i": tf.train.Feature(int64_list=tf.train.Int64List(value=[1, -1, 2**62])),
            "f": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5, -2.0])),
        }
    )
    data = tf.train.Example(features=features).SerializeToString()
    if not packed:
        unpacked = b"".join(b"\x0d" + part for part in (b"\0\0\0?", b"\0\0\0\xc0"))
        old = b"\x12\x0a\x0a\x08\0\0\0?\0\0\0\xc0"
        assert old in data and len(unpacked) == 10
        data = data.replace(old, b"\x12\x0a" + unpacked)
    assert example.decoded(data) == theirs(data) == {"i": [1, -1, 2**62], "f": [0.5, -2.0]}


def test_damaged_bytes_raise_one_error_or_are_read_as_tensorflow_reads_them():
    rng, data = random.Random(0), example.encoded(GOOD)
    refused = 0
    for _ in range(3000):
        mutated = bytearray(data[: rng.choice([len(data), rng.randrange(len(data))])])
        for _ in range(rng.randrange(4)):
            if mutated:
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        try:
            example.decoded(bytes(mutated))
        except example.ExampleError:
            refused += 1
    assert 300 < refused < 3000
