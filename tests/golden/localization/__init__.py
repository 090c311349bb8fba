"""Golden runs of BMN, ActionFormer and TemporalMaxer, with the generator of their weights.

The arrays were computed by MMAction2 1.2.0 (BMN), ActionFormer's release and OpenTAD
(TemporalMaxer) on PyTorch 2.13, with their own suppression; weights and sequences are made again
here.
"""

import functools
import gzip
import json
from pathlib import Path

import numpy as np

from tests.golden.mmaction import uniform

FOLDER = Path(__file__).parent
NAMES = ("actionformer", "temporalmaxer", "bmn")
_PRIOR_BIASES = ("cls_head.cls_head.conv.bias", "rpn_head.cls_head.bias")
_OFFSET_BIASES = ("offset_head.conv.bias", "rpn_head.reg_head.bias")


@functools.cache
def shapes(name, channels=None, width=1.0):
    """Returns {state-dict key: shape} of a checkpoint, without what precedes the keys.

    Args:
      name: one of NAMES.
      channels: of the features; None: as published.
      width: multiplies the published 512 channels; not of BMN.
    """
    keys = json.loads(gzip.decompress((FOLDER / "keys.json.gz").read_bytes()))[name]
    first = {"actionformer": "backbone.embd.0", "temporalmaxer": "projection.embed.0"}.get(name)
    found = {}
    for key, shape in keys.items():
        if key in ("sample_mask", "bm_mask"):
            continue
        if name != "bmn":
            shape = [int(n * width) if n in (512, 2048) else n for n in shape]
        if channels and key == f"{first}.conv.weight":
            shape[1] = channels
        if channels and key == "x_1d_b.0.weight":
            shape[1] = channels // 4  # groups
        found[key] = tuple(shape)
    return found


def state_dict(name, seed=0, neck=None, **sizes):
    """Returns {key: array in PyTorch's layout} of a checkpoint, synthetic.

    Args:
      name, sizes: as for `shapes`.
      seed: of the values.
      neck: "layer": with the normalisations of TemporalMaxer's neck as in its own file.
    """
    wanted = dict(shapes(name, **sizes))
    if neck == "layer":
        width = wanted["rpn_head.cls_head.weight"][1]
        for level in range(6):
            wanted |= {f"neck.fpn_norms.{level}.{kind}": (width,) for kind in ("weight", "bias")}
    return {key: weight(key, shape, seed) for key, shape in wanted.items()}


def weight(key, shape, seed=0):
    """Returns one array: deviations as of a trained network, biases near the published ones."""
    if key.endswith("loss_normalizer"):
        return np.asarray(100, np.int64)
    u = uniform(key, shape, seed)
    norm = "norm" in key or ".ln" in key or key.endswith("scale")
    channel = len(shape) == 1 or (len(shape) == 3 and shape[0] == shape[2] == 1 and norm)
    if key.endswith(_OFFSET_BIASES):
        value = 1.0 + 0.1 * u
    elif key.endswith(_PRIOR_BIASES):
        value = -4.5 + 0.1 * u
    elif key.endswith("bias"):
        value = 0.1 * u
    elif key.endswith("scale"):
        value = (0.5 if channel else 1.0) + 0.1 * u
    elif channel:
        value = 1.0 + 0.1 * u
    else:
        value = u * np.sqrt(6.0 / np.prod(shape[1:], dtype=np.float64))
    return np.asarray(value, np.float32)


def sequence(shape, seed=0):
    """Returns features float32 [B, C, T]: coarse, constant on 8 rows, and fine."""
    fine = uniform("sequence:fine", shape, seed)
    coarse = uniform("sequence:coarse", (*shape[:-1], -(-shape[-1] // 8)), seed)
    coarse = np.repeat(coarse, 8, axis=-1)[..., : shape[-1]]
    return (1.5 * coarse + 0.5 * fine).astype(np.float32)


def inputs(run, seed=0):
    """Returns {"features": [B, T, C], "mask": [B, T]} of a run, as our models take them."""
    batch, channels, rows = (int(n) for n in run["input_shape"])
    lengths = run.get("lengths", np.full(batch, rows))
    mask = np.arange(rows) < lengths[:, None]
    features = sequence((batch, channels, rows), seed).transpose(0, 2, 1)
    return {"features": np.where(mask[..., None], features, 0).astype(np.float32), "mask": mask}


@functools.cache
def run(name, size):
    """Returns {quantity: array} of a run such as "small_w7" or "full" of one of NAMES."""
    with np.load(FOLDER / f"golden_{name}_s0.npz") as arrays:
        start = f"{size}/"
        return {k.removeprefix(start): arrays[k] for k in arrays.files if k.startswith(start)}


def probe(array, n=64):
    """Returns n values of an array at fixed places."""
    return array.reshape(-1)[np.arange(1, n + 1, dtype=np.int64) * 2654435761 % array.size]
