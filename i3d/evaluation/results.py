"""Saved results of a test: the scores of every video, and what they are scores of.

    results.check_new("rgb.npz", ".npz")                 # before the work
    results.save("rgb.npz", Result(ids, labels, logits, class_names, "rgb", "rgb, ..."))
    logits = results.load("rgb.npz").logits

A file is a plain .npz without pickles: ids, class_names, stream and protocol are unicode arrays.
"""

import contextlib
import dataclasses
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

# What reading a damaged or foreign file can raise.
_DAMAGE = (OSError, ValueError, KeyError, EOFError, MemoryError, NotImplementedError,
           zipfile.BadZipFile, zlib.error)  # fmt: skip


class ResultError(ValueError):
    """A file of results that cannot be read or written; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Result:
    """Scores of N videos for K classes.

    Attributes:
      ids: str [N], each once.
      labels: int64 [N], 0..K-1.
      logits: float32 [N, K], finite.
      class_names: str [K], in label order.
      stream: "rgb", "flow", or what was added up, "rgb+flow".
      protocol: one line: model, weights, clips and crops, data.
    """

    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    class_names: np.ndarray
    stream: str
    protocol: str


def check_new(path, suffix):
    """Makes sure that a file can be written: its name ends so, and it is not there yet.

    Its folder is made if need be.

    Raises:
      ResultError: it cannot.
    """
    path = Path(path)
    if path.suffix != suffix:
        raise ResultError(f"{path}: expected a name that ends in {suffix}")
    if path.exists():
        raise ResultError(f"{path}: is there already; remove it or choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"{path.parent}: this folder cannot be made: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise ResultError(f"{path.parent}: no permission to write there")


@contextlib.contextmanager
def new_file(path):
    """Gives a file open for writing bytes, which becomes `path` if the block succeeds."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def save(path, result):
    """Writes a Result.

    Raises:
      ResultError: it is not one, as where an id is there twice.
      OSError: the disk is full or cannot be written to.
    """
    fields = [field.name for field in dataclasses.fields(Result)]
    arrays = {name: np.asarray(getattr(result, name)) for name in fields}
    _checked(arrays, path)
    with new_file(path) as file:
        np.savez(file, **arrays)


def load(path):
    """Returns the Result in a file.

    Raises:
      ResultError: there is no such file, or it is damaged or of another kind.
    """
    if not Path(path).exists():
        raise ResultError(f"{path}: no such file; `python -m i3d.evaluate --out={path}` writes it")
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no .npz archive, or cut off")
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise ValueError("it is a .npy file, of one array")
            arrays = {name: stored[name] for name in stored.files}
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0]
        raise ResultError(f"{path}: not a whole file of results: {reason}") from error
    _checked(arrays, path)
    texts = {name: arrays.pop(name).item() for name in ("stream", "protocol")}
    return Result(**arrays, **texts)


def _checked(arrays, path):
    """Makes sure that the arrays are those of a Result."""
    expected = {field.name for field in dataclasses.fields(Result)}
    if arrays.keys() != expected:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise ResultError(
            f"{path}: expected a file of results, which holds {', '.join(sorted(expected))}; "
            f"this one holds {there}"
        )
    for name, kind, rank in (
        ("ids", "U", 1),
        ("labels", "i", 1),
        ("logits", "f", 2),
        ("class_names", "U", 1),
        ("stream", "U", 0),
        ("protocol", "U", 0),
    ):
        if arrays[name].dtype.kind != kind or arrays[name].ndim != rank:
            got = f"{arrays[name].dtype} {arrays[name].shape}"
            raise ResultError(f"{path}: {name}: expected type {kind} of rank {rank}, got {got}")
    _check_values(path, **{name: arrays[name] for name in expected - {"stream", "protocol"}})


def _check_values(path, ids, labels, logits, class_names):
    count, classes = len(ids), len(class_names)
    if not count or labels.shape != (count,) or logits.shape != (count, classes):
        raise ResultError(
            f"{path}: expected labels [N] and logits [N, K] of at least one video, got "
            f"{labels.shape} and {logits.shape} of {count} videos and {classes} classes"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ResultError(
            f"{path}: expected labels from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"
        )
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < count:
        raise ResultError(
            f"{path}: expected every id once, {str(names[counts > 1][0])!r} is repeated"
        )
    wrong = ~np.isfinite(logits).all(axis=1)
    if wrong.any():
        raise ResultError(
            f"{path}: logits of {wrong.sum()} of {count} videos are not finite, the first "
            f"{str(ids[wrong.argmax()])!r}"
        )
