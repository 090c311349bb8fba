"""Tables of HTML for notebooks and reports; every text is escaped.

table(("class", "score"), [("walk", bar(0.93)), ("<b>", bar(0.07))], "Prediction")
"""

import html
import unicodedata
from collections.abc import Iterable, Sequence

# Text on white has a contrast of 4.5 and more, bars of 3 and more (WCAG 2.2, level AA).
BAR = "#2a6fb0"
_NOT_WRITTEN = ("Cc", "Cs")  # control characters, and halves of surrogate pairs


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    """Returns a text as HTML, as it may stand in elements and in quoted attributes."""
    if isinstance(text, Markup):
        return text
    shown = (ascii(c)[1:-1] if unicodedata.category(c) in _NOT_WRITTEN else c for c in str(text))
    return Markup(html.escape("".join(shown)))


def bar(share: float, text: str = "") -> Markup:
    """Returns a number with a bar beside it.

    Args:
      share: length of the bar, in [0, 1]; NaN has none.
      text: what is written; "" writes the share as a percentage.
    """
    filled = min(max(share, 0.0), 1.0) if share == share else 0.0
    return Markup(
        f'<span style="white-space:nowrap">'
        f'<span style="display:inline-block;width:8em;background:#e6e6e6" aria-hidden="true">'
        f'<span style="display:block;width:{100 * filled:.1f}%;height:.8em;background:{BAR}">'
        f"</span></span> {escaped(text or f'{100 * share:.1f} %')}</span>"
    )


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str, style: str = ""
) -> Markup:
    """Returns a table; the first cell of a row is its heading.

    Args:
      columns: titles of the columns.
      rows: as many cells each; those that are no Markup are escaped.
      caption: title of the table.
      style: name of its class.
    """
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escaped(first)}</th>'
        + "".join(f'<td style="text-align:left">{escaped(cell)}</td>' for cell in rest)
        + "</tr>\n"
        for first, *rest in rows
    )
    name = f' class="{escaped(style)}"' if style else ""
    return Markup(
        f"<table{name}><caption>{escaped(caption)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
    )
