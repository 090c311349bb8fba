"""The head over time in a checkpoint of ActionCLIP: which it is, and whether it is a model's.

check(model, path, {"transformer.resblocks.0.ln_1.bias": array, ...})       # Misfit, or nothing
"""

import re
from typing import Any

import numpy as np

from i3d.weights.errors import Misfit
from i3d.weights.pytorch import clip_arch
from i3d.weights.pytorch.clip_names import LSTM_BIAS, head_of

# Every head holds them, and Transf alone reads them.
POSITIONS = "frame_position_embeddings.weight"
_HEADS = {  # a key of the head -> which it is
    r"lstm_visual\.": "LSTM",
    r"shift\.": "Conv_1D",
    r"transformer\.cls_token$": "Transf_cls",
    r"transformer\.resblocks\.": "Transf",
}


def check(model: Any, path: Any, beside: dict[str, np.ndarray]) -> None:
    """Compares the head over time in a file with a model's.

    Args:
      model: keras.Model of i3d.models.actionclip.
      path: of the file, for messages.
      beside: arrays of the head by ActionCLIP's keys; empty where it has none, as meanP.

    Raises:
      Misfit: it is another head, or for another number of frames; the message says which.
    """
    ours = head_of(model)
    theirs = next((h for p, h in _HEADS.items() if any(re.match(p, k) for k in beside)), "meanP")
    if theirs == ours:
        _check_frames(model, path, beside)
        return
    towers_alone = "; the towers alone: i3d.weights.load(model, checkpoint, head=False)"
    wanted = clip_arch.named(clip_arch.of_model(model), theirs)
    build = f"i3d.models.build({model.name!r}, head={theirs!r})"
    if theirs == "meanP":
        raise Misfit(
            f"{path}: holds CLIP without a fusion head, {model.name} has the head {ours}; expected "
            f"an ActionCLIP checkpoint, or --model={wanted}{towers_alone}"
        )
    raise Misfit(
        f"{path}: holds ActionCLIP with the head {theirs}, {model.name} has {ours}; expected "
        f"{f'--model={wanted}' if wanted else build}{towers_alone}"
    )


def _check_frames(model, path, beside):
    """Raises Misfit where the head of a file takes another number of frames than the model."""
    frames = model.input["frames"].shape[1]
    theirs = frames
    if (positions := beside.get("transformer.pos_embed")) is not None and positions.ndim == 3:
        theirs = positions.shape[1] - 1
    elif head_of(model) == "Transf" and POSITIONS in beside:
        theirs = min(frames, *beside[POSITIONS].shape[:1])
    if theirs != frames:
        raise Misfit(
            f"{path}: its head {head_of(model)} takes {theirs} frames, {model.name} is built for "
            f"{frames}; expected i3d.models.build({model.name!r}, frames={theirs})"
        )


def as_ours(beside: dict[str, np.ndarray], model: Any) -> dict[str, np.ndarray]:
    """Returns the arrays of a head: an LSTM's biases as their sum, positions as many as ours.

    MMAction2 keeps positions for the frames of a video alone; the others are not read.
    """
    beside = dict(beside)
    parts = LSTM_BIAS.split(" + ")
    if all(key in beside for key in parts) and len({beside[key].shape for key in parts}) == 1:
        first, second = (beside.pop(key).astype(np.float32) for key in parts)
        beside[LSTM_BIAS] = first + second
    table = beside.get(POSITIONS)
    if head_of(model) == "Transf" and table is not None and table.ndim == 2:
        rows = model.get_layer("fusion_positions").rows
        if len(table) < rows:
            beside[POSITIONS] = np.pad(table, ((0, rows - len(table)), (0, 0)))
    return beside
