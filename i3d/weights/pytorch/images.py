"""Loads PyTorch image networks into video networks and into inception_v1.

load_torch_image(model, "resnet50-0676ba61.pth")        # TSN, TSM, SlowOnly, I3D ResNet-50, ...
load_torch_image(inception_v1, "googlenet-1378be20.pth")
inflate(inception_v1, inception_i3d, skip_head=True)
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from i3d.weights import errors
from i3d.weights.pytorch import load
from i3d.weights.pytorch.i3d_ports import absorb_scale
from i3d.weights.pytorch.names import VARIABLES, Entry, kernel, renamed, weights

_RESNET = (
    (r"conv(\d)-conv", r"conv\1"),
    (r"conv(\d)-bn", r"bn\1"),
    ("downsample-conv", "downsample.0"),
    ("downsample-bn", "downsample.1"),
)
_STEM = {"1a_7x7": "conv1", "2b_1x1": "conv2", "2c_3x3": "conv3"}
_BRANCHES = {  # of an Inception module; the 3x3 of branch 2 is named 0a in the last but one
    "Branch_0-Conv3d_0a_1x1": "branch1",
    "Branch_1-Conv3d_0a_1x1": "branch2.0",
    "Branch_1-Conv3d_0b_3x3": "branch2.1",
    "Branch_2-Conv3d_0a_1x1": "branch3.0",
    "Branch_2-Conv3d_0a_3x3": "branch3.1",
    "Branch_2-Conv3d_0b_3x3": "branch3.1",
    "Branch_3-Conv3d_0b_1x1": "branch4.1",
}


def load_torch_image(model: Any, path: str | Path) -> None:
    """Loads an image network's checkpoint into a model; on an error nothing is changed.

    Args:
      model: `inception_v1`, which takes torchvision's GoogLeNet with its head of 1000 classes;
        or a model made of a ResNet-50, see `resnet_entries`, which keeps its own head.
      path: a file of `torch.save`, or a .safetensors file.

    Raises:
      NoCheckpoint: the file does not exist.
      WeightsError: it cannot be read, or a tensor is missing or misshapen.
    """
    arrays = load.state_dict(path)
    googlenet = model.name == "inception_v1"
    wanted = {e.key: e for e in (googlenet_entries if googlenet else resnet_entries)(model)}
    arrays = load.without(load.wrapper(arrays, wanted)[1], arrays)
    if googlenet:
        arrays = {key: array for key, array in arrays.items() if not key.startswith("aux")}
        arrays = absorb_scale(arrays, ".conv.", ".bn.")
    load.assign(model, path, wanted, arrays)


def resnet_entries(model):
    """Returns the list of `Entry` that fill a model's ResNet-50 with torchvision's or timm's.

    Kernels over several frames are the image's, repeated and divided by their number. Input
    channels that the image network lacks (lateral connections) start at zero; a first layer of
    other than 3 channels takes the mean over them. Head, non-local blocks, lateral connections,
    LSTM and fast pathway are left as they are.

    Args:
      model: of the TSN, TSM, two-stream, CNN+LSTM, SlowOnly, inflated ResNet-50 or SlowFast
        families, not folded.

    Raises:
      WeightsError: the model holds no ResNet of bottleneck blocks.

    Source: inflation, Carreira & Zisserman 2017 (arXiv:1705.07750), section 2.4; mean of the
    first layer, Wang et al. 2016 (arXiv:1608.00859), section 3.3.
    """
    found = []
    for layer, variable in weights(model):
        name = layer.removeprefix("slow_path-")
        if re.fullmatch(r"(layer\d-\d+-)?(conv\d|downsample)-(conv|bn)", name):
            key = f"{renamed(name, _RESNET)}.{VARIABLES[variable.name]}"
            found.append(Entry(variable, key, _inflation(name, variable)))
    if not any(entry.key == "layer4.0.conv3.weight" for entry in found):
        raise errors.WeightsError(
            f"{model.name}: expected a network of ResNet-50's bottleneck blocks"
        )
    return found


def googlenet_entries(model):
    """Returns the list of `Entry` of `inception_v1` in what `absorb_scale` returns.

    Auxiliary heads serve training only. torchvision's third branch has 3x3 kernels where the
    paper has 5x5, as ours.
    """
    found = []
    for layer, variable in weights(model):
        key = f"{_googlenet_name(layer)}.{VARIABLES[variable.name]}"
        found.append(Entry(variable, key, _image_layout(variable)))
    return found


def _googlenet_name(layer):
    if layer == "Logits":
        return "fc"
    unit, kind = layer.rsplit("-", 1)
    kind = {"conv_3d": "conv", "batch_norm": "bn"}[kind]
    if unit.startswith("Conv3d_"):
        return f"{_STEM[unit.removeprefix('Conv3d_')]}.{kind}"
    module, branch = unit.split("-", 1)
    # Mixed_3b is the first module of its stage, inception3a; Mixed_5c the second, inception5b.
    stage, letter = module[-2], chr(ord(module[-1]) - 1)
    return f"inception{stage}{letter}.{_BRANCHES[branch]}.{kind}"


def _image_layout(variable):
    """Returns the function from PyTorch's array to that of a 2-D layer."""
    if variable.name != "kernel":
        return np.asarray
    return lambda array: kernel(array)[0] if array.ndim == 4 else array.T


def _inflation(layer, variable):
    """Returns the function from an image network's array to the video network's."""
    if variable.name != "kernel":
        return np.asarray
    frames, _, _, channels, _ = variable.shape

    def inflate(array):
        image = kernel(array)
        lacking = channels - image.shape[3]
        if layer == "conv1-conv" and lacking:
            image = np.repeat(image.mean(axis=3, keepdims=True), channels, axis=3)
        elif lacking > 0:
            image = np.pad(image, [(0, 0)] * 3 + [(0, lacking), (0, 0)])
        return np.repeat(image, frames, axis=0) / np.float32(frames)

    return inflate
