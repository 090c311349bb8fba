"""A probe's head as a checkpoint: the network with the new head, and a run's config.json beside it.

    paths = write("runs/mine", cards, linear, classes, precision)    # OUT/best.weights.h5
    predictor(cards, linear, classes, precision).predict("a.mp4")    # the same without files

The head is linear on mean features, so that the mean of the logits of all views is its logits of
the mean. Of several networks each gets its part of the head: their logits add up.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from i3d import models
from i3d.inference import endpoints, network
from i3d.inference import options as network_options
from i3d.inference.checkpoint import RUN_FILE
from i3d.inference.network import Network
from i3d.inference.predictor import Predictor
from i3d.models import actionclip
from i3d.probing.extract import ENDPOINT
from i3d.probing.fit import Linear
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.weights import seal, start
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

WEIGHTS = "best.weights.h5"
_HEAD = "Logits"


def write(
    out: str | Path, cards: Sequence[Card], linear: Linear, classes: Sequence[str], precision: str
) -> tuple[str, ...]:
    """Writes OUT/best.weights.h5 and OUT/config.json; of several networks in a folder for each.

    OUT appears when it is complete.

    Args:
      out: folder that is not there yet, or empty.
      cards: whose features are side by side.
      linear: head on them.
      classes: K names.
      precision: that the features were computed in.

    Returns:
      the paths of the checkpoints.

    Raises:
      UserError: a network has other layers between its features and its head.
      OSError: the folder cannot be written to.
    """
    parts, names = _parts(linear, cards), _folders(cards)
    with files.new_path(out) as folder:
        for card, part, name in zip(cards, parts, names, strict=True):
            (folder / name).mkdir(parents=True, exist_ok=True)
            model = _with_head(card, part, "float32")
            _check_linear(model, part, card)
            model.save_weights(folder / name / WEIGHTS)
            seal.write(folder / name / WEIGHTS)
            text = json.dumps(_settings(card, classes, precision), indent=2, ensure_ascii=False)
            files.write_text(folder / name / RUN_FILE, text + "\n")
    return tuple(str(Path(out, name, WEIGHTS)) for name in names)


def predictor(
    cards: Sequence[Card], linear: Linear, classes: Sequence[str], precision: str
) -> Predictor:
    """Returns the Predictor of networks with their parts of a head."""
    networks = []
    for card, part in zip(cards, _parts(linear, cards), strict=True):
        own = dataclasses.replace(card, spec=spec_of(card), labels=tuple(classes))
        core = _with_head(card, part, precision)
        if not takes_text(card.model):  # which has no batch normalisation
            core = models.fold_batch_norm(core)
        networks.append(Network(core, own.spec, len(classes), card=own))
    return Predictor(networks, classes, network_options.views_at_once(list(cards)))


def spec_of(card: Card) -> InputSpec:
    """Returns the InputSpec of a card whose logits are averaged, as the features were."""
    return dataclasses.replace(card.spec, average="logits", activation="softmax")


def _parts(linear, cards):
    """Returns the Linear of each card; the bias is divided among them."""
    widths = [_width(card) for card in cards] if len(cards) > 1 else [len(linear.kernel)]
    kernels = np.split(linear.kernel, np.cumsum(widths)[:-1])
    return [Linear(kernel, linear.bias / len(cards)) for kernel in kernels]


def _width(card):
    """Returns the number of features of a card's network."""
    model = network.build(card.model, card.spec, 2, width=card.width, frames=card.spec.length)
    return model.get_layer(ENDPOINT).output.shape[-1]


def _with_head(card, part, precision):
    """Returns the model of a card with its weights and this head."""

    if takes_text(card.model):
        return _with_new_head(card, part, precision)

    def build(num_classes):
        keywords = {"width": card.width, "precision": precision, "frames": card.spec.length}
        return network.build(card.model, card.spec, num_classes, **keywords)

    model = build(len(part.bias))
    start.begin(model, build, card.file)
    head = model.get_layer(_HEAD)
    if [weight.shape[-1] for weight in head.weights] != [len(part.bias)] * 2:
        raise UserError(f"{card.file}: the head of {card.model} is not linear on its features")
    kernel = part.kernel.astype(np.float32)
    if kernel.size != np.prod(head.weights[0].shape):
        raise UserError(f"{card.file}: the head of {card.model} is not linear on its features")
    head.set_weights([kernel.reshape(head.weights[0].shape), part.bias.astype(np.float32)])
    return model


def _with_new_head(card, part, precision):
    """Returns the video part of a network with a text tower, and this head on its features."""
    model = network.loaded(card, 0, precision=precision, frames=card.spec.length)
    video = actionclip.video_part(model)
    head = keras.layers.Dense(len(part.bias), dtype="float32", name=_HEAD)
    logits = head(video.output)
    head.set_weights([part.kernel.astype(np.float32), part.bias.astype(np.float32)])
    return keras.Model(video.input, logits, name=card.model)


def _check_linear(model, part, card):
    """Raises UserError unless the logits of a clip of noise are `part` of its features."""
    ends = [endpoints.ending_at(model, name).output for name in (ENDPOINT, _HEAD)]
    shape = [card.spec.length or card.spec.frames, *model.input_shape[2:]]
    clip = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)
    features, logits = keras.Model(model.input, ends).predict_on_batch(clip)
    expected = features @ part.kernel + part.bias
    if not np.allclose(logits, expected, atol=1e-3 * (1 + np.abs(expected).max())):
        raise UserError(f"{card.file}: the head of {card.model} is not linear on its features")


def _folders(cards):
    """Returns the name of the folder of each card below OUT; "." of one alone."""
    if len(cards) == 1:
        return ["."]
    names = []
    for number, card in enumerate(cards, 1):
        path = Path(card.file)
        name = card.name if card.name != card.file else f"{path.parent.name}_{path.name}"
        names.append(f"{number}_{re.sub('[^A-Za-z0-9_-]+', '_', name.split('.')[0])}")
    return names


def _settings(card, classes, precision) -> dict[str, Any]:
    """Returns what config.json holds, as that of a training run."""
    spec = spec_of(card)
    return {
        "model.name": card.model,
        "model.width": card.width,
        "model.start": card.file,
        "data.records": "",
        "data.stream": spec.stream,
        "data.frames": spec.frames,
        "data.stride": spec.stride,
        "data.segments": spec.segments,
        "data.size": spec.crop,
        "data.mean": list(spec.mean),
        "data.std": list(spec.std),
        "data.flow_method": spec.flow_method,
        "precision": precision,
        "loss": "softmax",
        "replicas": 1,
        "input": spec.to_json(),
        "classes": list(classes),
    }
