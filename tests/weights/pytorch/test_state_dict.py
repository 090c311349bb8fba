"""Reading the files of torch.save without torch: all layouts, dtypes, places and damages."""

import argparse
import collections
import datetime
import io
import json
import pathlib
import struct
import zipfile

import numpy as np
import pytest

from i3d.weights.pytorch import safetensors as pytorch_safetensors
from i3d.weights.pytorch import state_dict

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to write .pth with")

BOTH = pytest.mark.parametrize("zipped", [True, False])


def saved(path, value, zipped=True, protocol=2):
    torch.save(value, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return path


def assert_same(arrays, tensors):
    assert list(arrays) == list(tensors)
    for key, tensor in tensors.items():
        expected = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
        np.testing.assert_array_equal(arrays[key], expected.numpy(), err_msg=key, strict=True)


def every_kind():
    """Returns tensors of all dtypes and memory layouts."""
    numbers = torch.arange(-30, 30).reshape(3, 4, 5)
    dtypes = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64"
    tensors = {name: (numbers * 3).to(getattr(torch, name)) for name in dtypes.split()}
    base = torch.randn(6, 8)
    return (
        tensors
        | {
            "parameter": torch.nn.Parameter(base),  # shares its storage with the next ones
            "transposed": base.T,
            "part": base[2:5, 1::3],
            "expanded": torch.ones(1, 4).expand(3, 4),
            "scalar": torch.tensor(7),
            "empty": torch.zeros(0, 3),
            "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        }
    )


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_dtype_and_memory_layout(tmp_path, zipped, protocol):
    tensors = every_kind()
    path = saved(tmp_path / "a.pth", collections.OrderedDict(tensors), zipped, protocol)
    assert_same(state_dict.read(path), tensors)
    assert state_dict.is_torch(path)


@BOTH
def test_foreign_objects_around_the_state_dict_do_not_matter(tmp_path, zipped):
    net = torch.nn.Sequential(torch.nn.Conv3d(2, 3, 1), torch.nn.BatchNorm3d(3))
    momenta = {i: {"momentum_buffer": torch.ones(9)} for i in range(2)}
    meta = {
        "config": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("a/b")),
        "time": datetime.datetime(2020, 1, 2),
        "numpy": [np.float64(1.5), np.arange(3), np.dtype("int8")],
        "others": ({1, 2}, frozenset("ab"), 10**50, 2.5, b"x", None, complex(1, 2), slice(2)),
        "torch": [torch.float16, torch.device("cpu"), torch.Size([2])],
        (1, 2): "a key that is no text",
    }
    value = {
        "meta": meta,
        "epoch": 3,
        "optimizer": {"state": momenta, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
        "state_dict": net.state_dict(),
    }
    assert_same(state_dict.read(saved(tmp_path / "a.pth", value, zipped)), net.state_dict())


@pytest.mark.parametrize("place", ["state_dict", "model_state", "model", "state_dict_ema"])
def test_places_of_the_state_dict(tmp_path, place):
    tensors = {"w": torch.ones(2)}
    path = saved(tmp_path / "a.pt", {"epoch": 1, place: tensors, "lr": torch.tensor(0.1)})
    assert_same(state_dict.read(path), tensors)


def test_state_dict_comes_before_the_other_places(tmp_path):
    value = {"state_dict_ema": {"w": torch.ones(2)}, "state_dict": {"w": torch.zeros(2)}}
    assert_same(state_dict.read(saved(tmp_path / "a.pth", value)), value["state_dict"])


def test_only_the_state_dict_is_read_from_the_archive(tmp_path):
    """An optimizer state that is damaged on disk does not even come to notice."""
    value = {"state_dict": {"w": torch.ones(3)}, "optimizer": {"m": torch.full((1000,), 5.0)}}
    path = saved(tmp_path / "a.pth", value)
    content = path.read_bytes()
    inside = content.index(struct.pack("<f", 5) * 9) + 400
    path.write_bytes(content[:inside] + b"\xff" + content[inside + 1 :])
    assert_same(state_dict.read(path), value["state_dict"])


def rewritten(path, change):
    """Writes the zip archive again with its {record: bytes} changed."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    change(records)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return path


def one_line(path):
    with pytest.raises(ValueError) as caught:
        state_dict.read(path)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{path}: ")
    return message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update({"a/byteorder": b"big"}), "big-endian; expected little-endian"),
        (
            lambda r: r.update({"a/constants.pkl": b"", "a/data.pkl": b"}."}),
            "a TorchScript archive without parameters",
        ),
        (lambda r: r.pop("a/data.pkl"), "a zip archive without data.pkl"),
        (lambda r: r.pop("a/data/0"), "the record data/0 is missing"),
        (lambda r: r.update({"a/data/0": b"1234"}), "truncated: w has 4 bytes for 6 float32"),
        (lambda r: r.update({"a/data.pkl": r["a/data.pkl"][:30]}), "damaged pickle"),
        (lambda r: r.update({"a/data.pkl": b"\xff" * 30}), "damaged pickle"),
    ],
)
def test_archives_that_are_refused(tmp_path, change, message):
    path = rewritten(saved(tmp_path / "a.pth", {"w": torch.ones(2, 3)}), change)
    assert message in one_line(path)


class Part(torch.nn.Module):
    """A module with parameters at several depths and a buffer, for TorchScript."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.inner = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).half()

    def forward(self, x):
        return self.inner(x) * self.scale


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_parameters_of_torchscript(tmp_path):
    part = Part()
    torch.jit.script(part).save(tmp_path / "a.pt")
    arrays = state_dict.read(tmp_path / "a.pt")
    assert arrays.keys() == part.state_dict().keys()
    for key, tensor in part.state_dict().items():
        np.testing.assert_array_equal(arrays[key], tensor.numpy(), strict=True)
    torch.jit.freeze(torch.jit.script(part.eval())).save(tmp_path / "b.pt")
    assert "without parameters" in one_line(tmp_path / "b.pt")


@BOTH
def test_every_truncation_is_one_line(tmp_path, zipped):
    path = saved(tmp_path / "a.pth", {"w": torch.ones(2, 3), "v": torch.ones(4)}, zipped)
    content = path.read_bytes()
    for length in range(0, len(content), 1 if not zipped else 37):
        path.write_bytes(content[:length])
        one_line(path)


def test_a_flipped_bit_in_an_archive_is_noticed(tmp_path):
    path = saved(tmp_path / "a.pth", {"w": torch.full((64,), 5.0)})
    content = bytearray(path.read_bytes())
    content[content.index(struct.pack("<f", 5) * 9) + 2] ^= 4
    path.write_bytes(content)
    assert "Bad CRC-32" in one_line(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.pth: empty"),
        (b"<!DOCTYPE html>", "not a PyTorch file: it begins with b'<!DOCTYP'"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "not a PyTorch file"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "a.pth").write_bytes(content)
    assert message in one_line(tmp_path / "a.pth")
    assert not state_dict.is_torch(tmp_path / "a.pth")


def test_tar_of_the_first_versions_is_refused(tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "a.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    assert "a tar archive, as PyTorch before 0.1.10 wrote" in one_line(tmp_path / "a.pth")


def test_big_endian_sequence_is_refused(tmp_path):
    path = saved(tmp_path / "a.pth", {"w": torch.ones(1)}, zipped=False)
    content = path.read_bytes()
    where = content.index(b"little_endian") + len("little_endian")
    changed = content[:where] + content[where:].replace(b"\x88", b"\x89", 1)  # True -> False
    path.write_bytes(changed)
    assert "big-endian; expected little-endian" in one_line(path)


@BOTH
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.nn.Linear(2, 2), "holds a torch.nn.modules.linear.Linear as a whole"),
        ({"epoch": 1, "optimizer": {"m": torch.ones(2)}}, "no state dict: expected tensors"),
        ([torch.ones(2)], "no state dict"),
        (torch.ones(2), "no state dict"),
    ],
)
def test_files_without_a_state_dict(tmp_path, zipped, value, message):
    assert message in one_line(saved(tmp_path / "a.pth", value, zipped))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        state_dict.read(tmp_path / "a.pth")


def safetensors(path, tensors, header=None):
    """Writes a .safetensors file; `header` replaces the right one."""
    names = {"float32": "F32", "float16": "F16", "uint8": "U8", "bool": "BOOL", "int64": "I64"}
    entries, data = {"__metadata__": {"format": "np"}}, b""
    for key, array in tensors.items():
        span = [len(data), len(data) + array.nbytes]
        entries[key] = {"dtype": names[str(array.dtype)], "shape": array.shape}
        entries[key]["data_offsets"] = span
        data += array.tobytes()
    text = json.dumps(entries if header is None else header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_safetensors(tmp_path):
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.arange(3, dtype=np.float16),
        "c": np.uint8([3]),
        "d": np.array([True, False]),
        "e": np.int64(5).reshape(()),
    }
    arrays = pytorch_safetensors.read(safetensors(tmp_path / "a.safetensors", tensors))
    assert list(arrays) == list(tensors)
    for key, array in tensors.items():
        np.testing.assert_array_equal(arrays[key], array, strict=True)
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    bits = {"x": np.float32([1.5, -2]).view(np.uint32).__rshift__(16).astype("<u2").view(np.uint8)}
    path = safetensors(tmp_path / "b.safetensors", bits, {"x": entry})
    np.testing.assert_array_equal(pytorch_safetensors.read(path)["x"], np.float32([1.5, -2]))


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}},
        {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]}},
        {"a": {"dtype": "F8", "shape": [8], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32"}},
        {"a": 5},
        {
            key: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
            for key in map(str, range(999))
        },
        [1],
    ],
)
def test_safetensors_that_are_refused(tmp_path, header):
    path = safetensors(tmp_path / "a.safetensors", {"a": np.zeros(2, np.float32)}, header)
    with pytest.raises(ValueError, match="not a whole safetensors file") as caught:
        pytorch_safetensors.read(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:9])
    with pytest.raises(ValueError, match="not a safetensors file"):
        pytorch_safetensors.read(path)
