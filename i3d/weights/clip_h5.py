"""Recognises Keras weights of CLIP and ActionCLIP, and takes their towers into another head.

    model = source(model, path, file, head=False)      # what the file is to be loaded into
    copy_towers(source, model)

Keras names what is in a file by kind and number, so that the kinds tell the head over time.
"""

from typing import Any

import h5py

from i3d.weights.errors import Misfit
from i3d.weights.pytorch.clip_names import head_of

_HEADS = {
    "lstm": "LSTM",
    "depthwise_conv1d": "Conv_1D",
    "class_token": "Transf_cls",
    "frame_positions": "Transf",
}
_PATCHES = "layers/clip_vision_embedding/patch_embedding/vars/0"
_POSITIONS = "layers/frame_positions/vars/0"


def holds_clip(file: h5py.File) -> bool:
    """Returns whether an open file of Keras 3 holds an image tower of CLIP."""
    return _PATCHES in file


def source(model: Any, path: Any, file: h5py.File, head: bool) -> Any:
    """Returns the model that a file is loaded into: `model`, or one with the file's head.

    Args:
      model: keras.Model of i3d.models.actionclip.
      path: of the file, for messages.
      file: of Keras 3, open.
      head: False: the file's head over time may be another than the model's.

    Raises:
      Misfit: it is of another model, architecture or head; the message says which.
    """
    if not holds_clip(file):
        raise Misfit(f"{path}: not weights of {model.name}: holds no CLIP")
    theirs, ours = tuple(file[_PATCHES].shape), _patches(model)
    if theirs != ours:
        raise Misfit(f"{path}: holds CLIP {_arch(theirs)}, {model.name} is {_arch(ours)}")
    found = next((name for kind, name in _HEADS.items() if kind in file["layers"]), "meanP")
    if head and found != head_of(model):
        raise Misfit(
            f"{path}: holds the head {found}, {model.name} has {head_of(model)}; expected "
            f"i3d.models.build({model.name!r}, head={found!r}); the towers alone: "
            "i3d.weights.load(model, checkpoint, head=False)"
        )
    return model if head else _with_head(model, file, found)


def copy_towers(source: Any, model: Any) -> None:
    """Copies the weights of all layers but those of the head over time."""
    for layer in model.layers:
        if layer.weights and not layer.name.startswith("fusion_"):
            layer.set_weights(source.get_layer(layer.name).get_weights())


def _patches(model):
    return tuple(model.get_layer("visual_embedding").patch_embedding.kernel.shape)


def _arch(patches):
    """Returns the name of the architecture with such patches, or the patches in words."""
    from i3d.models.actionclip import ARCHS

    side, _, _, width = (*patches, 0, 0, 0, 0)[:4]
    known = {(arch.patch, arch.visual_width): name for name, arch in ARCHS.items()}
    return known.get((side, width), f"with patches {patches}")


def _with_head(model, file, head):
    """Returns a model like `model` with the head that a file has."""
    from i3d.models import build

    frames = model.input["frames"].shape[1]
    if head == "Transf_cls" and _POSITIONS in file:
        frames = max(1, file[_POSITIONS].shape[0] - 1)
    joint = any(layer.name == "visual_time" for layer in model.layers)
    return build(model.name, arch=_arch(_patches(model)), head=head, frames=frames, joint=joint)
