"""Which class is best when: as parts of a video, and as a picture of them.

spans_of(found, names)                     # [Span(0.0, 2.0, "walk", 0.8), ...]
strip_of(found, names).src                 # "data:image/png;base64,..."
"""

from collections.abc import Sequence
from typing import NamedTuple

from i3d.inference.timeline import Timeline
from i3d.visual.thumbnails import data_uri
from i3d.visual.timeline import Strip
from i3d.web.pictures import Picture

_SIZE = (560, 1440)  # pixels that a strip is laid out for; the page shows it half as wide


class Span(NamedTuple):
    """A part of a video in which one class is the best.

    Attributes:
      start_s, end_s: seconds from the first frame.
      label: name of the class.
      score: its mean score over the windows of the part.
    """

    start_s: float
    end_s: float
    label: str
    score: float


def spans_of(found: Timeline, names: Sequence[str]) -> list[Span]:
    """Returns the parts of a Timeline with K class names, in their order."""
    best = found.probabilities.argmax(axis=1)
    begins = [i for i in range(len(best)) if not i or best[i] != best[i - 1]]
    return [
        Span(
            round(float(found.start_s[i]), 3),
            round(float(found.end_s[end - 1]), 3),
            names[best[i]],
            round(float(found.probabilities[i:end, best[i]].mean()), 6),
        )
        for i, end in zip(begins, [*begins[1:], len(best)], strict=True)
    ]


def strip_of(found: Timeline, names: Sequence[str]) -> Picture:
    """Returns the timeline as a Picture: each part in the colour of its class."""
    strip = Strip(_SIZE, found, names)
    end_s = float(found.end_s[-1])
    text = f"Timeline of {end_s:.1f} seconds; the table below says the same"
    return Picture("timeline", data_uri(strip.timeline(), ".png"), text)
