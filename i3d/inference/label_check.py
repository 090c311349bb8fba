"""Finds labels that CLIP's tokenizer cannot take or tell apart, before anything is loaded.

    check(Text(("falling", "Falling")))      # UserError: letters are made small
    check_once(labels, keys)

The tokenizer counts again; it needs keras-hub, which takes seconds to import.
"""

import html
import re
from collections import Counter
from collections.abc import Hashable, Sequence

from i3d.inference.text import Text
from i3d.runtime.command import UserError
from i3d.runtime.labels import shortened

_MOST = 75  # tokens besides start and end
_PIECES = re.compile(r"[A-Za-z]+|\d")  # of one token each, or more


def check(text: Text) -> None:
    """Raises UserError where labels are the same but for letter case, or one is surely too long."""
    for label in text.labels:
        count = len(_PIECES.findall(html.unescape(html.unescape(label))))
        if label.isascii() and count > _MOST:
            raise UserError(
                f"label {shortened(label)}: expected at most 77 tokens with start and end, got "
                f"{count + 2} or more; shorten it"
            )
    if not text.split_camel_case:  # which tells "YoYo" from "yoyo"
        check_once(text.labels, [" ".join(label.lower().split()) for label in text.labels])


def check_once(labels: Sequence[str], keys: Sequence[Hashable]) -> None:
    """Raises UserError where labels have the same key: the text as the tokenizer sees it.

    Args:
      labels: texts.
      keys: of each label.
    """
    twice = next((key for key, count in Counter(keys).items() if count > 1), None)
    if twice is not None:
        same = [shortened(name) for name, key in zip(labels, keys, strict=True) if key == twice]
        raise UserError(
            f"labels {' and '.join(same)} are the same text, as letters are made small: expected "
            "each label once"
        )
