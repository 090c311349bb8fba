"""Checkpoints with the published names and shapes, and synthetic values."""

import json
from pathlib import Path

import numpy as np

from tests.golden import i3d_weights

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = {  # checkpoint folder -> (list of variables in golden/i3d_variables.json, seed)
    "rgb_imagenet": ("rgb", 1),
    "rgb_scratch": ("rgb", 0),
    "flow_imagenet": ("flow", 1),
    "flow_scratch": ("flow", 0),
    "rgb_scratch_kin600": ("rgb600", 0),
}


def variables(kind, seed=0):
    """Returns {checkpoint key: float32 array} of one published checkpoint's layout."""
    shapes = json.loads((GOLDEN / "i3d_variables.json").read_text())[kind]
    return {key: i3d_weights.make_weight(key, shape, seed) for key, shape in shapes.items()}


def write_checkpoint(folder, values):
    """Writes a TF1 (V2 format) checkpoint and returns its prefix."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    prefix = folder / "model.ckpt"
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )
    return prefix


def input_clip(stream, shape):
    """Returns the golden input: float32 clip in [-1, 1]."""
    return i3d_weights.make_input(stream, shape, 0)


def golden(name="i3d_seed0.npz"):
    """Returns the golden arrays as {key: array}."""
    with np.load(GOLDEN / name) as arrays:
        return {key: arrays[key] for key in arrays.files}
