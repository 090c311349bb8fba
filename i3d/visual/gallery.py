"""Shows labelled videos together: a contact sheet, and a page that plays them.

shown = [Shown("run/a.mp4", "run", "walk", 0.61, picture)]
write_sheet("labelled/contact_sheet.jpg", map(tile, shown))
files.write_text("labelled/index.html", gallery(shown, ["run/b.avi: the file is empty"]))
"""

import os
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

import cv2
import numpy as np

from i3d.runtime.markup import escaped
from i3d.runtime.text import counted
from i3d.visual import page
from i3d.visual.text import fitted, write
from i3d.visual.thumbnails import data_uri, shrunk
from i3d.visual.timeline import GREEN

SIDE = 240  # of the pictures, pixels
_ORANGE = (196, 60, 0)
_TEXT_PX, _LINE_PX = 15, 22
_CHOICES = {"all": "All", "right": "Right", "wrong": "Wrong"}
_STYLE = """
fieldset { border: 1px solid #767676; display: inline-block; }
.filter label { margin-right: 1.2rem; }
.videos video { width: 100%; background: #101014; }
.right .result { color: #00634a; } .wrong .result { color: #a83400; }
main:has(#right:checked) .wrong, main:has(#wrong:checked) .right { display: none; }
"""


class Shown(NamedTuple):
    """A labelled video.

    Attributes:
      path: relative to the page.
      truth: its true label.
      name: best class of the whole video.
      score: its score.
      picture: uint8 RGB [H, W, 3], at most SIDE pixels wide and high.
    """

    path: str
    truth: str
    name: str
    score: float
    picture: np.ndarray

    @property
    def right(self) -> bool:
        """Whether the best class is the true label."""
        return self.name == self.truth


def small(picture: np.ndarray) -> np.ndarray:
    """Returns a picture [H, W, 3] with at most SIDE pixels per side."""
    return shrunk(picture, SIDE)


def tile(shown: Shown) -> np.ndarray:
    """Returns uint8 RGB [H, W, 3] of one size: the picture, the true label and the prediction."""
    made = np.full((SIDE + 2 * _LINE_PX + 8, SIDE + 8, 3), 255, np.uint8)
    scale = SIDE / max(shown.picture.shape[:2])
    picture = cv2.resize(shown.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    height, width = picture.shape[:2]
    top, left = (SIDE - height) // 2 + 4, (SIDE - width) // 2 + 4
    made[4 : SIDE + 4, 4:-4] = 16
    made[top : top + height, left : left + width] = picture
    colour = GREEN if shown.right else _ORANGE
    lines = (f"true: {shown.truth}", GREEN), (f"{shown.score:.0%} {shown.name}", colour)
    for number, (text, ground) in enumerate(lines):
        top = SIDE + 4 + number * _LINE_PX
        cv2.rectangle(made, (4, top), (SIDE + 3, top + _LINE_PX - 1), ground, -1)
        write(made, fitted(text, SIDE - 8, _TEXT_PX), 8, top + 2, _TEXT_PX)
    return made


def gallery(shown: Sequence[Shown], failures: Sequence[str]) -> str:
    """Returns the text of an HTML file that plays the videos, which lie below its folder.

    Args:
      shown: the videos.
      failures: one line on each video that could not be labelled.
    """
    right = sum(each.right for each in shown)
    counts = {"all": len(shown), "right": right, "wrong": len(shown) - right}
    parts: list[str] = [
        page.paragraph(f"{right} of {counted(len(shown), 'video')} right."),
        _filter(counts),
        f'<ul class="videos">\n{"".join(map(_item, shown))}</ul>',
    ]
    if failures:
        lines = "".join(f"<li>{escaped(line)}</li>\n" for line in failures)
        parts.append(page.section("Videos that failed", f"<ul>\n{lines}</ul>"))
    return page.page("Labelled videos", parts, _STYLE, media=True)


def _filter(counts):
    """Returns the choice of what is shown: radio buttons, which arrow keys move between."""
    buttons = "\n".join(
        f'<input type="radio" name="shown" id="{key}"{" checked" * (key == "all")}>'
        f'<label for="{key}">{title} ({counts[key]})</label>'
        for key, title in _CHOICES.items()
    )
    return f'<fieldset class="filter"><legend>Show</legend>\n{buttons}\n</fieldset>'


def _item(each):
    kind = "right" if each.right else "wrong"
    words = f"{each.path}: true label {each.truth}, predicted {each.name} with {each.score:.0%}"
    link, poster = quote(os.fsencode(each.path)), data_uri(each.picture, ".jpg")
    return (
        f'<li class="{kind}">\n<video controls preload="none" src="./{link}" poster="{poster}" '
        f'aria-label="{escaped(words)}, {kind}"></video>\n'
        f'<strong class="result">{kind.capitalize()}:</strong> {escaped(each.name)} '
        f"{each.score:.0%}<br>true: {escaped(each.truth)}<br>{escaped(each.path)}\n</li>\n"
    )
