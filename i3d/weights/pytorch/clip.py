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
from i3d.weights.pytorch import clip_folder, load
from i3d.weights.pytorch.clip_names import LSTM_BIAS, fusion, head_of, towers

_NAMES = re.compile(r"(action)?clip(_|$)")  # of CLIP and ActionCLIP in the catalogue
# Before keys of the head over time: ActionCLIP's, MMAction2's.
_FUSION = re.compile(r"(module\.)?(fusion(_model)?(_state_dict)?|adapter)\.(module\.)?")
_HEADS = {  # a key of the head -> which it is
    r"lstm_visual\.": "LSTM",
    r"shift\.": "Conv_1D",
    r"transformer\.cls_token$": "Transf_cls",
    r"transformer\.resblocks\.": "Transf",
}
_NO_WEIGHTS = re.compile(r"(position_ids|attn_mask|input_resolution|context_length|vocab_size)$")
_POSITIONS = (
    "frame_position_embeddings.weight"  # every head holds them, and Transf alone reads them
)
_SHIFTED = re.compile(r"^(.*visual\.transformer\.resblocks\.\d+\.)net\.")  # tsm
_TIME = "visual.time_embedding"  # joint
_KEYS = (
    "token_embedding.weight",
    "text_model.embeddings.token_embedding.weight",
    "visual.class_embedding",
    "vision_model.embeddings.class_embedding",
)


def is_clip(model: str | None) -> bool:
    """Returns whether a name in the catalogue is that of a CLIP; Keras is not imported."""
    return _NAMES.match(model or "") is not None


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
    clip_folder.check_sizes(path, config, _arch_of_model(model))
    _check_variant(model, path, shifted, _TIME in arrays, head)
    if not head and _TIME not in arrays:
        weights = [weight for weight in weights if weight.key != _TIME]
    if head:
        _check_head(model, path, beside)
    extra = [key for key in arrays if key not in {weight.key for weight in weights}]
    pairs = [(weight, arrays) for weight in weights]
    if head:
        ours, beside = fusion(model), _as_ours(beside, model)
        pairs += [(weight, beside) for weight in ours]
        extra += [key for key in beside if key not in {_POSITIONS, *(w.key for w in ours)}]
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
    theirs, ours = _arch({k: a.shape for k, a in arrays.items()}), _arch(expected)
    if theirs and theirs != ours:
        wanted = _named(theirs, head_of(model))
        other = f", or --model={wanted}" if wanted else ""
        raise Misfit(
            f"{path}: holds CLIP {_described(theirs)}, {model.name} is {_described(ours)}; "
            f"expected a checkpoint of this{other}"
        )


def _arch_of_model(model):
    return _arch({weight.key: weight.shape for weight in towers(model, "openai")})


def _arch(shapes):
    """Returns the i3d.models.actionclip.Arch of {key: shape} in either style, None if unclear."""
    from i3d.models.actionclip import Arch

    try:
        if "visual.conv1.weight" in shapes:
            blocks, patches = r"(visual\.)?transformer\.resblocks\.(\d+)\.", "visual.conv1.weight"
            positions, text = shapes["visual.positional_embedding"], shapes["ln_final.weight"]
            dim = shapes["text_projection"][1]
        else:
            blocks = r"(vision_)?(?:text_)?model\.encoder\.layers\.(\d+)\."
            patches = "vision_model.embeddings.patch_embedding.weight"
            positions = shapes["vision_model.embeddings.position_embedding.weight"]
            text = shapes["text_model.final_layer_norm.weight"]
            dim = shapes["text_projection.weight"][0]
        width, _, patch, _ = shapes[patches]
        matches = [match.groups() for key in shapes if (match := re.match(blocks, key))]
        visual, texts = ({n for tower, n in matches if bool(tower) == is_v} for is_v in (1, 0))
        size = patch * round((positions[0] - 1) ** 0.5)
        return Arch(width, len(visual), patch, size, text[0], len(texts), dim)
    except (LookupError, ValueError, TypeError, OverflowError):  # as sizes of 0
        return None


def _described(arch):
    from i3d.models.actionclip import ARCHS

    name = next((name for name, known in ARCHS.items() if known == arch), None)
    return name or (
        f"of {arch.visual_layers} layers of {arch.visual_width} with patches of {arch.patch} px of "
        f"{arch.size} px pictures, texts of {arch.text_layers} layers of {arch.text_width}, "
        f"{arch.dim} features"
    )


def _named(arch, head):
    """Returns the name in the catalogue of an arch with a head, None without."""
    from i3d.models.actionclip import ARCHS, CONFIGS

    rows = (n for n, row in CONFIGS.items() if ARCHS[row.arch] == arch and row.head == head)
    return next((name for name in rows if name != "actionclip"), None)


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


def _check_head(model, path, beside):
    ours = head_of(model)
    theirs = next((h for p, h in _HEADS.items() if any(re.match(p, k) for k in beside)), "meanP")
    if theirs == ours:
        _check_frames(model, path, beside)
        return
    towers_alone = "; the towers alone: i3d.weights.load(model, checkpoint, head=False)"
    wanted = _named(_arch_of_model(model), theirs)
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
    elif head_of(model) == "Transf" and _POSITIONS in beside:
        theirs = min(frames, *beside[_POSITIONS].shape[:1])
    if theirs != frames:
        raise Misfit(
            f"{path}: its head {head_of(model)} takes {theirs} frames, {model.name} is built for "
            f"{frames}; expected i3d.models.build({model.name!r}, frames={theirs})"
        )


def _as_ours(beside, model):
    """Returns the arrays of a head: an LSTM's biases as their sum, positions as many as ours.

    MMAction2 keeps positions for the frames of a video alone; the others are not read.
    """
    beside = dict(beside)
    parts = LSTM_BIAS.split(" + ")
    if all(key in beside for key in parts) and len({beside[key].shape for key in parts}) == 1:
        first, second = (beside.pop(key) for key in parts)
        beside[LSTM_BIAS] = first + second
    table = beside.get(_POSITIONS)
    if head_of(model) == "Transf" and table is not None and table.ndim == 2:
        rows = model.get_layer("fusion_positions").rows
        if len(table) < rows:
            beside[_POSITIONS] = np.pad(table, ((0, rows - len(table)), (0, 0)))
    return beside
