"""The networks that a server offers, loaded when first asked for.

    networks = Networks(cards)
    networks.names                            # ("demo_rgb", "demo_flow")
    rows = networks.predict("my.mp4", ["demo_rgb"], top_k=5, check=job.check)

One thread at a time may call `predict`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from i3d.inference import decoding, options, views
from i3d.inference.average import Scores
from i3d.runtime.command import UserError
from i3d.video.source import Source
from i3d.weights.cards import Card

Rows = list[tuple[int, str, float]]
# Formats of libav that are lists of other files.
_PLAYLISTS = ("concat", "hls", "dash", "imf", "sdp")


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
        with Source(path) as source:
            if source.container.format.name.split(",")[0] in _PLAYLISTS:
                raise UserError(f"{path}: is a list of other files, not a video")
        found = self._predictor(names)
        tasks = views.tasks_of([net.spec for net in found.networks], [path])
        pieces = decoding.decoded_here(views.of_task, tasks)
        ((_, scores),) = found.scores(self._limited(pieces, check))
        if not isinstance(scores, Scores):
            raise UserError(scores)
        return _rows(scores.probabilities, found.class_names, top_k)

    def _limited(self, pieces: Iterable, check: Callable[[], None]) -> Iterator:
        """Yields the pieces of a video; raises where it is not wanted or takes too long."""
        end = time.monotonic() + self._longest_s
        for piece in pieces:
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


def _names(cards):
    """Returns a name for each Card: its own, of a path the last two parts; no two are the same."""
    found: list[str] = []
    for card in cards:
        name, times = "/".join(Path(card.name).parts[-2:]), 2
        while name in found:
            name, times = f"{name.rpartition(' #')[0] or name} #{times}", times + 1
        found.append(name)
    return found
