"""Reads and writes .npy and .npz files: written incrementally, read with untrusted input in mind.

    with NpyWriter("rgb.npy") as array:
        array.add(frame)                               # float [H, W, 3], T times: [1, T, H, W, 3]
    array = npy.mapped("rgb.npy")                      # nothing is read yet
    npy.write_npz(file, {"scores": scores})            # with a digest of all arrays
    arrays = npy.read_npz("scores.npz")                # {name: array}, the digest compared
    arrays = npy.mapped_npz("features.npz")            # nothing is read yet, not compared

Numbers and text are read, objects (pickles) and records are not. The header, a line of Python, is
matched and never evaluated. Memory is bounded by the size of the file.
"""

import contextlib
import math
import os
import re
import struct
import zipfile
import zlib
from typing import IO, Any, Literal

import numpy as np

from i3d.runtime import files
from i3d.runtime.command import BadData

# Of an archive all arrays together: so much, and so many times the size of the file. Results and
# features are stored as they are or shrink by a few times at most; an archive made to burst by a
# thousand.
_BASE_BYTES, _MOST_INFLATION = 1 << 24, 16
_DIGEST = "digest"  # of an archive's arrays, by name
_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 12  # bytes; NumPy's have 128
_HEADER = re.compile(
    r"\{ *'descr': *'([<>|=][biufcSU]\d{1,6})', *'fortran_order': *(True|False), *"
    r"'shape': *\(((?:\d{1,19}L?, ?)*(?:\d{1,19}L?)?)\),? *\} *\n?"
)
_MOST_DIMENSIONS = 32
_LENGTHS_AT = 26  # of a local header of a ZIP archive: two numbers of 2 bytes, the last ones
# What zipfile raises on what is no archive, or a damaged, an encrypted or an unknown one.
_DAMAGE = (ValueError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)


class ArrayError(BadData):
    """A file that holds no arrays as they are read here; the line says what, not where."""


class NpyWriter:
    """A .npy array [1, T, ...] float32 that grows by one step at a time.

    It appears under its name only when the `with` block ends without an error.
    """

    def __init__(self, path: os.PathLike | str):
        """Touches nothing yet; UserError where `path` is there already."""
        files.check_new(path)
        self._path, self._count, self._shape = path, 0, ()
        self._writing = contextlib.ExitStack()

    def add(self, step: np.ndarray) -> None:
        """Appends float [...]."""
        if not self._count:
            self._shape = step.shape
            self._writing.enter_context(self._opened())
        self._file.write(np.ascontiguousarray(step, "<f4").tobytes())
        self._count += 1

    def __enter__(self):
        """Returns the writer; the file is opened by the first step."""
        return self

    def __exit__(self, *error):
        """Completes and renames the file, or removes it after an error."""
        return self._writing.__exit__(*error)

    @contextlib.contextmanager
    def _opened(self):
        """Opens the file; its header is completed at the end, when the number of steps is known."""
        with files.new_file(self._path) as self._file:
            self._header()
            yield
            self._file.seek(0)
            self._header()

    def _header(self):
        """NumPy pads the header so that it has one length for any count below 10**20."""
        shape = (1, self._count, *self._shape)
        entry = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, entry)


def mapped(path: os.PathLike | str) -> np.ndarray:
    """Returns the array of a .npy file, mapped: its parts are read when they are looked at.

    Raises:
      ArrayError: it holds no array of numbers, or fewer bytes than the array has.
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        dtype, order, shape = _header(file)
        offset, size = file.tell(), os.fstat(file.fileno()).st_size
        if math.prod(shape) * dtype.itemsize > size - offset:
            raise ArrayError(f"cut off: {size:,} bytes are too few for {dtype} {shape}")
        if not math.prod(shape):
            return np.zeros(shape, dtype)
        return np.memmap(file, dtype, "r", offset, shape, order)


def write_npz(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    """Writes a .npz archive of arrays without objects, and `digest`, a text on all of them."""
    parts: dict[str, Any] = {**arrays, _DIGEST: np.array(_digest(arrays))}
    np.savez(file, **parts)


def read_npz(path: os.PathLike | str) -> dict[str, np.ndarray]:
    """Returns {name: array} of a .npz archive, compressed or not; `digest` is left out.

    Raises:
      ArrayError: it is none, a part of it is damaged or no array, it would take far more memory
        than its size lets expect, or it has a digest of other arrays.
      OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            found = {_name(info): _member(archive, info) for info in _members(archive, size)}
    except _DAMAGE as error:
        raise ArrayError(str(error).partition("\n")[0] or "cut off") from error
    stated = found.pop(_DIGEST, None)
    if stated is not None and str(stated) != _digest(found):
        raise ArrayError("its arrays are not those that were written together (digest)")
    return found


def mapped_npz(path: os.PathLike | str) -> dict[str, np.ndarray]:
    """Returns {name: array} of a .npz archive; numbers that are not compressed are mapped.

    Others are read. Checksums are compared of what is read alone; `digest` is left out.

    Raises:
      ArrayError: as `read_npz`.
      OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            members = [info for info in _members(archive, size) if _name(info) != _DIGEST]
            return {_name(info): _mapped_member(file, archive, info, size) for info in members}
    except _DAMAGE as error:
        raise ArrayError(str(error).partition("\n")[0] or "cut off") from error


def _mapped_member(file, archive, info, size):
    with archive.open(info.filename) as part:  # which compares the local header
        dtype, order, shape = _header(part)
        begin = part.tell()
    if info.compress_type != zipfile.ZIP_STORED or dtype.kind in "SU" or not math.prod(shape):
        return _member(archive, info)
    file.seek(info.header_offset + _LENGTHS_AT)
    lengths = struct.unpack("<HH", file.read(4))  # of the name and the extra field
    offset = info.header_offset + _LENGTHS_AT + 4 + sum(lengths) + begin
    wanted = math.prod(shape) * dtype.itemsize
    if info.file_size != info.compress_size or begin + wanted != info.file_size:
        raise ArrayError(f"{info.filename!r:.80}: {info.file_size:,} bytes for {dtype} {shape}")
    if offset + wanted > size:
        raise ArrayError(f"{info.filename!r:.80}: cut off")
    return np.memmap(file, dtype, "r", offset, shape, order)


def _digest(arrays):
    """Returns the CRC-32 of names, types, shapes and values, eight digits."""
    crc = 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape} ".encode(), crc)
        crc = zlib.crc32(array.reshape(-1).view(np.uint8).data, crc) if array.size else crc
    return f"{crc:08x}"


def _members(archive, size):
    """Returns the ZipInfos of an archive whose arrays are not larger than its size lets expect."""
    members = archive.infolist()
    if len({info.filename for info in members}) < len(members):
        raise ArrayError("a name is in it twice")
    inflated, limit = sum(info.file_size for info in members), _BASE_BYTES + _MOST_INFLATION * size
    if inflated > limit:
        raise ArrayError(
            f"expected at most {limit:,} bytes of arrays in a file of {size:,}, got {inflated:,}"
        )
    return members


def _name(info):
    return info.filename.removesuffix(".npy")


def _member(archive, info):
    """Returns the array of a part of an archive."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArrayError(f"{info.filename!r:.80}: compressed in a way that NumPy does not write")
    with archive.open(info.filename) as file:
        dtype, order, shape = _header(file)
        left, wanted = info.file_size - file.tell(), math.prod(shape) * dtype.itemsize
        if left != wanted:
            raise ArrayError(f"{info.filename!r:.80}: {left:,} bytes for {dtype} {shape}")
        data = np.empty(wanted, np.uint8)
        for start in range(0, wanted, 1 << 20):
            part = file.read(min(1 << 20, wanted - start))
            data[start : start + len(part)] = np.frombuffer(part, np.uint8)
        if file.tell() != info.file_size or file.read(1):  # which checks the checksum
            raise ArrayError(f"{info.filename!r:.80}: cut off")
    _check_text(data, dtype)
    return data.view(dtype).reshape(shape, order=order)


def _header(file: IO[bytes]) -> tuple[np.dtype, Literal["C", "F"], tuple[int, ...]]:
    """Returns (dtype, order "C" or "F", shape) of the array that begins here."""
    head = file.read(8)
    if len(head) < 8 or head[:6] != _MAGIC or head[6] not in (1, 2, 3):
        raise ArrayError(f"expected a NumPy array, it begins with {head!r}" if head else "empty")
    length = int.from_bytes(file.read(2 if head[6] == 1 else 4), "little")
    text = file.read(min(length, _LONGEST_HEADER)).decode("latin-1")
    found = _HEADER.fullmatch(text) if len(text) == length else None
    if not found:
        raise ArrayError("expected an array of numbers or text, got another one or a damaged one")
    shape = tuple(int(n.rstrip("L")) for n in found[3].replace(" ", "").split(",") if n)
    try:
        dtype = np.dtype(found[1])
    except TypeError:
        raise ArrayError(f"expected numbers or text, got the type {found[1]!r}") from None
    # NumPy multiplies the sizes that are not 0 in 64 bits.
    if (
        len(shape) > _MOST_DIMENSIONS
        or math.prod(n or 1 for n in shape) * dtype.itemsize >= 1 << 62
    ):
        raise ArrayError(f"expected the shape of an array, got {found[3]:.80}")
    if not dtype.itemsize:
        raise ArrayError(f"expected numbers or text, got the type {found[1]!r}")
    return dtype, "F" if found[2] == "True" else "C", shape


def _check_text(data, dtype):
    """Refuses numbers of no character, and halves of one, which nothing can print."""
    if dtype.kind == "U":
        codes = data.view(np.dtype("u4").newbyteorder(dtype.byteorder))
        if ((codes > 0x10FFFF) | (codes >> 11 == 0xD800 >> 11)).any():
            raise ArrayError("holds text with numbers of no character")
