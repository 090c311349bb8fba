"""All weight cards as a list that prints as a table: `i3d.cards()`.

i3d.cards()                                     # the table
{card.name for card in i3d.cards() if card.model == "inception_i3d"}
facts(card)["licence"]                          # "Apache-2.0"
"""

from i3d.data.feature_spec import FeatureSpec
from i3d.spec import InputSpec
from i3d.weights import kinds, zoo
from i3d.weights.cards import CARDS, DEMO_CARDS, Card
from i3d.weights.clip_zoo import takes_text
from i3d.weights.verified import verified

# `data` of a card, or its beginning: the folder of records in data/, and flags of the protocol.
_RECORDS = {
    "AVA 2.1": "ava21 --boxes=proposals",
    "AVA 2.2": "ava22 --boxes=proposals",
    "260 synthetic": "figures --clips=3",
    "60 drawn": "scenes",
}


class Cards(list[Card]):
    """A list of Cards; its repr is a table of the facts of each."""

    def __repr__(self) -> str:
        """Returns a line for each card, under a line of column names."""
        rows = [tuple(facts(card).values()) for card in self]
        rows = [tuple(facts(CARDS["rgb_imagenet"])), *rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)


def cards() -> Cards:
    """Returns the Cards of all known checkpoints: those that `i3d.load` takes by name first.

    The others are files of MMAction2, torchvision, pytorchvideo, ActionCLIP, CLIP and
    ActionFormer, which are recognised by the name of the file. A card has name, file, model, spec
    (InputSpec of its test protocol; FeatureSpec of a localizer), parameters, gflop (billions of
    multiply-adds for a view), num_classes, top1 and top5, or frame_map where boxes are found, or
    temporal_map where segments are, or auc of proposals (percent, as published), data (what they
    were measured on), licence and source. The table has them, what was verified here, and the
    command that tests it.
    """
    return Cards([*CARDS.values(), *DEMO_CARDS.values(), *zoo.EVERY_CARD.values()])


def facts(card: Card) -> dict[str, str]:
    """Returns {name of a column: what a card says there}, "-" where nothing is known."""
    scores = {
        "top-1": card.top1,
        "top-5": card.top5,
        "frame mAP": card.frame_map,
        "average mAP": card.temporal_map,
        "AUC": card.auc,
    }
    percents = {key: "-" if value is None else f"{value:.1f}" for key, value in scores.items()}
    return {
        "name": card.name,
        "model": card.model,
        "parameters": f"{card.parameters / 1e6:.1f} M" if card.parameters else "-",
        "GFLOP/view": gflop_text(card.gflop),
        "stream": getattr(card.spec, "stream", "features"),
        "classes": str(card.num_classes or "-"),
        **percents,
        "licence": card.licence or "-",
        "measured on": card.data or "-",
        "protocol": protocol(card.spec),
        "from": card.source or "-",
        "verified": verified(card.name, card.model if card.width == 1 else ""),
        "test": test_command(card) or "-",
    }


def gflop_text(gflop: float | None) -> str:
    """Returns billions of multiply-adds in three digits, "-" for None."""
    if gflop is None:
        return "-"
    return f"{gflop:.0f}" if gflop >= 100 else f"{gflop:#.3g}"


def test_command(card: Card) -> str:
    """Returns the command that tests a checkpoint, on records in the folder data/.

    It is "" of those whose classes have no names.
    """
    kind = kinds.taken_by(card.model)
    known = (*CARDS.values(), *DEMO_CARDS.values())
    checkpoint = card.name if card in known else card.file
    if kind == "features":
        truth = "--truth=truth.json --features=features"
        return f"python -m i3d.evaluate --task=localization --checkpoint={checkpoint} {truth}"
    if not card.data and not takes_text(card.model):
        return ""
    named = (folder for start, folder in _RECORDS.items() if card.data.startswith(start))
    records = next(named, card.data.partition(" ")[0] or "mine")
    task = "--task=ava " if kind == "boxes" else ""
    return f"python -m i3d.evaluate {task}--checkpoint={checkpoint} --records=data/{records}"


def protocol(spec: InputSpec | FeatureSpec) -> str:
    """Returns the views of a video in a few words; `spec.described()` says all."""
    if isinstance(spec, FeatureSpec):
        return f"features of {spec.window} frames, stride {spec.stride}"
    pixels = f"{spec.crop} px" if spec.crop else f"short side {spec.resize} px"
    if spec.whole:
        return f"whole video, {spec.crops} crop(s), {pixels}"
    unit = "segments" if spec.segments else f"clips of {spec.frames} x {spec.stride}"
    twice = " twice" if spec.twice else ""
    crops = f"{spec.crops} crop(s)" if spec.crop else "whole pictures"
    return f"{spec.segments or spec.clips} {unit}{twice}, {crops}, {pixels}"
