"""Builds and loads the network of every command: uint8 views in, float32 rows out.

network = load(card, precision="bfloat16")                # its logits
network = load(card, endpoint="features")                 # features, or any other layer
network = load(card, text=Text(("falling", "sitting")))   # of a network with a text tower
network = load_with_boxes(card)                           # of one that scores people in boxes
rows = network(views)                                     # uint8 [B, N, H, W, C] -> [B, K]
"""

import contextlib
import copy
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras

from i3d import models, weights
from i3d.data.feature_spec import FeatureSpec
from i3d.inference import engine as engines
from i3d.inference.endpoints import ending_at
from i3d.inference.text import Text
from i3d.inference.zero_shot import TextHead, TextTower
from i3d.models import actionclip
from i3d.models.preprocessing import Preprocessing, with_preprocessing
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.weights import kinds
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text
from i3d.weights.errors import NoHead
from i3d.weights.localization_zoo import gives_proposals
from i3d.weights.start import head_classes

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


class Network:
    """A model with its weights, from uint8 views of its InputSpec to float32 rows.

    Attributes:
      spec: InputSpec.
      num_classes: K.
      model: keras.Model from uint8 [B, N, H, W, C] to float32 [B, C].
      core: keras.Model from float32 clips [B, T, H, W, C] to the same, without preprocessing.
      card: Card that it was loaded by, None for others.
      trained: keras.Model as it is trained, where `load` was asked to keep it; else None.
      tower: TextTower of a network that takes labels as text, else None.
      head: TextHead that makes log probabilities of the video features which `model` then gives;
        None where the rows are what `model` gives.
      steps: compiled steps by strategy, kept by i3d.inference.stepping.
      precision: "float32" or "bfloat16".
      engine: what runs `body`, see i3d.inference.engine.
      plain: function to the same Network in float32, which other engines convert; None: this one.
    """

    def __init__(
        self,
        core: keras.Model,
        spec: InputSpec,
        num_classes: int,
        preprocess: bool = True,
        card: Card | None = None,
        trained: keras.Model | None = None,
    ):
        """Puts preprocessing before `core`, which takes float32 clips [B, T, H, W, C]."""
        self.spec, self.num_classes, self.model = spec, num_classes, core
        self.card, self.trained = card, trained
        self.tower: TextTower | None = None
        self.head: TextHead | None = None
        self.steps: dict[Any, Any] = {}
        self.precision, self.engine = "float32", "keras"
        self.plain: Callable[[], Network] | None = None
        self.core, self._preprocess = core, preprocess
        if preprocess:
            frames, height, width, channels = spec.view_shape
            shape = (None if spec.whole else frames, height or None, width or None, channels)
            self.model = with_preprocessing(core, preprocessing(spec), shape)

    def __call__(self, views: Any) -> Any:
        """Returns float32 [B, C] of uint8 views [B, N, H, W, C]."""
        rows = self.body(views)
        return rows if self.head is None else self.head(rows)

    def body(self, views: Any) -> Any:
        """Returns what `model` gives of views, before the head."""
        return self.model(views, training=False)

    def with_head(self, head: TextHead | None) -> "Network":
        """Returns a Network with the same weights and compiled steps, and another head, or none."""
        other = copy.copy(self)
        other.head, other.num_classes = head, head.text.shape[1] if head else 0
        return other

    def at(self, endpoint: str) -> "Network":
        """Returns a Network with the same weights that ends at another layer.

        Raises:
          UserError: there is no such layer.
        """
        if self.tower and endpoint == "features":
            return self.with_head(None)
        ending, own = ending_at(self.core, endpoint), (self.card, self.trained)
        found = Network(ending, self.spec, self.num_classes, self._preprocess, *own)
        return found.run_by(self.engine, self.precision, lambda: _plain(self).at(endpoint))

    def run_by(
        self, engine: str, precision: str, plain: "Callable[[], Network] | None" = None
    ) -> "Network":
        """Sets `engine`, `precision` and `plain`, which counts in bfloat16 alone; returns self."""
        self.engine, self.precision = engine, precision
        self.plain = plain if precision != "float32" else None
        return self


def load(
    card: Card,
    precision: str = "float32",
    endpoint: str = "Logits",
    num_classes: int | None = None,
    preprocess: bool = True,
    keep_trained: bool = False,
    text: Text | None = None,
    engine: str = "keras",
) -> Network:
    """Returns the Network of a card, its batch normalisation folded into the convolutions.

    Args:
      card: Card whose `file` is a path.
      precision: "float32" or "bfloat16" (activations and kernels; rows stay float32).
      endpoint: name of a layer; see `endpoints.ending_at`.
      num_classes: of the checkpoint, where `classes_of` has read it already.
      preprocess: False for a network that takes float32 clips in its own range.
      keep_trained: whether the model before folding is kept as `trained`; doubles the memory of
        the weights.
      text: labels of a network with a text tower, whose "Logits" are log probabilities of them;
        without labels those of the card.
      engine: of i3d.inference.engine.ENGINES; see there.

    Raises:
      UserError: the checkpoint, the endpoint or the labels do not fit the model, or there is no
        such engine; one line.
    """
    engines.check(engine)
    kinds.check(card.file, card.model, takes="videos")
    if takes_text(card.model):
        net = _load_with_text(card, precision, endpoint, preprocess, keep_trained, text or Text())
        body = "features" if endpoint == "Logits" else endpoint
        plain = functools.partial(load, card, "float32", body, preprocess=preprocess)
        return net.run_by(engine, precision, plain)
    classes = num_classes or _classes_if_any(card, endpoint)
    model = loaded(
        card, classes or 1, classes is not None, precision=precision, frames=card.spec.length
    )
    folded = models.fold_batch_norm(model)
    ending, trained = ending_at(folded, endpoint), model if keep_trained else None
    net = Network(ending, card.spec, classes or 1, preprocess, card, trained)
    plain = functools.partial(load, card, "float32", endpoint, classes, preprocess)
    return net.run_by(engine, precision, plain)


def load_with_boxes(card: Card, precision: str = "float32", engine: str = "keras") -> Network:
    """Returns the Network of a card whose model scores the actions of people in boxes.

    Its `model` takes {"views": uint8 [B, T, H, W, 3], "boxes": float32 [B, N, 4] in [0, 1]} and
    gives logits float32 [B, N, num_classes], the first of which is the background.

    Args:
      card: Card whose `file` is a path.
      precision: "float32" or "bfloat16" (activations and kernels; logits stay float32).
      engine: of i3d.inference.engine.ENGINES; see there.

    Raises:
      UserError: the model takes no boxes, the checkpoint does not fit it, or there is no such
        engine; one line.
    """
    engines.check(engine)
    kinds.check(card.file, card.model, takes="boxes")
    classes = classes_of(card)
    model = loaded(card, classes, precision=precision, frames=card.spec.length)
    net = Network(models.fold_batch_norm(model), card.spec, classes, card=card)
    return net.run_by(engine, precision, functools.partial(load_with_boxes, card))


def _plain(net):
    """Returns the same Network in float32."""
    return net.plain() if net.plain else net


def _load_with_text(card, precision, endpoint, preprocess, keep_trained, text):
    """Returns the Network of a card whose classes are texts."""
    labels = text.labels or card.class_names()
    if endpoint == "Logits" and not labels:
        raise UserError(
            f"{card.file}: the classes of {card.model} are texts: expected labels, by --text or "
            "text=; without them it gives features"
        )
    model = loaded(card, 0, precision=precision, frames=card.spec.length)
    ending = actionclip.video_part(model)
    if endpoint not in ("Logits", "features"):
        ending = ending_at(ending, endpoint)
    trained = model if keep_trained else None
    net = Network(ending, card.spec, 0, preprocess, card, trained)
    net.tower = TextTower(model)
    if endpoint != "Logits":
        return net
    return net.with_head(net.tower.head(dataclasses.replace(text, labels=labels)))


def classes_of(card: Card) -> int:
    """Returns the number of classes of a card's checkpoint, read from its head.

    Raises:
      UserError: it cannot be read, or has no head.
    """
    if gives_proposals(card.model):
        return 1
    try:
        return head_classes(card.file, card.model)
    except NoHead as error:
        raise UserError(f"{error}; scores need its head") from error


def _classes_if_any(card, endpoint):
    """Returns the number of classes, None for a backbone alone, of which logits are not wanted."""
    if endpoint == "Logits":
        return classes_of(card)
    try:
        return head_classes(card.file, card.model)
    except NoHead:
        return None


def loaded(
    card: Card, num_classes: int, head: bool = True, averages: bool = False, **keywords: Any
) -> keras.Model:
    """Returns the model of a card with its weights, as it is trained: not folded.

    Args:
      card: Card whose `file` is a path.
      num_classes: width of the head.
      head: False for a file of a backbone alone.
      averages: True for moving averages of the weights, see `i3d.weights.load`.
      keywords: of `build`.

    Raises:
      UserError: the checkpoint does not fit the model; one line.
    """
    model = build(card.model, card.spec, num_classes, width=card.width, **keywords)
    try:
        weights.load(model, card.file, head, averages)
    except UserError as error:
        line = str(error).partition("\n")[0]
        if takes_text(card.model) and "expected" in line:  # it names the model that fits
            raise
        seen = getattr(card.spec, "stream", f"{card.spec.channels} features")
        what = f"{card.model} ({seen}, width {card.width:g})"
        raise UserError(f"{line}; expected a checkpoint of {what}") from error
    return model


def build(
    name: str,
    spec: InputSpec | FeatureSpec,
    num_classes: int,
    *,
    width: float = 1.0,
    precision: str = "float32",
    **keywords: Any,
) -> keras.Model:
    """Returns a model of the catalogue for what a spec describes, with random weights.

    Args:
      name: in the catalogue.
      spec: whose channels and crop, or rows, are taken.
      num_classes: width of the head.
      width: multiplier of filter counts.
      precision: that it computes in, "float32" or "bfloat16".
      keywords: of the model's builder, such as frames and dropout; channels replaces the spec's.

    Raises:
      UserError: there is no such model, or it does not take such views.
    """
    options: dict[str, Any] = {"num_classes": num_classes, "channels": spec.channels}
    options["width"] = width
    if isinstance(spec, InputSpec):
        options["size"] = spec.crop or None
    elif spec.rows or gives_proposals(name):
        options["rows"] = spec.rows
    try:
        with computing_in(precision):
            return models.build(name, **options | keywords)
    except ValueError as error:
        raise UserError(str(error)) from error


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Context in which models are built that compute in "float32" or "bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def preprocessing(spec: InputSpec) -> Preprocessing:
    """Returns the layer that makes a network's input of uint8 views."""
    return Preprocessing(
        flow=spec.stream == "flow",
        frames=spec.frames if spec.segments else 0,
        range=spec.range or (-1.0, 1.0),
        mean=() if spec.range else spec.mean,
        std=() if spec.range else spec.std,
        name="preprocessing",
    )
