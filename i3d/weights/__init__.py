"""Loads pretrained checkpoints (TF1, Keras, PyTorch) into models.

i3d.weights.load(model, "checkpoints/rgb_imagenet/model.ckpt")     # a TF1 prefix
i3d.weights.load(model, "run/best.weights.h5")                     # Keras
i3d.weights.load(model, "tsn_r50_1x1x3.pth")                       # PyTorch: .pth, .safetensors
i3d.weights.load(model, "tsn_r50_1x1x3.pth", head=False)           # all but the head
i3d.weights.load(model, "clip-vit-base-patch16")                   # a folder of Hugging Face's CLIP
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from i3d.weights import keras_h5, seal
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.errors import Misfit, NoCheckpoint, NoHead, WeightsError, listed
from i3d.weights.inflate import inflate
from i3d.weights.localization_zoo import takes_features
from i3d.weights.pytorch.clip import load_clip, number_positions
from i3d.weights.pytorch.clip_folder import is_folder
from i3d.weights.pytorch.images import load_torch_image
from i3d.weights.pytorch.load import holds_averages, is_torch, load_torch
from i3d.weights.pytorch.names import HEADS
from i3d.weights.tf1 import load_tf1

if TYPE_CHECKING:
    import keras

__all__ = ["inflate", "load", "load_tf1", "load_torch", "load_torch_image"]

KINDS = "a TF1 prefix, a .weights.h5 or .h5 file, or a .pth, .pt or .safetensors file"


def load(model: "keras.Model", path: str | Path, head: bool = True, averages: bool = False) -> None:
    """Loads the checkpoint at `path` into `model`, whole or not at all.

    Args:
      model: a model of `i3d.models`, before `fold_batch_norm`.
      path: the prefix of a TF1 checkpoint (the part before `.index`), a Keras `.weights.h5`
        file, an `.h5` file of dlpbc's I3D, or a file of `torch.save` or safetensors (for
        inception_v1 torchvision's GoogLeNet). For CLIP and ActionCLIP: OpenAI's archive or a
        state dict of it, ActionCLIP's .pt, or a file or folder of Hugging Face's CLIP.
      head: False for all but the head: the model keeps its own, of whatever number of classes,
        as for a classifier of other classes. The file may have a head or not. The head of
        ActionCLIP is the one over time: plain CLIP begins a training with head=False.
      averages: True for the moving averages of the weights, which TF1 and PyTorch programs save
        beside them. Of localizers, whose published results are theirs, they are always taken
        where PyTorch saved them.

    Raises:
      NoCheckpoint: a FileNotFoundError: there is no such checkpoint.
      Misfit: its variables are not those of the model, and the message names what is missing,
        left over or of another shape.
      WeightsError: it is of another kind, holds values that are not finite, or no averages.
    """
    before = model.get_weights()
    try:
        if head:
            _load(model, path, True, averages)
        else:
            _load_backbone(model, path, averages)
        _check_finite(model, path)
        if takes_text(model.name):
            number_positions(model)
    except Exception:
        model.set_weights(before)
        raise


def _load_backbone(model, path, averages):
    """Loads all but the head, by way of a model with a head of the file's number of classes."""
    from i3d.weights.start import head_classes  # which imports this

    # The head of texts has no classes; that of boxes is not in files of a classifier.
    if takes_text(model.name) or (takes_boxes(model.name) and is_torch(path)):
        _load(model, path, False, averages)
        return
    try:
        theirs = head_classes(path, model.name)
    except NoHead:
        _load(model, path, False, averages)
        return
    source = _with_classes(model, theirs)
    _load(source, path, True, averages)
    for layer in model.layers:
        if layer.weights and layer.name not in HEADS:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def _with_classes(model, num_classes):
    """Returns a copy of a model, without its weights, whose head has other classes."""
    import keras

    def clone(layer):
        config = layer.get_config()
        for size in {"units", "filters"} & set(config) if layer.name in HEADS else ():
            config[size] = HEADS[layer.name] * num_classes
        if "kernel_initializer" in config:  # loaded next
            config["kernel_initializer"] = "zeros"
        return layer.__class__.from_config(config)

    return keras.models.clone_model(model, clone_function=clone)


def _load(model, path, head, averages):
    path = Path(str(path).removesuffix(".index"))
    if path.with_name(path.name + ".index").exists():
        load_tf1(model, path, head, averages)
    elif not path.exists() and path.suffix in (".h5", ".pth", ".pt", ".safetensors"):
        raise NoCheckpoint(f"{path}: no such checkpoint")
    elif not path.exists():
        raise NoCheckpoint(
            f"{path}: no such checkpoint; expected {KINDS} (a prefix has {path.name}.index and "
            f"{path.name}.data-00000-of-00001)"
        )
    elif path.is_file() and (path.suffix == ".h5" or keras_h5.is_h5(path)):
        if averages:
            raise WeightsError(f"{path}: a Keras file holds no moving averages of weights")
        with seal.checked(path):
            keras_h5.load(model, path, head)
    elif takes_text(model.name) and (path.is_dir() or is_torch(path)):
        load_clip(model, path, head, averages)
    elif is_folder(path):
        raise Misfit(f"{path}: a folder of Hugging Face, which CLIP alone takes: got {model.name}")
    elif is_torch(path) and model.name == "inception_v1":
        load_torch_image(model, path)
    elif is_torch(path):
        averages = averages or (takes_features(model.name) and holds_averages(path))
        load_torch(model, path, head, averages)
    else:
        raise WeightsError(f"{path}: expected {KINDS}")


def _check_finite(model, path):
    spoilt = []
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        value = value.astype(np.float32, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            # A sum is faster; it may be too large where no value is.
            finite = np.isfinite(value.sum()) or np.isfinite(value).all()
        if not finite:
            spoilt.append(variable.path)
    if spoilt:
        raise WeightsError(f"{path}: holds {'; '.join(listed('spoilt by nan or inf', spoilt))}")
