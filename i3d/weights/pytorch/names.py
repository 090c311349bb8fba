"""What published PyTorch checkpoints call the weights of our models, and how they lay them out.

    for entry in entries(model):
        entry.variable.assign(entry.layout(state_dict[entry.key]))

Layers are named after the state dicts, with "-" for "."; this module holds the exceptions. For
image networks' checkpoints see `torch_image`.
"""

import re
from typing import Any, NamedTuple

import numpy as np

from i3d.weights.errors import WeightsError

VARIABLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Pattern at the end of a layer's name -> what the state dict has there; the first match counts.
_MMACTION2 = (("^Logits", "cls_head.fc_cls"), ("(^.*_lateral)", r"backbone.\1.conv"))
_TORCHVISION = (
    ("^stem-conv-conv_s", "stem.0"),
    ("^stem-conv-bn_s", "stem.1"),
    ("^stem-conv-conv_t", "stem.3"),
    ("-conv-conv_s", ".0.0"),
    ("-conv-bn_s", ".0.1"),
    ("-conv-conv_t", ".0.3"),
    ("-conv", ".0"),
)
_RULES = {  # start of the model's name -> (rules, start of every other key)
    "tv_s3d": ((("^Logits", "classifier.1"), *_TORCHVISION, ("-bn", ".1")), ""),
    "tv_r2plus1d": ((("^Logits", "fc"), ("^stem-bn", "stem.4"), *_TORCHVISION, ("-bn", ".1")), ""),
    "tv_": ((("^Logits", "fc"), *_TORCHVISION, ("-bn", ".1")), ""),
    "tsm_": ((*_MMACTION2, (r"(^layer\d-\d+-conv1-conv)", r"backbone.\1.net")), "backbone."),
    **dict.fromkeys(
        ("tsn_", "two_stream_", "i3d_r50_", "slowonly_", "slowfast_", "r2plus1d_", "c3d_"),
        (_MMACTION2, "backbone."),
    ),
}


class Entry(NamedTuple):
    """One weight of a model."""

    variable: Any  # keras.Variable
    key: str  # of the state dict
    layout: Any  # function: PyTorch's array -> the variable's


def entries(model):
    """Returns the list of `Entry` of all weights of a model, in its order.

    Args:
      model: a model of `i3d.models`, not folded, of the families that MMAction2 (0.x and 1.x) or
        torchvision publish weights of.

    Raises:
      WeightsError: nobody publishes PyTorch weights of this model.

    Source: state dicts of MMAction2 1.2.0 and torchvision 0.28.
    """
    start = next((start for start in _RULES if model.name.startswith(start)), None)
    if start is None:
        raise WeightsError(
            f"{model.name}: no PyTorch weights are published for this model; expected a name that "
            f"starts with one of {tuple(_RULES)}"
        )
    rules, prefix = _RULES[start]
    found = []
    for layer, variable in weights(model):
        key = f"{renamed(layer, rules, prefix)}.{VARIABLES[variable.name]}"
        found.append(Entry(variable, key, _layout(model, layer, variable)))
    return found


def weights(model):
    """Yields (layer's name, variable) of all weights of a model."""
    for layer in model.layers:
        yield from ((layer.name, variable) for variable in layer.weights)


def renamed(layer, rules, prefix=""):
    """Returns a layer's name in a state dict, by the first of `rules` that matches its end."""
    for pattern, replacement in rules:
        renamed, count = re.subn(f"{pattern}$", replacement, layer)
        if count:
            return renamed.replace("-", ".")
    return prefix + layer.replace("-", ".")


def _layout(model, layer, variable):
    """Returns the function from PyTorch's array to the variable's, for video checkpoints."""
    if variable.name != "kernel":
        return np.asarray
    if layer == "fc6" and model.name.startswith("c3d_"):
        map_shape = tuple(model.get_layer("pool5").output.shape[1:])
        return lambda array: _channels_last(array, map_shape)
    if layer == "Logits" and model.name.startswith("slowfast_"):
        fast = model.get_layer("fast_mean").output.shape[-1]
        return lambda array: np.roll(array, -fast, axis=1).T  # (fast, slow) -> (slow, fast)
    if len(variable.shape) == 2:
        return lambda array: array.reshape(array.shape[:2]).T
    return kernel


def kernel(array):
    """[O, I, (t,) h, w] -> [t, h, w, I, O], t = 1 for a kernel of images."""
    array = array if array.ndim == 5 else array[:, :, None]
    return array.transpose(2, 3, 4, 1, 0)


def _channels_last(array, map_shape):
    """Dense weights [O, C * T * H * W] -> [T * H * W * C, O]."""
    frames, height, width, channels = map_shape
    array = array.reshape(len(array), channels, frames, height, width)
    return array.transpose(2, 3, 4, 1, 0).reshape(-1, len(array))
