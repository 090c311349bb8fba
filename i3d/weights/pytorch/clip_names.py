"""Maps the weights of CLIP and ActionCLIP to keys and layouts of published state dicts.

    for weight in towers(model, "openai") + fusion(model):
        for variable, value in zip(weight.variables, weight.turned(array)):
            variable.assign(value)

Sources: state dicts of OpenAI's CLIP, of Hugging Face's CLIPModel (transformers), and of
sallymmx/ActionCLIP (modules/Visual_Prompt.py).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

STYLES = ("openai", "hugging_face")
# Layer's place in our models -> key, for OpenAI and for Hugging Face (whose "layrnorm" is so).
_PLACES = {
    "visual_embedding/class_embedding": (
        "visual.class_embedding",
        "vision_model.embeddings.class_embedding",
    ),
    "visual_embedding/patch_embedding/kernel": (
        "visual.conv1.weight",
        "vision_model.embeddings.patch_embedding.weight",
    ),
    "visual_embedding/position_embedding/embeddings": (
        "visual.positional_embedding",
        "vision_model.embeddings.position_embedding.weight",
    ),
    "visual_time/time_embedding": ("visual.time_embedding",) * 2,
    "visual_pre_layer_norm": ("visual.ln_pre", "vision_model.pre_layrnorm"),
    "visual_layer_norm": ("visual.ln_post", "vision_model.post_layernorm"),
    "visual_projection/kernel": ("visual.proj", "visual_projection.weight"),
    "text_embedding/token_embedding/embeddings": (
        "token_embedding.weight",
        "text_model.embeddings.token_embedding.weight",
    ),
    "text_embedding/position_embedding/embeddings": (
        "positional_embedding",
        "text_model.embeddings.position_embedding.weight",
    ),
    "text_layer_norm": ("ln_final", "text_model.final_layer_norm"),
    "text_projection/kernel": ("text_projection", "text_projection.weight"),
    "logit_scale/log_scale": ("logit_scale", "logit_scale"),
}
_BLOCKS = {
    "visual_encoder_block_": ("visual.transformer.resblocks.", "vision_model.encoder.layers."),
    "text_encoder_block_": ("transformer.resblocks.", "text_model.encoder.layers."),
}
# Of a block: keras-hub's CLIPEncoderLayer and TransformerEncoder -> index into a row of _INSIDE.
_PARTS = {
    "attention": 0,
    "self_attention_layer": 0,
    "layer_norm_1": 1,
    "self_attention_layer_norm": 1,
    "layer_norm_2": 2,
    "feedforward_layer_norm": 2,
    "dense_1": 3,
    "feedforward_intermediate_dense": 3,
    "dense_2": 4,
    "feedforward_output_dense": 4,
}
_INSIDE = {
    "openai": ("attn", "ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj"),
    "hugging_face": ("self_attn", "layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2"),
    "torch": ("self_attn", "norm1", "norm2", "linear1", "linear2"),  # of torch.nn
}
_KINDS = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
LSTM_BIAS = "lstm_visual.bias_ih_l0 + lstm_visual.bias_hh_l0"  # Keras has their sum
_QUERIES = ("query", "key", "value")


class Weight(NamedTuple):
    """One array of a state dict.

    Attributes:
      variables: keras.Variables that it fills.
      key: of the state dict.
      shape: of the array there.
      turned: function from the array to one for each variable.
    """

    variables: Sequence[Any]
    key: str
    shape: tuple[int, ...]
    turned: Callable[[np.ndarray], Sequence[np.ndarray]]


def head_of(model: Any) -> str:
    """Returns which of i3d.models.video_heads.HEADS a model has, by its layers."""
    names = {layer.name for layer in model.layers}
    marks = {"fusion_lstm": "LSTM", "fusion_shift": "Conv_1D", "fusion_token": "Transf_cls"}
    found = next((head for name, head in marks.items() if name in names), None)
    return found or ("Transf" if "fusion_positions" in names else "meanP")


def towers(model: Any, style: str) -> list[Weight]:
    """Returns the Weights of the image and text towers and of the scale, by one of STYLES."""
    column, found = STYLES.index(style), []
    for path, variable in _paths(model, lambda group: group != "fusion"):
        layer, _, rest = path.partition("/")
        block = re.fullmatch(r"(.*_block_)(\d+)", layer)
        if path.endswith("/position_ids"):  # 0, 1, 2, ...: of no file
            continue
        if block:
            prefix = f"{_BLOCKS[block[1]][column]}{block[2]}."
            found += _of_block(prefix, rest, variable, style, joined=style == "openai")
        elif path in _PLACES:
            projection = path.endswith("_projection/kernel") and style == "openai"
            found += [_weight(_PLACES[path][column], path, variable, turns=not projection)]
        else:
            key = f"{_PLACES[layer][column]}.{_KINDS[rest]}"
            found += [_weight(key, path, variable)]
    return _merged(found)


def fusion(model: Any) -> list[Weight]:
    """Returns the Weights of the head over time, their keys as ActionCLIP has them."""
    kind, found = head_of(model), []
    for path, variable in _paths(model, lambda group: group == "fusion"):
        layer, _, rest = path.partition("/")
        if layer.startswith("fusion_block_") and kind == "Transf":
            prefix = f"transformer.resblocks.{layer.rpartition('_')[2]}."
            found += _of_block(prefix, rest, variable, "openai", joined=True)
        elif layer.startswith("fusion_block_"):
            prefix = f"transformer.transformer_enc.layers.{layer.rpartition('_')[2]}."
            found += _of_block(prefix, rest, variable, "torch", joined=True)
        else:
            found += [_single(kind, layer, rest, variable)]
    return _merged(found)


def _single(kind, layer, rest, variable):
    """Returns the Weight of a head's variable outside of its blocks."""
    shape = tuple(variable.shape)
    if layer == "fusion_lstm":
        if rest.endswith("bias"):
            return _weight(LSTM_BIAS, rest, variable)
        part = "hh" if rest.endswith("recurrent_kernel") else "ih"
        return _weight(f"lstm_visual.weight_{part}_l0", rest, variable)
    if layer == "fusion_shift":  # [3, D, 1] of [D, 1, 3]
        turned = (shape[1], shape[2], shape[0])
        return Weight([variable], "shift.weight", turned, lambda a: [a.transpose(2, 0, 1)])
    if layer == "fusion_norm":
        return _weight(f"transformer.transformer_enc.norm.{_KINDS[rest]}", rest, variable)
    if kind == "Transf":
        return _weight("frame_position_embeddings.weight", rest, variable)
    key = "cls_token" if layer == "fusion_token" else "pos_embed"
    leading = (1,) * (3 - len(shape)) + shape
    return Weight([variable], f"transformer.{key}", leading, lambda a: [a.reshape(shape)])


def _paths(model, wanted):
    """Yields (path from the layer on, variable) of all weights of layers of the wanted groups."""
    for layer in model.layers:
        if wanted(layer.name.partition("_")[0]):
            for variable in layer.weights:
                yield variable.path[variable.path.index(layer.name) :], variable


def _weight(key, path, variable, turns=True):
    """Returns the Weight of one variable; matrices and kernels of images are turned."""
    shape = tuple(variable.shape)
    if path.endswith("kernel") and len(shape) == 4:
        turned = (shape[3], shape[2], *shape[:2])
        return Weight([variable], key, turned, lambda a: [a.transpose(2, 3, 1, 0)])
    if path.endswith("kernel") and turns:
        return Weight([variable], key, shape[::-1], lambda a: [a.T])
    return Weight([variable], key, shape, lambda a: [a])


def _of_block(prefix, rest, variable, style, joined):
    """Returns the Weight, in a list, of a variable of a transformer's block."""
    part, *middle, kind = rest.split("/")
    module = prefix + _INSIDE[style][_PARTS[part]]
    shape = tuple(variable.shape)
    if not middle:
        return [_weight(f"{module}.{_KINDS[kind]}", rest, variable)]
    if middle == ["attention_output"]:  # [heads, width of each, width] of [width, width]
        width = shape[-1]
        turned = (width,) * (2 if kind == "kernel" else 1)
        key = f"{module}.out_proj.{_KINDS[kind]}"
    else:
        width = shape[-1] * shape[-2]
        turned = (width, width)[: len(shape) - 1]
        names = "in_proj_" if joined else f"{middle[0][0]}_proj."
        key = f"{module}.{names}{_KINDS[kind]}"
    return [Weight([variable], key, turned, lambda a: [a.T.reshape(shape)])]


def _merged(weights):
    """Returns the Weights, those of one key (query, key, value, in this order) as one."""
    by_key = {}
    for weight in weights:
        by_key.setdefault(weight.key, []).append(weight)
    return [_stacked(same) if len(same) > 1 else same[0] for same in by_key.values()]


def _stacked(same):
    count, first = len(same), same[0]
    same.sort(key=lambda weight: _QUERIES.index(weight.variables[0].path.split("/")[-2]))

    def turned(array):
        parts = np.split(array, count)
        return [w.turned(part)[0] for w, part in zip(same, parts, strict=True)]

    shape = (count * first.shape[0], *first.shape[1:])
    return Weight([w.variables[0] for w in same], first.key, shape, turned)
