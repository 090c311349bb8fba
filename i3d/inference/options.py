"""Defines the flags that select a network and its views.

options.define(own, several=True)
cards = options.cards(own, settings)          # after parsing
"""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from absl import flags

from i3d.inference import engine
from i3d.inference.checkpoint import card_of
from i3d.runtime.command import UserError
from i3d.weights import find
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text
from i3d.weights.errors import NoHead
from i3d.weights.start import head_classes

_CHECKPOINT = (
    "checkpoint: TF1 prefix, .weights.h5, .pth or .safetensors file, or the name of a published "
    "one such as rgb_scratch, which is downloaded where it is missing"
)


def define_networks(own: flags.FlagValues, several: str = "") -> None:
    """Defines --model and --checkpoint.

    Args:
      own: flags of the command.
      several: what repeating --checkpoint does, where both may be repeated.
    """
    model = "name in the catalogue of models; default: by the checkpoint's name or training run"
    if several:
        added = f"; repeat it to {several}"
        flags.DEFINE_multi_string("model", [], model, flag_values=own)
        flags.DEFINE_multi_string("checkpoint", [], _CHECKPOINT + added, flag_values=own)
    else:
        flags.DEFINE_string("model", None, model, flag_values=own)
        flags.DEFINE_string("checkpoint", None, _CHECKPOINT, flag_values=own)


def define(own: flags.FlagValues, several: bool = False, together: str = "add the logits") -> None:
    """Defines --model, --checkpoint, --clips, --crops, --precision, --batch_size.

    Args:
      own: flags of the command.
      several: whether --model and --checkpoint may be repeated.
      together: what is done with several networks.
    """
    define_networks(own, f"{together} of several networks" if several else "")
    default = "default: the checkpoint's test protocol"
    clips = f"clips (or segments) per video; {default}"
    flags.DEFINE_integer("clips", None, clips, 1, flag_values=own)
    flags.DEFINE_enum(
        "crops", None, ["1", "3", "10"], f"crops per clip; {default}", flag_values=own
    )
    precisions = ["float32", "bfloat16"]
    flags.DEFINE_enum(
        "precision",
        "float32",
        precisions,
        "precision that the network computes in",
        flag_values=own,
    )
    flags.DEFINE_integer(
        "batch_size", None, "views per batch on each device; default: by their size", 1,
        flag_values=own,
    )  # fmt: skip


def define_engine(own: flags.FlagValues) -> None:
    """Defines --engine; one that is not installed is a wrong call."""
    flags.DEFINE_enum("engine", "keras", engine.ENGINES, engine.HELP, flag_values=own)
    flags.register_validator("engine", _is_there, flag_values=own)


def _is_there(name):
    try:
        engine.check(name)
    except UserError as error:
        raise flags.ValidationError(str(error).removeprefix("engine: ")) from error
    return True


def cards(
    own: flags.FlagValues,
    settings: dict[str, Any] | None = None,
    clips: int | None = None,
    short_side: int | None = None,
    takes: str = "videos",
) -> list[Card]:
    """Returns the Cards of the networks that parsed flags name.

    Args:
      own: as `define` made them, parsed.
      settings: flat settings of --config, None without.
      clips: in place of --clips.
      short_side: as for `card_of`.
      takes: what the networks are to take, as for `card_of`; others are refused.

    Raises:
      UserError: there are more or fewer checkpoints than models, or one cannot be used.
    """
    files, names = _list(own.checkpoint), _list(own.model)
    if not files:
        raise UserError(
            f"--checkpoint is needed: a path, or one of {find.offered(takes)} (others, to be "
            "given by path: i3d.cards() in Python)"
        )
    clips = own.clips if clips is None else clips  # WHOLE is 0
    crops = own.crops and int(own.crops)
    return cards_of(files, names, settings, clips, crops, short_side, takes)


def cards_of(
    files: Sequence[str],
    names: Sequence[str | None] = (),
    settings: dict[str, Any] | None = None,
    clips: int | None = None,
    crops: int | None = None,
    short_side: int | None = None,
    takes: str = "videos",
) -> list[Card]:
    """Returns the Cards of checkpoints, whose heads are read: a damaged file is refused early.

    Args:
      files: paths, or names of cards.
      names: of their models, as many; () for none.
      settings: flat settings of --config, None without.
      clips, crops, short_side, takes: as for `card_of`.

    Raises:
      UserError: there are more or fewer checkpoints than models, or one cannot be used.
    """
    if names and len(names) != len(files):
        raise UserError(f"expected a --checkpoint for each --model, got {len(files)}")
    if settings is not None and (names or len(files) > 1):
        raise UserError("expected either --model=NAME or --config=FILE.py, got both")
    found = [
        card_of(name, file, settings, clips, crops, short_side, takes)
        for name, file in zip(names or [None] * len(files), files, strict=True)
    ]
    _check_each_once(found)
    for card in found:
        if takes_text(card.model):  # it has no head
            continue
        with contextlib.suppress(NoHead):  # enough for features
            head_classes(card.file, card.model)
    return found


def _check_each_once(found):
    """Raises UserError where a checkpoint is given twice, by whatever names."""
    seen = set()
    for path, card in ((os.path.realpath(card.file), card) for card in found):
        if path in seen:
            raise UserError(f"--checkpoint: {card.file} is given twice; leave one out")
        seen.add(path)


def batch_size(own: flags.FlagValues, cards: list[Card]) -> int:
    """Returns --batch_size, or that of `views_at_once`."""
    return own.batch_size or views_at_once(cards)


def views_at_once(cards: list[Card]) -> int:
    """Returns a number of views per batch: as many as hold about 32 frames of 224 pixels."""
    if any(card.spec.whole for card in cards):
        return 1
    pixels = max(_pixels(card.spec.view_shape) for card in cards)
    return max(1, min(4, round(32 * 224 * 224 / pixels)))


def _pixels(shape):
    frames, height, width, _ = shape
    return frames * height * width


def _list(value):
    return [] if value is None else [value] if isinstance(value, str) else list(value)
