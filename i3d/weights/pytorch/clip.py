"""Loads CLIP and ActionCLIP: OpenAI's names, ActionCLIP's files, Hugging Face's files and folders.

    load_clip(model, "vit-b-16-8f.pt")                 # ActionCLIP: towers and head over time
    load_clip(model, "ViT-B-16.pt", head=False)        # OpenAI's archive or a state dict of it
    load_clip(model, "clip-vit-base-patch16")          # a folder: config.json, model.safetensors

What does not fit is one line that says what the file holds: another architecture or head, one
tower alone, a temporal shift. Keys and layouts: see `clip_names`.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from i3d.weights.errors import Misfit, listed
from i3d.weights.pytorch import clip_arch, clip_folder, clip_heads, load
from i3d.weights.pytorch.clip_names import fusion, head_of, towers

# Before keys of the head over time: ActionCLIP's, MMAction2's.
_FUSION = re.compile(r"(module\.)?(fusion(_model)?(_state_dict)?|adapter)\.(module\.)?")
_NO_WEIGHTS = re.compile(r"(position_ids|attn_mask|input_resolution|context_length|vocab_size)$")
_SHIFTED = re.compile(r"^(.*visual\.transformer\.resblocks\.\d+\.)net\.")  # tsm
_TIME = "visual.time_embedding"  # joint
_KEYS = (
    "token_embedding.weight",
    "text_model.embeddings.token_embedding.weight",
    "visual.class_embedding",
    "vision_model.embeddings.class_embedding",
)


def holds_clip(keys: Any) -> bool:
    """Returns whether keys of a state dict are those of a CLIP, under any prefix."""
    return any(key.endswith(_KEYS) for key in keys)


def load_clip(model: Any, path: str | Path, head: bool = True, averages: bool = False) -> None:
    """Loads both towers, the scale and the head over time; on an error nothing is changed.

    Args:
      model: keras.Model of i3d.models.actionclip.
      path: a file of torch.save or safetensors, a TorchScript archive, or a folder.
      head: False for the towers alone: the model keeps its head and embedding of frames.
      averages: True for the moving averages of the weights.

    Raises:
      Misfit: it holds something else; NoCheckpoint, WeightsError: it cannot be read.
    """
    path = Path(path)
    config = clip_folder.config_of(path)
    stored = load.state_dict(clip_folder.weights_of(path), averages)
    beside = {_FUSION.sub("", k, 1): a for k, a in stored.items() if _FUSION.match(k)}
    shifted = any(_SHIFTED.match(key) for key in stored)
    stored = {_SHIFTED.sub(r"\1", key): a for key, a in stored.items() if not _FUSION.match(key)}
    arrays, weights = _towers(model, path, stored)
    _check_arch(model, path, arrays, weights)
    clip_folder.check_sizes(path, config, clip_arch.of_model(model))
    _check_variant(model, path, shifted, _TIME in arrays, head)
    if not head and _TIME not in arrays:
        weights = [weight for weight in weights if weight.key != _TIME]
    if head:
        clip_heads.check(model, path, beside)
    extra = [key for key in arrays if key not in {weight.key for weight in weights}]
    pairs = [(weight, arrays) for weight in weights]
    if head:
        ours, beside = fusion(model), clip_heads.as_ours(beside, model)
        pairs += [(weight, beside) for weight in ours]
        extra += [
            key for key in beside if key not in {clip_heads.POSITIONS, *(w.key for w in ours)}
        ]
    _assign(model, path, pairs, extra)


def number_positions(model: Any) -> None:
    """Sets 0, 1, 2, ... where keras-hub keeps the numbers of positions as a weight."""
    ids = model.get_layer("visual_embedding").position_ids
    ids.assign(np.arange(ids.shape[1])[None])


def _assign(model, path, pairs, extra):
    """Gives arrays to variables if all fit, and raises Misfit otherwise."""
    missing = [weight.key for weight, arrays in pairs if weight.key not in arrays]
    found = [(weight, arrays[weight.key]) for weight, arrays in pairs if weight.key in arrays]
    misshapen = [
        f"{weight.key} {array.shape}, expected {weight.shape}"
        for weight, array in found
        if not _fits(weight, array)
    ]
    problems = listed("missing", missing) + listed("left over", extra)
    problems += listed("of another shape", misshapen)
    if problems:
        raise Misfit(f"{path} does not fit {model.name}: {'; '.join(problems)}")
    for weight, array in found:
        values = weight.turned(array.reshape(weight.shape))
        for variable, value in zip(weight.variables, values, strict=True):
            variable.assign(value)


def _fits(weight, array):
    """Returns whether an array is one of numbers of a Weight's shape; the scale may be [1]."""
    scalar = (weight.shape, array.shape) == ((), (1,))
    return array.dtype.kind in "fiu" and (scalar or array.shape == weight.shape)


def _towers(model, path, stored):
    """Returns (arrays by key without a prefix, Weights by the names that the file has)."""
    style = "hugging_face" if any("layer_norm1." in key for key in stored) else "openai"
    weights = towers(model, style)
    count, prefix = load.wrapper(stored, {weight.key for weight in weights})
    arrays = load.without(prefix, stored)
    arrays = {key: array for key, array in arrays.items() if not _NO_WEIGHTS.search(key)}
    if any(key.startswith("visual.layer1.") for key in arrays):
        raise Misfit(f"{path}: holds CLIP with a ResNet as its image tower; expected a ViT")
    there = {
        tower: any(w.key in arrays and f"{tower}_encoder" in w.variables[0].path for w in weights)
        for tower in ("visual", "text")
    }
    if count < 2 or not any(there.values()):
        raise Misfit(
            f"{path}: holds no CLIP: expected keys as visual.conv1.weight (OpenAI, ActionCLIP) or "
            "vision_model.embeddings.class_embedding (Hugging Face)"
        )
    for tower, other in (("text", "visual"), ("visual", "text")):
        if not there[tower]:
            names = {"text": "a text tower", "visual": "an image tower"}
            raise Misfit(
                f"{path}: holds {names[other]} without {names[tower]}; expected both, as "
                f"{model.name} compares videos with texts"
            )
    return arrays, weights


def _check_arch(model, path, arrays, weights):
    expected = {weight.key: weight.shape for weight in weights}
    theirs = clip_arch.of_shapes({key: array.shape for key, array in arrays.items()})
    ours = clip_arch.of_shapes(expected)
    if theirs and theirs != ours:
        wanted = clip_arch.named(theirs, head_of(model))
        other = f", or --model={wanted}" if wanted else ""
        raise Misfit(
            f"{path}: holds CLIP {clip_arch.described(theirs)}, {model.name} is "
            f"{clip_arch.described(ours)}; expected a checkpoint of this{other}"
        )


def _check_variant(model, path, shifted, joint, head):
    """Raises Misfit where a file or model has a temporal shift or joint attention alone."""
    # A shift is made of operations alone, which joins parts of the channels again.
    ours = (
        any(type(operation).__name__ == "Concatenate" for operation in model.operations),
        any(layer.name == "visual_time" for layer in model.layers),
    )
    for option, theirs, own in zip(("tsm", "joint"), (shifted, joint), ours, strict=True):
        if theirs and not own:
            raise Misfit(
                f"{path}: was trained with {option}=True, {model.name} is built without; expected "
                f"i3d.models.build({model.name!r}, {option}=True)"
            )
        if own and not theirs and head:
            raise Misfit(
                f"{path}: was trained without {option}, {model.name} is built with {option}=True; "
                "to begin a training from it: i3d.weights.load(model, checkpoint, head=False)"
            )
