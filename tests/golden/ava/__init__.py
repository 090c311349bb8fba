"""Golden runs of MMAction2's AVA models, and of torchvision's RoIAlign.

The arrays were computed by MMAction2 1.2.0 and torchvision 0.28 on PyTorch 2.13; weights and clips
are made again by tests.golden.mmaction_models.
"""

import functools
import gzip
import json
from pathlib import Path

import numpy as np

from tests.golden import mmaction_models

FOLDER = Path(__file__).parent


@functools.cache
def shapes(name):
    """Returns {state-dict key: shape} of a model's checkpoint."""
    keys = json.loads(gzip.decompress((FOLDER / "keys.json.gz").read_bytes()))[name]
    return {key: tuple(shape) for key, shape in keys.items()}


def state_dict(name, seed=0):
    """Returns {key: array in PyTorch's layout} of a model's checkpoint, synthetic."""
    return {key: mmaction_models.weight(key, shapes(name), seed) for key in shapes(name)}


def run(name, size):
    """Returns {quantity: array} of the run "small_s0" or "full_s0" of a model."""
    with np.load(FOLDER / f"golden_{name}.npz") as arrays:
        start = f"{size}/"
        return {k.removeprefix(start): arrays[k] for k in arrays.files if k.startswith(start)}


def inputs(run):
    """Returns {"clips", "boxes"} of a run, as our models take them."""
    _, channels, frames, height, width = run["input_shape"]
    clip = mmaction_models.clip((1, 1, channels, frames, height, width), int(run["seed"]))[0]
    size = np.array([width, height, width, height], np.float32)
    return {"clips": clip.transpose(0, 2, 3, 4, 1), "boxes": (run["boxes"] / size)[None]}


def roi_align():
    """Returns the arrays of RoIAlign alone: "map", "boxes", and the results by their settings."""
    with np.load(FOLDER / "roi_align.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}
