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

from tests.golden.mmaction import torch_weight
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
    ends_a_block = len(shape) == 1 and ".norm_c." in key
    return torch_weight(key, shape, seed, 0.15 if ends_a_block else 1.0)


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
