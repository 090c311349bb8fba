"""Cards of the published checkpoints, and the default InputSpec of each model.

card = CARDS["r3d_18-b3b3357e.pth"]                              # by the name of the file
model = i3d.models.build(card.model, num_classes=card.num_classes)
card.top1, card.spec.clips, card.spec.crops                      # 63.2, 5, 1
default_spec("tsm_r50_1x1x8").segments                           # 8

CARDS are those of `mmaction_zoo` and `hub_zoo` (torchvision, pytorchvideo). Those of ActionCLIP and
CLIP: see `clip_zoo`; of AVA: `ava_zoo`; of IG-65M: `ig65m_zoo`; of localizers:
`localization_zoo`. EVERY_CARD holds all.
"""

import difflib
from pathlib import Path
from typing import Any

from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.weights import (
    ava_zoo,
    cards,
    clip_zoo,
    hub_zoo,
    ig65m_zoo,
    localization_zoo,
    mmaction_zoo,
)
from i3d.weights.cards import Card
from i3d.weights.mmaction_zoo import FLOW, clip_spec, tsn_spec

_DEEP_VIDEO = {"single": (1, 1), "early": (10, 1), "late": (2, 15), "slow": (10, 1)}


def _deep_video(frames, stride, crop=170):
    statistics: dict[str, Any] = {"mean": (117.0,) * 3, "std": (1.0,) * 3}
    return clip_spec(frames, stride, 20, 1, 200, crop, **statistics)


# Models without a published file among ours. Two-stream: Simonyan & Zisserman 2014
# (arXiv:1406.2199), 25 places x 10 crops; CNN + LSTM: clips of 16 frames as Donahue et al. 2015;
# DeepVideo: Karpathy et al. 2014, sections 3.3 and 4.1, 20 clips (there of four crops each).
_UNPUBLISHED = {
    "inception_i3d": cards.i3d_spec("rgb"),
    "tsn_r50_5x1x3_flow": tsn_spec(25, 5, **FLOW),
    "slowonly_r50_16x4x1_flow": clip_spec(16, 4, **FLOW),
    "two_stream_rgb": tsn_spec(25),
    "two_stream_flow": tsn_spec(25, 10, **FLOW),
    "ipcsn_r50_32x2x1": clip_spec(32, 2, **cards.KINETICS),
    "cnn_lstm_r50": clip_spec(16, 1, crops=1, crop=224),
    **{f"deep_video_{name}": _deep_video(*row) for name, row in _DEEP_VIDEO.items()},
    **{f"deep_video_{name}_multi": _deep_video(*row, 178) for name, row in _DEEP_VIDEO.items()},
}

CARDS = mmaction_zoo.CARDS | hub_zoo.CARDS
EVERY_CARD = CARDS | clip_zoo.CARDS | ava_zoo.CARDS | ig65m_zoo.CARDS | localization_zoo.CARDS
_SPECS_BY_NAME: dict[str, Any] = _UNPUBLISHED | clip_zoo.SPECS | ava_zoo.SPECS | ig65m_zoo.SPECS


def card_of(checkpoint: str | Path) -> Card | None:
    """Returns the Card of a file that keeps its published name, None for others."""
    path = Path(str(checkpoint).removesuffix(".index"))
    if card := EVERY_CARD.get(path.name):
        return card
    known = (*cards.CARDS.values(), *cards.DEMO_CARDS.values(), *localization_zoo.CARDS.values())
    return next((card for card in known if path.parts[-2:] == Path(card.file).parts), None)


def default_spec(model: str) -> InputSpec:
    """Returns the InputSpec of a model's first published file, or of its paper.

    Raises:
      UserError: nothing is known of such a model; the message names the nearest.
    """
    if spec := _SPECS_BY_NAME.get(model):
        return spec
    found = next((card.spec for card in CARDS.values() if card.model == model), None)
    if found:
        return found
    known = sorted({*_SPECS_BY_NAME, *(card.model for card in CARDS.values())})
    near = difflib.get_close_matches(model, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    raise UserError(f"model {model!r}: not a model of videos that is known; {hint}")
