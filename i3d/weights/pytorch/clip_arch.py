"""Tells the architecture of a CLIP from the shapes in its state dict.

arch = of_shapes({"visual.conv1.weight": (768, 3, 32, 32), ...})   # i3d.models.actionclip.Arch
described(arch), named(arch, "meanP")                              # "ViT-B/32", "clip_b32"
"""

import re
from typing import Any

from i3d.weights.pytorch.clip_names import towers


def of_model(model: Any) -> Any:
    """Returns the Arch of a model of i3d.models.actionclip."""
    return of_shapes({weight.key: weight.shape for weight in towers(model, "openai")})


def of_shapes(shapes: dict[str, tuple[int, ...]]) -> Any:
    """Returns the Arch of {key: shape} by OpenAI's or Hugging Face's names, None if unclear."""
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


def described(arch: Any) -> str:
    """Returns the published name of an Arch, or its sizes in words."""
    from i3d.models.actionclip import ARCHS

    name = next((name for name, known in ARCHS.items() if known == arch), None)
    return name or (
        f"of {arch.visual_layers} layers of {arch.visual_width} with patches of {arch.patch} px of "
        f"{arch.size} px pictures, texts of {arch.text_layers} layers of {arch.text_width}, "
        f"{arch.dim} features"
    )


def named(arch: Any, head: str) -> str | None:
    """Returns the name in the catalogue of an arch with a head, None without."""
    from i3d.models.actionclip import ARCHS, CONFIGS

    rows = (n for n, row in CONFIGS.items() if ARCHS[row.arch] == arch and row.head == head)
    return next((name for name in rows if name != "actionclip"), None)
