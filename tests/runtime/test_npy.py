"""Arrays that nobody vouches for: what NumPy writes is read, all else is one line."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from i3d.runtime import npy

ARRAYS = {
    "ids": np.array(["a", "längst"]),
    "logits": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6, dtype=">i8").reshape(2, 3)),
    "text": np.array("rgb"),
    "none": np.zeros((0, 3), np.float16),
    "big": np.array(["b"], ">U3"),
    "flags": np.array([True, False]),
}


def header(text, version=1):
    """Returns the beginning of a .npy file of this line of Python."""
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode()


def described(descr="'<f4'", shape="(2,)", order="False"):
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")


def archive(path, parts, compression=zipfile.ZIP_STORED):
    """Writes {name: bytes} as a zip archive; returns its path."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def reason(function, path):
    with pytest.raises(npy.ArrayError) as caught:
        function(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("writes", [np.savez, np.savez_compressed])
def test_archives_of_numpy_are_read(writes, tmp_path):
    writes(tmp_path / "a.npz", **ARRAYS)
    read = npy.read_npz(tmp_path / "a.npz")
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype and read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)
    read["logits"][0, 0] = 5  # may be written to


@pytest.mark.parametrize("name", [name for name in ARRAYS if name != "text"])
def test_files_of_numpy_are_mapped(name, tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    np.testing.assert_array_equal(npy.mapped(tmp_path / "a.npy"), ARRAYS[name])


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_header_are_read(version, tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, ARRAYS["logits"], version)
    np.testing.assert_array_equal(npy.mapped(tmp_path / "a.npy"), ARRAYS["logits"])


def test_shapes_of_python_2_are_read(tmp_path):
    (tmp_path / "a.npy").write_bytes(described(shape="(1L, 2L)") + bytes(8))
    assert npy.mapped(tmp_path / "a.npy").shape == (1, 2)


BAD = {
    "object": described("'|O'"),
    "records": described("[('a', '<f4')]"),
    "part": described("('<f4', (2, 2))"),
    "date": described("'<M8[ns]'"),
    "no type": described("'<f3'"),
    "nothing": described("'<U0'"),
    "negative": described(shape="(-1,)"),
    "long": described(shape="(9223372036854775807, 9223372036854775807)"),
    "product of 0": described(shape="(0, 9223372036854775807, 9223372036854775807)"),
    "large": described(shape="(4294967296, 4294967296)"),
    "power": described(shape="(9**9**9,)"),
    "float": described(shape="(1e9,)"),
    "axes": described(shape=f"({'1, ' * 60})"),
    "digits": described(shape=f"({'9' * 400},)"),
    "call": described("__import__('os').getcwd()"),
    "parentheses": header("(" * 60_000),
    "signs": header("-" * 60_000 + "1"),
    "sum": header("1+" * 30_000 + "1"),
    "blanks": header(" " * 60_000),
    "4 GB": b"\x93NUMPY\x02\0" + b"\xff" * 4 + b"{}",
    "version": header("{}", 1).replace(b"Y\x01", b"Y\x09"),
    "other": b"no array",
    "short": b"\x93NUM",
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD)
def test_other_headers_are_one_line_alone_and_in_an_archive(name, tmp_path):
    (tmp_path / "a.npy").write_bytes(BAD[name] + bytes(8))
    assert reason(npy.mapped, tmp_path / "a.npy")
    assert reason(npy.read_npz, archive(tmp_path / "a.npz", {"a.npy": BAD[name] + bytes(8)}))


def test_files_cut_off_are_one_line(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, ARRAYS["logits"])
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert reason(npy.mapped, path)
        archive(tmp_path / "a.npz", {"a.npy": whole[:size]})
        assert reason(npy.read_npz, tmp_path / "a.npz")


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800, 0xDFFF])
@pytest.mark.parametrize("order", "<>")
def test_text_of_no_characters_is_refused(code, order, tmp_path):
    data = described(f"'{order}U1'", "(1,)") + struct.pack(f"{order}I", code)
    assert "no character" in reason(npy.read_npz, archive(tmp_path / "a.npz", {"a.npy": data}))


def patched(path, field, value):
    """Changes two bytes of the first entry in the directory of an archive, and its header."""
    data = bytearray(path.read_bytes())
    begin = data.find(b"PK\1\2")
    data[begin + field : begin + field + 2] = struct.pack("<H", value)
    data[field - 2 : field] = struct.pack("<H", value)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "field, value, told",
    [
        (8, 1, "encrypted"),  # bits of flags
        (8, 1 << 5, "patched"),
        (8, 1 << 6, "encryption"),
        (6, 99, "version 9.9"),  # of zip
        (10, 12, "compressed in a way"),  # bzip2, which nothing bounds
        (10, 14, "compressed in a way"),
        (10, 99, "compressed in a way"),
    ],
)
def test_archives_of_other_kinds_are_one_line(field, value, told, tmp_path):
    np.savez(tmp_path / "a.npz", a=ARRAYS["logits"])
    assert told in reason(npy.read_npz, patched(tmp_path / "a.npz", field, value))


def test_other_contents_of_archives_are_one_line(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as file:
        for _ in range(2):
            file.writestr("a.npy", described() + bytes(8))
    assert "twice" in reason(npy.read_npz, path)
    assert reason(npy.read_npz, archive(path, {"a.txt": b"text"}))
    path.write_bytes(b"PK\x03\x04garbage")
    assert reason(npy.read_npz, path)


@pytest.mark.parametrize("declared", [10**9, 10**6], ids=["by its size", "by its array"])
def test_what_inflates_takes_no_memory(declared, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("a.npy", "w", force_zip64=True) as part:
            part.write(described("'|u1'", f"({declared},)"))
            for _ in range(100):
                part.write(bytes(10**6))
    assert (tmp_path / "a.npz").stat().st_size < 200_000
    tracemalloc.start()
    told = reason(npy.read_npz, tmp_path / "a.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "expected at most" in told and peak < 1 << 20


def test_lies_on_sizes_are_one_line(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(1000))
    data = buffer.getvalue()
    begin = data.find(b"PK\1\2")
    for value in (0, 1, 127, 128, 8127, 8129, 2**31, 2**32 - 1):
        changed = bytearray(data)
        changed[begin + 24 : begin + 28] = struct.pack("<I", value)  # inflated bytes
        (tmp_path / "a.npz").write_bytes(changed)
        assert reason(npy.read_npz, tmp_path / "a.npz")


def test_archives_are_mapped(tmp_path):
    path = tmp_path / "a.npz"
    with open(path, "wb") as file:
        npy.write_npz(file, ARRAYS)
    found = npy.mapped_npz(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert isinstance(found["logits"], np.memmap) and not isinstance(found["ids"], np.memmap)
    np.savez_compressed(path, **ARRAYS)
    np.testing.assert_array_equal(npy.mapped_npz(path)["logits"], ARRAYS["logits"])


def test_archives_that_lie_are_not_mapped(tmp_path):
    long = described("'<f4'", "(3,)").ljust(64) + bytes(8)
    path = archive(tmp_path / "a.npz", {"a.npy": long})
    with pytest.raises(npy.ArrayError):
        npy.mapped_npz(path)
    np.savez(path, **ARRAYS)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(npy.ArrayError):
        npy.mapped_npz(path)
