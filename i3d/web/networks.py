"""The networks that a server offers, loaded when first asked for.

    networks = Networks(cards)
    networks.names                            # ("demo_rgb", "demo_flow")
    rows = networks.predict("my.mp4", ["demo_rgb"], top_k=5, check=job.check)

One thread at a time may call `predict`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from i3d.inference import decoding, options, timeline, views
from i3d.runtime.command import UserError
from i3d.video.source import Source
from i3d.weights.cards import Card

Rows = list[tuple[int, str, float]]
# Formats of libav that are lists of other files.
_PLAYLISTS = ("concat", "hls", "dash", "imf", "sdp")


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


class Networks:
    """Predictors by the names of their networks."""

    def __init__(
        self,
        cards: Sequence[Card],
        precision: str = "float32",
        batch_size: int | None = None,
        longest_s: float = 600.0,
    ):
        """Keeps its arguments; nothing is loaded.

        Args:
          cards: of the networks.
          precision: as for `i3d.load`.
          batch_size: views at a time; None: by their size.
          longest_s: seconds that a video may take.
        """
        self._cards = dict(zip(_names(cards), cards, strict=True))
        self._precision, self._batch_size = precision, batch_size
        self._longest_s = longest_s
        self._loaded: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the networks, the first of which is the default."""
        return tuple(self._cards)

    def described(self, name: str) -> str:
        """Returns the model and the stream of a network, for people."""
        card = self._cards[name]
        return f"{card.model}, {'optical flow' if card.spec.stream == 'flow' else 'RGB'}"

    def check(self, names: Sequence[str]) -> None:
        """Raises UserError where a network is not offered."""
        for name in names:
            if name not in self._cards:
                raise UserError(f"model: expected {', '.join(self._cards)}, got {name[:80]!r}")

    def predict(
        self, path: str, names: Sequence[str], top_k: int, check: Callable[[], None]
    ) -> Rows:
        """Returns (number, name, score) of the best classes, as i3d.predict prints them.

        Args:
          path: of the video.
          names: of networks, whose logits are added.
          top_k: number of classes.
          check: called at each view of the video; what it raises ends the work.

        Raises:
          UserError: the video cannot be read or takes too long, or the networks do not go together.
        """
        found = self._of_video(path, names)
        tasks = views.tasks_of([net.spec for net in found.networks], [path])
        ((_, scores),) = found.scores(self._limited(views.of_task, tasks, check))
        if isinstance(scores, str):
            raise UserError(scores)
        return _rows(scores.probabilities, found.class_names, top_k)

    def timeline(
        self, path: str, names: Sequence[str], top_k: int, check: Callable[[], None]
    ) -> tuple[Rows, list[Span]]:
        """Returns what `predict` does, and which class is best when.

        Args:
          path, names, top_k, check: as for `predict`.

        Raises:
          UserError: as `predict`.
        """
        found = self._of_video(path, names)
        tasks = timeline.tasks_of([net.spec for net in found.networks], [path])
        ((_, scores),) = found.timelines(self._limited(timeline.of_task, tasks, check))
        if isinstance(scores, str):
            raise UserError(scores)
        rows = _rows(scores.whole.probabilities, found.class_names, top_k)
        return rows, _spans(scores, found.class_names)

    def _of_video(self, path, names):
        """Returns the Predictor of networks; UserError where the file is no video."""
        with Source(path) as source:
            if source.container.format.name.split(",")[0] in _PLAYLISTS:
                raise UserError(f"{path}: is a list of other files, not a video")
        return self._predictor(names)

    def _limited(self, of_task: Callable, tasks: list, check: Callable[[], None]) -> Iterator:
        """Yields the pieces of a video; raises where it is not wanted or takes too long."""
        end = time.monotonic() + self._longest_s
        for piece in decoding.decoded_here(of_task, tasks):
            check()
            if time.monotonic() > end:
                raise UserError(
                    f"the video took more than {self._longest_s:g} s; send a shorter one"
                )
            yield piece

    def _predictor(self, names):
        """Returns the Predictor of networks, whose logits are added."""
        from i3d.inference import load
        from i3d.inference.predictor import Predictor

        size = self._batch_size or options.views_at_once([self._cards[name] for name in names])
        for name in names:
            if name not in self._loaded:
                card = self._cards[name]
                self._loaded[name] = load.of_cards([card], None, self._precision, size)
        found = [self._loaded[name] for name in names]
        if len({(one.class_names, one.spec.activation) for one in found}) > 1:
            raise UserError(f"{', '.join(names)}: have other classes and cannot be added")
        networks = [net for one in found for net in one.networks]
        return Predictor(networks, found[0].class_names, size)


def _rows(probabilities, names, top_k):
    """Returns (number, name, score) of the best classes."""
    from i3d.inference.predictor import ranked

    best = ranked(probabilities, top_k)
    return [(i, names[i], round(float(probabilities[i]), 6)) for i in best]


def _spans(found, names):
    """Returns the Spans of a Timeline."""
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


def _names(cards):
    """Returns a name for each Card: its own, of a path the last two parts; no two are the same."""
    found: list[str] = []
    for card in cards:
        name, times = "/".join(Path(card.name).parts[-2:]), 2
        while name in found:
            name, times = f"{name.rpartition(' #')[0] or name} #{times}", times + 1
        found.append(name)
    return found
