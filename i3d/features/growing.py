"""Rows of a long video, kept on disk as they are computed.

with Growing(work.partial(0)) as rows:
    rows.add(piece)
    work.save(0, rows.arrays(dense))               # features are mapped, not in memory
"""

import contextlib
import os
from typing import IO, Any

import numpy as np

from i3d.inference.dense import DenseRows, Piece


class Growing:
    """The rows of one video so far; a file that is removed at the end of the `with` block."""

    def __init__(self, path: str | os.PathLike):
        """Touches nothing yet."""
        self._path, self._shape = path, ()
        self._file: IO[bytes] | None = None
        self._times: list[tuple[np.ndarray, np.ndarray]] = []
        self._frames = 0

    def __enter__(self):
        """Returns itself; the file is opened by the first rows."""
        return self

    def __exit__(self, *error):
        """Removes the file."""
        if self._file is not None:
            self._file.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    def add(self, piece: Piece) -> None:
        """Appends rows."""
        if self._file is None:
            self._file, self._shape = open(self._path, "wb"), piece.features.shape[1:]
        self._file.write(np.ascontiguousarray(piece.features, np.float32).data)
        self._times.append((piece.start_s, piece.end_s))
        self._frames = piece.frames

    def arrays(self, dense: DenseRows) -> dict[str, Any]:
        """Returns the arrays of the file of the video.

        Returns:
          features float32 [T, C] or [T, crops, C]; start_s, end_s float64 [T]; views int64 [T],
          crops of a window; window, stride (frames), fps; extractors, names of the checkpoints.
        """
        self._file.flush()
        start_s, end_s = (np.concatenate(part) for part in zip(*self._times, strict=True))
        crops, spec = dense.views_of.specs[0].crops, dense.spec
        return {
            "features": np.memmap(self._path, np.float32, "r", 0, (len(start_s), *self._shape)),
            "start_s": start_s,
            "end_s": end_s,
            "views": np.full(len(start_s), crops, np.int64),
            "window": np.int64(spec.window),
            "stride": np.int64(spec.stride),
            "fps": np.float64(dense.fps_of(start_s, end_s, self._frames)),
            "extractors": np.array(spec.extractors),
        }
