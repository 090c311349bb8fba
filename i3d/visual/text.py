"""Writes text on pictures, of any script that OpenCV's built-in fonts have.

    write(picture, "juggling balls", left=4, top=2, size=16)
    fitted("dancing gangnam style", 80, 16)                    # "dancing ga..."
    undrawable(["juggling", "ไทย"])                             # "ไทย"
    drawable("ไทย", "class 3")                                  # "class 3"

Latin, Greek, Cyrillic, Hebrew, Arabic, Chinese, Japanese and Korean are drawn; a letter that is not
is a question mark, an emoji is left out. Text from right to left is put in the order of display,
without joining letters.
"""

import functools
import itertools
import unicodedata
from collections.abc import Iterable

import cv2
import numpy as np

WHITE = (255, 255, 255)
_BOLD = 600  # weight of the strokes
_DOTS = "..."
_SAMPLE_PX = 24
_font: list[cv2.FontFace] = []  # once it has been read


def extent(text: str, size: int) -> tuple[int, int, int, int]:
    """Returns (left, top, width, height) in pixels of a text whose baseline begins at 0, 0."""
    drawn = displayed(text)
    return cv2.getTextSize((1, 1), drawn, (0, 0), _face(), size, _BOLD)  # type: ignore[return-value]


def write(
    picture: np.ndarray,
    text: str,
    left: int,
    top: int,
    size: int,
    colour: tuple[int, int, int] = WHITE,
) -> None:
    """Writes a line on a picture.

    Args:
      picture: uint8 RGB [H, W, 3], changed in place.
      text: one line.
      left, top: pixels; the baseline is about `size` below the top.
      size: of the font, pixels.
      colour: RGB.
    """
    above = extent("Ag", size)[1]  # the same for every line
    cv2.putText(picture, displayed(text), (left, top - above), colour, _face(), size, _BOLD)


def fitted(text: str, width: int, size: int) -> str:
    """Returns a text, or its beginning and dots, that is at most `width` pixels wide; "" at worst.

    Args:
      text: one line.
      width: pixels.
      size: of the font, pixels.
    """
    if extent(text, size)[2] <= width:
        return text
    for count in range(len(text) - 1, 0, -1):
        short = text[:count].rstrip() + _DOTS
        if extent(short, size)[2] <= width:
            return short
    return ""


def undrawable(texts: Iterable[str]) -> str:
    """Returns the letters of texts that no font has, but for emoji, each once, in their order."""
    letters = dict.fromkeys(c for text in texts for c in text if not c.isspace())
    return "".join(c for c in letters if _lacks(c) and not _is_symbol(c))


def described(letters: str) -> str:
    """Returns one line on letters of class names that no font has."""
    return (
        f"letters without a font, drawn as ?: {letters[:40]} (a class of such letters alone is "
        "drawn by its number)"
    )


def drawable(text: str, instead: str) -> str:
    """Returns a text, or another one in place of it where no font has any of its letters."""
    letters = [c for c in text if not c.isspace()]
    return text if not letters or any(not _lacks(c) for c in letters) else instead


def displayed(text: str) -> str:
    """Returns a text in the order of display, as OpenCV draws letters in the order that is stored.

    Emoji and other symbols that no font has are left out, unless nothing else is there. Letters
    that run from right to left are reversed, with the signs between them; other letters and numbers
    stay, as in a line that begins from the left.
    """
    text = _without_symbols(text)
    if not any(map(_runs_from_the_right, text)):
        return text
    parts = []
    for leftwards, run in itertools.groupby(text, _runs_from_the_left):
        letters = "".join(run)
        core = letters.strip("".join(c for c in letters if not _runs_from_the_right(c)))
        parts.append(letters if leftwards or not core else letters.replace(core, core[::-1]))
    return "".join(parts)


def _runs_from_the_right(letter):
    return unicodedata.bidirectional(letter) in ("R", "AL")


def _runs_from_the_left(letter):
    return unicodedata.bidirectional(letter) in ("L", "EN")


def _without_symbols(text):
    if text.isascii():
        return text
    kept = "".join(c for c in text if not (_is_symbol(c) and _lacks(c)))
    return " ".join(kept.split()) if kept.strip() and kept != text else text


def _is_symbol(letter):
    return unicodedata.category(letter) in ("So", "Sk", "Mn", "Cf")  # emoji, selectors, joiners


def _lacks(letter):
    if letter.isascii():
        return False
    unseen = unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"
    return unseen or _is_missing(letter)


@functools.cache
def _is_missing(letter):
    return np.array_equal(_drawn(letter), _drawn("?"))


def _drawn(letter):
    picture = np.zeros((2 * _SAMPLE_PX, 2 * _SAMPLE_PX, 3), np.uint8)
    origin = _SAMPLE_PX // 2, _SAMPLE_PX * 3 // 2
    cv2.putText(picture, letter, origin, WHITE, _face(), _SAMPLE_PX, _BOLD)
    return picture


def _face():
    if not _font:
        _font.append(cv2.FontFace("sans"))
    return _font[0]
