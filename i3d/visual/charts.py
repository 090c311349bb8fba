"""Charts for an HTML file, as tables and SVG: a confusion matrix, a calibration curve.

parts = [confusion(result.confusion, names), reliability(calibration(confidence, right))]
"""

import numpy as np

from i3d.evaluation.calibration import Calibration
from i3d.runtime.markup import BAR, Markup, escaped, table
from i3d.visual import page, thumbnails

LARGEST_TABLE = 40  # classes; a larger matrix is a picture
_PICTURE_SIDE = 900  # pixels, about
# From white to dark blue, uint8 [256, 3].
_SHADES = np.linspace((255, 255, 255), (8, 48, 107), 256).round().astype(np.uint8)


def shade(share: float) -> tuple[str, str]:
    """Returns (background, text) colours of a share in [0, 1], "#rrggbb".

    The text is black or white, whichever has the higher contrast, which is 4.5 at least.
    """
    levels = _levels(share)
    text = max(((0, 0, 0), (255, 255, 255)), key=lambda colour: contrast(colour, levels))
    return _hex(levels), _hex(text)


def contrast(one: object, other: object) -> float:
    """Returns the ratio of contrast of two RGB colours of levels 0..255, from 1 to 21.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    low, high = sorted(_luminance(np.asarray(colour) / 255) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def confusion(counts: np.ndarray, names: list[str]) -> Markup:
    """Returns a confusion matrix: a row for each true class, a column for each predicted one.

    Args:
      counts: int [K, K].
      names: K strings.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if len(names) > LARGEST_TABLE:
        return _picture(shares)
    rows = [
        [name, *(Markup(_cell(count, share)) for count, share in zip(*both, strict=True))]
        for name, *both in zip(names, counts, shares, strict=True)
    ]
    caption = "A row for each true class, a column for each predicted one; number of videos."
    # Cells have colours of their own, so that they are elements of their own.
    return page.wide(table(["true class", *names], rows, caption, "matrix"), "Confusion matrix")


def _cell(count, share):
    background, text = shade(share)
    style = f"display:block;min-width:1.6em;background:{background};color:{text}"
    return f'<span style="{style}">{count}</span>'


def _picture(shares):
    """Returns the matrix as a picture, a square of pixels for each cell."""
    scale = max(1, _PICTURE_SIDE // len(shares))
    levels = _levels(shares).repeat(scale, axis=0).repeat(scale, axis=1)
    uri = thumbnails.data_uri(levels, ".png")
    text = (
        f"Confusion matrix of {len(shares)} classes as squares: a row for each true class from the "
        "top, a column for each predicted one from the left, the darker the larger the share of "
        "the true class; the most confused pairs are in the table above"
    )
    return page.wide(page.picture(uri, text), "Confusion matrix")


def reliability(found: Calibration) -> Markup:
    """Returns a calibration curve, with a table of its bins below."""
    there = np.flatnonzero(found.counts)
    x, y = (40 + 300 * found.confidence[there], 320 - 300 * found.accuracy[there])
    lines = "".join(
        f'<line x1="{a:g}" y1="{b:g}" x2="{c:g}" y2="{d:g}" stroke="#d0d0d0"/>'
        for step in range(6)
        for at in (60 * step,)
        for a, b, c, d in ((40 + at, 20, 40 + at, 320), (40, 20 + at, 340, 20 + at))
    )
    numbers = "".join(
        f'<text x="{40 + 60 * step}" y="338" text-anchor="middle">{step / 5:g}</text>'
        f'<text x="34" y="{324 - 60 * step}" text-anchor="end">{step / 5:g}</text>'
        for step in range(6)
    )
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{BAR}"/>' for a, b in zip(x, y, strict=True)
    )
    text = (
        f"Calibration curve: share that is right against confidence in {len(there)} bins; "
        f"expected calibration error {found.error:.3f}"
    )
    return Markup(
        f'<svg viewBox="0 0 360 375" width="480" role="img" aria-label="{escaped(text)}" '
        f'font-size="12" fill="#1a1a1a">{lines}{numbers}'
        '<line x1="40" y1="320" x2="340" y2="20" stroke="#595959" stroke-dasharray="5 4"/>'
        f'<polyline points="{points}" fill="none" stroke="{BAR}" stroke-width="2"/>{dots}'
        '<text x="190" y="362" text-anchor="middle">confidence</text>'
        '<text x="12" y="170" text-anchor="middle" transform="rotate(-90 12 170)">share that is '
        "right</text></svg>\n" + _bins(found, there)
    )


def _bins(found, there):
    rows = [
        (
            f"{found.edges[i]:.3f} to {found.edges[i + 1]:.3f}",
            f"{found.counts[i]:,}",
            f"{found.confidence[i]:.3f}",
            f"{found.accuracy[i]:.3f}",
        )
        for i in there
    ]
    columns = ("bin of confidence", "predictions", "mean confidence", "share that is right")
    return f"<details><summary>The bins as a table</summary>\n{table(columns, rows, '')}</details>"


def _levels(shares):
    """Returns uint8 RGB [..., 3] of shares in [0, 1]."""
    return _SHADES[np.rint(255 * shares).astype(np.uint8)]


def _luminance(colour):
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _hex(colour):
    return "#" + "".join(f"{int(level):02x}" for level in colour)
