"""Arrays written to .npy files step by step, so that memory does not grow with their length.

with NpyWriter("rgb.npy") as array:
    array.add(frame)                                   # float [H, W, 3], T times: [1, T, H, W, 3]
"""

import contextlib
import os

import numpy as np

from i3d.runtime import files


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
