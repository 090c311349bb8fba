"""What a training run of videos and texts needs beside the model: labels, tokens, validation.

labels = text.labels(settings, records)                   # of the classes, in their order
objective = text.objective(settings, labels)
net = text.network_of(model, spec)                        # under strategy.scope()
scores = records.evaluate(text.with_labels(net, model, labels), ...)
"""

from typing import Any

import keras
import numpy as np
from ml_collections import ConfigDict

from i3d.data import stored
from i3d.inference import zero_shot
from i3d.inference.network import Network
from i3d.inference.text import Text, labels_of
from i3d.models import actionclip, tokenizer
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.training.objectives import VideoText
from i3d.weights.clip_zoo import takes_text


def labels(settings: ConfigDict, records: stored.Records) -> tuple[str, ...]:
    """Returns the text of each class, () for a model without a text tower.

    With config.text.split_camel_case their words are apart, so that whatever uses the weights later
    finds the texts as they were learned.

    Raises:
      UserError: config.text.labels cannot be used or has another number of them, or videos have
        several labels.
    """
    if not takes_text(settings.model.name):
        return ()
    names = tuple(records.class_names)
    if records.multi_label:
        raise UserError(
            f"config.model.name: {settings.model.name} learns one text for each video, and videos "
            f"of {settings.data.records} have several labels; expected a data set of one label"
        )
    found = _given(settings.text.labels) if settings.text.labels else names
    if len(found) != len(names):
        raise UserError(
            f"config.text.labels: {settings.text.labels}: expected {len(names)} labels, as "
            f"{settings.data.records} has classes, in their order, got {len(found)}"
        )
    return tuple(map(tokenizer.words_of, found)) if settings.text.split_camel_case else found


def _given(path):
    try:
        return labels_of(path)
    except UserError as error:
        line = str(error).removeprefix("--text: ")
        raise UserError(f"config.text.labels: {line}") from error


def objective(settings: ConfigDict, labels: tuple[str, ...]) -> VideoText:
    """Returns the objective of a configuration.

    Raises:
      UserError: a label has too many tokens, or two are the same text.
    """
    rows = tokenizer.trimmed(zero_shot.tokens_of(labels))
    return VideoText(
        np.reshape(rows, (-1, len(labels), rows.shape[1])),
        seed=settings.seed,
        target=settings.text.target,
        weight=settings.loss_weight,
    )


def network_of(model: keras.Model, spec: InputSpec) -> Network:
    """Returns the Network from views to the video's features, with the weights of the model."""
    return Network(actionclip.video_part(model), spec, 0)


def with_labels(network: Network, model: Any, labels: tuple[str, ...]) -> Network:
    """Returns the Network that classifies by the labels, with the weights that the model has now.

    It is tested as any other (i3d.inference.zero_shot): all templates, a constant scale of 100.
    """
    tower = zero_shot.TextTower(model, on_disk=False)
    return network.with_head(tower.head(Text(labels)))
