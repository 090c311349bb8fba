"""Pickles of NumPy arrays, read as data."""

import io
import pickle
import random

import numpy as np
import pytest

from i3d.weights import numpy_pickle
from tests.helpers import packages


def read(data):
    return numpy_pickle.read(io.BytesIO(data))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_as_numpy_pickles_them(protocol):
    array = np.arange(24, dtype="f4").reshape(2, 3, 4)
    tree = {"a": {"b": array, "again": array}, "c": np.zeros((0, 3), "f4")}
    data = pickle.dumps(tree, protocol)
    if protocol in (2, 5):  # bytes as text, which nobody needs; buffers out of line
        with pytest.raises(ValueError, match="NumPy arrays alone|damaged pickle"):
            read(data)
        return
    found = read(data)
    np.testing.assert_array_equal(found["a"]["b"], array)
    np.testing.assert_array_equal(found["a"]["again"], array)
    assert found["c"].shape == (0, 3) and found["c"].dtype == np.float32


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, "f8"),
        np.zeros(3, ">f4"),
        np.zeros((3, 2), "f4", order="F"),
        np.array([{}]),
        np.float32(1),
    ],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(ValueError, match="little-endian float32|NumPy arrays alone"):
        read(pickle.dumps({"a": array}, 4))


def test_damage_is_a_value_error():
    good, dice = packages.pickled(packages.small()), random.Random(0)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(data))
            if dice.random() < 0.7:
                data[place] = dice.randrange(256)
            else:
                del data[place : place + dice.randint(1, 20)]
        try:
            read(bytes(data))
        except ValueError:
            pass
