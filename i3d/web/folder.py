"""The folder of the uploads of one server, and what is left of servers that were killed.

    folder = Folder()
    tempfile.mkdtemp(dir=folder.path)
    folder.remove()

A server keeps its folder locked; the operating system frees the lock however the server ends.
"""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock; what is left there stays
    fcntl = None  # type: ignore[assignment]

_PREFIX = "i3d_serve_"
_FRESH_S = 60.0  # a folder is made a moment before it is locked


class Folder:
    """A new, locked folder in the folder for temporary files.

    Attributes:
      path: of the folder.
    """

    def __init__(self) -> None:
        """Removes what killed servers of the same user have left, and makes the folder."""
        _remove_left()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._handle = _locked(self.path)

    def remove(self) -> None:
        """Removes the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _remove_left() -> None:
    """Removes the folders that no server has locked."""
    if fcntl is None:
        return
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            fresh = time.time() - status.st_mtime < _FRESH_S
            if fresh or status.st_uid != os.getuid():
                continue
            if (handle := _locked(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(handle)


def _locked(path: Path) -> int | None:
    """Returns the handle of a folder that is locked by it; None where that cannot be.

    Raises:
      OSError: it is no folder, or somebody else has locked it.
    """
    if fcntl is None:
        return None
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
