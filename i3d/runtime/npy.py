"""Arrays written to .npy files step by step, so that memory does not grow with their length.

with NpyWriter("rgb.npy") as array:
    array.add(frame)                                   # float [H, W, 3], T times: [1, T, H, W, 3]
"""

import os
from pathlib import Path

import numpy as np


class NpyWriter:
    """A .npy array [1, T, ...] float32 that grows by one step at a time.

    It appears under its name only when the `with` block ends without an error.
    """

    def __init__(self, path):
        """Opens `path`.partial; FileExistsError where `path` is there already."""
        self._path, self._partial = Path(path), Path(f"{path}.partial")
        if self._path.exists():
            raise FileExistsError(f"{path}: exists already; remove it or name another place")
        self._file = open(self._partial, "wb")
        self._count, self._shape = 0, ()

    def add(self, step):
        """Appends float [...]."""
        if not self._count:
            self._shape = step.shape
            self._header()
        self._file.write(np.ascontiguousarray(step, "<f4").tobytes())
        self._count += 1

    def __enter__(self):
        """Returns the writer."""
        return self

    def __exit__(self, kind, error, trace):
        """Completes the header with the number of steps and renames, or removes the file."""
        if kind is None and self._count:
            self._file.seek(0)
            self._header()
        self._file.close()
        if kind is None and self._count:
            os.replace(self._partial, self._path)
        else:
            self._partial.unlink()

    def _header(self):
        """NumPy pads the header so that it has one length for any count below 10**20."""
        shape = (1, self._count, *self._shape)
        entry = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, entry)
