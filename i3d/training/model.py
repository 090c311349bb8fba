"""Builds the model of a training run, its initial weights, optimizer and objective.

with strategy.scope():
    model = train_model.build(settings, num_classes=101)
    print(train_model.start(settings, model))
    optimizer = train_model.optimizer(settings, model)
"""

import contextlib
import re
from functools import partial
from pathlib import Path

import keras

from i3d.inference import checkpoint as checkpoints
from i3d.inference import network
from i3d.models import actionclip
from i3d.runtime.command import UserError
from i3d.spec import CHANNELS
from i3d.training import localization, text
from i3d.training.losses import LOSSES
from i3d.training.objectives import Classification
from i3d.training.optimizer import SGD, Adam, AdamW
from i3d.training.step import set_batch_norm
from i3d.weights import find, zoo
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.clip_zoo import takes_text
from i3d.weights.errors import Misfit, NoCheckpoint
from i3d.weights.localization_zoo import takes_features
from i3d.weights.pytorch.load import is_torch
from i3d.weights.start import begin, begin_from_images

TWINS = {"inception_i3d": "inception_v1"}  # what each is inflated from


def build(settings, spec, num_classes, image_classes=0):
    """Returns the model of a configuration, in its precision, with random weights.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      spec: InputSpec of the run, of a localizer FeatureSpec.
      num_classes: width of the head (with boxes, the background included); not read for models
        with a text tower.
      image_classes: width of a second head, of images; 0: none. See i3d.training.sources.

    Raises:
      UserError: there is no such model, or it does not take such clips.
    """
    name, data = settings.model.name, settings.data
    if takes_features(name):
        return localization.build(settings, spec, num_classes)
    if takes_text(name):
        return _built(settings, name, spec, num_classes, frames=spec.segments)
    if takes_boxes(name):
        keywords = {"dropout": settings.model.dropout, "frames": spec.length}
        return _built(settings, name, spec, num_classes, **keywords)
    keywords = {"frames": None} if spec.segments else {}  # tested with more of them
    keywords |= {"image_classes": image_classes, "size": None} if image_classes else {}
    model = _built(settings, name, spec, num_classes, dropout=settings.model.dropout, **keywords)
    if image_classes:
        return model
    if len(model.input_shape) != 5:
        raise UserError(f"config.model.name: expected a model of clips, {name} takes pictures")
    clip = keras.KerasTensor((1, spec.length, spec.crop, spec.crop, spec.channels))
    try:
        model.compute_output_spec(clip)
    except ValueError as error:
        raise UserError(
            f"config.data.frames, config.data.size: {name} takes no clips of {data.frames} frames "
            f"of {data.size} pixels; take {'others' if model.input_shape[1] else 'more'}"
        ) from error
    return model


def start(settings, spec, model):
    """Puts the weights of settings.model.start into the model; returns a line that tells it.

    Raises:
      UserError: as i3d.weights.start.begin.
    """
    path = find.path_of(settings.model.start)
    if takes_text(settings.model.name) or takes_features(settings.model.name):
        return _started(
            lambda: begin(model, None, path), path, "expected weights of that architecture"
        )
    if takes_boxes(settings.model.name):
        hint = "expected weights of that network, or of its trunk as a classifier of videos"
        return _started(lambda: begin(model, partial(_trunk, settings, spec), path), path, hint)
    if settings.model.inflate and is_torch(path):
        name = TWINS.get(settings.model.name)
        return begin_from_images(
            model, path, name and _built(settings, name, spec, 1000, channels=3)
        )

    def source(num_classes):
        stream = settings.model.start_stream or settings.data.stream
        same = stream == settings.data.stream
        channels = model.input_shape[-1] if same else CHANNELS[stream]
        name = settings.model.name
        if settings.model.inflate:
            name, channels = _twin(name), 3  # of pictures, also where flow is to be learned
        return _built(settings, name, spec, num_classes, channels=channels)

    hint = "expected config.model.start of the same stream (for flow, as flow_imagenet), or "
    hint += "config.model.start_stream, width and inflate as that checkpoint needs"
    return _started(lambda: begin(model, source, path), path, hint)


def _trunk(settings, spec, num_classes):
    """Returns the classifier of videos that a model of boxes has the layers of."""
    name = re.sub(r"^ava_(.*?)(_context|_temporal_max)?$", r"\1", settings.model.name)
    return _built(settings, name, spec, num_classes)


def _started(begun, path, hint):
    try:
        return begun()
    except NoCheckpoint as error:
        there = "put it there, or name other weights in config.model.start (empty: random ones)"
        if card := zoo.card_of(path):
            there = f"get {Path(card.file).name} from {card.source}; {there}"
        raise UserError(f"{error}; {there}") from error
    except Misfit as error:
        name = _model_of(path)
        told = f"; it is of {name}" if name else ""
        told += ", which scores the actions of people in boxes" * takes_boxes(name)
        raise UserError(f"{error}{told}; {hint}") from error


def _model_of(path):
    """Returns the name of the model that a checkpoint is of, None where nothing tells it."""
    if card := zoo.card_of(path):
        return card.model
    with contextlib.suppress(UserError):
        return checkpoints.run_settings(path)["model.name"]
    return None


def optimizer(settings, model):
    """Returns the optimizer, whose averages begin at the weights that the model has now.

    Sets the model's batch normalisation, too, since that decides what is trained.
    """
    set_batch_norm(model, settings.batch_norm, settings.batch_norm_momentum)
    own = settings.optimizer
    kind = {"sgd": SGD, "adam": Adam, "adamw": AdamW}[own.name]
    names = (
        "momentum" if kind is SGD else "betas",
        "weight_decay",
        "kernels_only",
        "clip_norm",
        "ema_decay",
    )
    options = {name: own[name] for name in names}
    together = settings.sources.records and settings.sources.together
    options["accumulates"] = settings.batch.accumulate > 1 or bool(together)
    return kind.of(model.trainable_variables, **options, factors=_factors(settings, model))


def _factors(settings, model):
    """Returns {path of a variable: factor of its learning rate}."""
    own = settings.optimizer
    if takes_text(settings.model.name):
        factors = {"text": 1.0, "visual": own.visual_factor, "fusion": own.fusion_factor}
        return {v.path: factors[actionclip.group_of(v)] for v in model.trainable_variables}
    if takes_features(settings.model.name):
        return {}
    head = (v.path for v in model.get_layer("Logits").weights)  # kernel, bias
    return dict(zip(head, own.head_factors, strict=False))


def objective(settings, spec, labels):
    """Returns the objective of a configuration, see i3d.training.objectives.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      spec: InputSpec of the run; its activation says which loss of classes.
      labels: of the classes, as i3d.training.text.labels gives them.

    Raises:
      UserError: as i3d.training.text.objective.
    """
    if labels:
        return text.objective(settings, labels)
    own = partial(LOSSES[spec.activation], smoothing=settings.label_smoothing)
    return Classification(lambda logits, truth: settings.loss_weight * own(logits, truth))


def _twin(name):
    if name not in TWINS:
        raise UserError(
            f"config.model.inflate: expected one of {', '.join(TWINS)}, which have a 2-D twin, or "
            f"a .pth file of a ResNet-50 of images in config.model.start, got {name}"
        )
    return TWINS[name]


def _built(settings, name, spec, num_classes, **keywords):
    options = {"width": settings.model.width, "precision": settings.precision}
    return network.build(name, spec, num_classes, **options, **keywords)
