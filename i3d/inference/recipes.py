"""Recipes: what a network must be given of a video, from checkpoint names or training runs.

recipe = recipe_of("tsn_r50_1x1x3", "tsn_..._20220906-cd10898e.pth")    # a published file
recipe = recipe_of("inception_i3d", "checkpoints/flow_imagenet/model.ckpt")
recipe = recipe_of_run(settings, short_side=256)                       # a training run's
dataclasses.replace(recipe, clips=3, crops=1)                          # fewer views

TensorFlow is not imported here.
"""

import difflib
from dataclasses import dataclass, fields
from pathlib import Path

from i3d.data import schema
from i3d.weights.cards import CARDS, DEMO_CARDS
from i3d.weights.zoo import RELEASES, Protocol

_SEGMENTED = ("tsn_", "tsm_", "two_stream_")  # how names of 2-D networks begin
_FLOW = {"mean": (128.0,) * 2, "std": (128.0,) * 2}  # levels of MMAction2's flow recipes
# Protocols of models without a published file among ours. Two-stream: Simonyan & Zisserman 2014
# (arXiv:1406.2199), 25 places x 10 crops; CNN + LSTM: clips of 16 frames as Donahue et al. 2015.
_UNPUBLISHED = {
    "tsn_r50_5x1x3_flow": ("flow", Protocol(5, 1, 25, 10, crop=224, **_FLOW)),
    "slowonly_r50_16x4x1_flow": ("flow", Protocol(16, 4, **_FLOW)),
    "two_stream_rgb": ("rgb", Protocol(1, 1, 25, 10, crop=224)),
    "two_stream_flow": ("flow", Protocol(10, 1, 25, 10, crop=224, **_FLOW)),
    "cnn_lstm_r50": ("rgb", Protocol(16, 1, 10, 1, crop=224)),
}


@dataclass(frozen=True)
class Recipe(Protocol):
    """A Protocol, and what else decides which pixels a network sees and what its outputs mean.

    Flow is seen as the uint8 levels of i3d.data.schema, as it is stored; mean and std, where they
    count, are of those (128 is no motion).

    Attributes:
      model: name in the catalogue.
      stream: "rgb" or "flow".
      segments: whether all clips are seen together, each stacked in the channels as one segment
        (x and y of each field in turn); a view is then a crop, and else a crop of a clip.
      range: (low, high) of the input, in place of mean and std; None: those count.
      steps_at_fps: videos are not resampled: the steps within a clip are made as long as they are
        in one of `fps`.
      flow_method: a name in i3d.flow.methods.METHODS, "" for RGB.
      average: of the views of a video, "prob" (softmax of each) or "logits".
      width: multiplier of filter counts.
      labels: name of a class list in i3d/weights/labels, "" for an unknown one.
    """

    model: str = ""
    stream: str = "rgb"
    segments: bool = False
    range: tuple[float, float] | None = None
    steps_at_fps: bool = False
    flow_method: str = ""
    average: str = "prob"
    width: float = 1.0
    labels: str = ""

    @property
    def length(self):
        """T of a view: segments, or frames of a clip."""
        return self.clips if self.segments else self.frames

    @property
    def channels(self):
        """C of a view."""
        of_one = {"rgb": 3, "flow": 2}[self.stream]
        return of_one * self.frames if self.segments else of_one

    @property
    def num_views(self):
        """V: views of a video."""
        return self.crops * (1 + self.twice) * (1 if self.segments else self.clips)

    @property
    def shape(self):
        """(T, H, W, C) of a view."""
        return self.length, self.crop, self.crop, self.channels


def recipe_of(model_name, checkpoint=None):
    """Returns the Recipe of a model with a checkpoint.

    Args:
      model_name: name in the catalogue.
      checkpoint: path; files that keep a published name have the protocol published for them,
        all others that of the model's first published file.

    Raises:
      ValueError: nothing is known of such a model, or the file is that of another.
    """
    path = Path(str(checkpoint or "").removesuffix(".index"))
    if card := _card(path):
        _check_same(path, card.model, model_name)
        return _of_card(card)
    if release := RELEASES.get(path.name):
        _check_same(path, release.model, model_name)
        return _of_release(release)
    if model_name == "inception_i3d":
        return _of_card(CARDS["rgb_imagenet"])
    if model_name in _UNPUBLISHED:
        return _of_protocol(model_name, *_UNPUBLISHED[model_name])
    releases = {release.model: release for release in reversed(RELEASES.values())}
    if model_name in releases:
        return _of_release(releases[model_name])
    known = sorted({"inception_i3d", *_UNPUBLISHED, *releases})
    near = difflib.get_close_matches(model_name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    raise ValueError(f"model {model_name!r}: not a model of videos that is known; {hint}")


def published_model(checkpoint):
    """Returns the model of a file that keeps its published name, "" for others."""
    path = Path(str(checkpoint).removesuffix(".index"))
    if path.name in RELEASES:
        return RELEASES[path.name].model
    card = _card(path)
    return card.model if card else ""


def recipe_of_run(settings, short_side=schema.SHORT_SIDE, fps=schema.FPS):
    """Returns the Recipe of weights trained by `python -m i3d.train`.

    Ten clips over the video, or its segments as in training; the centre of each; the logits are
    averaged.

    Args:
      settings: {"data.size": 224, ...} as config.flat gives and config.json holds.
      short_side, fps: of the records that were trained on.

    Raises:
      ValueError: a key is missing.
    """
    try:
        stream, segments = settings["data.stream"], settings.get("data.segments", 0)
        statistics = {key: tuple(settings.get(f"data.{key}", ())) for key in ("mean", "std")}
        return Recipe(
            frames=settings["data.frames"],
            stride=settings["data.stride"],
            clips=segments or 10,
            crops=1,
            resize=short_side,
            crop=settings["data.size"],
            fps=fps,
            model=settings["model.name"],
            stream=stream,
            segments=bool(segments),
            **statistics if statistics["mean"] else {"range": (-1.0, 1.0)},
            flow_method=(settings["data.flow_method"] or "tvl1") if stream == "flow" else "",
            average="logits",
            width=settings["model.width"],
        )
    except KeyError as error:
        raise ValueError(f"not the configuration of a training run: no {error.args[0]}") from error


def _card(path):
    """Returns the Card whose file ends the path, or None."""
    cards = (*CARDS.values(), *DEMO_CARDS.values())
    return next((card for card in cards if path.parts[-2:] == Path(card.file).parts), None)


def _check_same(path, model, asked):
    if model != asked:
        raise ValueError(f"{path}: a checkpoint of --model={model} by its name, got {asked!r}")


def _of_release(release):
    recipe = _of_protocol(release.model, "rgb", release.protocol)
    shipped = release.data if release.data in {card.labels for card in CARDS.values()} else ""
    return _replaced(recipe, labels=shipped)


def _of_protocol(model, stream, protocol):
    segments = model.startswith(_SEGMENTED)
    # TSN averages features over the segments of all crops: the same as averaging logits.
    together = segments and not model.startswith("tsm_")
    return _replaced(
        protocol,
        model=model,
        stream=stream,
        segments=segments,
        steps_at_fps=model.startswith("x3d_"),
        flow_method="tvl1" if stream == "flow" else "",
        average="logits" if together else "prob",
    )


def _of_card(card):
    return Recipe(
        frames=card.frames,
        stride=card.stride,
        crops=1,
        resize=card.short_side,
        crop=card.crop,
        fps=card.fps,
        model=card.model,
        stream=card.stream,
        range=card.input_range,
        flow_method=card.flow_method,
        average="logits",
        width=card.width,
        labels=card.labels,
    )


def _replaced(protocol, **values):
    return Recipe(**{f.name: getattr(protocol, f.name) for f in fields(protocol)} | values)
