"""Finds the head of a state dict by its name and shape.

classes("tsn.pth", {"cls_head.fc_cls.weight": (400, 2048), ...}, "tsn_r50_1x1x3")    # 400
"""

import re

from i3d.weights.errors import NoHead, WeightsError, shown
from i3d.weights.pytorch.names import schemes
from i3d.weights.pytorch.places import is_average, parted

_USUAL = (
    "cls_head.fc_cls",
    "roi_head.bbox_head.fc_cls",
    "logits.conv3d",
    "conv3d_0c_1x1.conv3d",
    "blocks.5.proj",
    "blocks.6.proj",
    "fc",
    "classifier.1",
    "classifier",
    "head.projection",
    "head",
)
_OVER_ROWS = ("cls_head.cls_head.conv.weight", "rpn_head.cls_head.weight")  # of localizers
_INNER = re.compile(r"(^|\.)fc[67]\.weight$")  # C3D's dense layers before its head


def classes(path, shapes, model=None):
    """Returns the number of classes: the outputs of the head.

    Args:
      path: of the file, for messages.
      shapes: {key: shape} of its state dict.
      model: name in the catalogue, whose head comes before others; or None.

    Raises:
      NoHead: no key is a head's.
      WeightsError: there is none by a usual name, but a dense layer that may be one.
    """
    names = (*head_names(model), *_USUAL)
    widths = {}
    for key, shape in shapes.items():
        if not _is_matrix(key, shape):
            continue
        module = re.sub(r"(\.\d+)?\.weight$", "", key)
        for name in {module, key.removesuffix(".weight")}:  # "fc.1": a head after dropout
            for prefix, rest in parted(name):
                if rest in names:
                    rank = (names.index(rest), is_average(prefix), prefix.count("."))
                    widths.setdefault(rank, shape[0])
    if widths:
        return widths[min(widths)]
    wanted = f"expected {names[0]}.weight"
    for key, shape in shapes.items():
        bias = shapes.get(key.removesuffix("weight") + "bias")
        if len(shape) == 2 and _is_matrix(key, shape) and bias == shape[:1]:
            if not _INNER.search(key):
                raise WeightsError(f"{path}: no head found ({wanted}); is it {shown(key)} {shape}?")
    raise NoHead(f"{path}: no head found ({wanted}), so that its number of classes is unknown")


def head_names(model):
    """Returns what the head of a model is called in state dicts; () where none are published."""
    try:
        return tuple(scheme.module("Logits") for scheme in schemes(model or ""))
    except WeightsError:
        return ()


def _is_matrix(key, shape):
    if key.endswith(_OVER_ROWS):
        return len(shape) == 3
    return key.endswith(".weight") and len(shape) >= 2 and set(shape[2:]) <= {1}
