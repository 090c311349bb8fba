"""The flags that name the classes of networks: --labels, and --text of models with a text tower.

    classes.define(own, "those of the training")
    text = classes.of_flags(own)                 # after parsing
    classes.check(own, cards, text)

TensorFlow is not imported here.
"""

from collections.abc import Sequence

from absl import flags

from i3d.inference import checkpoint, label_check
from i3d.inference import text as text_options
from i3d.inference.text import Text
from i3d.runtime import labels
from i3d.runtime.command import UserError
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text
from i3d.weights.start import head_classes


def define(own: flags.FlagValues, default: str) -> None:
    """Defines --labels, and the flags of `text.define`.

    Args:
      own: flags of the command.
      default: what the labels of a model with a text tower are without --text.
    """
    names = "file of class names in label order: one per line, or JSON"
    flags.DEFINE_string("labels", None, names, flag_values=own)
    text_options.define(own, default)


def of_flags(own: flags.FlagValues) -> Text:
    """Returns the Text of parsed flags; the file of --labels is read to be checked.

    Raises:
      UserError: --labels or --text cannot be used.
    """
    if own.labels:
        labels.class_names(own.labels)
    return text_options.of_flags(own)


def check(
    own: flags.FlagValues, cards: Sequence[Card], text: Text, given: Sequence[str] = ()
) -> None:
    """Raises UserError where labels lack, or are given to networks that take none.

    Args:
      own: parsed flags.
      cards: of all networks.
      text: labels that are given.
      given: further flags that need a text tower, where they are given.
    """
    text_options.check(cards, text, given)
    label_check.check(text)
    if not all(takes_text(card.model) for card in cards):
        return
    if own.labels:
        raise UserError(
            f"--labels: the classes of {cards[0].model} are texts; give them by --text={own.labels}"
        )
    if not text.labels and not any(card.class_names() for card in cards):
        raise UserError(
            f"--text is needed: labels for {cards[0].model}, a file with one per line, or between "
            "commas"
        )


def names(own: flags.FlagValues, cards: Sequence[Card], text: Text) -> tuple[str, ...]:
    """Returns the class names of networks, as they will be when the networks are loaded.

    Args:
      own, cards, text: as for `check`, which comes first.

    Raises:
      UserError: the checkpoints have no head, or other numbers of classes than names.
    """
    fixed = [card for card in cards if not takes_text(card.model)]
    if not fixed:
        return text.labels or next(filter(None, (card.class_names() for card in cards)))
    count = head_classes(fixed[0].file, fixed[0].model)
    return checkpoint.class_names(fixed, count, own.labels)
