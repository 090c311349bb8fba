"""Atomic writes (a final name is always a complete file or folder) and lock files.

    with files.new_file("scores.npz") as file:           # open for writing bytes
        np.savez(file, scores)
    with files.new_path("best.weights.h5") as path:      # for a library that opens files by name
        model.save_weights(path)
    with files.alone_in_folder("runs/rgb", "another run is at work here; wait for it"):
        ...

What is being written has a temporary name that no other process has, ending in .partial. An error
removes it; what a killed process left is removed by `remove_partials`. A path that `check_new` has
found free is not replaced at the end either: what another process has put there stays.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from i3d.runtime.command import UserError
from i3d.runtime.moves import move, move_as_new, sync_folder

try:
    import fcntl
except ImportError:  # Windows has no flock; there nothing is locked
    fcntl = None  # type: ignore[assignment]

_PARTIAL = ".partial"
_LOCK = ".lock"
_BUFFER_BYTES = 1 << 18
_to_be_new: set[str] = set()  # absolute paths that check_new found free, until they are written


@contextlib.contextmanager
def new_file(path: os.PathLike | str, mode: str = "wb", **options) -> Iterator[IO]:
    """Gives an open file, which becomes `path` on disk if the block succeeds.

    Args:
      path: an existing file is replaced, but for one that has appeared since `check_new`; its
        folder is made if need be.
      mode: "wb", or "w" for UTF-8.
      **options: further ones of `open`, such as newline.

    Raises:
      UserError: the file has appeared since `check_new`; the new one has another name.
      OSError: it cannot be written; an older file of that name is still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(_unique(path.name))
    if "b" not in mode:
        options = {"encoding": "utf-8"} | options
    try:
        with _naming(path):
            opened = open(partial, mode, **options)
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _finish(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def new_path(
    path: os.PathLike | str, within: os.PathLike | str | None = None, replace_folder: bool = False
) -> Iterator[Path]:
    """Gives a path of the same name to write to, a file or a folder; it becomes `path` at the end.

    Where nothing was written there, nothing happens. An existing file is replaced, but for one
    that has appeared since `check_new`.

    Args:
      path: where it is to be; its folder is made if need be.
      within: folder for the temporary one; default: a hidden one beside `path`. It must be on
        the same file system.
      replace_folder: whether an existing folder may be replaced that is not empty.

    Raises:
      UserError: it has appeared since `check_new`; the new one has another name.
      OSError: it cannot be written, or a folder of that name is not empty.
    """
    path = Path(os.path.abspath(path))
    # A folder, so that what is in it can have the final name: libraries go by its suffix.
    partial = Path(within or path.parent) / ("." + _unique(path.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _naming(path):
        partial.mkdir()
    try:
        yield partial / path.name
        if (partial / path.name).exists():
            _sync_tree(partial / path.name)
            if replace_folder and path.is_dir():  # no system call exchanges two folders
                os.replace(path, partial / "replaced")
            _finish(partial / path.name, path)
    finally:
        shutil.rmtree(partial)


def write_text(path: os.PathLike | str, text: str) -> None:
    """Writes a UTF-8 text file atomically."""
    with new_file(path, "w") as file:
        file.write(text)


def _finish(source, path):
    """Moves what is complete to its name; beside what has appeared there since check_new."""
    name = os.path.abspath(path)
    if name not in _to_be_new:
        move(source, path)
        return
    _to_be_new.discard(name)
    base, dot, rest = path.name.partition(".")
    other, number = path, 1
    while not move_as_new(source, other):
        number += 1
        other = path.with_name(f"{base}_{number}{dot}{rest}")
    if other != path:
        raise UserError(
            f"{path}: has appeared since this command began and is left as it is; the result of "
            f"this command is {other}"
        )


def user_cache(name: str) -> Path:
    """Returns i3d/NAME in the user's cache folder ($XDG_CACHE_HOME or ~/.cache)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(cache, "i3d", name)


def crc32(path: os.PathLike | str) -> str:
    """Returns the CRC-32 of a file's bytes as eight hexadecimal digits; reads 2 GB a second."""
    found, buffer = 0, memoryview(bytearray(_BUFFER_BYTES))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            found = zlib.crc32(buffer[:count], found)
    return f"{found:08x}"


def sha256(*paths: os.PathLike | str) -> str:
    """Returns the SHA-256 of the bytes of files, one after the other, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def remove_partials(folder: os.PathLike | str) -> None:
    """Removes what killed processes left half-written in a folder that nobody else writes to."""
    for partial in Path(folder).glob(f"*{_PARTIAL}"):
        shutil.rmtree(partial) if partial.is_dir() else partial.unlink()


def check_new(path: os.PathLike | str, suffix: str | tuple[str, ...] = "") -> None:
    """Makes sure that a file can be written: its name ends so, and it is not there yet.

    What is written there afterwards, by this process and once, replaces nothing.

    Raises:
      UserError: it cannot.
    """
    path = Path(path)
    if not path.name.lower().endswith(suffix):
        names = suffix if isinstance(suffix, str) else f"{', '.join(suffix[:-1])} or {suffix[-1]}"
        raise UserError(f"{path}: expected a name that ends in {names}")
    if path.name.lower() in ((suffix,) if isinstance(suffix, str) else suffix):
        raise UserError(f"{path}: expected a name before {path.name}")
    if os.path.lexists(path):
        raise UserError(f"{path}: is there already; remove it or choose another name")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise UserError(f"{path.parent}: this folder cannot be made: {folder} is a file")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: no permission to write there")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:  # of a folder such as /proc, or a full disk
        raise UserError(f"{folder}: no file can be written there: {error.strerror}") from error
    _to_be_new.add(os.path.abspath(path))


def check_there(path: os.PathLike | str, flag: str) -> None:
    """Makes sure that a file is there.

    Raises:
      UserError: it is not, or is a folder; the line names the flag.
    """
    if os.path.isdir(path) or not os.path.exists(path):
        what = "a folder, not a file" if os.path.isdir(path) else "no such file"
        raise UserError(f"--{flag}: {path}: {what}")


@contextlib.contextmanager
def alone_in(
    lock: os.PathLike | str, message: str, wait: Callable[[], None] | None = None
) -> Iterator[None]:
    """Holds a lock file, which the operating system frees however the process ends.

    The holder may remove the file, or its folder.

    Args:
      lock: the file; its folder must be there.
      message: of the error where another process holds it.
      wait: if given, called once instead of that error, before waiting for the other process.

    Raises:
      UserError: another process holds it, or removed it a moment ago.
    """
    with contextlib.ExitStack() as stack:
        try:
            # Open for writing, as NFS locks nothing else.
            file = stack.enter_context(open(lock, "w"))
            _lock(file, wait)
            held = os.path.samestat(os.fstat(file.fileno()), os.stat(lock))
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:
            raise UserError(message)
        yield


@contextlib.contextmanager
def alone_in_folder(folder: os.PathLike | str, message: str) -> Iterator[None]:
    """Holds the lock file FOLDER/.lock; makes the folder, and removes it where it ends empty.

    Args:
      folder: it and those above it are made if need be.
      message: of the error where another process holds it.

    Raises:
      UserError: another process holds it.
      OSError: it cannot be written to.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder / _LOCK, message):
        try:
            yield
        finally:
            (folder / _LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()


def _lock(file, wait):
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if wait is None:
            raise
        wait()
        fcntl.flock(file, fcntl.LOCK_EX)


@contextlib.contextmanager
def _naming(path):
    """Names the final path in errors, not the temporary one."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(path)
        raise


def _unique(name):
    return f"{name}.{uuid.uuid4().hex[:12]}{_PARTIAL}"


def _sync_tree(path):
    """Waits until a file, or a folder with all that is in it, is on disk."""
    if path.is_file():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        return
    for entry in path.iterdir():
        _sync_tree(entry)
    sync_folder(path)
