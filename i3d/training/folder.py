"""Reserves the folder of a training run for one configuration and one process at a time.

    with folder.alone("runs/rgb"):
        folder.claim("runs/rgb", settings, spec, replicas=8, classes=())

runs/rgb/config.json holds {"data.size": 224, ...}, all keys flat, "replicas", and "input": the
InputSpec by which predict, evaluate and extract_features see a video, or the FeatureSpec of a
localizer. A run of videos and texts has "classes", too: the texts of its classes; one of boxes or
segments their names.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ml_collections import ConfigDict

from i3d.runtime import files, json_file
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.training import config

FILE = "config.json"
# A run may resume with other values of these.
_FREE = {"steps", "log_every", "validate_every", "checkpoint_every", "data.read_mb", "input"}


@contextlib.contextmanager
def alone(workdir: str | Path) -> Iterator[None]:
    """Keeps other runs out of a folder, which is made if need be; where it ends empty, it goes.

    Raises:
      UserError: another run is at work in it, or it cannot be written to.
    """
    message = f"--workdir={workdir}: another run is training there; wait for it, or take another"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.alone_in_folder(workdir, message))
        except OSError as error:
            reason = error.strerror
            raise UserError(f"--workdir={workdir}: cannot be written to: {reason}") from error
        yield


def claim(
    workdir: str | Path,
    settings: ConfigDict,
    spec: InputSpec,
    replicas: int,
    classes: Sequence[str] = (),
    write: bool = True,
) -> None:
    """Makes the folder that of these settings, or makes sure that the run there is of them.

    A folder without checkpoints is taken over.

    Args:
      workdir: the folder; made if need be.
      settings: ConfigDict as i3d.training.config.defaults.
      spec: InputSpec of the run.
      replicas: number of devices, which with the batch makes the clips of an update.
      classes: texts of the classes, of a model with a text tower.
      write: False only looks (for all workers but one).

    Raises:
      UserError: the run there is of other settings, and the message names the first key; or the
        folder cannot be written to.
    """
    path = Path(workdir, FILE)
    own = _plain(settings)
    own |= {"replicas": replicas, "input": spec.to_json()}
    own |= {"classes": list(classes)} if classes else {}
    if path.exists() and _is_begun(workdir):
        _check_same(path, own)
    if not write:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, json.dumps(own, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"--workdir={workdir}: cannot be written to: {error.strerror}") from error


def _plain(settings):
    return json.loads(json.dumps(config.flat(settings)))  # tuples become lists


def _is_begun(workdir):
    return any(True for name in ("step-*", "best.*") for _ in Path(workdir).glob(name))


def _check_same(path, own):
    try:  # a key that the run's version did not have is as it is by default
        there = _plain(config.defaults()) | json_file.read(path)
    except json_file.JsonError as error:
        raise UserError(f"{error}; take another --workdir") from error
    # A cosine comes to its end at the last step, so another number of them is another run.
    free = _FREE - ({"steps"} if own["schedule.name"] == "cosine" else set())
    for key in sorted(own.keys() | there.keys()):
        if key not in free and own.get(key) != there.get(key):
            name = key if key in ("replicas", "classes") else f"config.{key}"
            raise UserError(
                f"{path.parent}: holds a run with {name}={there.get(key)!r}, this one has "
                f"{own.get(key)!r}; take another --workdir, or the same settings to resume"
            )
