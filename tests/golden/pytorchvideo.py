"""Weights, inputs and numbers of golden runs of pytorchvideo's hub.

The arrays in pytorchvideo.npz were computed by pytorchvideo 0.1.5 on PyTorch 2.13: slow_r50,
c2d_r50, i3d_r50, r2plus1d_r50 and slowfast_r50 with an eighth of the filters and 5 classes, from
the synthetic weights and clips that this module makes again. pytorchvideo_keys.json.gz holds
the state-dict keys and shapes of the networks as published, in their order.
"""

import gzip
import json
from pathlib import Path

import numpy as np

from tests.golden.mmaction import uniform
from tests.golden.mmaction_models import clip

FOLDER = Path(__file__).parent
NAMES = ("slow_r50", "c2d_r50", "i3d_r50", "r2plus1d_r50", "slowfast_r50")
CLASSES, WIDTH = 5, 0.125


def shapes(name):
    """Returns {key: shape} of a network's state dict as published, counters included."""
    text = gzip.decompress((FOLDER / "pytorchvideo_keys.json.gz").read_bytes())
    return {key: tuple(shape) for key, shape in json.loads(text)[name].items()}


def weight(key, shape, seed=0):
    """Returns one synthetic array in PyTorch's layout."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    value = uniform(key, shape, seed)
    if key.endswith(("running_mean", "bias")):
        value = 0.1 * value
    elif key.endswith("running_var"):
        value = 1.0 + 0.2 * value
    elif len(shape) == 1:  # the scale of a batch normalisation, small where a block ends
        value = (1.0 + 0.1 * value) * (0.15 if ".norm_c." in key else 1.0)
    else:
        value = value * np.sqrt(6.0 / np.prod(shape[1:], dtype=np.float64))
    return value.astype(np.float32)


def runs():
    """Returns {(name, run): {"input_shape", "logits", "features"}}; shapes are [1, C, T, H, W]."""
    found = {}
    with np.load(FOLDER / "pytorchvideo.npz") as arrays:
        for key in arrays.files:
            name, run, quantity = key.split("/")
            found.setdefault((name, run), {})[quantity] = arrays[key]
    return found


def clips(shape):
    """Returns the input of a run, [B, T, H, W, C]."""
    return clip((1, *shape))[0].transpose(0, 2, 3, 4, 1)
