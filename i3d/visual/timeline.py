"""Draws the strip under a labelled video: the best classes now, what was when, the whole video.

    strip = Strip((240, 320), found, names, truth="juggling balls")    # of an inference Timeline
    strip.at(7.5)                                   # uint8 RGB [strip.height, strip.width, 3]

From top to bottom: the true label where it is known, the best classes of the window with bars, a
timeline (the true label above the predictions, each window in the colour of its class, a line at
the time shown) over its seconds, and the result of the whole video. What is right is green, and
only that.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from i3d.inference.timeline import Timeline
from i3d.visual.text import WHITE, drawable, extent, fitted, write

# RGB; white text has a contrast of 4.5:1 or more on each.
GREEN = (0, 115, 80)
_CLASSES = (
    (0, 90, 181), (196, 60, 0), (150, 30, 130), (120, 85, 0), (190, 20, 60), (70, 60, 190),
)  # fmt: skip
_OTHER, _TRACK, _GROUND = (92, 92, 98), (44, 44, 50), (16, 16, 20)
_LEAST_TEXT_PX, _TEXT_SHARE = 10, 1 / 20  # font size, of the shorter side of the picture
_LEAST_WIDTH = 160  # pixels: of a narrower strip nothing could be read


class Strip:
    """The strip of one video.

    Attributes:
      height: pixels; with that of the picture an even number.
      width: pixels, that of the picture, but at least 160.
    """

    def __init__(
        self,
        size: tuple[int, int],
        found: Timeline,
        names: Sequence[str],
        top_k: int = 3,
        truth: str = "",
        seconds: float = 0.0,
    ):
        """Lays out the strip.

        Args:
          size: height and width of the picture that it is put under, pixels.
          found: Timeline of the video.
          names: K class names.
          top_k: number of classes that are shown of a window.
          truth: the true label, "" where it is not known; need not be a class.
          seconds: of the video; 0: until the last window ends.
        """
        picture, self.width = size[0], max(size[1], _LEAST_WIDTH)
        self._found, self._names, self._truth = found, names, truth
        self._seconds = max(seconds, float(found.end_s[-1]), 1e-9)
        self._best = np.argsort(-found.probabilities, axis=1, kind="stable")[:, :top_k]
        self._text = max(_LEAST_TEXT_PX, round(min(size) * _TEXT_SHARE))
        self._gap = max(1, self._text // 6)
        self._line = math.ceil(self._text * 1.4)
        self._colours = self._chosen_colours()
        each, rows = self._line + self._gap, 1 + bool(truth)  # of the timeline
        self._bars = self._gap + bool(truth) * each  # where the bars begin
        begin = self._bars + self._best.shape[1] * each
        self._span = begin, begin + rows * each - self._gap
        self.height = begin + (rows + 2) * each + self._gap
        self.height += (picture + self.height) % 2
        self._same = self._of_all_windows()
        self._drawn: tuple[int, np.ndarray] = -1, self._same

    def at(self, seconds: float) -> np.ndarray:
        """Returns the strip at a time, uint8 RGB [height, width, 3], an array of its own."""
        window = self._found.window_at(seconds)
        if self._drawn[0] != window:
            self._drawn = window, self._of_window(window)
        picture = self._drawn[1].copy()
        x = int(min(seconds / self._seconds, 1) * (self.width - 1))
        top, bottom = self._span
        picture[top:bottom, max(0, x - 2 * self._thick) : x + 1 + 2 * self._thick] = 0
        picture[top:bottom, max(0, x - self._thick) : x + 1 + self._thick] = WHITE
        return picture

    def timeline(self) -> np.ndarray:
        """Returns the timeline and the result of the whole video alone, uint8 RGB [h, W, 3]."""
        return self._same[self._span[0] - self._gap :].copy()

    def result(self) -> tuple[str, float]:
        """Returns the best class of the whole video and its score."""
        best = int(np.argmax(self._found.whole.probabilities))
        return self._names[best], float(self._found.whole.probabilities[best])

    @property
    def _thick(self):
        return self._text // 16

    def _chosen_colours(self):
        """Returns {class: RGB}; the truth is green.

        They are the classes that are best in most windows, and that of the whole video.
        """
        counts = Counter(self._best[:, 0].tolist())
        whole = int(np.argmax(self._found.whole.probabilities))
        others = [k for k, _ in counts.most_common() if k != whole][: len(_CLASSES) - 1]
        others = [k for k in (*others, whole) if self._names[k] != self._truth]
        chosen = dict(zip(others, _CLASSES, strict=False))
        chosen |= {k: GREEN for k, name in enumerate(self._names) if name == self._truth}
        return chosen

    def _of_window(self, window):
        """Returns the strip of a window, without the line at the time."""
        picture, top = self._same.copy(), self._bars
        scores = self._found.probabilities[window]
        for k in self._best[window]:
            share = f"{scores[k]:.0%}"
            top = self._bar(picture, top, self._name(k), share, scores[k], self._colour(k))
        return picture

    def _of_all_windows(self):
        """Returns what is the same in all windows: all but the bars."""
        picture = np.full((self.height, self.width, 3), _GROUND, np.uint8)
        if self._truth:
            self._bar(picture, self._gap, f"true: {self._true_name()}", "", 1.0, GREEN)
        top = self._span[0]
        if self._truth:
            top = self._cell(picture, top, 0.0, self._seconds, self._true_name(), GREEN)
        self._predictions(picture, top)
        _, score = self.result()
        whole = int(np.argmax(self._found.whole.probabilities))
        top, text = self._axis(picture, self._span[1]), f"video: {self._name(whole)}"
        self._bar(picture, top, text, f"{score:.0%}", score, self._colour(whole))
        return picture

    def _name(self, k):
        """Returns the name of a class, or its number where no font has its letters."""
        return drawable(self._names[k], f"class {k}")

    def _true_name(self):
        known = self._truth in self._names
        return self._name(list(self._names).index(self._truth)) if known else self._truth

    def _axis(self, picture, top):
        """Writes where the timeline begins and ends; returns where the next line begins."""
        end = f"{self._seconds:.1f} s"
        left = self.width - extent(end, self._text)[2] - self._gap
        self._write(picture, top, self._gap, left, "0 s")
        self._write(picture, top, left, self.width, end)
        return top + self._line + self._gap

    def _colour(self, k):
        return self._colours.get(int(k), _OTHER)

    def _bar(self, picture, top, text, share, score, colour):
        """Draws a line of text over a bar as long as a score; returns where the next begins."""
        bottom = top + self._line
        picture[top:bottom] = _TRACK
        picture[top:bottom, : round(float(score) * self.width)] = colour
        right = self.width - (extent(share, self._text)[2] + 2 * self._gap if share else 0)
        self._write(picture, top, self._gap, right - self._gap, text)
        self._write(picture, top, right, self.width, share)
        return bottom + self._gap

    def _predictions(self, picture, top):
        """Draws the best class of each run of windows."""
        best, begins = self._best[:, 0], self._found.start_s
        first = 0
        for last in range(len(best)):
            if last + 1 == len(best) or best[last + 1] != best[first]:
                end = begins[last + 1] if last + 1 < len(best) else self._seconds
                name, colour = self._name(best[first]), self._colour(best[first])
                self._cell(picture, top, begins[first], end, name, colour)
                first = last + 1

    def _cell(self, picture, top, begin_s, end_s, text, colour):
        """Draws a part of the timeline; returns where the next line begins."""
        left, right = (round(s / self._seconds * self.width) for s in (begin_s, end_s))
        picture[top : top + self._line, left:right] = colour
        picture[top : top + self._line, right - 1 : right] = _GROUND
        if right - left > 2 * self._text:  # a film has thousands of narrower ones
            self._write(picture, top, left + self._gap, right - self._gap, text)
        return top + self._line + self._gap

    def _write(self, picture, top, left, right, text):
        if text := fitted(text, right - left, self._text):
            write(picture, text, left, top + (self._line - self._text) // 3, self._text)
