"""Labels as text: what `--text` and `text=` name, for networks with a text tower.

    labels_of("falling,sitting down")              # ("falling", "sitting down")
    labels_of("labels.txt")                        # a label per line, or JSON; see runtime.labels
    text = of_flags(own)                           # Text of parsed flags
    check([card], text)                            # before any work

TensorFlow is not imported here.
"""

import dataclasses
import os
import re
from collections.abc import Sequence

from absl import flags

from i3d.runtime import labels as labels_file
from i3d.runtime.command import UserError
from i3d.runtime.text import InputError
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

Labels = str | os.PathLike | Sequence[str]
_FILES = (".txt", ".csv", ".json")
_PATH = re.compile(r"/|\\|\.\w{1,8}$")  # in what names a file rather than an action
_SPLIT = 'whether "ApplyEyeMakeup" is read as three words; default: one, as ActionCLIP was trained'
_SCALE = "whether the scale of the cosine is the learned one; default: 100, as ActionCLIP is tested"


@dataclasses.dataclass(frozen=True)
class Text:
    """The labels of a zero-shot classifier, and how they become scores.

    Attributes:
      labels: of the classes, in the order of the scores; (): the class names of the checkpoint, or
        of the records.
      split_camel_case: whether "ApplyEyeMakeup" becomes "Apply Eye Makeup".
      learned_scale: whether the cosine is multiplied by the scale that was learned; else by 100.
    """

    labels: tuple[str, ...] = ()
    split_camel_case: bool = False
    learned_scale: bool = False


def labels_of(text: Labels) -> tuple[str, ...]:
    """Returns the labels of a file, of a text with commas between them, or of a list.

    Args:
      text: the path of a file (see i3d.runtime.labels.texts: one label per line, or JSON), labels
        between commas, or a sequence of labels. A label that holds a comma needs a file or a
        sequence.

    Raises:
      UserError: there are fewer than two, one is there twice, or a file and labels are mixed.
    """
    if not isinstance(text, str | os.PathLike):
        names, source = labels_file.checked(_texts(text), "text"), "text"
    elif os.path.exists(text):
        names, source = labels_file.texts(text), os.fspath(text)
    else:
        names, source = _between_commas(os.fspath(text)), "--text"
    if len(names) < 2:
        raise UserError(
            f"{source}: expected two labels or more, got {names[0]!r} alone, whose score would be "
            "1 for every video; add what else it may show (a file has one label per line)"
        )
    return tuple(names)


def _texts(text):
    names = list(text)
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise UserError(f"text: expected a list of texts, got {wrong[0]!r:.80} in it")
    return names


def _between_commas(text):
    words = [word.strip() for word in text.split(",")]
    there = [word for word in words if os.path.isfile(word)]
    if there:
        raise UserError(
            f"--text: expected a file or labels between commas, got both: {text[:80]!r} holds the "
            f"file {there[0]}"
        )
    if not text.strip():
        raise UserError("--text: expected labels, a file or between commas, got none")
    for word in words:
        if word.lower().endswith(_FILES) or (len(words) == 1 and _PATH.search(word)):
            raise InputError(f"--text: {word}: no such file")
        if not word:
            raise UserError(f"--text: expected labels between commas, got an empty one: {text!r}")
    return labels_file.checked(words, "--text")


def define(own: flags.FlagValues, default: str) -> None:
    """Defines --text, --split_camel_case and --learned_scale.

    Args:
      own: flags of the command.
      default: what the labels are without --text.
    """
    labels = (
        "labels of a model with a text tower (actionclip_*, clip_*): file with one label per line, "
        f"or labels between commas; default: {default}"
    )
    flags.DEFINE_multi_string("text", [], labels, flag_values=own)
    flags.DEFINE_boolean("split_camel_case", False, _SPLIT, flag_values=own)
    flags.DEFINE_boolean("learned_scale", False, _SCALE, flag_values=own)


def of_flags(own: flags.FlagValues) -> Text:
    """Returns the Text of parsed flags.

    Raises:
      UserError: --text is there twice, or as `labels_of`.
    """
    if len(own.text) > 1:
        raise UserError(
            f"--text: expected a file or labels between commas, got it {len(own.text)} times"
        )
    labels = labels_of(own.text[0]) if own.text else ()
    return Text(labels, own.split_camel_case, own.learned_scale)


def check(cards: Sequence[Card], text: Text, given: Sequence[str] = ()) -> None:
    """Raises UserError where a text is meant for models that take none.

    Args:
      cards: of all networks.
      text: what is asked for.
      given: further flags that need a text tower, where they are given.
    """
    named = {"--text": text.labels, "--split_camel_case": text.split_camel_case}
    named |= {"--learned_scale": text.learned_scale}
    asked = [name for name, value in named.items() if value] + list(given)
    without = next((card for card in cards if not takes_text(card.model)), None)
    if without and asked and (len(cards) == 1 or not any(takes_text(c.model) for c in cards)):
        raise UserError(
            f"{asked[0]}: {without.model} has no text tower, its classes are those of its "
            "training; expected a model such as actionclip_b16_8f or clip_b16"
        )
    if without and text.labels:
        raise UserError(
            f"--text: {without.file}: {without.model} has no text tower; leave --text out, and the "
            "other networks take its classes as text"
        )
