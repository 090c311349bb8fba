"""Checkpoints of a training run: the latest ones to go on from, and the best weights.

    state = restore(folder, model, optimizer)       # {"step": 1200, ...}, or None at the beginning
    save(folder, 1300, model, optimizer, {"best": 0.81})            # the chief worker alone
    save_best(folder, model, optimizer, {"step": 1300, "top1": 0.83})

    folder/step-00001300/model.weights.h5, optimizer.npz, state.json
    folder/best.weights.h5         for i3d.weights.load and all other commands
    folder/step-00001300/model.weights.h5 of the last step likewise

Everything is written under a temporary name, forced to disk and renamed: a name that is there
is whole. The position in the data and the random numbers are functions of step and seed, so
that the step is all that has to be kept of them.
"""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf
from absl import logging

from i3d import weights

_MODEL, _OPTIMIZER, _STATE = "model.weights.h5", "optimizer.npz", "state.json"
_BEST = "best.weights.h5"


def save(folder, step, model, optimizer, state, keep=2):
    """Writes folder/step-<step> and removes all but the `keep` latest checkpoints.

    A checkpoint of the same step is replaced.

    Args:
      folder: of the run; made if need be.
      step: how many updates were made: the number of the next one.
      model: keras.Model.
      optimizer: i3d.training.optimizer.SGD.
      state: dict of what else the run needs, fit for JSON; "step" is added to it.
      keep: at least 1.

    Returns:
      the path of the checkpoint.

    Raises:
      OSError: the disk is full or cannot be written to; older checkpoints are still there.
    """
    final = Path(folder, f"step-{step:08d}")
    with _temporary(final) as path:
        path.mkdir(parents=True)
        model.save_weights(path / _MODEL)
        np.savez(path / _OPTIMIZER, **optimizer.state())
        digests = {name: _digest(path / name) for name in (_MODEL, _OPTIMIZER)}
        content = {"state": state | {"step": step}, "sha256": digests}
        (path / _STATE).write_text(json.dumps(content, indent=2) + "\n")
        for name in (_MODEL, _OPTIMIZER, _STATE, "."):
            _to_disk(path / name)
        if final.exists():
            shutil.rmtree(final)
    for old in _steps(folder)[keep:]:
        shutil.rmtree(old)
    return final


def restore(folder, model, optimizer):
    """Loads the latest whole checkpoint into model and optimizer.

    Checkpoints that are damaged (by hand, or by a disk that lied) are named in a warning and
    passed over.

    Returns:
      the `state` that was saved, with "step"; None where there is no checkpoint.

    Raises:
      ValueError: there are checkpoints but all are damaged, or the latest whole one is of
        another model or other settings of the optimizer.
    """
    found = _steps(folder)
    for path in found:
        try:
            state = _checked_state(path)
        except (OSError, ValueError, KeyError) as error:
            logging.warning("%s: passed over, not whole: %s", path, error)
            continue
        weights.load(model, path / _MODEL)
        with np.load(path / _OPTIMIZER) as arrays:
            optimizer.load_state(dict(arrays))
        return state
    if found:
        raise ValueError(
            f"{folder}: expected a whole checkpoint, got {len(found)} damaged ones; remove them "
            "to begin anew"
        )
    return None


def save_best(folder, model, optimizer, info):
    """Writes folder/best.weights.h5: the averaged weights where there is an average.

    Args:
      info: dict fit for JSON (step, accuracies), stored in the file; see `best_info`.

    Raises:
      OSError: as `save`; the previous best is still there.
    """
    final = Path(folder, _BEST)
    with _temporary(final) as path:
        with optimizer.averaged():
            model.save_weights(path)
        with h5py.File(path, "a") as file:
            file.attrs["i3d"] = json.dumps(info)
        _to_disk(path)


def best_info(folder):
    """Returns the info of `save_best`, or None where there is no best yet."""
    path = Path(folder, _BEST)
    if not path.exists():
        return None
    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["i3d"])


def check_same_step(strategy, step):
    """Makes sure that all workers go on from the same step; every worker must call it.

    Raises:
      ValueError: they do not, as when each has a folder of its own and the chief's alone holds
        checkpoints.
    """

    @tf.function
    def total():
        each = strategy.run(lambda: tf.constant(step, tf.int64))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)

    if (mean := int(total()) / strategy.num_replicas_in_sync) != step:
        raise ValueError(
            f"expected all workers to go on from the same step, got {step} here and {mean:.6g} "
            "on average; give all workers the same --workdir on a shared file system"
        )


def _steps(folder):
    """Returns the folders of checkpoints, the latest first."""
    return sorted(Path(folder).glob("step-[0-9]*"), key=lambda path: path.name, reverse=True)


def _checked_state(path):
    content = json.loads((path / _STATE).read_text())
    for name, digest in content["sha256"].items():
        if _digest(path / name) != digest:
            raise ValueError(f"{name} is not what was written")
    return content["state"]


@contextlib.contextmanager
def _temporary(final):
    """Gives a name to write to, which becomes `final` if the block succeeds.

    Leftovers of a killed run have the same name and are removed, before and on failure.
    """
    path = final.with_name(f"tmp-{final.name}")
    for leftover in final.parent.glob("tmp-*"):
        _remove(leftover)
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield path
        os.replace(path, final)
    finally:
        _remove(path)
    _to_disk(final.parent)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path):
    """Waits until a file's or folder's content is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
