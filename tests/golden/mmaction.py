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
