"""The checksum inside files of weights: no changed bit is taken for the weights."""

import random

import h5py
import numpy as np
import pytest

from i3d import weights
from i3d.weights import seal
from i3d.weights.errors import WeightsError
from tests.training.test_checkpoints import build


@pytest.fixture
def sealed(tmp_path):
    model, _ = build()
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    seal.write(path)
    return model, path


def test_a_sealed_file_is_one_of_keras(sealed):
    model, path = sealed
    other, _ = build()
    weights.load(other, path)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    seal.write(path)
    seal.check(path)


def test_every_changed_bit_is_refused(sealed, tmp_path):
    model, path = sealed
    data, rng = path.read_bytes(), random.Random(0)
    places = [rng.randrange(len(data)) for _ in range(100)]
    for place in [*places, *range(len(data) - 40, len(data), 7)]:
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        (tmp_path / "b.weights.h5").write_bytes(changed)
        with pytest.raises(WeightsError, match=r"b.weights.h5: ") as caught:
            weights.load(model, tmp_path / "b.weights.h5")
        assert "\n" not in str(caught.value)


def test_weights_changed_by_hand_are_refused(sealed):
    model, path = sealed
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/1"][3] += 1e-3
    with pytest.raises(WeightsError, match="damaged: its bytes are not those that were written"):
        weights.load(model, path)
    with h5py.File(path, "r+") as file:
        del file.attrs["crc32"]  # now it is like a file of another program
    weights.load(model, path)
