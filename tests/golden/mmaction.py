"""Reads golden numbers of MMAction2; makes the numbers that its metrics were given."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np


def read(name):
    """Returns the contents of tests/golden/mmaction_NAME."""
    path = Path(__file__).parent / f"mmaction_{name}"
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def uniform(key, shape, seed):
    """Returns float64 in [-1, 1), the same on every machine: from raw bits of PCG64."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest(), "little")
    raw = np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0).reshape(shape)


def torch_weight(key, shape, seed, factor=1.0):
    """Returns one synthetic array of a state dict, in PyTorch's layout.

    Args:
      key: name in the state dict, which tells what it is.
      shape: tuple.
      seed: of the values.
      factor: of kernels and of the scales of batch normalisations.
    """
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    value = uniform(key, shape, seed)
    if key.endswith(("running_mean", "bias")):
        value = 0.1 * value
    elif key.endswith("running_var"):
        value = 1.0 + 0.2 * value
    elif len(shape) == 1:  # the scale of a batch normalisation
        value = (1.0 + 0.1 * value) * factor
    else:
        value = value * np.sqrt(6.0 / np.prod(shape[1:], dtype=np.float64)) * factor
    return value.astype(np.float32)
