"""Initialises a model from a checkpoint of other classes, channels or of images.

    line = begin(model, build, "checkpoints/rgb_imagenet/model.ckpt")
    line = begin_from_images(model, "resnet50-0676ba61.pth")

A checkpoint of another number of classes, or of images, or without a head, gives everything but
the head.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from i3d import weights
from i3d.weights import keras_h5, tf1
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.errors import Misfit, NoCheckpoint, NoHead, WeightsError, of_texts
from i3d.weights.inflate import inflate
from i3d.weights.localization_zoo import takes_features
from i3d.weights.pytorch import heads, load
from i3d.weights.pytorch.clip import holds_clip
from i3d.weights.pytorch.clip_folder import is_folder
from i3d.weights.pytorch.images import load_torch_image
from i3d.weights.pytorch.names import schemes

Model = Any  # keras.Model, which would take a second to import
_MOST_CLASSES = 1 << 15  # names and weights of a head are made for each; no data set has as many


def begin(model: Model, build: Callable[[int], Model], path: str | Path) -> str:
    """Puts a checkpoint's weights into `model`; its head only where the classes are as many.

    Of CLIP and ActionCLIP the head is the one over time, and only the same kind of head is taken. A
    model of boxes begins with weights of its own kind, or with those of its trunk as a classifier;
    a localizer with those of its own kind.

    Args:
      model: keras.Model, changed in place.
      build: num_classes -> model of the checkpoint: like `model`, or of another number of
        channels (the first kernel's mean over them is repeated), or its 2-D twin (inflated); for
        a model of boxes its trunk as a classifier.
      path: as for `weights.load`.

    Returns:
      a line that says what was loaded and what was left out.

    Raises:
      NoCheckpoint, WeightsError: as `weights.load`; `model` is unchanged then.
    """
    if takes_text(model.name):
        return _begin_clip(model, path)
    if takes_boxes(model.name):
        return _begin_with_boxes(model, build, path)
    if takes_features(model.name):
        return _begin_localizer(model, path)
    ours = model.output_shape[-1]
    try:
        theirs = head_classes(path, model.name)
    except NoHead:
        theirs = None
    source = build(theirs or ours)
    weights.load(source, path, head=theirs is not None)
    inflate(source, model, skip_head=theirs != ours)
    if theirs is None:
        return f"initialised from {path}, which has no head"
    if theirs == ours:
        return f"initialised from {path}, head included"
    return f"initialised from {path}; left out: the head of {theirs} classes, a new one has {ours}"


def _begin_clip(model, path):
    try:
        weights.load(model, path)
    except Misfit:
        weights.load(model, path, head=False)
        return f"initialised from {path}; left out: the head over time, the model has a new one"
    return f"initialised from {path}, head over time included"


def _begin_localizer(model, path):
    ours = load.num_outputs(model)
    if not ours or (theirs := head_classes(path, model.name)) == ours:
        weights.load(model, path)
        return f"initialised from {path}{', head included' if ours else ''}"
    weights.load(model, path, head=False)
    return f"initialised from {path}; left out: the head of {theirs} classes, a new one has {ours}"


def _begin_with_boxes(model, build, path):
    for head, told in ((True, ", head included"), (False, "; left out: the head")):
        try:
            weights.load(model, path, head=head)
            return f"initialised from {path}{told}"
        except Misfit as error:
            misfit = error
    if _kind(Path(path)) != "keras":
        raise misfit
    source = build(head_classes(path))
    try:
        weights.load(source, path)
    except Misfit:
        raise misfit from None
    inflate(source, model, skip_head=True)
    return f"initialised from {path}; left out: the head"


def begin_from_images(model: Model, path: str | Path, twin: Model | None = None) -> str:
    """Puts a PyTorch image network's weights into `model`, inflated, all but the head.

    Args:
      model: keras.Model made of a ResNet-50, or with a twin; changed in place.
      path: a .pth, .pt or .safetensors file of torchvision or timm.
      twin: inception_v1 of 1000 classes, for GoogLeNet into inception_i3d.

    Returns:
      a line that says what was loaded.

    Raises:
      NoCheckpoint, WeightsError: as load_torch_image; `model` is unchanged then.
    """
    load_torch_image(twin or model, path)
    if twin:
        inflate(twin, model, skip_head=True)
    return f"initialised from the image network {path}; left out: the head"


def head_classes(path: str | os.PathLike, model: str | None = None) -> int:
    """Returns the number of classes of a checkpoint's head.

    Args:
      path: as for `weights.load`.
      model: name in the catalogue, whose head is looked for first in files of PyTorch; or None.

    Raises:
      NoCheckpoint: there is no such file.
      WeightsError: it is of another kind or damaged; NoHead: no head is found in it, as in CLIP,
        whose classes are texts.
    """
    path = Path(str(path).removesuffix(".index"))
    kind = _kind(path)
    shapes = load.shapes(path) if kind == "pytorch" else {}
    if takes_text(model) or kind == "folder" or holds_clip(shapes):
        raise of_texts(path)
    if kind == "pytorch":
        classes = heads.classes(path, shapes, model)
    else:
        classes = (tf1 if kind == "tf1" else keras_h5).head_classes(path)
    if not 0 < classes <= _MOST_CLASSES:  # a tensor without numbers can have any shape
        raise WeightsError(
            f"{path}: expected a head of 1 to {_MOST_CLASSES} classes, got {classes}"
        )
    return classes


def input_channels(path: str | os.PathLike) -> int | None:
    """Returns how many channels a checkpoint of `inception_i3d` takes, None where it is not told.

    Raises:
      NoCheckpoint, WeightsError: as `head_classes`.
    """
    path = Path(str(path).removesuffix(".index"))
    kind = _kind(path)
    if kind == "folder":
        return None
    if kind != "pytorch":
        return (tf1 if kind == "tf1" else keras_h5).channels(path)
    firsts = [f"{s.module('Conv3d_1a_7x7-conv_3d')}.weight" for s in schemes("inception_i3d")]
    shapes = [
        shape
        for key, shape in load.shapes(path).items()
        if any(key == first or key.endswith(f".{first}") for first in firsts)
    ]
    found = {shape[1] for shape in shapes if len(shape) == 5}
    return found.pop() if len(found) == 1 else None


def check_kind(path: str | os.PathLike) -> None:
    """Raises WeightsError where a file is no checkpoint by its first bytes and its name."""
    _kind(Path(str(path).removesuffix(".index")))


def _kind(path):
    """Returns "tf1", "keras", "pytorch", or "folder" for one of Hugging Face's CLIP."""
    if path.with_name(path.name + ".index").exists():
        return "tf1"
    if is_folder(path):
        return "folder"
    if path.is_dir():
        raise WeightsError(
            f"{path}: a folder; expected a checkpoint, such as {path}/best.weights.h5"
        )
    if not path.exists() and path.suffix in (".h5", ".pth", ".pt", ".safetensors"):
        raise NoCheckpoint(f"{path}: no such checkpoint")
    if not path.exists():
        raise NoCheckpoint(
            f"{path}: no such checkpoint; expected a TF1 prefix (with {path.name}.index beside "
            "it), a .weights.h5 or .h5 file or a .pth, .pt or .safetensors file"
        )
    if path.suffix == ".h5" or keras_h5.is_h5(path):
        return "keras"
    if load.is_torch(path):
        return "pytorch"
    raise WeightsError(f"{path}: expected {weights.KINDS}")
