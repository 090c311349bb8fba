"""Pickles made to do harm: nothing in them runs, and nothing they ask for is allocated."""

import builtins
import collections
import io
import os
import pickle
import struct
import subprocess
import tracemalloc
import zipfile

import numpy as np
import pytest

from i3d.weights.pytorch import state_dict, unpickle


class Call:
    """Pickles as the call function(*arguments)."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


class Storage:
    """Stands for a storage; pickled as a persistent id."""

    def __init__(self, numel, key="0"):
        self.id = ("storage", Name("torch FloatStorage"), key, "cpu", numel)


class Name:
    """A global, "module name"."""

    def __init__(self, name):
        self.name = name


class Pickler(pickle._Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None

    def save(self, value, *args, **keywords):
        if isinstance(value, Name):
            self.write(b"c" + value.name.replace(" ", "\n").encode() + b"\n")
        elif isinstance(value, Tensor):
            self.save(value.function)
            self.save(value.arguments)
            self.write(b"R")
        else:
            super().save(value, *args, **keywords)


class Tensor:
    def __init__(self, *arguments):
        self.function = Name("torch._utils _rebuild_tensor_v2")
        self.arguments = (*arguments, False, {})


def archive(path, pickled, data=b""):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", pickled)
        file.writestr("a/data/0", data)
    return path


def tensors(path, data=b"", **values):
    with open(path, "wb") as file:
        Pickler(file, 2).dump(values)
    return archive(path, path.read_bytes(), data)


def test_calls_in_the_pickle_are_not_made(tmp_path):
    mark = tmp_path / "touched"
    code = f"open({str(mark)!r}, 'w')"
    harm = [
        Call(os.system, f"touch {mark}"),
        Call(builtins.eval, code),
        Call(builtins.exec, code),
        Call(builtins.open, str(mark), "w"),
        Call(getattr, Call(__import__, "os"), "mkdir"),
        Call(Call, os.mkdir, str(mark)),
        Call(subprocess.check_output, ["touch", str(mark)]),
    ]
    values = np.arange(3, dtype="<f4")
    weight = Tensor(Storage(3), 0, (3,), (1,))
    path = tensors(tmp_path / "a.pth", values.tobytes(), state_dict={"w": weight}, meta=harm)
    np.testing.assert_array_equal(state_dict.read(path)["w"], values)
    assert not mark.exists()
    pickle.loads(pickle.dumps(harm[0]))  # the same bytes do harm where they are unpickled
    assert mark.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch m'\ntR.",
        b"(S'touch m'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch m'\no.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x07touch m\x85R.",
        b"cos\nsystem\n(S'touch m'\nt\x81.",
        b"cos\nsystem\n(S'touch m'\nt}\x92.",
        b"c__builtin__\neval\n(S'1/0'\ntR(S'a'\nS'b'\ndb.",
    ],
)
def test_every_calling_opcode_makes_a_foreign(tmp_path, monkeypatch, pickled):
    monkeypatch.chdir(tmp_path)
    value, storages = unpickle.read(io.BytesIO(pickled))
    assert isinstance(value, unpickle.Foreign)
    assert value.name in ("os.system", "__builtin__.eval") and storages == {}
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02X\xff\xff\xff\xffabc.",  # a string of 4 GB
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.",  # bytes of an exabyte
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # the two-thousand-millionth memo
        b"\x80\x02" + b"\x8b\xff\xff\xff\x7f1.",  # a number of 2 GB
        b"\x80\x02" + b")" + b"\x85" * 20_000 + b"}" + b"\x86.",  # nested tuples
        b"\x80\x02}" + b")" + b"\x85" * 20_000 + b"Ns.",  # as a key
        b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b".",  # nested lists
        b"\x80\x02]q\x00h\x00a.",  # a list in itself
        b"\x80\x02h\x05.",
        b"\x80\x02t.",
        b"\x80\x02.",
        b"\x80\x02\x82\x01.",  # extension registry
        b"\x80\x02NQ.",
        b"\x80\x02" + b"(" * 1000 + b".",
    ],
)
def test_absurd_pickles_are_one_line_and_little_memory(tmp_path, pickled):
    path = archive(tmp_path / "a.pth", pickled)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as caught:
            state_dict.read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert peak < 64e6


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor(Storage(6), 0, (7,), (1,)), "w goes beyond its storage of 6 elements"),
        (Tensor(Storage(6), 4, (3,), (1,)), "w goes beyond its storage"),
        (Tensor(Storage(6), 0, (2, 3), (4, 1)), "w goes beyond its storage"),
        (Tensor(Storage(7), 0, (7,), (1,)), "truncated: w has 24 bytes for 7 float32"),
        (Tensor(Storage(1 << 50), 0, (6,), (1,)), "truncated: w has 24 bytes"),
        (Tensor(Storage(6), 0, (1 << 40, 3), (0, 0)), "more elements than the file has bytes"),
        (Tensor(Storage(6), 0, (0, 1 << 70), (1, 1)), "more elements than the file has bytes"),
        (Tensor(Storage(6), -4, (3,), (1,)), "damaged pickle"),
        (Tensor(Storage(6), 3, (3,), (-1,)), "damaged pickle"),
        (Tensor(Storage(6), 0, (3,), (1, 1)), "damaged pickle"),
        (Tensor(Storage(6), 0, (1,) * 65, (1,) * 65), "damaged pickle"),
        (Tensor(Storage(-6), 0, (3,), (1,)), "damaged pickle"),
        (Tensor(Storage(6.0), 0, (3,), (1,)), "damaged pickle"),
        (Tensor(Storage(6, ("0",)), 0, (3,), (1,)), "damaged pickle"),
        (Tensor(None, 0, (3,), (1,)), "damaged pickle"),
        (Tensor(Storage(6, "../x"), 0, (3,), (1,)), "the record data/../x is missing"),
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path, tensor, message):
    path = tensors(tmp_path / "a.pth", bytes(24), w=tensor)
    with pytest.raises(ValueError) as caught:
        state_dict.read(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_stride_that_no_element_uses_does_not_matter(tmp_path):
    values = np.arange(6, dtype="<f4")
    path = tensors(
        tmp_path / "a.pth", values.tobytes(), w=Tensor(Storage(6), 0, (1, 6), (1 << 70, 1))
    )
    np.testing.assert_array_equal(state_dict.read(path)["w"], values[None])


def test_many_tensors_on_one_storage_are_bounded(tmp_path):
    """A small file cannot ask for much memory by naming the same numbers again and again."""
    shared = Tensor(Storage(1000), 0, (1000,), (1,))
    state = {f"w{i}": shared for i in range(500)}
    path = tensors(tmp_path / "a.pth", bytes(4000), state_dict=state)
    with pytest.raises(ValueError, match="more elements than the file has bytes"):
        state_dict.read(path)


def sequence(path, value, keys, *storages, system=None):
    """Writes the layout from before PyTorch 1.6."""
    system = system or {"little_endian": True, "protocol_version": 1001}
    with open(path, "wb") as file:
        for part in (0x1950A86A20F9469CFC6C, 1001, system, value, keys):
            Pickler(file, 2).dump(part)
        for values in storages:
            file.write(struct.pack("<q", len(values)) + values.tobytes())
    return path


def test_a_view_of_a_storage_and_a_dict_of_pairs_as_python_2_wrote_them(tmp_path):
    values = np.arange(6, dtype="<f4")
    view = Storage(6)
    view.id += (("view", 2, 4),)
    pairs = [["w", Tensor(view, 1, (3,), (1,))]]
    path = sequence(tmp_path / "a.pth", Call(collections.OrderedDict, pairs), ["0"], values)
    np.testing.assert_array_equal(state_dict.read(path)["w"], values[3:])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "storage 0 is missing"),
        (["0", "1"], "lists storages that it does not use"),
        ([["0"]], "lists storages"),
        (7, "lists storages"),
    ],
)
def test_storages_that_do_not_match_the_tensors(tmp_path, keys, message):
    value = {"w": Tensor(Storage(6), 0, (3,), (1,))}
    path = sequence(tmp_path / "a.pth", value, keys, np.zeros(6, "<f4"))
    with pytest.raises(ValueError, match=message):
        state_dict.read(path)
