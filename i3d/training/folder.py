"""The folder of a training run belongs to one configuration.

    run_folder.claim("runs/rgb", settings, replicas=8)

runs/rgb/config.json holds {"data.size": 224, ...}, all keys flat, and "replicas".
"""

import json
import os
from pathlib import Path

from i3d.training import config

FILE = "config.json"
# A run may go on with other values of these.
_FREE = {"steps", "log_every", "validate_every", "checkpoint_every", "data.read_mb"}


def claim(workdir, settings, replicas, write=True):
    """Makes the folder that of these settings, or makes sure that the run there is of them.

    A folder without checkpoints is taken over.

    Args:
      workdir: the folder; made if need be.
      settings: ConfigDict as i3d.training.config.defaults.
      replicas: number of devices, which with the batch makes the clips of an update.
      write: False only looks (for all workers but one).

    Raises:
      ValueError: the run there is of other settings; the message names the first key.
      OSError: the folder cannot be written to.
    """
    path = Path(workdir, FILE)
    own = json.loads(json.dumps(config.flat(settings)))  # tuples become lists
    own["replicas"] = replicas
    if path.exists() and _is_begun(workdir):
        _check_same(path, own)
    if not write:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(own, indent=2) + "\n")
        os.replace(partial, path)
    except OSError as error:
        raise OSError(f"--workdir={workdir}: cannot be written to: {error.strerror}") from error


def _is_begun(workdir):
    return any(True for name in ("step-*", "best.*") for _ in Path(workdir).glob(name))


def _check_same(path, own):
    try:
        there = dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}; take another --workdir") from error
    # A cosine comes to its end at the last step, so another number of them is another run.
    free = _FREE - ({"steps"} if own["schedule.name"] == "cosine" else set())
    for key in sorted(own.keys() | there.keys()):
        if key not in free and own.get(key) != there.get(key):
            name = key if key == "replicas" else f"config.{key}"
            raise ValueError(
                f"{path.parent}: holds a run with {name}={there.get(key)!r}, this one has "
                f"{own.get(key)!r}; take another --workdir, or the same settings to go on"
            )
