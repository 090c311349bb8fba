"""CLIP's tokens of texts, and ActionCLIP's prompts of labels.

    tokens(["a video of falling"])              # int32 [1, 77]: start, pieces, end, zeros
    trimmed(tokens(prompts(["falling", "sitting down"])))    # int32 [16 * 2, longest]

Texts are mended (ftfy), HTML entities are resolved twice and letters made small, as OpenAI's
tokenizer does; keras-hub's does the rest with the merges of OpenAI's vocabulary, which lie beside
this file (MIT licence). Both are of the extra `clip`.

Sources: Radford et al. 2021 (arXiv:2103.00020), section 2.4; openai/CLIP; for the prompts
Wang et al. 2021 (arXiv:2109.08472) and sallymmx/ActionCLIP, utils/Text_Prompt.py.
"""

import functools
import gzip
import html
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from i3d.models.clip_towers import CONTEXT, hub, of_extra

TEMPLATES = (
    "a photo of action {}",
    "a picture of action {}",
    "Human action of {}",
    "{}, an action",
    "{} this is an action",
    "{}, a video of action",
    "Playing action of {}",
    "{}",
    "Playing a kind of action, {}",
    "Doing a kind of action, {}",
    "Look, the human is {}",
    "Can you recognize the action of {}?",
    "Video classification of {}",
    "A video of {}",
    "The man is {}",
    "The woman is {}",
)
_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def prompts(labels: Sequence[str], split_camel_case: bool = False) -> list[str]:
    """Returns the texts of labels in each of TEMPLATES: text t * K + k is label k in template t.

    Args:
      labels: K names of actions.
      split_camel_case: whether "ApplyEyeMakeup" becomes "Apply Eye Makeup"; the published models
        were trained and tested without.
    """
    names = [words_of(label) if split_camel_case else label for label in labels]
    return [template.format(name) for template in TEMPLATES for name in names]


def words_of(label: str) -> str:
    """Returns a label with its words apart: "ApplyEyeMakeup" as "Apply Eye Makeup"."""
    return _WORDS.sub(" ", label)


class TooLong(ValueError):
    """A text has more tokens than CLIP takes.

    Attributes:
      number: of the text in its list.
    """

    def __init__(self, number: int, text: str, count: int) -> None:
        """Says how many tokens which text has."""
        self.number = number
        dots = "..." if len(text) > 60 else ""
        super().__init__(
            f"text: expected at most {CONTEXT} tokens with start and end, got {count} of "
            f"{text[:60]!r}{dots}; shorten it"
        )


def tokens(texts: Sequence[str]) -> np.ndarray:
    """Returns the tokens of texts, int32 [N, 77]: the start, pieces of words, the end, zeros.

    Raises:
      TooLong: a text has more than 77 tokens, with start and end; ValueError: the extra is missing.
    """
    tokenizer = _tokenizer()
    ftfy = of_extra("ftfy")
    found = np.zeros((len(texts), CONTEXT), np.int32)
    start, end = tokenizer.start_token_id, tokenizer.end_token_id
    pieces = tokenizer([_clean(ftfy.fix_text(text)) for text in texts])  # one call: much faster
    for number, ids in enumerate(pieces):
        count = len(ids) + 2
        if count > CONTEXT:
            raise TooLong(number, texts[number], count)
        found[number, :count] = [start, *ids, end]
    return found


def trimmed(rows: np.ndarray) -> np.ndarray:
    """Returns tokens [N, L], cut after the longest text: the features stay the same, for less work.

    Args:
      rows: int32 [N, 77], as of `tokens`.
    """
    return rows[:, : 1 + int(rows.argmax(axis=1).max(initial=0))]


def _clean(text):
    text = html.unescape(html.unescape(text)).strip()
    return re.sub(r"\s+", " ", text).strip().lower()


@functools.cache
def _tokenizer() -> Any:
    file = resources.files("i3d.models") / "clip_vocabulary" / "merges.txt.gz"
    merges = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()
    letters = _letters()
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += [merge.replace(" ", "") for merge in merges]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, _START, _END])}
    return hub().tokenizers.CLIPTokenizer(vocabulary=vocabulary, merges=merges)


def _letters():
    """Returns the printed letter of each byte, in the order of the vocabulary.

    Bytes that print are themselves, the others follow from code point 256 on (GPT-2's bytes).
    """
    printed = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = range(256 - len(printed))
    return [chr(code) for code in (*printed, *(256 + n for n in others))]
