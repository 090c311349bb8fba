"""Features kept on disk by content: a video that is moved, renamed or labelled anew keeps its own.

    cache = Cache(folder, plan)            # plan: {"checkpoint": digest, "views": {...}, ...}
    key = content_of("jump/a.mp4")
    cache.put(key, features)
    cache.get(key)                         # float32 [C]; None where there is none, or a damaged one

The backend of Keras is no part of the plan: features differ by less than 1e-4 of their standard
deviation from one to another, and every backend takes what another one kept.

FOLDER/PLAN/KK/KEY.npz, PLAN and KEY being SHA-256. Writes are atomic, so that several probes may
share a folder, and one that was killed resumes.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from i3d.data import read as records
from i3d.probing.videos import Part, Source
from i3d.runtime import files, npy
from i3d.runtime.command import UserError
from i3d.video import images
from i3d.video.images import Images


class Cache:
    """Features of one plan: all that decides their numbers, but for the video.

    Attributes:
      damaged: number of entries that could not be used.
    """

    def __init__(self, folder: str | os.PathLike, plan: dict[str, Any]) -> None:
        """Makes the folder.

        Raises:
          UserError: it cannot be written to.
        """
        text = json.dumps(plan, indent=2, sort_keys=True)
        self._plan = hashlib.sha256(text.encode()).hexdigest()
        self._folder, self.damaged = Path(folder, self._plan), 0
        try:
            files.write_text(self._folder / "plan.json", text + "\n")  # for people
        except OSError as error:
            raise UserError(f"--cache: {folder} cannot be written to: {error.strerror}") from error

    def get(self, content: str) -> np.ndarray | None:
        """Returns float32 [C] of a video, None where it is not there as it was written."""
        path = self._path(content)
        if not path.exists():
            return None
        try:
            arrays = npy.read_npz(path)  # compares the checksum
        except (npy.ArrayError, OSError):
            arrays = {}
        features = arrays.get("features")
        whole = features is not None and features.dtype == np.float32 and features.ndim == 1
        if not whole or str(arrays.get("of")) != self._of(content):
            self.damaged += 1
            return None
        return features

    def put(self, content: str, features: np.ndarray) -> None:
        """Writes float32 [C] of a video."""
        arrays = {"features": features, "of": np.array(self._of(content))}
        with files.new_file(self._path(content)) as file:
            npy.write_npz(file, arrays)

    def _path(self, content):
        return self._folder / content[:2] / f"{content}.npz"

    def _of(self, content):
        return f"{self._plan} {content}"


def content_of(source: Source) -> str:
    """Returns the SHA-256 of what a video holds: its bytes and which part of them is meant.

    Raises:
      OSError, UserError: it cannot be read.
    """
    digest = hashlib.sha256()
    if isinstance(source, Part):
        digest.update(content_of(source.path).encode())
        digest.update(f"{source.start_s} {source.end_s}".encode())
    elif isinstance(source, records.Place):
        for segment in records.segments(source):
            digest.update(f"{segment.fps} {segment.start_s}".encode())
            _add(digest, (*segment.frames, *(segment.flow or ())))
    elif isinstance(source, Images):
        names = images.listed(source.folder).names[source.first :]
        digest.update(f"{source.fps}".encode())
        _add(digest, (Path(source.folder, n).read_bytes() for n in names[: source.count]))
    else:
        return files.sha256(source)
    return digest.hexdigest()


def _add(digest: Any, parts: Iterable[bytes]) -> None:
    """Adds pictures, each with its length, so that no two sequences have the same bytes."""
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
