"""Cards of the published checkpoints of ActionCLIP and CLIP, and the InputSpec of their models.

card = CARDS["vit-b-16-32f.pt"]                  # by the name of the file
card.model, card.top1, card.data                 # "actionclip_b16_32f", 82.32, "kinetics400"
SPECS["clip_b16"].segments                       # 8

Sources: README and MODEL_ZOO of sallymmx/ActionCLIP, projects/actionclip of MMAction2 1.2.0,
clip/clip.py of openai/CLIP.
"""

import dataclasses

from i3d.spec import InputSpec
from i3d.weights.cards import Card

_CLASSES = {"kinetics400": 400, "ucf101": 101, "hmdb51": 51}
MEAN = tuple(255 * value for value in (0.48145466, 0.4578275, 0.40821073))
STD = tuple(255 * value for value in (0.26862954, 0.26130258, 0.27577711))


def spec(frames: int, crop: int = 224, resize: int = 256) -> InputSpec:
    """Returns the InputSpec of ActionCLIP's test: T segments, one centre crop, bicubic."""
    return InputSpec(
        segments=frames,
        frames=1,
        crops=1,
        resize=resize,
        crop=crop,
        mean=MEAN,
        std=STD,
        average="prob",
        interpolation="bicubic",
        frame_of_segment="lower_middle",
    )


SPECS = {  # of every name in i3d.models.actionclip.CONFIGS
    "actionclip": spec(8),
    "actionclip_tiny_8f": spec(8, 32, 36),
    "actionclip_b32_8f": spec(8),
    "actionclip_b16_8f": spec(8),
    "actionclip_b16_16f": spec(16),
    "actionclip_b16_32f": spec(32),
    "actionclip_l14_8f": spec(8),
    "clip_tiny": spec(8, 32, 36),
    "clip_b32": spec(8),
    "clip_b16": spec(8),
    "clip_l14": spec(8),
}
SPECS |= {  # other heads over time
    f"{name}_{head}": SPECS[name]
    for name in ("actionclip_tiny_8f", "actionclip_b32_8f", "actionclip_b16_8f")
    for head in ("lstm", "conv_1d", "transf_cls")
}
# Name of the file, model, data, top-1, top-5. The last two have no published name.
_ACTIONCLIP = """
vit-b-32-8f actionclip_b32_8f kinetics400 78.36 94.25
vit-b-16-8f actionclip_b16_8f kinetics400 81.09 95.49
vit-b-16-16f actionclip_b16_16f kinetics400 81.68 95.87
vit-b-16-32f actionclip_b16_32f kinetics400 82.32 96.20
actionclip_hmdb51_b16_32f actionclip_b16_32f hmdb51 76.2 -
actionclip_ucf101_b16_32f actionclip_b16_32f ucf101 97.1 -
"""
# The first four are the weights of ActionCLIP, tested by MMAction2 on its videos.
_MMACTION2 = """
vit-b-32-8f actionclip_b32_8f 77.6 93.8
vit-b-16-8f actionclip_b16_8f 80.3 95.2
vit-b-16-16f actionclip_b16_16f 81.1 95.6
vit-b-16-32f actionclip_b16_32f 81.3 95.8
actionclip_vit-base-p32-res224-clip-pre_g8xb16_1x1x8_k400-rgb_20230801-8535b794 actionclip_b32_8f 77.5 93.2
actionclip_vit-base-p16-res224-clip-pre_g8xb16_1x1x8_k400-rgb_20230801-b307a0cd actionclip_b16_8f 81.3 95.2
"""  # noqa: E501  (names of files)
_OPENAI = """
ViT-B-32 clip_b32 40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af
ViT-B-16 clip_b16 5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f
ViT-L-14 clip_l14 b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836
"""


def takes_text(model: str | None) -> bool:
    """Returns whether a model of this name has a text tower: its classes are texts.

    Keras is not imported, unlike by i3d.models.
    """
    return model in SPECS


def _cards():
    for name, model, data, top1, top5 in _rows(_ACTIONCLIP):
        published = name.startswith("vit")
        note = "" if published else "the file has no published name: give it this one, or --model"
        card = _card(f"{name}.pt", model, data, float(top1), "github.com/sallymmx/ActionCLIP")
        top = None if top5 == "-" else float(top5)
        yield dataclasses.replace(card, top5=top, licence="MIT", note=note)
    for name, model, top1, top5 in _rows(_MMACTION2):
        source = "github.com/open-mmlab/mmaction2/projects/actionclip"
        card = _card(f"{name}.pth", model, "kinetics400", float(top1), source)
        ported = name.startswith("vit")
        yield dataclasses.replace(
            card,
            top5=float(top5),
            licence="MIT" if ported else "Apache-2.0",
            integrity="" if ported else f"sha256:{name.rpartition('-')[2]}",
            note="ActionCLIP's weights, tested by MMAction2 on its videos" if ported else "",
        )
    for name, model, digest in _rows(_OPENAI):
        yield Card(
            name=name,
            file=f"{name}.pt",
            model=model,
            spec=SPECS[model],
            licence="MIT",
            source="github.com/openai/CLIP",
            integrity=f"sha256:{digest}",
            note="trained on pictures: no score on videos is published",
        )


def _rows(table):
    return map(str.split, table.strip().splitlines())


def _card(file, model, data, top1, source):
    return Card(
        name=file,
        file=file,
        model=model,
        spec=SPECS[model],
        num_classes=_CLASSES[data],
        labels=data if data == "kinetics400" else "",  # the lists that are shipped
        data=data,
        top1=top1,
        source=source,
    )


CARDS = {card.file: card for card in _cards()}
