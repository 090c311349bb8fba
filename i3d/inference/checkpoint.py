"""Resolves a checkpoint to its Card, with its InputSpec and class names.

    card = card_of(None, "rgb_scratch")                        # by the name of a card
    card = card_of("tsn_r50_1x1x3", "tsn.pth")
    card = card_of(None, "runs/rgb/best.weights.h5")           # by the run's config.json
    card = card_of(None, "epoch_034.pth.tar", takes="features")
    names = class_names([card], num_classes=400, labels="names.txt")

TensorFlow is not imported here.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from i3d import spec as input_spec
from i3d.data import feature_spec
from i3d.data.build_settings import settings_of
from i3d.runtime import json_file
from i3d.runtime import labels as labels_file
from i3d.runtime.command import UserError
from i3d.runtime.text import read_lines
from i3d.weights import find, kinds, zoo
from i3d.weights.cards import Card, i3d_spec
from i3d.weights.errors import WeightsError
from i3d.weights.localization_zoo import LONGEST, SPECS, takes_features
from i3d.weights.pytorch.clip_folder import is_folder, model_of, weights_in
from i3d.weights.start import check_kind, input_channels

RUN_FILE = "config.json"  # as i3d.training.folder writes it
MOST_WIDTH = 16  # times the published filters
_MOST_ROWS = 100_000
_LABELS = ("label.labels.txt", "labels.labels.txt")  # class names of a data set: of one, of several


def card_of(
    model: str | None,
    checkpoint: str,
    settings: dict[str, Any] | None = None,
    clips: int | None = None,
    crops: int | None = None,
    short_side: int | None = None,
    takes: str = "videos",
) -> Card:
    """Returns the Card of a checkpoint, its `file` being the path that was given.

    Args:
      model: name in the catalogue; None for files of a published name, and for weights of a
        training run.
      checkpoint: path, or the name of a card (find.NAMED), downloaded where it is missing; also
        a folder of Hugging Face's CLIP, which tells its model.
      settings: {"data.size": 224, ...} of the run; None reads config.json beside the checkpoint.
      clips, crops: views in place of those of the published test.
      short_side: of the frames that a run was trained on, where its records are not at hand.
      takes: what the model is to take: "videos", "boxes", or "features": a localizer, whose
        InputSpec is a FeatureSpec. Others are refused.

    Raises:
      UserError: there is no such checkpoint, or a name, number or file is not as expected.
    """
    if checkpoint in find.NAMED:  # before it is downloaded
        kinds.check(checkpoint, find.NAMED[checkpoint].model, takes)
    checkpoint = find.path_of(checkpoint)
    if is_folder(Path(checkpoint)):
        model = model or model_of(Path(checkpoint))
        if model is None:
            raise UserError(
                f"{checkpoint}: which model? its config.json is of none that is known; expected "
                "--model=NAME"
            )
    elif os.path.isdir(checkpoint) and not os.path.exists(f"{checkpoint}.index"):
        raise UserError(f"--checkpoint: {checkpoint}: {_of_folder(Path(checkpoint))}")
    if not any(map(os.path.exists, (checkpoint, f"{checkpoint}.index"))):
        raise UserError(
            f"--checkpoint: {checkpoint}: no such checkpoint; expected a path, or one of "
            f"{find.offered(takes)}"
        )
    published = zoo.card_of(checkpoint)
    if settings is None and published and model in (None, published.model):
        card = dataclasses.replace(published, file=checkpoint)
    elif settings is None and published:
        raise UserError(
            f"{checkpoint}: by its name it is a checkpoint of --model={published.model}, got "
            f"--model={model}; leave --model out, or rename the file"
        )
    elif settings is None and model:
        note = f"{checkpoint}: not a published name; taken as {model} is tested by default"
        spec, longest = spec_of(model, checkpoint), LONGEST.get(model, 0)
        card = Card(checkpoint, checkpoint, model, spec, longest=longest, note=note)
    else:
        card = _of_run(checkpoint, settings, short_side)
    kinds.check(checkpoint, card.model, takes)
    if takes == "features":
        return card
    spec = input_spec.asked(card.spec, clips, crops)
    if isinstance(spec.crop_side, int) and spec.crop > spec.crop_side:
        raise UserError(
            f"config.data.size: expected at most {spec.crop_side}, the shorter side of the frames, "
            f"got {spec.crop}"
        )
    return dataclasses.replace(card, spec=spec)


def _of_folder(folder):
    """Returns what to do about a folder that is no checkpoint."""
    if file := weights_in(folder):
        return (
            f"a folder with {file.name} and without {RUN_FILE}; expected both, as Hugging Face's "
            f"CLIP has them, or --model=NAME and the path of the file, {file}"
        )
    best, step = folder / "best.weights.h5", "model.weights.h5"
    steps = sorted(folder.glob(f"step-[0-9]*/{step}"), key=lambda path: path.parent.name)
    inside = [path for path in (best, folder / step) if path.is_file()]
    return f"a folder; expected a file in it, as {[*inside, *reversed(steps), best][0]}"


def spec_of(model: str, checkpoint: str | os.PathLike) -> Any:
    """Returns the InputSpec of a model's default test; of an I3D of flow, that of flow.

    Of a localizer it is the FeatureSpec of its published weights.

    I3D has one name for both streams: the channels of the first kernel tell them apart.

    Raises:
      UserError: nothing is known of such a model.
    """
    if takes_features(model):
        return SPECS[model]
    spec = zoo.default_spec(model)
    if model != "inception_i3d":
        return spec
    try:
        channels = input_channels(checkpoint)
    except WeightsError:  # said by what loads it
        return spec
    return i3d_spec("flow") if channels == 2 else spec


def _of_run(checkpoint, settings, short_side):
    """Returns the Card of weights of a training run, by its settings or its config.json."""
    settings = run_settings(checkpoint) if settings is None else settings
    if takes_features(settings["model.name"]):
        return _of_localizer(checkpoint, settings)
    folder = Path(settings.get("data.records") or ".")
    stored, note = settings_of(folder), ""
    if "input" in settings:
        spec = input_spec.from_json(settings["input"])
    else:
        side, fps, several = input_spec.SHORT_SIDE, input_spec.FPS, False
        if stored:
            side, fps, several = stored.short_side, stored.fps, stored.multi_label
        spec = input_spec.of_settings(settings, short_side or side, fps, several)
        if not stored and not short_side:
            note = (
                f"{folder}: records of the training are not there; taken as {fps:g} fps, {side} px"
            )
    model = settings["model.name"]
    fixed = zoo.default_spec(model).fixed_segments if spec.segments else False
    file = next((folder / name for name in _LABELS if (folder / name).is_file()), None)
    names: tuple[str, ...] | str = tuple(settings.get("classes", ()))
    if file and not names:
        names = tuple(name for _, name in read_lines(file))
    return Card(
        name=checkpoint,
        file=checkpoint,
        model=model,
        width=settings["model.width"],
        spec=dataclasses.replace(spec, fixed_segments=fixed),
        labels=names or "",
        note=note,
    )


def _of_localizer(checkpoint, settings):
    """Returns the Card of a localizer that was trained here."""
    if "input" not in settings:
        raise UserError(f"{checkpoint}: expected a config.json of a training run with 'input'")
    return Card(
        name=checkpoint,
        file=checkpoint,
        model=settings["model.name"],
        width=settings["model.width"],
        spec=feature_spec.from_json(settings["input"]),
        labels=tuple(settings.get("classes", ())),
        longest=settings.get("segments.longest") or 0,
    )


def run_file(checkpoint: str) -> Path | None:
    """Returns the path of the config.json of the run that a checkpoint lies in, None without."""
    parent = Path(checkpoint).parent
    return next((f / RUN_FILE for f in (parent, parent.parent) if (f / RUN_FILE).exists()), None)


def run_settings(checkpoint: str) -> dict[str, Any]:
    """Returns config.json of the training run that a checkpoint lies in, as a flat dict.

    Raises:
      UserError: there is none beside the checkpoint, or it cannot be read.
    """
    file = run_file(checkpoint)
    if file is None:
        check_kind(checkpoint)
        raise UserError(
            f"{checkpoint}: which model? expected --model=NAME, or the run's {RUN_FILE} beside it"
        )
    settings = json_file.read(file)
    try:
        _check_input(settings)
        model, width = settings["model.name"], settings["model.width"]
    except (UserError, TypeError, KeyError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from error
    longest = settings.get("segments.longest", 0)
    if type(longest) is not int or not 0 <= longest <= _MOST_ROWS:
        raise UserError(
            f"{file}: segments.longest: expected at most {_MOST_ROWS}, got {longest!r:.80}"
        )
    if not isinstance(model, str) or not isinstance(settings.get("data.records", ""), str):
        raise UserError(f"{file}: model.name, data.records: expected texts, got others")
    if type(width) not in (int, float) or not 0 < width <= MOST_WIDTH:
        raise UserError(f"{file}: model.width: expected at most {MOST_WIDTH}, got {width!r:.80}")
    names = settings.get("classes", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{file}: classes: expected a list of names, got {names!r:.80}")
    return settings


def _check_input(settings):
    """Makes sure that settings have what a Card is made of."""
    if takes_features(settings.get("model.name")):
        feature_spec.from_json(settings["input"])
        return
    if "input" in settings:
        input_spec.from_json(settings["input"])
    input_spec.of_settings(settings, input_spec.SHORT_SIDE, input_spec.FPS)


def num_classes(cards: Sequence[Card], counts: Sequence[int]) -> int | None:
    """Returns the number of classes of checkpoints, None without any.

    Args:
      cards: of checkpoints with heads.
      counts: of the classes of each.

    Raises:
      UserError: they differ.
    """
    if len(set(counts)) > 1:
        each = ", ".join(f"{n} of {card.file}" for card, n in zip(cards, counts, strict=True))
        raise UserError(f"expected checkpoints of the same classes, got numbers of classes: {each}")
    return counts[0] if counts else None


def class_names(cards: list[Card], num_classes: int, labels: str | None = None) -> tuple[str, ...]:
    """Returns `num_classes` names, the numbers of the classes where none are known.

    Args:
      cards: whose names are taken without `labels`.
      num_classes: of the checkpoints.
      labels: file for i3d.runtime.labels.class_names, or None.

    Raises:
      UserError: there are more or fewer names, or the cards have different ones.
    """
    if labels:
        names = tuple(labels_file.class_names(labels))
        if len(names) != num_classes:
            raise UserError(
                f"{labels}: expected {num_classes} names, as the checkpoint has classes, got "
                f"{len(names)}"
            )
        return names
    each = [card.class_names() for card in cards]
    known = {names for names in each if len(names) == num_classes}
    if len(known) > 1:
        raise UserError("the models have different class names: they cannot be added")
    return known.pop() if known else tuple(map(str, range(num_classes)))
