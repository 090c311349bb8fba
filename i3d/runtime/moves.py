"""Renames of what is complete and on disk; the new name is on disk too when they return."""

import errno
import os
from pathlib import Path

# Errors of file systems without hard links.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def move(source: os.PathLike | str, target: os.PathLike | str) -> None:
    """Renames a file or folder; an existing file is replaced."""
    os.replace(source, target)
    sync_folder(Path(target).parent)


def move_as_new(source: Path, target: Path) -> bool:
    """Renames a file or folder unless the name is taken; returns whether it did."""
    if source.is_dir():  # replaces no folder that is not empty, and no file
        try:
            move(source, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            return False
        return True
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _claimed(source, target)
    os.unlink(source)
    sync_folder(target.parent)
    return True


def _claimed(source, target):
    """Does so by an empty file of that name, which a kill may leave."""
    try:
        open(target, "x").close()
    except FileExistsError:
        return False
    move(source, target)
    return True


def sync_folder(path: os.PathLike | str) -> None:
    """Waits until the names in a folder are on disk."""
    if os.name == "nt":  # which opens no folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems' answer
            raise
    finally:
        os.close(handle)
