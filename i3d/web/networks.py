"""The networks that a server offers, and what they say of a video.

    networks = Networks(cards)
    networks.names                            # ("demo_rgb", "demo_flow")
    networks.check(video.models, video.labels)
    rows = networks.predict(video, top_k=5, check=job.check)

One thread at a time may call `predict`, `timeline` and `activation`.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from i3d.inference import decoding, timeline, views
from i3d.runtime.command import UserError
from i3d.spec import InputSpec, asked
from i3d.video.source import Source
from i3d.visual import activation
from i3d.web.loaded import Loaded
from i3d.web.pictures import Picture, of_activation
from i3d.web.timeline import Span, spans_of, strip_of
from i3d.web.upload import Video
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

Rows = list[tuple[int, str, float]]
Check = Callable[[], None]
# Formats of libav that are lists of other files.
_PLAYLISTS = ("concat", "hls", "dash", "imf", "sdp")
_LONGEST_CLIP = 32  # frames of which a map of activation is made
_COLUMNS = 4  # frames of it that are shown


class Networks:
    """Predictors by the names of their networks."""

    def __init__(
        self, cards: Sequence[Card], precision: str = "float32", batch_size: int | None = None
    ):
        """Keeps its arguments; nothing is loaded.

        Args:
          cards: of the networks.
          precision: as for `i3d.load`.
          batch_size: views at a time; None: by their size.
        """
        self._cards = dict(zip(_names(cards), cards, strict=True))
        self._loaded = Loaded(self._cards, precision, batch_size)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the networks, the first of which is the default."""
        return tuple(self._cards)

    @property
    def take_text(self) -> bool:
        """Whether labels can be given for any of the networks."""
        return any(takes_text(card.model) for card in self._cards.values())

    def described(self, name: str) -> str:
        """Returns the model and the stream of a network, for people."""
        card = self._cards[name]
        text = "; classes as text" if takes_text(card.model) else ""
        return f"{card.model}, {'optical flow' if card.spec.stream == 'flow' else 'RGB'}{text}"

    def check(self, names: Sequence[str], labels: Sequence[str] = ()) -> None:
        """Raises UserError where a network is not offered, or labels lack or are in vain."""
        for name in names:
            if name not in self._cards:
                raise UserError(f"model: expected {', '.join(self._cards)}, got {name[:80]!r}")
        fixed = [name for name in names if not takes_text(self._cards[name].model)]
        if labels and fixed:
            raise UserError(
                f"text: {fixed[0]} has no text tower, its classes are those of its training; leave "
                "the labels out, or choose other networks"
            )
        if not labels and not any(name in fixed or self._has_classes(name) for name in names):
            raise UserError(
                f"text: the classes of {names[0]} are texts: expected labels, one a line"
            )

    def _has_classes(self, name):
        return bool(self._cards[name].class_names())

    def predict(self, video: Video, top_k: int, check: Check) -> Rows:
        """Returns (number, name, score) of the best classes, as i3d.predict prints them.

        Args:
          video: the Video; logits of several networks are added.
          top_k: number of classes.
          check: called at each view of the video; what it raises ends the work.

        Raises:
          UserError: the video cannot be read, or the networks do not go together.
        """
        found, path = self._of_video(video), str(video.path)
        tasks = views.tasks_of([net.spec for net in found.networks], [path])
        ((_, scores),) = found.scores(_pieces(views.of_task, tasks, check))
        if isinstance(scores, str):
            raise UserError(scores)
        return _rows(scores.probabilities, found.class_names, top_k)

    def timeline(self, video: Video, top_k: int, check: Check) -> tuple[Rows, list[Span], Picture]:
        """Returns what `predict` does, which class is best when, and the same as a picture.

        Args:
          video, top_k, check: as for `predict`.

        Raises:
          UserError: as `predict`.
        """
        found, path = self._of_video(video), str(video.path)
        tasks = timeline.tasks_of([net.spec for net in found.networks], [path])
        ((_, scores),) = found.timelines(_pieces(timeline.of_task, tasks, check))
        if isinstance(scores, str):
            raise UserError(scores)
        rows = _rows(scores.whole.probabilities, found.class_names, top_k)
        return rows, spans_of(scores, found.class_names), strip_of(scores, found.class_names)

    def activation(self, video: Video, number: int, check: Check) -> list[Picture]:
        """Returns where each network looks for a class, in some frames of one clip.

        The clip is from the middle and has at most 32 frames where the network is tested on whole
        videos; of networks that see segments it is the segments.

        Args:
          video, check: as for `predict`.
          number: of the class.

        Raises:
          UserError: as `predict`, or a network has no map.
        """
        found, pictures = self._of_video(video), []
        for name, (net, cam) in zip(
            video.models, self._loaded.cams(video.models, found), strict=True
        ):
            check()
            spec = _of_one_clip(net.spec)
            view = next(views.views_of(str(video.path), spec))
            check()
            heat = cam(view, number)
            shown = set(np.linspace(0, len(heat) - 1, min(_COLUMNS, len(heat))).astype(int))
            every = enumerate(activation.panels(view, heat, spec))
            panels = (panel for place, panel in every if place in shown)
            label = found.class_names[number]
            pictures.append(of_activation(name, panels, label, not heat.any()))
        return pictures

    def _of_video(self, video):
        """Returns the Predictor that a Video asks for; UserError where the file is no video."""
        with Source(str(video.path)) as source:
            if source.container.format.name.split(",")[0] in _PLAYLISTS:
                raise UserError(f"{video.path}: is a list of other files, not a video")
        return self._loaded.predictor(video.models, video.labels)


def _of_one_clip(spec: InputSpec) -> InputSpec:
    """Returns the InputSpec of one clip, or of the segments, in one crop."""
    if spec.whole:
        spec = dataclasses.replace(
            spec, frames=max(spec.min_frames, min(spec.frames, _LONGEST_CLIP))
        )
    return dataclasses.replace(asked(spec, None if spec.segments else 1, 1), twice=False)


def _pieces(of_task: Callable, tasks: list, check: Check) -> Iterator:
    """Yields the pieces of a video; raises where it is not wanted any more."""
    for piece in decoding.decoded_here(of_task, tasks):
        check()
        yield piece


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
