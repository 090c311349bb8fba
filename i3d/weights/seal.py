"""Stores and verifies a checksum of a .weights.h5 file, inside the file.

    seal.write("best.weights.h5")                      # when all else is in the file
    seal.check("best.weights.h5")                      # WeightsError where a bit has changed since
    with seal.checked("best.weights.h5"):              # the same, beside what the block does
        model.load_weights("best.weights.h5")

It is an attribute of the root, so that the file stays one of Keras. Files without it, as other
programs and version 0.1.0 write them, are taken as they are.
"""

import contextlib
import mmap
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

from i3d.weights.errors import WeightsError

_NAME = "crc32"
_MARK = b"CRC-32 of the other bytes: "  # of the value; eight digits follow


def write(path: os.PathLike | str) -> None:
    """Puts the checksum into a file, or renews it."""
    with h5py.File(path, "a") as file:
        file.attrs[_NAME] = np.bytes_(_MARK + b"00000000")
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        begin = data.rfind(_MARK) + len(_MARK)
        data[begin : begin + 8] = _crc32(data, begin)


def check(path: os.PathLike | str) -> None:
    """Compares the checksum of a file that has one.

    Raises:
      WeightsError: it is another one.
    """
    stated = _stated(path)
    if stated is None:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        begin = data.rfind(stated) + len(_MARK)
        if not stated.startswith(_MARK) or stated[len(_MARK) :] != _crc32(data, begin):
            raise WeightsError(
                f"{path}: damaged: its bytes are not those that were written (checksum); copy it "
                "again, or take another checkpoint"
            )


@contextlib.contextmanager
def checked(path: os.PathLike | str) -> Iterator[None]:
    """Does `check` on another core while the block runs, as it takes a tenth of a loading's time.

    Raises:
      WeightsError: as `check`, after the block, and in place of what the block raised.
    """
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(check, path)
        try:
            yield
        finally:
            done.result()


def _stated(path):
    """Returns the bytes of the attribute, None without one; loading reports damage."""
    try:
        with h5py.File(path, "r") as file:
            fixed = _NAME in file.attrs and file.attrs.get_id(_NAME).dtype.kind == "S"
            found = file.attrs[_NAME] if fixed else None
    except (OSError, KeyError, RuntimeError, ValueError):
        return None
    return bytes(found) if isinstance(found, bytes) else None


def _crc32(data, begin):
    """Returns eight digits: the CRC-32 of all bytes but the eight from `begin` on."""
    with memoryview(data) as view:
        return b"%08x" % zlib.crc32(view[begin + 8 :], zlib.crc32(view[:begin]))
