"""Draws segments over time: a lane for each class, scores of a classifier, the truth, a time axis.

picture = timeline(result, truth)             # of localization.results.Localized; uint8 RGB
write("my.png", result, truth)
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from i3d.localization.results import Localized
from i3d.localization.segments import Segment
from i3d.localization.windows import ScoresOverTime
from i3d.runtime import files
from i3d.visual.charts import contrast
from i3d.visual.text import extent, fitted
from i3d.visual.text import write as write_text

WIDTH = 1200
MOST_LANES = 40
_GROUND, _INK, _GREY, _LINE = (255, 255, 255), (26, 26, 26), (89, 89, 89), (222, 222, 226)
TRUTH = (0, 115, 80)
# White text has a contrast of 4.5:1 or more on each.
_COLOURS = (
    (0, 90, 181), (196, 60, 0), (150, 30, 130), (120, 85, 0), (190, 20, 60), (70, 60, 190),
)  # fmt: skip
_TEXT, _MARGIN = 15, 14  # pixels
_BAR, _CURVE, _TRUTH_BAR, _GAP = 20, 22, 8, 10
_MOST_ROWS = 4  # of a lane, for segments of a class that overlap
_MOST_LABEL = 260
_LEAST_BAR = 2
_PALE = 0.25  # of the colour that a bar of score 0 keeps
_CURVE_SHARE = 0.35  # of the colour, in the area under the scores
_STEPS_S = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
    *(7200, 14400, 21600, 43200, 86400),
)
_TICK = 90  # pixels from one tick to the next at least


def write(path: str | os.PathLike, result: Localized, truth: Sequence[Segment] = ()) -> None:
    """Writes the timeline of a video as a .png file; an existing file is replaced."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(timeline(result, truth), cv2.COLOR_RGB2BGR))
    with files.new_file(path) as file:
        file.write(encoded.tobytes())


def timeline(result: Localized, truth: Sequence[Segment] = (), width: int = WIDTH) -> np.ndarray:
    """Returns the timeline of a video, uint8 RGB [H, width, 3].

    Classes are in the order in which they begin, the first MOST_LANES of them. A segment is the
    darker the higher its score, which is written in it or beside it where there is room; segments
    of a class that overlap lie below each other, the best on top. Above them are the scores of a
    classifier, below them the truth in green.

    Args:
      result: of the video.
      truth: its true segments.
      width: pixels, 400 or more.
    """
    return _Timeline(result, truth, width).drawn()


class _Timeline:
    def __init__(self, result, truth, width):
        self._result, self._truth, self._width = result, list(truth), width
        every = sorted([*result.segments, *self._truth], key=lambda one: one.start_s)
        names = list(dict.fromkeys(one.label for one in every))
        self._names, self._left_out = names[:MOST_LANES], len(names) - MOST_LANES
        widest = max((extent(_shown(name), _TEXT)[2] for name in self._names), default=0)
        self._label = min(widest, _MOST_LABEL, width // 3)
        self._begin, self._end = _MARGIN + self._label + _GAP, width - 2 * _MARGIN
        ends = [one.end_s for one in every]
        self._seconds = max([result.duration_s, *ends, 1e-3])
        self._curve_px = _CURVE * (result.scores is not None)
        self._rows = [self._rows_of(name) for name in self._names]
        without_rows = self._curve_px + bool(self._truth) * (_TRUTH_BAR + 2) + _GAP
        heights = [without_rows + max(1, len(rows)) * _BAR for rows in self._rows or [[]]]
        self._top = _MARGIN + 2 * round(1.6 * _TEXT)
        self._tops = np.cumsum([self._top, *heights]).tolist()
        self._bottom = self._tops[-1]

    def drawn(self):
        height = self._bottom + 2 * _TEXT + _MARGIN + (self._left_out > 0) * 2 * _TEXT
        picture = np.full((height, self._width, 3), _GROUND, np.uint8)
        self._heading(picture)
        self._axis(picture)
        for number, name in enumerate(self._names):
            colour = np.array(_COLOURS[number % len(_COLOURS)])
            self._draw_lane(picture, number, name, colour)
        if not self._names:
            write_text(picture, "nothing found", self._begin + _GAP, self._top + 6, _TEXT, _GREY)
        if self._left_out > 0:
            text = f"and {self._left_out} classes more"
            write_text(picture, text, _MARGIN, height - _MARGIN - _TEXT, _TEXT, _GREY)
        return picture

    def _x(self, seconds):
        """Returns the column of a time."""
        share = np.clip(np.asarray(seconds) / self._seconds, 0, 1)
        return np.rint(self._begin + share * (self._end - self._begin)).astype(int)

    def _rows_of(self, name):
        """Returns the segments of a class in rows, in which they do not overlap, the best first."""
        rows: list[list[Segment]] = []
        own = [one for one in self._result.segments if one.label == name]
        for one in sorted(own, key=lambda one: -one.score):
            free = (
                row
                for row in rows
                if all(one.end_s <= b.start_s or b.end_s <= one.start_s for b in row)
            )
            row = next(free, None)
            if row is None and len(rows) < _MOST_ROWS:
                rows.append(row := [])
            (rows[-1] if row is None else row).append(one)
        return rows

    def _heading(self, picture):
        line = round(1.6 * _TEXT)
        seconds = self._result.duration_s
        title = f"{self._result.video}, {clock(seconds, 0.1 if seconds < 60 else 1)}"
        title = fitted(title, self._width - 2 * _MARGIN, _TEXT + 3)
        write_text(picture, title, _MARGIN, _MARGIN - 4, _TEXT + 3, _INK)
        left, top = _MARGIN, _MARGIN + line
        lanes = [np.array(colour) for colour in _COLOURS[: max(1, len(self._names))]]
        legend = [("found, darker: higher score", lanes)]
        legend += [("truth", [TRUTH])] if self._truth else []
        pale = [_mixed(colour, _CURVE_SHARE) for colour in lanes]
        legend += [("score of the classifier, 0 to 1", pale)] * bool(self._curve_px)
        for text, colours in legend:
            if left + 3 * _GAP + extent(text, _TEXT - 2)[2] > self._width:
                return
            for column in range(2 * _GAP):  # a stripe of the colour of each lane
                colour = colours[column * len(colours) // (2 * _GAP)]
                picture[top + 3 : top + 13, left + column] = colour
            write_text(picture, text, left + 2 * _GAP + 5, top, _TEXT - 2, _GREY)
            left += 4 * _GAP + extent(text, _TEXT - 2)[2]

    def _axis(self, picture):
        """Draws lines at round times, and the times below."""
        count = max(1, (self._end - self._begin) // _TICK)
        step = next((s for s in _STEPS_S if self._seconds / s <= count), _STEPS_S[-1])
        free = 0
        for seconds in np.arange(0, self._seconds + step / 1000, step):
            x, text = int(self._x(seconds)), clock(seconds, step)
            picture[self._top - 4 : self._bottom + 4, x] = _LINE
            wide = extent(text, _TEXT - 1)[2]
            left = max(0, min(x - wide // 2, self._width - wide - 2))
            if left >= free:
                write_text(picture, text, left, self._bottom + 8, _TEXT - 1, _GREY)
                free = left + wide + _GAP

    def _draw_lane(self, picture, number, name, colour):
        text = fitted(_shown(name), self._label, _TEXT)
        bar, rows = self._tops[number] + self._curve_px, self._rows[number]
        write_text(picture, text, _MARGIN, bar + (_BAR - _TEXT) // 2, _TEXT, _INK)
        picture[self._tops[number + 1] - _GAP // 2 - 1, _MARGIN : self._end] = _LINE
        if self._curve_px and name in self._result.names:
            self._curve(picture, bar, self._result.names.index(name), colour)
        for row, own in enumerate(rows):
            spans = [self._span(one) for one in own]
            for one in reversed(own):
                self._segment(picture, bar + row * _BAR, one, colour, spans)
        below = bar + max(1, len(rows)) * _BAR + 2
        for one in self._truth:
            if one.label == name:
                begin, end = self._span(one)
                picture[below : below + _TRUTH_BAR, begin:end] = TRUTH

    def _span(self, one):
        """Returns the first column of a segment and the one after it."""
        begin, end = self._x([one.start_s, one.end_s])
        return begin, max(end, begin + _LEAST_BAR)

    def _segment(self, picture, top, one, colour, others):
        begin, end = self._span(one)
        shade = _mixed(colour, _PALE + (1 - _PALE) * min(1.0, max(0.0, one.score)))
        picture[top : top + _BAR - 1, begin:end] = shade
        picture[top : top + _BAR - 1, [begin, end - 1]] = colour
        text = f"{one.score:.2f}"
        wide = extent(text, _TEXT - 3)[2] + 6
        if wide <= end - begin:
            ink = max((_GROUND, _INK), key=lambda ink: contrast(ink, shade))
            write_text(picture, text, begin + 4, top + 4, _TEXT - 3, ink)
        elif (left := self._beside(begin, end, wide, others)) is not None:
            write_text(picture, text, left + 3, top + 4, _TEXT - 3, _INK)
            others.append((left, left + wide))

    def _beside(self, begin, end, wide, others):
        """Returns the left of a free place after or before a segment, None where there is none."""
        for left in (end, begin - wide):
            inside = self._begin <= left and left + wide <= self._end
            if inside and all(left + wide <= a or b <= left for a, b in others):
                return left
        return None

    def _curve(self, picture, bottom, number, colour):
        """Fills the area under the scores of a class, the most in each column."""
        most = columns(self._result.scores, number, self._x)
        heights = np.rint((_CURVE - 4) * most).astype(int)
        for x, high in enumerate(heights, start=self._begin):
            picture[bottom - high : bottom, x] = _mixed(colour, _CURVE_SHARE)


def columns(found: ScoresOverTime, number: int, x_of: Callable[[Any], Any]) -> np.ndarray:
    """Returns the greatest score of a class in each column from that of time 0 on, float [W].

    Args:
      found: of a video.
      number: of the class.
      x_of: function from seconds to columns.
    """
    edges = x_of(found.edges_s)
    first = int(x_of(0.0))
    begin, end = edges[:-1] - first, np.maximum(edges[1:], edges[:-1] + 1) - first
    most = np.zeros(max(int(end.max()), 1), np.float32)
    for left, right, score in zip(begin, end, found.scores[:, number], strict=True):
        most[left:right] = np.maximum(most[left:right], score)
    return most


def clock(seconds: float, step: float = 1.0) -> str:
    """Returns a time as text: 7 s, 1:05, 1:02:03; with a decimal where `step` is below a second."""
    if step < 1:
        whole, tenth = divmod(round(seconds * 10), 10)
        return f"{whole}.{tenth} s" if whole < 60 else f"{clock(whole)}.{tenth}".replace(" s", "")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _shown(name):
    return name or "proposals"


def _mixed(colour, share):
    """Returns a colour on the white ground, by its share."""
    return np.rint(255 + (np.array(colour) - 255.0) * share).astype(int)
