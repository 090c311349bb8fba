"""What localization is asked for: one dataclass for the flags of the command and for Python.

job = checked(Options(("my.mp4",), checkpoint="best.weights.h5"))   # before any work
run = job.run()                                                     # loads the networks
"""

import dataclasses
import math
import os
import typing
from collections import Counter
from typing import TYPE_CHECKING

from i3d.data.feature_spec import FeatureSpec
from i3d.inference import checkpoint as checkpoints
from i3d.inference import options as network_options
from i3d.inference.dense_views import windowed
from i3d.inference.text import Labels, Text, labels_of
from i3d.inference.text import check as check_text
from i3d.localization import annotations, sliding
from i3d.localization.results import FORMATS, name_of
from i3d.localization.segments import Annotated
from i3d.localization.sliding import Windows
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.video.sampled import frame_rate
from i3d.video.source import NoVideo
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text
from i3d.weights.start import head_classes

if TYPE_CHECKING:
    from i3d.localization.run import Run

DEMO = "demo_localizer"  # the card that is taken without --checkpoint and --classifier
PROPOSALS = "bmn"
PRECISIONS = ("float32", "bfloat16")
TIMELINE = ".png"
_SUFFIX = {"json": ".json", "csv": ".csv", "text": ".txt"}


@dataclasses.dataclass(frozen=True)
class Options:
    """The arguments of `i3d.localize` and the flags of `python -m i3d.localize`, of one name.

    Attributes: see i3d.localize.localize; `videos` are one or several.
    """

    videos: tuple[str, ...]
    checkpoint: str | None = None
    classifier: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    text: Labels | None = None
    format: str | None = None
    out: str | None = None
    timeline: str | None = None
    truth: str | None = None
    threshold: float = 0.3
    top: int | None = None
    window_s: float | None = None
    stride_s: float | None = None
    precision: str = "float32"

    def check(self) -> None:
        """Looks at what can be seen without reading a video or a checkpoint.

        Raises:
          UserError: something contradicts something else, is out of range, is there already or
            cannot be written.
        """
        self._check_names()
        self._check_networks()
        _check_range("threshold", self.threshold, 0, 1)
        for name in ("window_s", "stride_s"):
            _check_range(name, getattr(self, name), 0.01, 3600)
        if self.top is not None and self.top < 1:
            raise UserError(f"--top: expected a number of 1 or more, got {self.top}")
        for name, kinds in (("format", (None, *FORMATS)), ("precision", PRECISIONS)):
            if getattr(self, name) not in kinds:
                expected = ", ".join(filter(None, kinds))
                raise UserError(f"--{name}: expected one of {expected}, got {getattr(self, name)}")
        if self.out:
            every = tuple(_SUFFIX.values())
            files.check_new(self.out, _SUFFIX[self.format] if self.format else every)
        if self.timeline:
            files.check_new(self.timeline, TIMELINE)

    @property
    def form(self) -> str:
        """The format of the segments: as asked for, or as `out` ends; else text."""
        ending = os.path.splitext(self.out or "")[1].lower()
        return self.format or {each: name for name, each in _SUFFIX.items()}.get(ending, "text")

    def _check_names(self):
        if not self.videos:
            raise UserError("expected a video, got none; flags are written --name=value")
        if self.timeline and len(self.videos) > 1:
            raise UserError(f"--timeline draws one video, got {len(self.videos)}")
        name, count = Counter(map(name_of, self.videos)).most_common(1)[0]
        if count > 1:
            raise UserError(f"expected videos of different names, got {name!r} {count} times")

    def _check_networks(self):
        if not (self.checkpoint or self.classifier) and self.model:
            raise UserError(
                f"--model={self.model[0]}: expected --checkpoint or --classifier too, got neither"
            )
        for name in ("text", "window_s", "stride_s"):
            if getattr(self, name) is not None and not self.classifier:
                raise UserError(f"--{name} is for a --classifier, got none")


def _check_range(name, value, least, most):
    if value is None:
        return
    if type(value) not in (int, float) or not (math.isfinite(value) and least <= value <= most):
        raise UserError(f"--{name}: expected a number from {least:g} to {most:g}, got {value!r}")


@dataclasses.dataclass(frozen=True)
class Job:
    """What is asked for, looked at.

    Attributes:
      options: as given.
      localizer: Card of the localizer, None where the windows of a classifier are grouped.
      classifiers: Cards of the classifiers, whose logits are added.
      extractors: Cards of the networks that make the features of the localizer.
      truth: {name of a video: Annotated} of --truth, None without.
      windows: of each video, that the classifiers see without a localizer.
    """

    options: Options
    localizer: Card | None
    classifiers: tuple[Card, ...]
    extractors: tuple[Card, ...]
    truth: dict[str, Annotated] | None
    windows: tuple[Windows, ...] = ()

    def described(self) -> list[str]:
        """Returns lines on the networks, on what they see, and on the truth."""
        return [*self._seen(), *self._unknown_labels()]

    def _seen(self):
        if self.localizer:
            spec = typing.cast(FeatureSpec, self.localizer.spec)
            lines = [sliding.seen(windowed(c), spec.window, spec.stride) for c in self.extractors]
            lines += [windowed(card, 1).described() for card in self.classifiers]
            return [self.localizer.described(), *lines]
        first = self.windows[0]
        seen = [sliding.seen(windowed(c, 1), first.window, first.stride) for c in self.classifiers]
        each = zip(self.options.videos, self.windows, strict=True)
        others = [f"{name_of(video)}: {of.described()}" for video, of in each if of != first]
        return [*seen, first.described(), *others]

    def _unknown_labels(self):
        """Returns a line on labels of the truth that can never be found."""
        card = self.localizer if self.localizer and not self.classifiers else self.classifiers[0]
        classes = self.words.labels if takes_text(card.model) else ()
        known = set(classes or card.class_names())
        names = {name_of(video) for video in self.options.videos}
        videos = [own for name, own in (self.truth or {}).items() if name in names]
        labels = {one.label for own in videos for one in own.segments}
        if not known or not (unknown := sorted(labels - known)):
            return []
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        return [f"{self.options.truth}: no class of the network is called {unknown[0]!r}{more}"]

    def run(self) -> "Run":
        """Returns the Run of loaded networks.

        Raises:
          UserError: one cannot be loaded.
        """
        from i3d.localization import run

        own = self.options
        rules = run.Rules(own.threshold, own.top, own.window_s, own.stride_s)
        return run.loaded(
            self.localizer, self.extractors, self.classifiers, rules, own.precision, self.words
        )

    @property
    def words(self) -> Text:
        """The labels of classifiers with a text tower."""
        text = self.options.text
        return Text(() if text is None else labels_of(text))


def checked(options: Options) -> Job:
    """Returns the Job of Options; the videos are opened, the heads of classifiers read.

    Raises:
      UserError: something cannot be used as asked.
    """
    options.check()
    truth = _truth(options) if options.truth else None
    for video in options.videos:
        check_video(video)
    classifiers = _classifiers(options) if options.classifier else ()
    if options.classifier and not options.checkpoint:
        cards = [windowed(card, 1) for card in classifiers]
        sizes = options.window_s, options.stride_s
        windows = tuple(sliding.of_classifiers(cards, video, *sizes) for video in options.videos)
        return Job(options, None, classifiers, (), truth, windows)
    localizer = _localizer(options)
    if classifiers and localizer.model != PROPOSALS:
        raise UserError(
            f"expected --checkpoint or --classifier, got both: {localizer.model} gives classes "
            f"itself; {PROPOSALS} needs a classifier for them"
        )
    for video in options.videos:
        sliding.check_long_enough(typing.cast(FeatureSpec, localizer.spec), video)
    return Job(options, localizer, classifiers, _extractors(localizer), truth)


def check_video(video: str) -> None:
    """Raises UserError where a file is no video that can be opened."""
    try:
        frame_rate(video)
    except NoVideo as error:
        got = "a folder" if os.path.isdir(video) else "an image"
        raise UserError(f"{video}: expected a video file, got {got}") from error


def _truth(options):
    """Returns {name of a video: Annotated}; UserError where no video of it is asked for."""
    files.check_there(options.truth, "truth")
    found = {name_of(name): known for name, known in annotations.read(options.truth).items()}
    names = [name_of(video) for video in options.videos]
    if not any(name in found for name in names):
        raise UserError(
            f"{options.truth}: expected the video {names[0]!r}, got {len(found)} others, such as "
            f"{next(iter(found))!r}"
        )
    return found


def _localizer(options):
    """Returns the Card of --checkpoint; UserError where it is no localizer."""
    file = options.checkpoint or DEMO
    model = options.model[0] if options.checkpoint and options.model else None
    return checkpoints.card_of(model, file, takes="features")


def _classifiers(options):
    """Returns the Cards of --classifier; UserError where one is a localizer."""
    for file in options.classifier:
        if _is_localizer(file):
            raise UserError(
                f"--classifier: {file} is a localizer, which takes features of a video; give it "
                "as --checkpoint"
            )
    names = [] if options.checkpoint else options.model
    try:
        cards = network_options.cards_of(options.classifier, names)
    except UserError as error:
        line = str(error).replace("--checkpoint", "--classifier")
        raise type(error)(line) from error
    fixed = [card for card in cards if not takes_text(card.model)]
    if count := checkpoints.num_classes(fixed, [head_classes(c.file, c.model) for c in fixed]):
        checkpoints.class_names(fixed, count)
    check_text(cards, Text(() if options.text is None else labels_of(options.text)))
    return tuple(cards)


def _is_localizer(file):
    try:
        checkpoints.card_of(None, file, takes="features")
    except UserError:
        return False
    return True


def _extractors(localizer):
    """Returns the Cards of the networks that make a localizer's features."""
    spec = typing.cast(FeatureSpec, localizer.spec)
    if not spec.extractors:
        raise UserError(
            f"{localizer.file}: it is not known which networks made its features; extract them, "
            "and use python -m i3d.evaluate --task=localization"
        )
    return tuple(checkpoints.card_of(None, name) for name in spec.extractors)
