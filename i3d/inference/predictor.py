"""A network, or several whose logits are added, that names what a video shows.

predictor = load("rgb_imagenet")                     # a card of i3d.cards(), or a path
predictor.predict("jump.mp4")                        # [("high jump", 0.93), ...]
predictor.features("jump.mp4")                       # float32 [1024]
predictor = load("tsn_r50_1x1x3", "tsn.pth")         # a model, and a file of any name
both = load(["rgb_imagenet", "flow_imagenet"])       # logits added
predictor = load("actionclip_b16_8f", "vit-b-16-8f.pt")
predictor.predict("a.mp4", text=["falling", "sitting down"])     # labels as text
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from i3d import models
from i3d.inference import checkpoint as checkpoints
from i3d.inference import decoding, few_shot, network, stepping
from i3d.inference.average import Scores, Sums, added, of_tasks
from i3d.inference.text import Labels, Text, labels_of, takes_text
from i3d.inference.text import check as check_text
from i3d.inference.views import Video, of_task, tasks_of, views_of
from i3d.models.preprocessing import Preprocessing
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.video.images import Images
from i3d.weights import find
from i3d.weights.cards import Card

File = str | os.PathLike | Images
Checkpoint = str | os.PathLike
_KEPT = 8  # lists of labels of which a Predictor keeps the classifiers


class Predictor:
    """Scores and features of videos; `i3d.load` makes one.

    Attributes:
      class_names: K strings, in the order of the scores; () where labels are still to be given as
        text.
    """

    def __init__(
        self,
        networks: Sequence[network.Network],
        class_names: Sequence[str],
        batch_size: int = 4,
        text: Text | None = None,
    ):
        """Keeps its arguments.

        Args:
          networks: of the same K classes.
          class_names: K strings, () of networks with a text tower that have no labels yet.
          batch_size: views that a network is given at a time.
          text: how labels become classes of networks with a text tower.
        """
        self.class_names = tuple(class_names)
        self._networks, self._batch_size = list(networks), batch_size
        self._text = text or Text()
        self._of_labels: dict[tuple[str, ...], Predictor] = {}

    def __repr__(self) -> str:
        """Returns the networks, their views and the number of classes in one line."""
        cards = [net.card for net in self._networks]
        each = [card.described() if card else "a network" for card in cards]
        count = len(self.class_names)
        return f"<Predictor of {count or 'text as'} classes: {' + '.join(each)}>"

    @property
    def spec(self) -> InputSpec:
        """How the network sees a video: InputSpec of frames, stride, size, range, views."""
        return self._only("spec").spec

    @property
    def model(self) -> keras.Model:
        """The network as it is trained: `model.summary()`, `model.get_layer("Mixed_4f")`.

        It takes float32 clips [B, T, H, W, C] in the range of `spec` (of I3D RGB in [-1, 1]) and
        returns logits [B, K]; of a network with a text tower see i3d.models.actionclip.
        Preprocessing is not part of it: `preprocessing` makes its input of the uint8 views of a
        video. It holds the weights that were loaded, before batch
        normalisation was folded; changes of them do not reach `predict`.

            clips = predictor.preprocessing(next(predictor.views("jump.mp4"))[None])
            logits = predictor.model(clips)
        """
        trained = self._only("model").trained
        if trained is None:
            raise UserError("model: expected a Predictor of i3d.load, which keeps the model")
        return trained

    @property
    def preprocessing(self) -> Preprocessing:
        """The layer from uint8 views [B, N, H, W, C] to float32 clips that `model` takes."""
        return network.preprocessing(self.spec)

    def views(self, video: File) -> Iterator[np.ndarray]:
        """Yields the views of a video that the network is given, uint8 [N, H, W, C].

        Clips after clips, of each its crops; flow in levels, see `i3d.flow.levels_to_pixels`.

        Raises:
          UserError: the file cannot be used.
        """
        return views_of(_source(video), self.spec)

    def predict(
        self, video: File, top_k: int = 5, text: Labels | None = None
    ) -> list[tuple[str, float]]:
        """Returns [(name, score)] of the best classes, best first.

        Scores of all classes add up to 1, but for networks of several labels, where each score
        is a sigmoid.

        Args:
          video: path of a file, or Images of a folder.
          top_k: number of classes.
          text: labels of a network with a text tower: a list, a file, or labels between commas;
            None takes `class_names`. Lists that were given before cost nothing again. Examples
            of `of_examples` do not join them.

        Raises:
          UserError: the file or the text cannot be used, or the logits are not finite.
        """
        if text is not None:
            return self.of_text(text).predict(video, top_k)
        ((_, found),) = self.scores_of([_source(video)])
        probabilities = _checked(found, video).probabilities
        return [
            (self.class_names[i], float(probabilities[i])) for i in ranked(probabilities, top_k)
        ]

    def of_text(self, text: Labels) -> "Predictor":
        """Returns the Predictor of the same networks for other labels.

        Args:
          text: as for `predict`.

        Raises:
          UserError: the text cannot be used, or a network has no text tower.
        """
        labels = labels_of(text)
        if labels not in self._of_labels:
            asked = dataclasses.replace(self._text, labels=labels)
            nets = [_with_labels(net, asked) for net in self._networks]
            found = Predictor(nets, labels, self._batch_size, self._text)
            if len(self._of_labels) >= _KEPT:
                del self._of_labels[next(iter(self._of_labels))]
            self._of_labels[labels] = found
        return self._of_labels[labels]

    def of_examples(
        self, features: np.ndarray, labels: np.ndarray, weight: float = few_shot.WEIGHT
    ) -> "Predictor":
        """Returns a Predictor whose text features are joined by class means of a few videos.

        Nothing is trained; see i3d.inference.few_shot.

        Args:
          features: float32 [N, D], of `features`, of N videos.
          labels: int [N], numbers of their classes in `class_names`, each at least once.
          weight: of the class means against the text features, 0 or more.

        Raises:
          UserError: a class has no video, or this is not one network with a text tower.
        """
        net = self._only("examples")
        if net.head is None:
            raise UserError("examples: expected a network with a text tower and labels")
        own = np.asarray(labels)
        text = few_shot.joined(net.head.text, features, own, self.class_names, weight)
        head = net.head.of(text)
        return Predictor([net.with_head(head)], self.class_names, self._batch_size, self._text)

    def features(self, video: File) -> np.ndarray:
        """Returns the features of a video, float32 [C]: the layer before the head.

        Means over space, time and all views; of several networks side by side. Of a network with
        a text tower they are the video embedding, not of unit length.

        Args:
          video: path of a file, or Images of a folder.

        Raises:
          UserError: the file cannot be used, or the features are not finite.
        """
        tasks = tasks_of([net.spec for net in self._ending_at_features], [_source(video)])
        ((_, found),) = self.features_of(decoding.decoded_here(of_task, tasks))
        return _checked(found, video)

    def features_of(self, pieces: Iterable) -> Iterator[tuple[int, np.ndarray | str]]:
        """Yields (place of a video, its features or why there are none), as videos are finished.

        Args:
          pieces: as for `scores`.

        Raises:
          UserError: the features are not finite.
        """
        for video, found in self._sums(self._ending_at_features, pieces, lambda place: Sums()):
            problem = next((problem for _, problem in found if problem), "")
            each = [] if problem else [sums.rows().features[0] for sums, _ in found]
            yield video, problem or np.concatenate(each)

    def scores_of(self, videos: Sequence[Video]) -> Iterator[tuple[int, Scores | str]]:
        """Yields (place in `videos`, Scores or why there are none), decoded by this process."""
        tasks = tasks_of([net.spec for net in self._networks], videos)
        return self.scores(decoding.decoded_here(of_task, tasks))

    def scores(self, pieces: Iterable) -> Iterator[tuple[int, Scores | str]]:
        """Yields (place of a video, Scores or why there are none), as videos are finished.

        One network's views are averaged as its InputSpec says; logits of several, each the mean
        over its views, are added.

        Args:
          pieces: iterator of decoding.View and decoding.End of views.tasks_of.

        Raises:
          UserError: the logits are not finite.
        """
        nets = self._networks
        if not self.class_names:
            raise UserError(
                "the classes of this network are texts: expected predict(video, text=[...]), or "
                "labels by i3d.load(..., text=[...])"
            )
        averages = [net.spec.average if len(nets) == 1 else "logits" for net in nets]
        activation = nets[0].spec.activation
        begun = lambda place: Sums(averages[place], activation)  # noqa: E731
        for video, found in self._sums(nets, pieces, begun):
            problems = [problem for _, problem in found if problem]
            scores = [] if problems else [sums.scores() for sums, _ in found]
            yield video, problems[0] if problems else added(scores, activation)

    def _sums(
        self,
        networks: Sequence[network.Network],
        pieces: Iterable,
        begun: Callable[[int], Sums],
    ) -> Iterator[tuple[int, list[tuple[Sums, str]]]]:
        """Yields (place of a video, [(Sums, problem or "") of each network]) of finished videos."""
        count = len(networks)
        done: dict[int, dict[int, tuple[Sums, str]]] = {}
        ready = decoding.ahead(
            decoding.batches(pieces, self._batch_size, lambda task: task % count)
        )
        strategy = tf.distribute.get_strategy()
        kind = lambda batch: batch.keys[0][0] % count  # noqa: E731
        outputs = stepping.outputs(networks, ready, strategy, kind)
        for task, sums, problem in of_tasks(outputs, lambda task: begun(task % count)):
            video, place = divmod(task, count)
            done.setdefault(video, {})[place] = sums, problem
            if len(done[video]) == count:
                found = done.pop(video)
                yield video, [found[place] for place in range(count)]

    @functools.cached_property
    def _ending_at_features(self) -> list[network.Network]:
        return [net.at("features") for net in self._networks]

    def _only(self, name: str) -> network.Network:
        if len(self._networks) > 1:
            raise UserError(
                f"{name}: this predictor adds the logits of {len(self._networks)} networks; load "
                "one checkpoint alone for its own"
            )
        return self._networks[0]


def load(
    model: Checkpoint | Sequence[Checkpoint | None] | None = None,
    checkpoint: Checkpoint | Sequence[Checkpoint] | None = None,
    *,
    labels: str | None = None,
    precision: str = "float32",
    batch_size: int = 4,
    clips: int | None = None,
    crops: int | None = None,
    text: Labels | None = None,
    split_camel_case: bool = False,
    learned_scale: bool = False,
) -> Predictor:
    """Returns the Predictor of a checkpoint, or of several together.

    `load(checkpoint)` takes the name of a card of `i3d.cards()` (downloaded where it is missing),
    the path of a file that keeps its published name, or weights beside the config.json of their
    training run. `load(model, checkpoint)` takes any file of that model.

    Args:
      model: name in the catalogue of models; or None, as for `load(checkpoint)`; or a list of
        such, one for each checkpoint. Without `checkpoint`: the checkpoint, or a list of them.
      checkpoint: path of a TF1 prefix, .weights.h5, .h5, .pth or .safetensors file, or the name
        of a card; or a list, whose logits are added.
      labels: file of class names (one a line, or JSON), where the checkpoint's are not known.
      precision: "float32" or "bfloat16".
      batch_size: views at a time.
      clips, crops: clips (or segments) of a video and crops of a clip, where not as published.
      text: labels of a model with a text tower (actionclip_*, clip_*): a list, a file, or labels
        between commas. None takes the class names of the checkpoint; where there are none, each
        `predict` is given labels.
      split_camel_case: whether "ApplyEyeMakeup" is read as three words.
      learned_scale: whether the cosine is multiplied by the learned scale; else by 100, as
        ActionCLIP is tested.

    Raises:
      UserError: a name or a file cannot be used; one line.
    """
    if checkpoint is None:
        model, checkpoint = None, model  # type: ignore[assignment]
    if checkpoint is None:
        raise UserError(f"expected a checkpoint: a path, or one of {', '.join(find.NAMED)}")
    if precision not in network.PRECISIONS:
        expected = " or ".join(network.PRECISIONS)
        raise UserError(f"precision: expected {expected}, got {precision!r}")
    several = isinstance(checkpoint, list | tuple)
    files = [os.fspath(file) for file in (checkpoint if several else [checkpoint])]  # type: ignore
    names = list(model or [None] * len(files)) if several else [model]  # type: ignore[arg-type]
    if len(names) != len(files):
        raise UserError(f"expected a model for each of {len(files)} checkpoints, got {len(names)}")
    cards = [_card(name, file, clips, crops) for name, file in zip(names, files, strict=True)]
    words = Text(() if text is None else labels_of(text), split_camel_case, learned_scale)
    check_text(cards, words)
    return of_cards(cards, labels, precision, batch_size, keep_trained=True, text=words)


def _card(model, checkpoint, clips, crops):
    """Returns the Card of a checkpoint; messages name no flag."""
    if model is None and checkpoint in models.names() and not os.path.exists(checkpoint):
        raise UserError(
            f"{checkpoint} is a model without weights: expected i3d.load({checkpoint!r}, "
            "checkpoint), or i3d.models.build for random weights"
        )
    try:
        return checkpoints.card_of(model, checkpoint, clips=clips, crops=crops)
    except UserError as error:
        if str(error).startswith("--checkpoint: "):
            raise type(error)(str(error).removeprefix("--checkpoint: ")) from error
        raise


def of_cards(
    cards: list[Card],
    labels: str | None = None,
    precision: str = "float32",
    batch_size: int = 4,
    keep_trained: bool = False,
    text: Text | None = None,
) -> Predictor:
    """Returns the Predictor of a list of Cards; see `load`.

    Args:
      cards: of the checkpoints.
      labels, precision, batch_size: as for `load`.
      keep_trained: whether `Predictor.model` will be asked for; see `network.load`.
      text: labels for models with a text tower, and how they are read. Without labels, they are
        the classes of the other networks, or those of the card.
    """
    text = text or Text()
    if len({card.spec.activation for card in cards}) > 1:
        each = ", ".join(f"{card.file} {card.spec.activation}" for card in cards)
        raise UserError(f"expected checkpoints that are all of one label or of several, got {each}")
    fixed = [card for card in cards if not takes_text(card.model)]
    classes = _num_classes(fixed)
    names = _names(cards, fixed, classes, labels, text)
    text = dataclasses.replace(text, labels=names)
    networks = [
        network.load(
            card,
            precision,
            endpoint="Logits" if names else "features",
            num_classes=classes,
            keep_trained=keep_trained,
            text=text,
        )
        for card in cards
    ]
    return Predictor(networks, names, batch_size, text)


def _num_classes(fixed):
    """Returns the number of classes of checkpoints with heads, None without any."""
    counts = [network.classes_of(card) for card in fixed]
    if len(set(counts)) > 1:
        each = ", ".join(f"{card.file} {n}" for card, n in zip(fixed, counts, strict=True))
        raise UserError(f"expected checkpoints of the same classes, got {each}")
    return counts[0] if counts else None


def _names(cards, fixed, classes, labels, text):
    """Returns the class names of cards, () of texts that are still to be given."""
    if fixed:
        names = checkpoints.class_names(fixed, classes, labels)
        if len(fixed) < len(cards) and names == tuple(map(str, range(classes))):
            raise UserError(
                f"{fixed[0].file}: names of the classes are not known, which the others need as "
                "text; give them by labels"
            )
        return names
    if labels:
        raise UserError(f"labels: the classes of {cards[0].model} are texts; give them as text")
    known = {card.class_names() for card in cards} - {()}
    if not text.labels and len(known) > 1:
        raise UserError("the models have different class names: they cannot be added; give text")
    return text.labels or (known.pop() if known else ())


def _with_labels(net, text):
    """Returns the Network of other labels; UserError where it has no text tower."""
    if net.tower is None:
        check_text([net.card], text) if net.card else None
        raise UserError("text: this network has no text tower")
    return net.with_head(net.tower.head(text))


def ranked(scores: np.ndarray, top_k: int) -> list[int]:
    """Returns the numbers of the best classes, best first."""
    return np.argsort(-scores, kind="stable")[:top_k].tolist()


def _source(video):
    """Returns a path as text, Images as they are."""
    if not isinstance(video, File):
        got = type(video).__name__
        raise UserError(f"expected the path of one video, got {got}; call it for each video")
    return os.fspath(video) if isinstance(video, os.PathLike) else video


def _checked(found, video):
    """Returns Scores or Rows.

    Raises:
      UserError: it is the reason why there are none.
    """
    if isinstance(found, str):
        raise UserError(found if str(video) in found else f"{video}: {found}")
    return found
