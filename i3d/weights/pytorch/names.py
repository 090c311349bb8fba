"""Maps the weights of our models to names and layouts of published PyTorch checkpoints.

    for entry in entries(model):
        entry.variable.assign(entry.layout(state_dict[entry.key]))
    schemes("slowonly_r50_8x8x1")              # MMAction2's names, then pytorchvideo's

Layers are named after the state dicts of MMAction2 and torchvision, with "-" for "."; this module
holds the exceptions, and what others call the same layers. For image networks' checkpoints see
`images`.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from i3d.weights.errors import WeightsError
from i3d.weights.pytorch import i3d_ports
from i3d.weights.pytorch.pytorchvideo import hub

VARIABLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "scale": "scale",
}
# Pattern at the end of a layer's name -> what the state dict has there; the first match counts.
_MMACTION2 = (("^Logits", "cls_head.fc_cls"), ("(^.*_lateral)", r"backbone.\1.conv"))
_AVA = (("^Logits", "roi_head.bbox_head.fc_cls"), _MMACTION2[1])
_TORCHVISION = (
    ("^stem-conv-conv_s", "stem.0"),
    ("^stem-conv-bn_s", "stem.1"),
    ("^stem-conv-conv_t", "stem.3"),
    ("-conv-conv_s", ".0.0"),
    ("-conv-bn_s", ".0.1"),
    ("-conv-conv_t", ".0.3"),
    ("-conv", ".0"),
)
_TEMPORALMAXER = (  # whose layers are called as ActionFormer's here
    ("^Logits", "rpn_head.cls_head"),
    (r"^backbone-embd-(\d)-conv", r"projection.embed.\1.conv"),
    (r"^backbone-embd_norm-(\d)", r"projection.embed.\1.norm"),
    (r"^(cls|reg)_head-head-(\d)-conv", r"rpn_head.\1_convs.\2.conv"),
    (r"^(cls|reg)_head-norm-(\d)", r"rpn_head.\1_convs.\2.norm"),
    ("^reg_head-offset_head-conv", "rpn_head.reg_head"),
    (r"^reg_head-scale-(\d)", r"rpn_head.scale.\1"),
)
_OMNI = (  # whose convolutions and normalisations stand side by side
    ("^Logits", "cls_head.fc3d.6"),
    ("^image_logits", "cls_head.fc2d.4"),
    (r"^(fc[23]d-\d)", r"cls_head.\1"),
    (r"^(.*)downsample-conv", r"backbone.\1downsample.0"),
    (r"^(.*)downsample-bn", r"backbone.\1downsample.1"),
    (r"^(.*)conv(\d)-(conv|bn)", r"backbone.\1\3\2"),
)
_RULES = {  # start of the model's name -> (rules, start of every other key)
    "tv_s3d": ((("^Logits", "classifier.1"), *_TORCHVISION, ("-bn", ".1")), ""),
    **dict.fromkeys(
        ("tv_r2plus1d", "ig65m_r2plus1d"),
        ((("^Logits", "fc"), ("^stem-bn", "stem.4"), *_TORCHVISION, ("-bn", ".1")), ""),
    ),
    "tv_": ((("^Logits", "fc"), *_TORCHVISION, ("-bn", ".1")), ""),
    "ava_": (_AVA, "backbone."),
    "actionformer": ((("^Logits", "cls_head.cls_head.conv"),), ""),
    "temporalmaxer": (_TEMPORALMAXER, ""),
    "bmn": ((), ""),
    "tsm_": ((*_MMACTION2, (r"(^layer\d-\d+-conv1-conv)", r"backbone.\1.net")), "backbone."),
    "omni_": (_OMNI, "backbone."),
    "x3d_": ((("^Logits", "cls_head.fc2"), ("^fc1", "cls_head.fc1")), "backbone."),
    **dict.fromkeys(
        (
            *("tsn_", "two_stream_", "i3d_r50_", "slowonly_", "slowfast_r", "r2plus1d_r34"),
            *("c2d_", "c3d_", "ircsn_", "ipcsn_"),
        ),
        (_MMACTION2, "backbone."),
    ),
}
_HUB_ONLY = ("slow_r50", "c2d_r50", "i3d_r50", "r2plus1d_r50", "slowfast_r50")


class Scheme(NamedTuple):
    """How one publisher names the layers of a model.

    Attributes:
      module: function from a layer's name to its key in a state dict, without the variable's.
      fast_first: whether the head's inputs begin with the fast pathway's.
      scaled: the ends (of a convolution, of a normalisation) of keys, where normalisations have a
        scale that the model's lack.
      spare: start of keys that a model may lack: of a second head; "" where there are none.
    """

    module: Callable[[str], str]
    fast_first: bool = False
    scaled: tuple[str, str] | tuple[()] = ()
    spare: str = ""


# Layers of heads, whose outputs are so many for each class.
HEADS = {"Logits": 1, "fc3d-2": 2, "fc3d-3": 2}


class Entry(NamedTuple):
    """One weight of a model."""

    variable: Any  # keras.Variable
    key: str  # of the state dict
    layout: Any  # function: PyTorch's array -> the variable's


def schemes(model):
    """Returns the Schemes of a model's published weights, the most usual one first.

    Args:
      model: name in the catalogue.

    Raises:
      WeightsError: nobody publishes PyTorch weights of this model.

    Source: state dicts of MMAction2 1.2.0 (as 0.x), torchvision 0.28, ActionFormer's release
    and OpenTAD; pytorchvideo and the ports of I3D: see `pytorchvideo` and `i3d_ports`.
    """
    if model == "inception_i3d":
        return (
            Scheme(i3d_ports.piergiaj, scaled=(".conv3d.", ".bn.")),
            Scheme(i3d_ports.hassony2, scaled=(".conv3d.", ".batch3d.")),
        )
    if model in _HUB_ONLY:
        return (Scheme(hub(model)),)
    start = next((start for start in _RULES if model.startswith(start)), None)
    if start is None:
        starts = (*_RULES, *_HUB_ONLY, "inception_i3d")
        raise WeightsError(
            f"{model}: no PyTorch weights are published for this model; expected a name that "
            f"starts with one of {starts}"
        )
    rules, prefix = _RULES[start]
    own = Scheme(
        lambda layer: renamed(layer, rules, prefix),
        fast_first=model.startswith("slowfast_"),
        spare="cls_head.fc2d." if model.startswith("omni_") else "",
    )
    return (own, Scheme(hub(model))) if model.startswith("slowonly_") else (own,)


def entries(model, scheme=None):
    """Returns the list of `Entry` of all weights of a model, in its order.

    Args:
      model: a model of `i3d.models`, not folded, of the families that there are PyTorch weights of.
      scheme: Scheme; None is the model's most usual one.

    Raises:
      WeightsError: nobody publishes PyTorch weights of this model.
    """
    scheme = scheme or schemes(model.name)[0]
    found = []
    for layer, variable in weights(model):
        key = f"{scheme.module(layer)}.{VARIABLES[variable.name]}"
        found.append(Entry(variable, key, _layout(model, layer, variable, scheme)))
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


def _layout(model, layer, variable, scheme):
    """Returns the function from PyTorch's array to the variable's, for video checkpoints."""
    if variable.name != "kernel":
        return of_channels
    if layer == "fc6" and model.name.startswith("c3d_"):
        map_shape = tuple(model.get_layer("pool5").output.shape[1:])
        return lambda array: _channels_last(array, map_shape)
    if layer == "Logits" and scheme.fast_first:
        fast = model.get_layer("fast_mean").output.shape[-1]
        return lambda array: np.roll(array, -fast, axis=1).T  # (fast, slow) -> (slow, fast)
    if len(variable.shape) == 2:
        return lambda array: array.reshape(array.shape[:2]).T
    if len(variable.shape) in (3, 4):  # over rows of features, or over pairs
        depthwise = variable.shape[-1] == 1 and "_conv-conv" in layer
        return sequence_kernel if not depthwise else lambda array: array.transpose(2, 0, 1)
    return kernel


def of_channels(array):
    """[C], or [1, C, 1] of a normalisation over channels in the middle, -> [C]."""
    return array[0, :, 0] if array.ndim == 3 and array.shape[::2] == (1, 1) else np.asarray(array)


def sequence_kernel(array):
    """[O, I, t] -> [t, I, O], [O, I, h, w] -> [h, w, I, O]."""
    return array.transpose(*range(2, array.ndim), 1, 0)


def kernel(array):
    """[O, I, (t,) h, w] -> [t, h, w, I, O], t = 1 for a kernel of images."""
    array = array if array.ndim == 5 else array[:, :, None]
    return array.transpose(2, 3, 4, 1, 0)


def _channels_last(array, map_shape):
    """Dense weights [O, C * T * H * W] -> [T * H * W * C, O]."""
    frames, height, width, channels = map_shape
    array = array.reshape(len(array), channels, frames, height, width)
    return array.transpose(2, 3, 4, 1, 0).reshape(-1, len(array))
