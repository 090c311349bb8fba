"""Loads checkpoints into a Predictor: `i3d.load`.

predictor = load("rgb_imagenet")                     # a card of i3d.cards(), or a path
predictor = load("tsn_r50_1x1x3", "tsn.pth")         # a model, and a file of any name
both = load(["rgb_imagenet", "flow_imagenet"])       # logits added
predictor = load("actionclip_b16_8f", "vit-b-16-8f.pt", text=["falling", "sitting down"])
"""

import dataclasses
import os
from collections.abc import Sequence

from i3d import models
from i3d.inference import checkpoint as checkpoints
from i3d.inference import engine as engines
from i3d.inference import label_check, network
from i3d.inference.predictor import Predictor
from i3d.inference.text import Labels, Text, labels_of
from i3d.inference.text import check as check_text
from i3d.runtime.command import UserError
from i3d.weights import find
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

Checkpoint = str | os.PathLike


def load(
    model: Checkpoint | Sequence[Checkpoint | None] | None = None,
    checkpoint: Checkpoint | Sequence[Checkpoint] | None = None,
    *,
    labels: str | None = None,
    precision: str = "float32",
    batch_size: int = 4,
    clips: int | None = None,
    crops: int | None = None,
    text: Labels | None = None,
    split_camel_case: bool = False,
    learned_scale: bool = False,
    engine: str = "keras",
) -> Predictor:
    """Returns the Predictor of a checkpoint, or of several together.

    `load(checkpoint)` takes the name of a card of `i3d.cards()` (downloaded where it is missing),
    the path of a file that keeps its published name, or weights beside the config.json of their
    training run. `load(model, checkpoint)` takes any file of that model.

    Args:
      model: name in the catalogue of models; or None, as for `load(checkpoint)`; or a list of
        such, one for each checkpoint. Without `checkpoint`: the checkpoint, or a list of them.
      checkpoint: path of a TF1 prefix, .weights.h5, .h5, .pth or .safetensors file, or the name
        of a card; or a list, whose logits are added.
      labels: file of class names (one a line, or JSON), where the checkpoint's are not known.
      precision: "float32" or "bfloat16".
      batch_size: views at a time.
      clips, crops: clips (or segments) of a video and crops of a clip, where not as published.
      text: labels of a model with a text tower (actionclip_*, clip_*): a list, a file, or labels
        between commas. None takes the class names of the checkpoint; where there are none, each
        `predict` is given labels.
      split_camel_case: whether "ApplyEyeMakeup" is read as three words.
      learned_scale: whether the cosine is multiplied by the learned scale; else by 100, as
        ActionCLIP is tested.
      engine: what runs the network on a processor: "keras", "openvino" (the extra fast), or
        "auto", the faster of the two, see i3d.inference.engine.

    Raises:
      UserError: a name or a file cannot be used; one line.
    """
    if checkpoint is None:
        model, checkpoint = None, model  # type: ignore[assignment]
    if checkpoint is None:
        raise UserError(f"expected a checkpoint: a path, or one of {find.offered()}")
    if precision not in network.PRECISIONS:
        expected = " or ".join(network.PRECISIONS)
        raise UserError(f"precision: expected {expected}, got {precision!r}")
    engines.check(engine)
    several = isinstance(checkpoint, list | tuple)
    files = [os.fspath(file) for file in (checkpoint if several else [checkpoint])]  # type: ignore
    names = list(model or [None] * len(files)) if several else [model]  # type: ignore[arg-type]
    if len(names) != len(files):
        raise UserError(f"expected a model for each of {len(files)} checkpoints, got {len(names)}")
    cards = [_card(name, file, clips, crops) for name, file in zip(names, files, strict=True)]
    words = Text(() if text is None else labels_of(text), split_camel_case, learned_scale)
    check_text(cards, words)
    label_check.check(words)
    return of_cards(cards, labels, precision, batch_size, True, words, engine)


def _card(model, checkpoint, clips, crops):
    """Returns the Card of a checkpoint; messages name no flag."""
    if model is None and checkpoint in models.names() and not os.path.exists(checkpoint):
        raise UserError(
            f"{checkpoint} is a model without weights: expected i3d.load({checkpoint!r}, "
            "checkpoint), or i3d.models.build for random weights"
        )
    try:
        return checkpoints.card_of(model, checkpoint, clips=clips, crops=crops)
    except UserError as error:
        if str(error).startswith("--checkpoint: "):
            raise type(error)(str(error).removeprefix("--checkpoint: ")) from error
        raise


def of_cards(
    cards: list[Card],
    labels: str | None = None,
    precision: str = "float32",
    batch_size: int = 4,
    keep_trained: bool = False,
    text: Text | None = None,
    engine: str = "keras",
) -> Predictor:
    """Returns the Predictor of a list of Cards; see `load`.

    Args:
      cards: of the checkpoints.
      labels, precision, batch_size: as for `load`.
      keep_trained: whether `Predictor.model` will be asked for; see `network.load`.
      text: labels for models with a text tower, and how they are read. Without labels, they are
        the classes of the other networks, or those of the card.
      engine: as for `load`.
    """
    text = text or Text()
    if len({card.spec.activation for card in cards}) > 1:
        each = ", ".join(f"{card.file} {card.spec.activation}" for card in cards)
        raise UserError(f"expected checkpoints that are all of one label or of several, got {each}")
    fixed = [card for card in cards if not takes_text(card.model)]
    classes = checkpoints.num_classes(fixed, [network.classes_of(card) for card in fixed])
    names = _names(cards, fixed, classes, labels, text)
    text = dataclasses.replace(text, labels=names)
    networks = [
        network.load(
            card,
            precision,
            endpoint="Logits" if names else "features",
            num_classes=classes,
            keep_trained=keep_trained,
            text=text,
            engine=engine,
        )
        for card in cards
    ]
    return Predictor(networks, names, batch_size, text)


def _names(cards, fixed, classes, labels, text):
    """Returns the class names of cards, () of texts that are still to be given."""
    if fixed:
        names = checkpoints.class_names(fixed, classes, labels)
        if len(fixed) < len(cards) and names == tuple(map(str, range(classes))):
            raise UserError(
                f"{fixed[0].file}: names of the classes are not known, which the others need as "
                "text; give them by labels"
            )
        return names
    if labels:
        raise UserError(f"labels: the classes of {cards[0].model} are texts; give them as text")
    known = {card.class_names() for card in cards} - {()}
    if not text.labels and len(known) > 1:
        raise UserError("the models have different class names: they cannot be added; give text")
    return text.labels or (known.pop() if known else ())
