"""The weights that a training run begins with.

    line = begin(model, build, "checkpoints/rgb_imagenet/model.ckpt")
    line = begin_from_images(model, "resnet50-0676ba61.pth")

A checkpoint of another number of classes, or of images, or of PyTorch without a head, gives
everything but the head.
"""

import re
from pathlib import Path

import h5py
import numpy as np

from i3d import weights
from i3d.weights.errors import NoCheckpoint, NoHead, WeightsError
from i3d.weights.inflate import inflate
from i3d.weights.pytorch import load
from i3d.weights.pytorch.images import load_torch_image

_TF1_HEAD = "Logits/Conv3d_0c_1x1/conv_3d/b"


def begin(model, build, path):
    """Puts a checkpoint's weights into `model`; its head only where the classes are as many.

    Args:
      model: keras.Model, changed in place.
      build: num_classes -> model of the checkpoint: like `model`, or of another number of
        channels (the first kernel's mean over them is repeated), or its 2-D twin (inflated).
      path: as for `weights.load`.

    Returns:
      a line that says what was loaded and what was left out.

    Raises:
      NoCheckpoint, WeightsError: as `weights.load`; `model` is unchanged then.
    """
    ours = model.output_shape[-1]
    try:
        theirs = head_classes(path)
    except NoHead:
        theirs = None
    source = build(theirs or ours)
    weights.load(source, path, head=theirs is not None)
    inflate(source, model, skip_head=theirs != ours)
    if theirs is None:
        return f"started from {path}, which has no head"
    if theirs == ours:
        return f"started from {path}, head included"
    return f"started from {path}; left out: the head of {theirs} classes, a new one has {ours}"


def begin_from_images(model, path, twin=None):
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
    return f"started from the images of {path}; left out: the head"


def head_classes(path):
    """Returns the number of classes of a checkpoint's head.

    Raises:
      NoCheckpoint: there is no such file.
      WeightsError: it is of another kind, or no head is found in it; NoHead: a backbone alone.
    """
    path = Path(str(path).removesuffix(".index"))
    if path.with_name(path.name + ".index").exists():
        sizes = _tf1_heads(path)
    elif path.is_dir():
        raise WeightsError(
            f"{path}: a folder; expected a checkpoint, such as {path}/best.weights.h5"
        )
    elif not path.exists() and path.suffix in (".h5", ".pth", ".pt", ".safetensors"):
        raise NoCheckpoint(f"{path}: no such checkpoint")
    elif not path.exists():
        raise NoCheckpoint(
            f"{path}: no such checkpoint; expected a TF1 prefix (with {path.name}.index beside "
            "it), a .weights.h5 file or a .pth, .pt or .safetensors file"
        )
    elif path.suffix == ".h5":
        sizes = _h5_heads(path)
    elif load.is_torch(path):
        return load.head_classes(path)
    else:
        raise WeightsError(
            f"{path}: expected a TF1 prefix, a .weights.h5 file or a .pth, .pt or .safetensors file"
        )
    if not sizes:
        raise WeightsError(f"{path}: no head found, so that its number of classes is unknown")
    return sizes[-1]


def _h5_heads(path):
    """Returns the widths of the dense layers of a Keras file, in their order."""
    try:
        with h5py.File(path, "r") as file:
            names = [n for n in file.get("layers", ()) if re.fullmatch(r"dense(_\d+)?", n)]
            names.sort(key=lambda name: int(name.partition("_")[2] or 0))
            return [file[f"layers/{name}/vars/0"].shape[-1] for name in names]
    except (OSError, KeyError) as error:
        raise WeightsError(f"{path}: not a Keras .weights.h5 file: {error}") from error


def _tf1_heads(path):
    import tensorflow as tf

    try:
        shapes = tf.train.load_checkpoint(str(path)).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: not a whole TF1 checkpoint: {reason}") from error
    return [int(np.prod(shape)) for name, shape in shapes.items() if name.endswith(_TF1_HEAD)]
