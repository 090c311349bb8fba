"""A network, or several whose logits are added, that names what a video shows.

predictor = i3d.load("rgb_imagenet")
predictor.predict("jump.mp4")                        # [("high jump", 0.93), ...]
predictor.features("jump.mp4")                       # float32 [1024]
predictor = i3d.load("actionclip_b16_8f", "vit-b-16-8f.pt")
predictor.predict("a.mp4", text=["falling", "sitting down"])     # labels as text
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras
import numpy as np

from i3d.inference import decoding, few_shot, network, stepping, timeline
from i3d.inference.average import Scores, Sums, added, of_tasks
from i3d.inference.prediction import Prediction
from i3d.inference.text import Labels, Text, labels_of
from i3d.inference.text import check as check_text
from i3d.inference.timeline import Timeline
from i3d.inference.views import Video, of_task, tasks_of, views_of
from i3d.models.preprocessing import Preprocessing
from i3d.runtime import devices
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.video.images import Images

File = str | os.PathLike | Images
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
    def networks(self) -> tuple[network.Network, ...]:
        """The networks whose logits are added."""
        return tuple(self._networks)

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

    def predict(self, video: File, top_k: int = 5, text: Labels | None = None) -> Prediction:
        """Returns [(name, score)] of the best classes, best first, which a notebook shows as bars.

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
        return Prediction(
            (self.class_names[i], float(probabilities[i])) for i in ranked(probabilities, top_k)
        )

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
        activation = self._networks[0].spec.activation
        for video, found in self._sums(self._networks, pieces, self._begun()):
            problems = [problem for _, problem in found if problem]
            scores = [] if problems else [sums.scores() for sums, _ in found]
            yield video, problems[0] if problems else added(scores, activation)

    def timeline(self, video: File, window_s: float | None = None) -> Timeline:
        """Returns what happens when in a video: scores of each window, and of the whole video.

        Args:
          video: path of a file, or Images of a folder.
          window_s: seconds of a window; None: of the networks' longest clip, see
            i3d.inference.timeline.

        Raises:
          UserError: as `predict`, or window_s is out of range.
        """
        source, specs = _source(video), [net.spec for net in self._networks]
        tasks = timeline.tasks_of(specs, [source], window_s)
        ((_, found),) = self.timelines(decoding.decoded_here(timeline.of_task, tasks))
        return _checked(found, video)

    def timelines(self, pieces: Iterable) -> Iterator[tuple[int, Timeline | str]]:
        """Yields (place of a video, Timeline or why there is none), as videos are finished.

        Args:
          pieces: iterator of decoding.View and decoding.End of timeline.tasks_of.

        Raises:
          UserError: the logits are not finite.
        """
        nets = self._networks
        pieces = timeline.apart(pieces, len(nets))
        for video, found in self._sums([*nets, *nets], pieces, self._begun()):
            problem = next((problem for _, problem in found if problem), "")
            each = [sums for sums, _ in found]
            yield video, problem or timeline.joined(each, nets[0].spec.activation)

    def windows(
        self, pieces: Iterable
    ) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray, Scores] | str]]:
        """Yields (place of a video, its windows or why there are none), as videos are finished.

        Windows are (start_s float64 [R], end_s float64 [R], Scores of float32 [R, K]); a video
        that was not cut into windows has one, from 0 to NaN.

        Args:
          pieces: iterator of decoding.View and decoding.End, a task for each video and network.

        Raises:
          UserError: the logits are not finite.
        """
        activation = self._networks[0].spec.activation
        for video, found in self._sums(self._networks, pieces, self._begun()):
            problem = next((problem for _, problem in found if problem), "")
            yield video, problem or timeline.windows_of([sums for sums, _ in found], activation)

    def _begun(self) -> Callable[[int], Sums]:
        """Returns the function from the place of a task of a video to Sums without a view.

        Raises:
          UserError: labels lack.
        """
        nets = self._networks
        if not self.class_names and any(net.tower and net.head is None for net in nets):
            raise UserError(
                "the classes of this network are texts: expected predict(video, text=[...]), or "
                "labels by i3d.load(..., text=[...])"
            )
        averages = [net.spec.average if len(nets) == 1 else "logits" for net in nets]
        return lambda place: Sums(averages[place % len(nets)], nets[0].spec.activation)

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
        strategy = devices.in_scope()
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
