"""Weights, inputs and numbers of three ports of the Inception I3D, and their files.

The arrays in i3d_ports.npz were computed by piergiaj/pytorch-i3d at 05783d11 and
hassony2/kinetics_i3d_pytorch at 786fbae0 on PyTorch 2.13, and dlpbc/keras-kinetics-i3d at
53c03eb9 on TensorFlow 2.21 with tf-keras 2.21, from the synthetic weights and clips that this
module makes again; i3d_ports_keys.json.gz holds their keys and shapes, in the order of their files.
"""

import functools
import gzip
import json
from pathlib import Path

import h5py
import numpy as np

from tests.golden.mmaction import torch_weight, uniform
from tests.golden.mmaction_models import clip

FOLDER = Path(__file__).parent


@functools.cache
def _keys():
    return json.loads(gzip.decompress((FOLDER / "i3d_ports_keys.json.gz").read_bytes()))


def run(port, name):
    """Returns {quantity: array} of a run: "rgb_T16", "rgb_T23" or "flow_T16"."""
    start = f"{port}/{name}/"
    with np.load(FOLDER / "i3d_ports.npz") as arrays:
        return {k.removeprefix(start): arrays[k] for k in arrays.files if k.startswith(start)}


def clips(name):
    """Returns the input of a run, [1, T, 224, 224, C]."""
    stream, length = name.split("_T")
    shape = (1, 1, {"rgb": 3, "flow": 2}[stream], int(length), 224, 224)
    return clip(shape)[0].transpose(0, 2, 3, 4, 1)


def state_dict(port, stream, seed=0, classes=400):
    """Returns {key: array} of a port of PyTorch, in the order of its file."""
    state = {}
    for key, (shape, _) in _keys()[port][stream].items():
        shape = [classes if n == 400 else n for n in shape]
        state[key] = torch_weight(key, tuple(shape), seed)
    return state


def write_h5(path, stream, seed=0, top=True, nested="", root=""):
    """Writes dlpbc's file as `save_weights` of Keras 2 does, weightless layers included.

    Args:
      path: to be written.
      stream: "rgb" or "flow".
      seed: of the values.
      top: whether the head is there.
      nested: name of a layer that the network is in, as where another network uses it.
      root: "model_weights" for a file of a whole model.
    """
    keys = _keys()["dlpbc"][stream]
    layers, weights = list(keys["layers"]), [row for row in keys["weights"]]
    if not top:
        layers = [*layers[: layers.index("Conv3d_6a_1x1_conv") - 1], "global_avg_pool"]
        weights = [row for row in weights if row[0] != "Conv3d_6a_1x1_conv"]
    names = {layer: [] for layer in layers}
    for layer, name, _ in weights:
        names[layer].append(name)
    if nested:
        names = {"input_9": [], nested: [name for _, name, _ in weights], "dropout_1": []}
    with h5py.File(path, "w") as file:
        group = file.create_group(root) if root else file
        group.attrs["layer_names"] = [name.encode() for name in names]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.1.2"
        shapes = {name: shape for _, name, shape in weights}
        for layer, own in names.items():
            part = group.create_group(layer)
            part.attrs["weight_names"] = [name.encode() for name in own]
            for name in own:
                part[name] = keras_weight(name.removesuffix(":0"), shapes[name], seed)


def keras_weight(key, shape, seed=0):
    """Returns one array of dlpbc's file; kernels are drawn in PyTorch's layout."""
    kind = key.rpartition("/")[2]
    if kind == "kernel":
        value = uniform(key, (shape[-1], shape[-2], *shape[:-2]), seed)
        value = value * np.sqrt(6.0 / np.prod(shape[:-1], dtype=np.float64))
        value = np.ascontiguousarray(value.transpose(*range(2, len(shape)), 1, 0))
    else:
        value = uniform(key, shape, seed)
        value = 1.0 + 0.2 * value if kind == "moving_variance" else 0.1 * value
    return value.astype(np.float32)
