"""Weights that people have, into our models.

i3d.weights.load(model, "checkpoints/rgb_imagenet/model.ckpt")     # a TF1 prefix
i3d.weights.load(model, "run/best.weights.h5")                     # Keras
i3d.weights.load(model, "tsn_r50_1x1x3.pth")                       # PyTorch: .pth, .safetensors
"""

import re
import warnings
from pathlib import Path

import numpy as np

from i3d.weights.errors import Misfit, NoCheckpoint, WeightsError, listed
from i3d.weights.inflate import inflate
from i3d.weights.pytorch.images import load_torch_image
from i3d.weights.pytorch.load import is_torch, load_torch
from i3d.weights.tf1 import load_tf1

__all__ = ["inflate", "load", "load_tf1", "load_torch", "load_torch_image"]

_KINDS = "a TF1 prefix or a .weights.h5 file, or a .pth, .pt or .safetensors file"


def load(model, path: str | Path, head: bool = True) -> None:
    """Loads the checkpoint at `path` into `model`, whole or not at all.

    Args:
      model: a model of `i3d.models`, before `fold_batch_norm`.
      path: the prefix of a TF1 checkpoint (the part before `.index`), a Keras `.weights.h5`
        file, or a file of `torch.save` or safetensors (for inception_v1 torchvision's GoogLeNet).
      head: False for a PyTorch file of a backbone alone: the model keeps its own head.

    Raises:
      NoCheckpoint: a FileNotFoundError: there is no such checkpoint.
      Misfit: its variables are not those of the model, and the message names what is missing,
        left over or of another shape.
      WeightsError: it is of another kind or holds values that are not finite.
    """
    before = model.get_weights()
    try:
        _load(model, path, head)
        _check_finite(model, path)
    except Exception:
        model.set_weights(before)
        raise


def _load(model, path, head):
    path = Path(str(path).removesuffix(".index"))
    if path.with_name(path.name + ".index").exists():
        load_tf1(model, path)
    elif not path.exists():
        raise NoCheckpoint(
            f"{path}: no such checkpoint; expected {_KINDS} (a prefix has {path.name}.index and "
            f"{path.name}.data-00000-of-00001)"
        )
    elif path.name.endswith(".weights.h5"):
        _load_keras(model, path)
    elif is_torch(path) and model.name == "inception_v1":
        load_torch_image(model, path)
    elif is_torch(path):
        load_torch(model, path, head)
    else:
        raise WeightsError(f"{path}: expected {_KINDS}")


def _check_finite(model, path):
    values = zip(model.weights, model.get_weights(), strict=True)
    spoilt = [v.path for v, value in values if not np.isfinite(value.astype(np.float32)).all()]
    if spoilt:
        raise WeightsError(f"{path}: holds {'; '.join(listed('spoilt by nan or inf', spoilt))}")


def _load_keras(model, path):
    try:
        with warnings.catch_warnings(action="error"):  # Keras only warns of what it leaves out
            # It tells of this one where it tries a layer again that it could not load.
            warnings.filterwarnings("ignore", "Skipping nested container")
            model.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise Misfit(f"{path}: not weights of {model.name}: {_reason(str(error))}") from error


def _reason(text):
    """Returns the line that counts of what Keras says of weights that do not fit."""
    count = re.search(r"(\d+) objects could not be loaded.*?name=([^,>]+)", text)
    shapes = re.search(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))", text)
    if not count or not shapes:
        return text.partition("\n")[0]
    return (
        f"{count[1]} layers do not fit, the first is {count[2]}: expected {shapes[1]}, the file "
        f"has {shapes[2]}"
    )
