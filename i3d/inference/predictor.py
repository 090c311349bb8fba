"""A network, or several whose logits are added, that names what a video shows.

predictor = load("tsn_r50_1x1x3", "tsn.pth")
predictor.predict("jump.mp4")                        # [("high jump", 0.93), ...]
both = load(None, ["checkpoints/rgb_imagenet/model.ckpt", ".../flow_imagenet/model.ckpt"])
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from i3d.inference import checkpoint as checkpoints
from i3d.inference import decoding, network, stepping, views
from i3d.inference.average import Scores, Sums, added, of_tasks
from i3d.runtime.command import UserError
from i3d.video.images import Images
from i3d.weights.cards import Card


class Predictor:
    """Scores of videos.

    Attributes:
      names: of the classes, K strings.
    """

    def __init__(
        self, networks: Sequence[network.Network], names: Sequence[str], batch_size: int = 4
    ):
        """Keeps its arguments.

        Args:
          networks: of the same K classes.
          names: K strings.
          batch_size: views that a network is given at a time.
        """
        self.names = names
        self._networks, self._batch_size = list(networks), batch_size

    def predict(self, video: str | Images, top_k: int = 5) -> list[tuple[str, float]]:
        """Returns [(name, score)] of the best classes, best first.

        Scores of all classes add up to 1, but for networks of several labels, where each score
        is a sigmoid.

        Args:
          video: path of a file, or Images of a folder.
          top_k: number of classes.

        Raises:
          UserError: the file cannot be used, or the logits are not finite.
        """
        ((_, found),) = self.scores_of([video])
        if isinstance(found, str):
            raise UserError(found if str(video) in found else f"{video}: {found}")
        return [
            (self.names[i], float(found.probabilities[i]))
            for i in ranked(found.probabilities, top_k)
        ]

    def scores_of(self, videos: Sequence[views.Video]) -> Iterator[tuple[int, Scores | str]]:
        """Yields (place in `videos`, Scores or why there are none), decoded by this process."""
        tasks = views.tasks_of([net.spec for net in self._networks], videos)
        return self.scores(decoding.decoded_here(views.of_task, tasks))

    def scores(self, pieces: Iterable) -> Iterator[tuple[int, Scores | str]]:
        """Yields (place of a video, Scores or why there are none), as videos are finished.

        One network's views are averaged as its InputSpec says; logits of several, each the mean
        over its views, are added.

        Args:
          pieces: iterator of decoding.View and decoding.End of views.tasks_of.

        Raises:
          UserError: the logits are not finite.
        """
        count = len(self._networks)
        averages = [net.spec.average if count == 1 else "logits" for net in self._networks]
        activation = self._networks[0].spec.activation
        done: dict[int, dict[int, Scores | str]] = {}
        ready = decoding.ahead(
            decoding.batches(pieces, self._batch_size, lambda task: task % count)
        )
        strategy = tf.distribute.get_strategy()
        kind = lambda batch: batch.keys[0][0] % count  # noqa: E731
        outputs = stepping.outputs(self._networks, ready, strategy, kind)
        begun = lambda task: Sums(averages[task % count], activation)  # noqa: E731
        for task, sums, problem in of_tasks(outputs, begun):
            video, place = divmod(task, count)
            done.setdefault(video, {})[place] = problem or sums.scores()
            if len(done[video]) == count:
                yield video, _together(done.pop(video), activation)


def load(
    model: str | Sequence[str | None] | None,
    checkpoint: str | Sequence[str],
    *,
    labels: str | None = None,
    precision: str = "float32",
    batch_size: int = 4,
    clips: int | None = None,
    crops: int | None = None,
) -> Predictor:
    """Returns the Predictor of a checkpoint, or of several together.

    Args:
      model: name in the catalogue; None for files of a published name and for weights beside the
        config.json of their training; or a list of such, one for each checkpoint.
      checkpoint: path of a TF1 prefix, .weights.h5, .pth or .safetensors file; or as many.
      labels: file of class names (one a line, or JSON), where the checkpoint's are not known.
      precision: "float32" or "bfloat16".
      batch_size: views at a time.
      clips, crops: views of a video, where not as published.

    Raises:
      UserError: a name or a file cannot be used; one line.
    """
    several = isinstance(checkpoint, list | tuple)
    names = list(model or [None] * len(checkpoint)) if several else [model]
    files = checkpoint if several else [checkpoint]
    cards = [
        checkpoints.card_of(name, str(file), clips=clips, crops=crops)  # type: ignore[arg-type]
        for name, file in zip(names, files, strict=True)
    ]
    return of_cards(cards, labels, precision, batch_size)


def of_cards(
    cards: list[Card],
    labels: str | None = None,
    precision: str = "float32",
    batch_size: int = 4,
) -> Predictor:
    """Returns the Predictor of a list of Cards; see `load`."""
    counts = [network.classes_of(card) for card in cards]
    if len(set(counts)) > 1:
        each = ", ".join(f"{card.file} {n}" for card, n in zip(cards, counts, strict=True))
        raise UserError(f"expected checkpoints of the same classes, got {each}")
    if len({card.spec.activation for card in cards}) > 1:
        each = ", ".join(f"{card.file} {card.spec.activation}" for card in cards)
        raise UserError(f"expected checkpoints that are all of one label or of several, got {each}")
    names = checkpoints.class_names(cards, counts[0], labels)
    networks = [network.load(card, precision, num_classes=counts[0]) for card in cards]
    return Predictor(networks, names, batch_size)


def ranked(scores: np.ndarray, top_k: int) -> list[int]:
    """Returns the numbers of the best classes, best first."""
    return np.argsort(-scores, kind="stable")[:top_k].tolist()


def _together(found, activation):
    """Returns the Scores of a video by all networks, or the first problem."""
    problems = [one for one in found.values() if isinstance(one, str)]
    return problems[0] if problems else added([found[place] for place in sorted(found)], activation)
