"""All weight cards as a list that prints as a table: `i3d.cards()`.

i3d.cards()                                     # the table
{card.name for card in i3d.cards() if card.model == "inception_i3d"}
"""

from i3d.data.feature_spec import FeatureSpec
from i3d.spec import InputSpec
from i3d.weights import zoo
from i3d.weights.cards import CARDS, DEMO_CARDS, Card

_HEAD = (
    *("name", "model", "parameters", "classes", "top-1", "top-5", "frame mAP", "average mAP"),
    *("licence", "measured on", "protocol"),
)


class Cards(list[Card]):
    """A list of Cards; its repr is a table of name, model, parameters, scores and licence."""

    def __repr__(self) -> str:
        """Returns a line for each card, under a line of column names."""
        rows = [_HEAD, *map(_row, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)


def cards() -> Cards:
    """Returns the Cards of all known checkpoints: those that `i3d.load` takes by name first.

    The others are files of MMAction2, torchvision, pytorchvideo, ActionCLIP, CLIP and
    ActionFormer, which are recognised by the name of the file. A card has name, file, model, spec
    (InputSpec of its test protocol; FeatureSpec of a localizer), parameters, num_classes, top1 and
    top5, or frame_map where boxes are found, or temporal_map where segments are (percent, as
    published), data (what they were measured on), licence and source.
    """
    return Cards([*CARDS.values(), *DEMO_CARDS.values(), *zoo.EVERY_CARD.values()])


def _row(card: Card) -> tuple[str, ...]:
    scores = (card.top1, card.top5, card.frame_map, card.temporal_map)
    percents = ("-" if score is None else f"{score:.1f}" for score in scores)
    count = f"{card.parameters / 1e6:.1f} M" if card.parameters else "-"
    classes, licence = str(card.num_classes or "-"), card.licence or "-"
    facts = card.name, card.model, count, classes, *percents, licence, card.data
    return *facts, _protocol(card.spec)


def _protocol(spec: InputSpec | FeatureSpec) -> str:
    """Returns the views of a video in a few words; `spec.described()` says all."""
    if isinstance(spec, FeatureSpec):
        return f"features of {spec.window} frames, stride {spec.stride}"
    if spec.whole:
        return f"whole video, {spec.crops} crop(s)"
    unit = "segments" if spec.segments else f"clips of {spec.frames} x {spec.stride}"
    twice = " twice" if spec.twice else ""
    crops = f"{spec.crops} crop(s)" if spec.crop else "whole pictures"
    return f"{spec.segments or spec.clips} {unit}{twice}, {crops}"
