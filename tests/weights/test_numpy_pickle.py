"""Pickles of NumPy arrays, read as data."""

import io
import pickle
import random
import tracemalloc

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
    found = read(pickle.dumps(tree, protocol))
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
        np.zeros(3, "i4"),
        np.zeros(3, "U4"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_other_arrays_are_refused(array, protocol):
    with pytest.raises(
        ValueError, match="little-endian|NumPy arrays alone|array of float32|damaged"
    ):
        read(pickle.dumps({"a": array}, protocol))


def test_float64_where_it_is_asked_for():
    array = np.arange(6.0).reshape(2, 3)
    data = io.BytesIO(pickle.dumps({"a": array, "b": array.astype("f4")}, 2))
    found = numpy_pickle.read(data, types=("float32", "float64"))
    np.testing.assert_array_equal(found["a"], array)
    assert (found["a"].dtype, found["b"].dtype) == (np.float64, np.float32)


def test_a_text_is_made_bytes_once():
    """Many arrays of one long text: the memory of one."""
    text = b"X" + (1 << 20).to_bytes(4, "little") + b"a" * (1 << 20) + b"q\x00"
    call = b"c_codecs\nencode\n(h\x00X\x06\x00\x00\x00latin1tR0"
    tracemalloc.start()
    with pytest.raises(ValueError):
        read(b"\x80\x02" + text + call * 200 + b"N.")
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_as_many_arrays_as_are_asked_for():
    data = pickle.dumps({str(i): np.zeros(1, "f4") for i in range(20)}, 4)
    with pytest.raises(ValueError, match="at most 10 arrays"):
        numpy_pickle.read(io.BytesIO(data), most=10)


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
