"""Heaps of texts in HDF5 files: those that HDF5 would never leave are refused."""

import h5py
import numpy as np
import pytest

from i3d.weights import h5_texts, keras_h5
from i3d.weights.errors import WeightsError


@pytest.fixture
def file(tmp_path):
    """Writes weights as Keras 2 does."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names"] = ["conv"]
        group = file.create_group("conv")
        group.attrs["weight_names"] = ["conv/kernel:0", "conv/bias:0"]
        for name in group.attrs["weight_names"]:
            group[name] = np.ones(3, np.float32)
    return tmp_path / "a.h5"


def changed(file, index, length, number=-1):
    """Changes an entry of the heap of the file: by default the last, of what is free."""
    data = bytearray(file.read_bytes())
    at, places = data.index(b"GCOL") + 16, []
    end = at - 16 + int.from_bytes(data[at - 8 : at], "little")
    while at + 16 <= end:
        places.append(at)
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        at += 16 + -(-size // 8) * 8 if data[at] else size
    at = places[number]
    data[at : at + 2] = index.to_bytes(2, "little")
    data[at + 8 : at + 16] = length.to_bytes(8, "little")
    file.write_bytes(data)
    return file


def test_whole_files_pass(file):
    h5_texts.check(file)
    assert set(keras_h5.read(file)) == {"conv/kernel", "conv/bias"}


@pytest.mark.parametrize("index, length", [(0, 0), (1, 2**64 - 16), (1, 2**64 - 1), (0, 2**40)])
@pytest.mark.parametrize("number", [0, -1])
def test_entries_without_an_end_are_one_line(file, index, length, number):
    changed(file, index, length, number)
    with pytest.raises(ValueError, match="damaged where its texts lie"):
        h5_texts.check(file)
    for read in (keras_h5.read, keras_h5.head_classes):
        with pytest.raises(WeightsError, match="damaged where its texts lie"):
            read(file)


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(90)])
def test_other_files_are_one_line(file, data):
    file.write_bytes(data)
    with pytest.raises(ValueError, match="8 bytes"):
        h5_texts.check(file)
