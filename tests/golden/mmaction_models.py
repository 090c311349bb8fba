"""Weights, inputs and numbers of the golden runs of MMAction2's and torchvision's models.

The arrays in golden/models were computed by MMAction2 1.2.0 and torchvision 0.28 on PyTorch
2.13, from the synthetic weights and clips that this module makes again: only raw bits of PCG64
and exact arithmetic, so they are the same on every machine.
"""

import functools
import gzip
import json
from pathlib import Path

import numpy as np

from tests.golden.mmaction import torch_weight, uniform

FOLDER = Path(__file__).parent / "models"


@functools.cache
def shapes(name):
    """Returns {state-dict key: shape} of a model's checkpoint."""
    keys = json.loads(gzip.decompress((FOLDER / "keys.json.gz").read_bytes()))[name]
    return {key: tuple(shape) for key, shape in keys.items()}


def runs(name):
    """Returns {run: {quantity: array}} of a model; a stage's are STAGE/shape, /mean_std, /probe."""
    found = {}
    with np.load(FOLDER / f"golden_{name}.npz") as arrays:
        for key in arrays.files:
            run, quantity = key.split("/", 1)
            found.setdefault(run, {})[quantity] = arrays[key]
    return found


def state_dict(name, seed=0):
    """Returns {key: array in PyTorch's layout} of a model's checkpoint, synthetic."""
    return {key: weight(key, shapes(name), seed) for key in shapes(name)}


def weight(key, shapes, seed=0):
    """Returns one synthetic array; `shapes` are those of the whole checkpoint."""
    shape, factor = shapes[key], 1.0
    if len(shape) == 1:
        factor = 0.15 if _ends_a_block(key, shapes) else 1.0
    elif ".theta." in key or ".phi." in key:
        factor = 0.1
    return torch_weight(key, shape, seed, factor)


def clip(shape, seed=0):
    """Returns a network's input, channels first; 6 axes are those of clips, 5 of segments."""
    fine = uniform("input:fine", shape, seed)
    tile = [1] * (len(shape) - 2) + [16, 16]
    if len(shape) == 6:
        tile[-3] = 4
    coarse = uniform("input:coarse", tuple(-(-s // t) for s, t in zip(shape, tile)), seed)
    for axis, (size, repeats) in enumerate(zip(shape, tile)):
        coarse = np.repeat(coarse, repeats, axis=axis).take(np.arange(size), axis=axis)
    return (1.5 * coarse + 0.5 * fine).astype(np.float32)


def probe(array, n=32):
    """Returns n values at fixed flat indices of a channels-first array."""
    return array.reshape(-1)[np.arange(1, n + 1, dtype=np.int64) * 2654435761 % array.size]


def _ends_a_block(key, shapes):
    if key.endswith((".conv3.bn.weight", ".conv_out.bn.weight", ".bn3.weight")):
        return True
    if key.endswith(".conv2.bn.weight"):
        return key.replace(".conv2.", ".conv3.") not in shapes
    return key.endswith(".conv2.1.weight")
