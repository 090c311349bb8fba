"""Writes small checkpoints of CLIP and ActionCLIP as other programs do.

write_actionclip(folder / "a.pt", head="Transf")        # ActionCLIP's; .safetensors by the suffix
write_clip(folder / "clip.safetensors")                 # OpenAI's names; .pt needs PyTorch
write_folder(folder / "clip")                           # Hugging Face: config.json, weights

The values are those of the golden data: tests/golden/actionclip/weights.py.
"""

import functools
import json

import numpy as np
import pytest

from tests.golden.actionclip import weights
from tests.helpers.torch_files import write_safetensors

HEADS = ("meanP", "LSTM", "Conv_1D", "Transf", "Transf_cls")
_LAYERS = 6  # of the transformers in the heads
_POSITIONS = 77  # of the table of frame positions, as many as CLIP has of tokens


def fusion_shapes(head, arch="tiny", frames=8):
    """Returns {key: shape} of a head's state dict, without "module."."""
    dim = weights.ARCHS[arch]["dim"]
    table = {"frame_position_embeddings.weight": (_POSITIONS, dim)}
    if head == "meanP":
        return {}
    if head == "LSTM":
        gates = {f"lstm_visual.weight_{kind}_l0": (4 * dim, dim) for kind in ("ih", "hh")}
        return table | gates | {f"lstm_visual.bias_{kind}_l0": (4 * dim,) for kind in ("ih", "hh")}
    if head == "Conv_1D":
        return table | {"shift.weight": (dim, 1, 3)}
    if head == "Transf":
        for i in range(_LAYERS):
            table |= weights._block(f"transformer.resblocks.{i}", dim)
        return table
    assert head == "Transf_cls"
    table |= {"transformer.cls_token": (1, 1, dim)}
    table |= {"transformer.pos_embed": (1, frames + 1, dim)}
    for i in range(_LAYERS):
        table |= _torch_layer(f"transformer.transformer_enc.layers.{i}", dim)
    return table | {f"transformer.transformer_enc.norm.{k}": (dim,) for k in ("weight", "bias")}


def _torch_layer(prefix, dim, hidden=2048):
    """Returns the shapes of torch.nn.TransformerEncoderLayer."""
    shapes = {
        "self_attn.in_proj_weight": (3 * dim, dim),
        "self_attn.in_proj_bias": (3 * dim,),
        "self_attn.out_proj.weight": (dim, dim),
        "self_attn.out_proj.bias": (dim,),
        "linear1.weight": (hidden, dim),
        "linear1.bias": (hidden,),
        "linear2.weight": (dim, hidden),
        "linear2.bias": (dim,),
    }
    shapes |= {f"norm{n}.{kind}": (dim,) for n in (1, 2) for kind in ("weight", "bias")}
    return {f"{prefix}.{key}": shape for key, shape in shapes.items()}


def fusion_state(head, arch="tiny", seed=0, frames=8):
    """Returns {key: float32 array} of a head, without "module."."""
    return {
        key: weights.value(f"fusion.{head}.{key}", shape, seed, half=False)
        for key, shape in fusion_shapes(head, arch, frames).items()
    }


@functools.lru_cache(2)
def clip_state(arch="tiny", seed=0):
    """Returns {key: float32 array} of CLIP by OpenAI's names; not to be changed in place."""
    return weights.clip_state(arch, seed)


def joint_state(arch="tiny", seed=0, frames=8):
    """Returns CLIP's state dict with ActionCLIP's `visual.time_embedding`."""
    key, shape = "visual.time_embedding", (frames, weights.ARCHS[arch]["vw"])
    return clip_state(arch, seed) | {key: weights.value(key, shape, seed)}


def tsm_state(arch="tiny", seed=0):
    """Returns CLIP's state dict by the names of ActionCLIP's temporal shift."""
    begin = "visual.transformer.resblocks."
    return {
        begin + key.removeprefix(begin).replace(".", ".net.", 1) if key.startswith(begin) else key:
        array
        for key, array in clip_state(arch, seed).items()
    }  # fmt: skip


def write_actionclip(path, head="Transf", arch="tiny", seed=0, frames=8, model=None):
    """Writes what ActionCLIP's trainer saves: torch.save for .pt, or one .safetensors file.

    Args:
      path: pathlib.Path; the suffix decides.
      model: state dict of the towers, by default `clip_state(arch, seed)`.

    Returns:
      the path.
    """
    model = clip_state(arch, seed) if model is None else model
    fusion = fusion_state(head, arch, seed, frames)
    fusion = {f"module.{key}": array for key, array in fusion.items()}
    if path.suffix == ".safetensors":
        write_safetensors(
            path, model | {f"fusion_model_state_dict.{k}": v for k, v in fusion.items()}
        )
        return path
    optimizer = {"state": {0: {"step": 3, "exp_avg": np.ones((3, 4), np.float32)}}}
    return _save(
        path,
        {
            "epoch": 7,
            "model_state_dict": model,
            "fusion_model_state_dict": fusion,
            "optimizer_state_dict": optimizer,
        },
    )


def write_clip(path, arch="tiny", seed=0, state=None):
    """Writes CLIP by OpenAI's names: a .pt file of torch.save, or a .safetensors file."""
    state = clip_state(arch, seed) if state is None else state
    if path.suffix == ".safetensors":
        write_safetensors(path, state)
        return path
    return _save(path, state)


def write_folder(
    folder, arch="tiny", seed=0, weights_file="model.safetensors", state=None, **config
):
    """Writes a folder of Hugging Face's CLIP.

    Args:
      folder: pathlib.Path, made.
      weights_file: "model.safetensors", or "pytorch_model.bin" (needs PyTorch).
      state: by Hugging Face's names; by default all of `clip_state(arch, seed)`.
      config: fields of config.json in place of the right ones.

    Returns:
      the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(hugging_face_config(arch) | config))
    state = hugging_face(clip_state(arch, seed)) if state is None else state
    if weights_file.endswith(".safetensors"):
        write_safetensors(folder / weights_file, state)
    else:
        _save(folder / weights_file, state)
    return folder


def hugging_face_config(arch="tiny"):
    """Returns config.json of Hugging Face's CLIP."""
    a = weights.ARCHS[arch]
    text, vision = (
        {
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_attention_heads": width // 64,
            "num_hidden_layers": layers,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
            "projection_dim": a["dim"],
        }
        for width, layers in ((a["tw"], a["tl"]), (a["vw"], a["vl"]))
    )
    text |= {"vocab_size": a["vocab"], "max_position_embeddings": a["ctx"], "eos_token_id": 2}
    vision |= {"patch_size": a["patch"], "image_size": a["patch"] * a["grid"]}
    return {
        "model_type": "clip",
        "projection_dim": a["dim"],
        "text_config": text,
        "vision_config": vision,
    }


_TOP = {
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
    "text_projection": "text_projection.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1": "vision_model.embeddings.patch_embedding",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "visual.proj": "visual_projection.weight",
}
_IN_BLOCK = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def hugging_face(state):
    """Returns a state dict of OpenAI's names by those of Hugging Face, with its buffers."""
    found = {}
    for key, array in state.items():
        module, _, kind = key.rpartition(".")
        if key in ("text_projection", "visual.proj"):
            found[_TOP[key]] = np.ascontiguousarray(array.T)
        elif "resblocks" in key:
            found |= _in_block(key, array)
        elif key in _TOP:
            found[_TOP[key]] = array
        elif module in _TOP:
            found[f"{_TOP[module]}.{kind}"] = array
        else:
            found[key] = array
    for tower, key in (("text", "positional_embedding"), ("vision", "visual.positional_embedding")):
        positions = np.arange(len(state[key]), dtype=np.float32)[None]
        found[f"{tower}_model.embeddings.position_ids"] = positions
    return found


def _in_block(key, array):
    tower, _, rest = key.partition("transformer.resblocks.")
    number, _, inside = rest.partition(".")
    begin = f"{'vision' if tower else 'text'}_model.encoder.layers.{number}."
    if inside.startswith("attn.in_proj_"):
        kind = inside.removeprefix("attn.in_proj_")
        thirds = zip("qkv", np.split(array, 3), strict=True)
        return {f"{begin}self_attn.{name}_proj.{kind}": third for name, third in thirds}
    module, _, kind = inside.rpartition(".")
    return {f"{begin}{_IN_BLOCK[module]}.{kind}": array}


def _save(path, value):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing writes .pt with")

    def tensors(part):
        if isinstance(part, dict):
            return {key: tensors(item) for key, item in part.items()}
        return torch.from_numpy(np.array(part)) if isinstance(part, np.ndarray) else part

    torch.save(tensors(value), path)
    return path
