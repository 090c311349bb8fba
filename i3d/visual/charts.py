"""Charts for an HTML file, as tables and SVG: a confusion matrix, a calibration curve.

parts = [confusion(result.confusion, names), reliability(calibration(confidence, right))]
"""

import numpy as np

from i3d.evaluation import metrics
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
    """Returns a calibration curve: a point for each bin, and how many predictions the bin holds.

    The area of a point grows with that number, and a line through it is the 95 % interval of the
    share that is right. Bars below show the numbers; a table holds them all.
    """
    there = np.flatnonzero(found.counts)
    most = int(found.counts.max())
    grid = "".join(
        _line(*ends, "#d0d0d0")
        for at in range(0, 301, 60)
        for ends in ((40 + at, 20, 40 + at, 320), (40, 20 + at, 340, 20 + at))
    )
    numbers = "".join(
        f'<text x="{40 + 60 * step}" y="452" text-anchor="middle">{step / 5:g}</text>'
        f'<text x="36" y="{324 - 60 * step}" text-anchor="end">{step / 5:g}</text>'
        for step in range(6)
    )
    text = (
        f"Calibration curve: share that is right against confidence in {len(there)} bins, with 95 "
        f"% intervals and the number of predictions, {most:,} at most; expected calibration error "
        f"{found.error:.3f}"
    )
    return Markup(
        f'<svg viewBox="0 0 360 490" width="480" role="img" aria-label="{escaped(text)}" '
        f'font-size="12" fill="#1a1a1a">{grid}{numbers}'
        '<line x1="40" y1="320" x2="340" y2="20" stroke="#595959" stroke-dasharray="5 4"/>'
        + "".join(_point(found, i, most) for i in there)
        + "".join(_column(found, i, most) for i in there)
        + _line(40, 435, 340, 435, "#595959")
        + '<text x="190" y="474" text-anchor="middle">confidence</text>'
        '<text x="10" y="170" text-anchor="middle" transform="rotate(-90 10 170)">share that is '
        'right</text><text x="10" y="395" text-anchor="middle" transform="rotate(-90 10 395)">'
        f'predictions</text><text x="36" y="364" text-anchor="end">{_short(most)}</text>'
        '<text x="36" y="439" text-anchor="end">0</text></svg>\n' + _bins(found, there)
    )


def _point(found, i, most):
    """Returns the mark of a bin: its interval, and a disc whose area grows with its number."""
    x, share, count = 40 + 300 * found.confidence[i], found.accuracy[i], int(found.counts[i])
    low, high = metrics.wilson_interval(round(share * count), count)
    radius = 2.5 + 7 * np.sqrt(count / most)
    interval = _line(x, 320 - 300 * low, x, 320 - 300 * high, BAR, 1.5)
    disc = f'<circle cx="{x:.1f}" cy="{320 - 300 * share:.1f}" r="{radius:.1f}" fill="{BAR}"/>'
    return interval + disc


def _column(found, i, most):
    """Returns the bar of a bin's number, one pixel high at least."""
    left, right = (40 + 300 * edge for edge in found.edges[i : i + 2])
    height = max(1.0, 75 * found.counts[i] / most)
    return (
        f'<rect x="{left + 1:.1f}" y="{435 - height:.1f}" width="{right - left - 2:.1f}" '
        f'height="{height:.1f}" fill="{BAR}"/>'
    )


def _line(left, top, right, bottom, colour, width=1.0):
    return (
        f'<line x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}" '
        f'stroke="{colour}" stroke-width="{width:g}"/>'
    )


def _short(number):
    """Returns a number in five letters at most."""
    return f"{number:,}" if number < 10_000 else f"{number:.0e}".replace("e+0", "e")


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
