"""Finds the weights in a folder of Hugging Face's CLIP, and checks its config.json.

config = config_of(path)                              # {} without; path: the folder or its file
file = weights_of(Path("clip-vit-base-patch16"))      # .../model.safetensors
check_sizes(path, config, arch)
"""

from pathlib import Path
from typing import Any

from i3d.runtime import json_file
from i3d.weights.errors import Misfit, NoCheckpoint, WeightsError

_CONFIG = "config.json"
_FILES = ("model.safetensors", "pytorch_model.bin")
_OPEN_CLIP = "open_clip_config.json"
_OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_TOWERS = ("text_config", "vision_config")
_QUICK = "quick_gelu"
_VISION = {"patch_size": 32, "hidden_size": 768, "image_size": 224}  # and what they are left out at
_MODELS = {(32, 768, 224): "clip_b32", (16, 768, 224): "clip_b16", (14, 1024, 224): "clip_l14"}
_HEAD_WIDTH = 64  # of an attention head of OpenAI's


def is_folder(path: Path) -> bool:
    """Returns whether a path is a folder with config.json and weights, of whatever model."""
    return path.is_dir() and (path / _CONFIG).is_file() and weights_in(path) is not None


def weights_of(path: Path) -> Path:
    """Returns the file of weights in a folder; a file itself.

    Raises:
      NoCheckpoint: the folder has none, or no config.json.
    """
    if not path.is_dir():
        return path
    file = weights_in(path)
    if file is None or not (path / _CONFIG).is_file():
        raise NoCheckpoint(
            f"{path}: a folder; expected {_CONFIG} and {' or '.join(_FILES)} in it, as Hugging "
            "Face's CLIP has them, or the path of a checkpoint"
        )
    return file


def weights_in(folder: Path) -> Path | None:
    """Returns the file of weights in a folder, with config.json or without; None where none is."""
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def model_of(folder: Path) -> str | None:
    """Returns the name in the catalogue of the CLIP that a folder's config.json describes, or None.

    Raises:
      Misfit, WeightsError: as `config_of`.
    """
    fields = config_of(folder).get("vision_config", {})
    key = tuple(fields.get(name, default) for name, default in _VISION.items())
    return _MODELS.get(key) if all(type(value) is int for value in key) else None


def config_of(path: Path) -> dict[str, Any]:
    """Returns config.json of a folder, or of the folder that Hugging Face's file lies in.

    Returns:
      {} where there is none, or beside a file one of something else than CLIP.

    Raises:
      Misfit: it is of another model, or of a CLIP with another activation, whose weights would
        give other features without any sign of it; WeightsError: a folder's cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    if path.name in _OPEN_CLIP_FILES and (folder / _OPEN_CLIP).is_file():
        _check_open_clip(folder / _OPEN_CLIP)
    if not (folder / _CONFIG).is_file() or (not path.is_dir() and path.name not in _FILES):
        return {}
    config = _read(folder / _CONFIG)
    if config.get("model_type") != "clip":
        kind = f"{config.get('model_type')!r:.80}"
        raise Misfit(f"{folder / _CONFIG}: model_type: expected 'clip', got {kind}")
    for tower in _TOWERS:
        fields = config.setdefault(tower, {})
        if not isinstance(fields, dict):
            raise Misfit(f"{folder / _CONFIG}: {tower}: expected an object, got {fields!r:.80}")
        activation = fields.get("hidden_act", _QUICK)
        if activation != _QUICK:
            raise Misfit(
                f"{folder / _CONFIG}: {tower}.hidden_act: expected {_QUICK!r}, got "
                f"{activation!r:.80}: its features would be others here; take a CLIP of OpenAI"
            )
    return config


def _read(path):
    try:
        return json_file.read(path)
    except json_file.JsonError as error:
        raise WeightsError(str(error)) from error


def _check_open_clip(path):
    """Raises Misfit where open_clip's config does not say quick GELU, which is not its default."""
    fields = _read(path).get("model_cfg")
    if not isinstance(fields, dict) or fields.get("quick_gelu") is not True:
        raise Misfit(
            f"{path}: model_cfg.quick_gelu: expected true, as of OpenAI's CLIP; the features of "
            "others, which have GELU, would be others here"
        )


def check_sizes(path: Path, config: dict[str, Any], arch: Any) -> None:
    """Compares the sizes of a config.json, those that it names, with a model's.

    Raises:
      Misfit: one is another; of the attention heads, tensors do not tell.
    """
    for tower, width, layers in (
        ("text_config", arch.text_width, arch.text_layers),
        ("vision_config", arch.visual_width, arch.visual_layers),
    ):
        expected = {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": width // _HEAD_WIDTH,
            "intermediate_size": 4 * width,
        }
        if tower == "vision_config":
            expected |= {"patch_size": arch.patch, "image_size": arch.size}
        for name, value in expected.items():
            got = config.get(tower, {}).get(name, value)
            if got != value:
                raise Misfit(
                    f"{path}: {_CONFIG}: {tower}.{name}: expected {value}, got {got!r:.80}"
                )
