"""Loads pretrained checkpoints (TF1, Keras, PyTorch) into models.

i3d.weights.load(model, "checkpoints/rgb_imagenet/model.ckpt")     # a TF1 prefix
i3d.weights.load(model, "run/best.weights.h5")                     # Keras
i3d.weights.load(model, "tsn_r50_1x1x3.pth")                       # PyTorch: .pth, .safetensors
"""

from pathlib import Path

import numpy as np

from i3d.weights import keras_h5, seal
from i3d.weights.errors import NoCheckpoint, WeightsError, listed
from i3d.weights.inflate import inflate
from i3d.weights.pytorch.images import load_torch_image
from i3d.weights.pytorch.load import is_torch, load_torch
from i3d.weights.tf1 import load_tf1

__all__ = ["inflate", "load", "load_tf1", "load_torch", "load_torch_image"]

KINDS = "a TF1 prefix, a .weights.h5 or .h5 file, or a .pth, .pt or .safetensors file"


def load(model, path: str | Path, head: bool = True, averages: bool = False) -> None:
    """Loads the checkpoint at `path` into `model`, whole or not at all.

    Args:
      model: a model of `i3d.models`, before `fold_batch_norm`.
      path: the prefix of a TF1 checkpoint (the part before `.index`), a Keras `.weights.h5`
        file, an `.h5` file of dlpbc's I3D, or a file of `torch.save` or safetensors (for
        inception_v1 torchvision's GoogLeNet).
      head: False for a file of a backbone alone: the model keeps its own head.
      averages: True for the moving averages of the weights, which TF1 and PyTorch programs save
        beside them.

    Raises:
      NoCheckpoint: a FileNotFoundError: there is no such checkpoint.
      Misfit: its variables are not those of the model, and the message names what is missing,
        left over or of another shape.
      WeightsError: it is of another kind, holds values that are not finite, or no averages.
    """
    before = model.get_weights()
    try:
        _load(model, path, head, averages)
        _check_finite(model, path)
    except Exception:
        model.set_weights(before)
        raise


def _load(model, path, head, averages):
    path = Path(str(path).removesuffix(".index"))
    if path.with_name(path.name + ".index").exists():
        load_tf1(model, path, head, averages)
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
    elif is_torch(path) and model.name == "inception_v1":
        load_torch_image(model, path)
    elif is_torch(path):
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
