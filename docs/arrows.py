"""Draws which folder of i3d may import which, from the table that tests/test_arrows.py asserts.

python -m docs.arrows --out=docs/arrows.svg
"""

import sys

from absl import app, flags

from tests.helpers.processes import ROOT
from tests.test_arrows import FOR_DATA_PREP, LEVELS

OUT = flags.DEFINE_string("out", "docs/arrows.svg", "SVG file to write")
WIDTH, HEIGHT, GAP, ROW, MARGIN = 110, 34, 14, 78, 20  # of boxes and rows, pixels
STYLE = "font-family='sans-serif' font-size='14' text-anchor='middle'"


def main(argv: list[str]) -> None:
    """Writes the picture."""
    if argv[1:]:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    with open(OUT.value, "w", encoding="utf-8") as file:
        file.write(drawn())


def drawn() -> str:
    """Returns the picture as SVG: a row of boxes for each level, the top level first."""
    rows = [sorted(unit for unit in level if _exists(unit)) for level in LEVELS]
    width = max(map(len, rows)) * (WIDTH + GAP) + 2 * MARGIN
    side = width + GAP  # of data_prep, beside the rows
    total, height = side + WIDTH + MARGIN, len(rows) * ROW + MARGIN
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {total} {height}' "
        f"width='{total}' height='{height}' {STYLE}>",
        "<defs><marker id='tip' markerWidth='9' markerHeight='8' refX='8' refY='4' orient='auto'>"
        "<path d='M0,0 L9,4 L0,8 z' fill='#555'/></marker></defs>",
        f"<rect width='{total}' height='{height}' fill='white'/>",
    ]
    for number, units in enumerate(rows):
        top = MARGIN + number * ROW
        left = (width - len(units) * (WIDTH + GAP) + GAP) / 2
        parts += [_box(left + i * (WIDTH + GAP), top, unit) for i, unit in enumerate(units)]
        if number:
            parts.append(_arrow(width / 2, top - ROW + HEIGHT + 2, width / 2, top - 3))
    parts += [_box(side, MARGIN, "data_prep", "#fde9d0")]
    for number, units in enumerate(rows):
        if FOR_DATA_PREP & set(units):
            top = MARGIN + number * ROW + HEIGHT / 2
            right = (width + len(units) * (WIDTH + GAP) - GAP) / 2
            down = side + WIDTH / 2
            parts.append(f"<path d='M{down},{MARGIN + HEIGHT} V{top}' stroke='#c77d1e'/>")
            parts.append(_arrow(down, top, right + 3, top, "#c77d1e"))
    return "\n".join([*parts, "</svg>\n"])


def _exists(unit):
    return unit == "commands" or any((ROOT / "i3d").glob(f"{unit}*"))


def _box(left, top, name, colour="#dfe7f7"):
    return (
        f"<rect x='{left}' y='{top}' width='{WIDTH}' height='{HEIGHT}' rx='5' fill='{colour}' "
        f"stroke='#555'/><text x='{left + WIDTH / 2}' y='{top + HEIGHT / 2 + 5}'>{name}</text>"
    )


def _arrow(x1, y1, x2, y2, colour="#555"):
    return (
        f"<line x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}' stroke='{colour}' marker-end='url(#tip)'/>"
    )


if __name__ == "__main__":
    sys.exit(app.run(main))
