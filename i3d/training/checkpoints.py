"""Saves and restores checkpoints of a training run: the latest ones, and the best weights.

    state = restore(folder, model, optimizer)       # {"step": 1200, ...}, or None at the beginning
    save(folder, 1300, model, optimizer, {"best": 0.81})            # the chief worker alone
    save_best(folder, model, optimizer, {"step": 1300, "top1": 0.83})

    folder/step-00001300/model.weights.h5, optimizer.npz, state.json
    folder/best.weights.h5         for i3d.weights.load and all other commands
    folder/step-00001300/model.weights.h5 of the last step likewise

Writes are atomic: a final name is always complete; digests tell what has changed since. The
position in the data and the random numbers are functions of step and seed, so that the step is all
that has to be kept of them.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf
from absl import logging

from i3d import weights
from i3d.runtime import devices, files, json_file, npy
from i3d.runtime.command import UserError
from i3d.weights import h5_texts, seal

_MODEL, _OPTIMIZER, _STATE = "model.weights.h5", "optimizer.npz", "state.json"
_BEST = "best.weights.h5"


class _DamagedError(Exception):
    """A checkpoint that is not whole."""


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
        path.mkdir()
        model.save_weights(path / _MODEL)
        seal.write(path / _MODEL)
        np.savez(path / _OPTIMIZER, **optimizer.state())
        digests = {name: files.sha256(path / name) for name in (_MODEL, _OPTIMIZER)}
        content = {"state": state | {"step": step}, "sha256": digests}
        content["digest"] = _digest_of(content)
        (path / _STATE).write_text(json.dumps(content, indent=2) + "\n")
    tidy(folder, keep)
    return final


def tidy(folder, keep=2):
    """Removes what a killed run left half-written or half-removed; of one process at a time."""
    files.remove_partials(folder)
    for old in _steps(folder)[keep:]:
        shutil.rmtree(old)


def restore(folder, model, optimizer):
    """Loads the latest whole checkpoint into model and optimizer.

    Checkpoints that are damaged (by a disk that lied) are named in a warning and passed over.

    Returns:
      the `state` that was saved, with "step"; None where there is no checkpoint.

    Raises:
      UserError: there are checkpoints but all are damaged, or the latest whole one is of another
        step than its name says, another model, or other settings of the optimizer.
    """
    found = _steps(folder)
    for path in found:
        try:
            state = _checked_state(path)
        except _DamagedError as error:
            logging.warning("%s: passed over, not whole: %s", path, error)
            continue
        weights.load(model, path / _MODEL)
        optimizer.load_state(npy.read_npz(path / _OPTIMIZER))
        return state
    if found:
        raise UserError(
            f"{folder}: expected a whole checkpoint, got {len(found)} damaged ones; remove them "
            "to start again"
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
        seal.write(path)


def best_info(folder):
    """Returns the info of `save_best`, or None where there is no best yet.

    Raises:
      UserError: the file is damaged, or of something else.
    """
    path = Path(folder, _BEST)
    if not path.exists():
        return None
    seal.check(path)
    try:
        h5_texts.check(path)
        with h5py.File(path, "r") as file:
            return json_file.parsed(file.attrs["i3d"], path)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected the best weights of this run, cannot read them: {error}; move the "
            "file away"
        ) from error


def check_same_step(strategy, step):
    """Makes sure that all workers resume from the same step; every worker must call it.

    Raises:
      UserError: they do not, as when each has a folder of its own and the chief's alone holds
        checkpoints.
    """
    if devices.is_alone(strategy):
        return

    @tf.function
    def total():
        each = strategy.run(lambda: tf.constant(step, tf.int64))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)

    if (mean := int(total()) / strategy.num_replicas_in_sync) != step:
        raise UserError(
            f"expected all workers to resume from the same step, got {step} here and {mean:.6g} "
            "on average; give all workers the same --workdir on a shared file system"
        )


def _steps(folder):
    """Returns the folders of checkpoints, the latest first."""
    return sorted(Path(folder).glob("step-[0-9]*"), key=lambda path: path.name, reverse=True)


def _checked_state(path):
    """Returns the state in a checkpoint, having compared all digests; those of 0.1.0 have fewer."""
    try:
        content = json_file.read(path / _STATE)
        state, step = content["state"], int(content["state"]["step"])
        digest = content.pop("digest", None)
        stated = content["sha256"]
        changed = [n for n in (_MODEL, _OPTIMIZER) if stated[n] != files.sha256(path / n)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _DamagedError(error) from error
    _check_step(path, step)
    if digest not in (None, _digest_of(content)):
        changed.append(_STATE)
    if changed:
        raise _DamagedError(f"{changed[0]} is not what was written")
    return state


def _check_step(path, step):
    """Raises UserError where a whole checkpoint is of another step than its folder's name says."""
    if int(re.match(r"step-(\d+)", path.name)[1]) != step:
        raise UserError(
            f"{path}: expected the checkpoint of that step, its {_STATE} says step {step}; the "
            "folder was renamed or the file changed, remove the folder to resume without it"
        )


def _temporary(final):
    """Returns files.new_path of `final`, in a folder without what a killed run left there."""
    final.parent.mkdir(parents=True, exist_ok=True)
    files.remove_partials(final.parent)
    return files.new_path(final, replace_folder=True)


def _digest_of(content):
    """Returns the SHA-256 of what state.json says, whatever the order of its names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
