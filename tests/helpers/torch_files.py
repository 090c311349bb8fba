"""Weights in the names and layouts of PyTorch, without PyTorch."""

import json
import struct

import numpy as np

from i3d.weights.pytorch.names import entries
from tests.golden import mmaction_models as golden


def write_safetensors(path, state):
    """Writes {key: float32 array} as a .safetensors file."""
    header, end = {}, 0
    for key, array in state.items():
        span, end = [end, end + array.nbytes], end + array.nbytes
        header[key] = {"dtype": "F32", "shape": array.shape, "data_offsets": span}
    text = json.dumps(header).encode()
    data = b"".join(array.tobytes() for array in state.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def published(model, frames=False):
    """Returns synthetic weights as PyTorch has them, {key: array}.

    Of a network of images, whose kernels there span no frames; of one of clips with `frames`.
    """
    shapes = {}
    for entry in entries(model):
        shape = tuple(entry.variable.shape)
        if len(shape) == 5:
            shape = (shape[4], shape[3], *shape[0 if frames else 1 : 3])
        shapes[entry.key] = shape[::-1] if len(shape) == 2 else shape
    return {key: golden.weight(key, shapes) for key in shapes}


def googlenet(model):
    """A state dict with torchvision's keys and the shapes of a narrow inception_v1."""
    convs = [layer.kernel.shape for layer in model.layers if layer.name.endswith("-conv_3d")]
    units = ["conv1", "conv2", "conv3"]
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        branches = ("1", "2.0", "2.1", "3.0", "3.1", "4.1")
        units += [f"inception{module}.branch{branch}" for branch in branches]
    by_name = {layer.name: layer for layer in model.layers}
    order = [name for name in by_name if name.endswith("-conv_3d")]
    order.sort(key=lambda name: [name[:4] != "Conv", name])
    assert len(units) == len(convs) == len(order) == 57
    state = {}
    for unit, name in zip(units, order, strict=True):
        kh, kw, channels, filters = by_name[name].kernel.shape
        shapes = {"conv.weight": (filters, channels, kh, kw)}
        shapes |= {f"bn.{n}": (filters,) for n in ("weight", "bias", "running_mean")}
        for key, shape in {**shapes, "bn.running_var": (filters,)}.items():
            value = golden.uniform(f"{unit}.{key}", shape, 0).astype(np.float32)
            state[f"{unit}.{key}"] = value + 2 if key.endswith(("n.weight", "var")) else value
    features, classes = by_name["Logits"].kernel.shape
    state["fc.weight"] = golden.uniform("fc.weight", (classes, features), 0).astype(np.float32)
    state["fc.bias"] = golden.uniform("fc.bias", (classes,), 0).astype(np.float32)
    return state | {"aux1.conv.bn.weight": np.ones(3, "f"), "aux1.fc1.bias": np.ones(3, "f")}
