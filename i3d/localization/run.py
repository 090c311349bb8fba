"""Localizes over one video: decoding, networks, segments.

run = loaded(localizer_card, extractor_cards, (), Rules(threshold=0.3))
result = run.over("my.mp4")                    # Localized

A video is decoded once and in order; memory holds a batch of its frames, and of each row or window
what a network gives.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import NamedTuple

from i3d.data.feature_files import interpolated
from i3d.inference import average, dense, dense_views, load
from i3d.inference.dense import DenseRows
from i3d.inference.predictor import Predictor
from i3d.inference.text import Text
from i3d.localization import sliding, windows
from i3d.localization.decoding import labelled
from i3d.localization.localizer import Localizer
from i3d.localization.results import Localized, name_of
from i3d.localization.segments import Segment
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.video.frames import stated
from i3d.video.sampled import frame_rate
from i3d.weights.cards import Card

_LEAST_GROUPED = 0.02  # score; what is lower is not kept


class Rules(NamedTuple):
    """What is kept, and how a classifier sees a video.

    Attributes:
      threshold: the least score of a segment.
      top: how many segments are kept at most; None: all.
      window_s, stride_s: of the windows of a classifier, seconds; None: of its clip, a quarter.
    """

    threshold: float = 0.3
    top: int | None = None
    window_s: float | None = None
    stride_s: float | None = None


def loaded(
    localizer: Card | None,
    extractors: Sequence[Card],
    classifiers: Sequence[Card],
    rules: Rules,
    precision: str = "float32",
    text: Text | None = None,
) -> "Run":
    """Returns the Run of networks, which are loaded.

    Args:
      localizer: over feature rows; None: the windows of the classifiers are grouped.
      extractors: what makes the features of the localizer.
      classifiers: their logits are added.
      rules: Rules.
      precision: "float32" or "bfloat16".
      text: labels of classifiers with a text tower.

    Raises:
      UserError: a network cannot be loaded.
    """
    classifier = None
    if classifiers:
        cards = [dense_views.windowed(card, 1) for card in classifiers]
        classifier = load.of_cards(cards, None, precision, text=text)
        if not classifier.class_names:
            raise UserError("--text is needed: the classes of this network are texts")
    if localizer is None:
        if classifier is None:
            raise UserError("expected a localizer or a classifier, got neither")
        return ByClassifier(rules, classifier)
    network, spec = Localizer(localizer, precision), localizer.spec
    rows = dense.load(extractors, spec.window, spec.stride, spec.fps, precision=precision)
    if rows.spec.channels != spec.channels:
        raise UserError(
            f"{localizer.file}: expected networks of {spec.channels} features, got "
            f"{rows.spec.channels} of {' and '.join(spec.extractors)}"
        )
    return ByLocalizer(rules, network, rows, classifier)


class Run:
    """What is done with each video."""

    def __init__(self, rules: Rules):
        """Keeps the rules."""
        self._rules = rules

    def over(self, video: str) -> Localized:
        """Returns what happens when in a video.

        Raises:
          UserError: the video cannot be used, or what a network gives is not finite.
        """
        raise NotImplementedError

    def _result(self, video, duration_s, found, seconds, scores=None, names=()):
        """Returns the Localized of all segments that were found, the best first."""
        least = self._rules.threshold
        above = [one for one in found if one.score >= least][: self._rules.top]
        note = ""
        if found and not above:
            best = found[0]
            note = (
                f"no score is {least:g} or more; the best is {best.label or '-'} {best.score:.2f}"
            )
        return Localized(
            name_of(video), duration_s, tuple(above), seconds, scores, tuple(names), note
        )


class ByLocalizer(Run):
    """By a localizer on feature rows."""

    def __init__(
        self,
        rules: Rules,
        localizer: Localizer,
        rows: DenseRows,
        classifier: Predictor | None = None,
    ):
        """Keeps its arguments.

        Args:
          rules: Rules.
          localizer: the network over rows.
          rows: what makes the features it takes.
          classifier: names the proposals of a localizer without classes.
        """
        super().__init__(rules)
        self._localizer, self._rows, self._classifier = localizer, rows, classifier

    def over(self, video: str) -> Localized:
        """Returns what happens when in a video; see Run."""
        begin = time.perf_counter()
        sliding.check_long_enough(self._rows.spec, video)
        found = _all_rows(self._rows, video, "row")
        made = time.perf_counter()
        spec, duration_s = self._localizer.spec, _seconds(video, found.end_s[-1])
        grid = spec.grid(found.fps, len(found.features), duration_s)
        features = interpolated(found.features, spec.rows) if spec.rows else found.features
        segments = self._localizer(features, grid, duration_s, name_of(video))
        if self._classifier:
            ((_, scores),) = self._classifier.scores_of([video])
            if isinstance(scores, str):
                raise UserError(f"{video}: {scores}")
            segments = labelled(segments, scores.probabilities, self._classifier.class_names)
        seconds = {"features": made - begin, "segments": time.perf_counter() - made}
        return self._result(video, duration_s, segments, seconds)


class ByClassifier(Run):
    """By the windows of a classifier, grouped to segments."""

    def __init__(self, rules: Rules, classifier: Predictor):
        """Keeps its arguments."""
        super().__init__(rules)
        self._classifier = classifier

    def over(self, video: str) -> Localized:
        """Returns what happens when in a video; see Run."""
        begin = time.perf_counter()
        found = _all_rows(self._windows(video), video, "window")
        made = time.perf_counter()
        scores = windows.over_time(found.start_s, found.end_s, self._probabilities(found.features))
        names = self._classifier.class_names
        segments: list[Segment] = windows.grouped(scores, names, name_of(video), _LEAST_GROUPED)
        seconds = {"windows": made - begin, "segments": time.perf_counter() - made}
        duration_s = _seconds(video, found.end_s[-1])
        found = self._result(video, duration_s, segments, seconds, scores, names)
        if len(scores.scores) > 1:
            return found
        alone = "a single window covers the video; when in it something happens is not known"
        return dataclasses.replace(found, note="; ".join(filter(None, (alone, found.note))))

    def _windows(self, video):
        """Returns the DenseRows of the logits of all networks, side by side."""
        networks, rules = self._classifier.networks, self._rules
        cards = [net.card for net in networks]
        of = sliding.of_classifiers(cards, video, rules.window_s, rules.stride_s)
        return DenseRows(networks, of.window, of.stride, of.fps)

    def _probabilities(self, rows):
        """Returns the scores of windows [R, K] of logits side by side [R, networks * K]."""
        networks = self._classifier.networks
        logits = rows.reshape(len(rows), len(networks), -1).sum(axis=1)
        return average.probabilities(logits, networks[0].spec.activation)


def _all_rows(rows: DenseRows, video: str, unit: str) -> dense.Found:
    """Returns the rows of a video, with progress."""
    pieces = []
    with Progress(_expected(rows, video), unit, "localize") as progress:
        for piece in rows.pieces(video):
            pieces.append(piece)
            for _ in piece.features:
                progress.add()
    return rows.joined(pieces)


def _expected(rows, video):
    """Returns how many rows the header makes one expect, None where it does not say."""
    seconds, rate = stated(video)[2], rows.spec.fps or frame_rate(video)
    return rows.views_of.rows(round(seconds * rate)) if seconds and rate else None


def _seconds(video, end_s):
    """Returns the length of a video: as it states, but not less than what was seen of it."""
    return max(float(stated(video)[2] or 0.0), float(end_s))
