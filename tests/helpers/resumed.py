"""A run that is resumed from its half, beside the unresumed one."""

import json
import shutil

import pytest

from i3d.training import run


def logged(workdir):
    """Returns the lines of log.jsonl."""
    return [json.loads(line) for line in (workdir / "log.jsonl").read_text().splitlines()]


def check_resumed(settings, whole, folder, names):
    """Resumes a run of 4 steps from its step 2, in a folder, and compares their logs.

    Args:
      settings: as `whole` was trained by.
      whole: folder of the unresumed run.
      folder: new one.
      names: numbers of the log that are compared.
    """
    shutil.copytree(whole / "step-00000002", folder / "step-00000002")
    for name in ("config.json", "log.jsonl"):
        shutil.copy(whole / name, folder / name)
    run.train(settings, folder)
    for one, other in zip(logged(folder), logged(whole), strict=True):
        for name in names:
            assert one.get(name, 0) == pytest.approx(other.get(name, 0), rel=1e-3), name
