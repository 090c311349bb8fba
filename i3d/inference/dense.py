"""Feature rows of videos, from windows of frames that slide over them.

    dense = load([rgb_card, flow_card], window=16, stride=4)
    for first_row, rows in dense.rows("film.mp4"):        # float32 [n, C]; RGB, then flow
        ...
    found = dense.of_video("film.mp4")                    # features, start_s, end_s, fps

A video is decoded once, flow is computed once for each pair of frames, and memory holds one window
of frames and one batch of each network, however long the video is.
"""

import collections
import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from i3d.data.feature_spec import FeatureSpec
from i3d.inference import decoding, dense_views, network, stepping
from i3d.inference.dense_views import DenseKey, DenseViews, Video
from i3d.runtime import devices
from i3d.runtime.command import UserError
from i3d.runtime.devices import Strategy
from i3d.weights.cards import Card

_MOST_VIEWS = 16  # of a batch
_PIXELS = 64 * 224 * 224  # of a batch, about


class Piece(NamedTuple):
    """Rows of one video that follow each other.

    Attributes:
      first: number of the first.
      features: float32 [n, C]; [n, crops, C] where crops are kept apart.
      start_s, end_s: float64 [n], seconds from the first frame.
      frames: of the video in each row: fewer than a window where they are looped.
    """

    first: int
    features: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    frames: int


class Found(NamedTuple):
    """All rows of one video: as a Piece, and `fps`, the rate of the frames that windows count."""

    features: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    fps: float


class DenseRows:
    """Feature rows of windows of videos, by one network or by several side by side.

    Attributes:
      spec: FeatureSpec of the rows.
      networks: inference.network.Network of each.
      views_of: DenseViews, which decoding processes run.
    """

    def __init__(
        self,
        networks: Sequence[network.Network],
        window: int,
        stride: int,
        fps: float = 0.0,
        keep_crops: bool = False,
        batch_size: int | None = None,
        strategy: Strategy | None = None,
    ):
        """Keeps its arguments.

        Args:
          networks: in the order of their features, of cards as `dense_views.windowed` gives them.
          window, stride: frames.
          fps: that videos are resampled to; 0: each of their frames is taken once.
          keep_crops: whether crops are kept apart, not averaged.
          batch_size: views on each replica; None: as many as hold about 64 frames of 224 pixels.
          strategy: that the networks were made under; None for the default one.

        Raises:
          UserError: a network needs a longer window.
        """
        cards = [net.card for net in networks if net.card]
        self.networks, self._keep_crops = list(networks), keep_crops
        self.views_of = DenseViews.of(cards, window, stride, fps)
        self.spec = FeatureSpec(
            channels=sum(net.model.output_shape[-1] for net in networks),
            window=window,
            stride=stride,
            fps=fps,
            extractors=tuple(card.name for card in cards),
        )
        self._strategy = strategy or devices.in_scope()
        sizes = [batch_size or _views_at_once(shape) for shape in self.views_of.shapes]
        self._sizes = [size * self._strategy.num_replicas_in_sync for size in sizes]

    def rows(self, video: Video, workers: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Yields (number of the first row, float32 [n, C]) of a video, as they are computed.

        Args:
          video: path of a file, Images of a folder, or the place of a stored video.
          workers: 1: a process decodes ahead; 0: a thread does.

        Raises:
          UserError: the video cannot be used, or the features are not finite.
        """
        for piece in self.pieces(video, workers):
            yield piece.first, piece.features

    def pieces(self, video: Video, workers: int = 0) -> Iterator[Piece]:
        """Yields the Pieces of a video; as `rows`, with seconds."""
        for _, found in self.of_videos([video], workers):
            if isinstance(found, Piece):
                yield found
            elif found:
                name = dense_views.name_of(video)
                raise UserError(found if name in found else f"{name}: {found}")

    def of_video(self, video: Video, workers: int = 0) -> Found:
        """Returns the rows of a video, all at once; UserError as `rows`."""
        return self.joined(list(self.pieces(video, workers)))

    def joined(self, pieces: Sequence[Piece]) -> Found:
        """Returns the rows of a video of all of its Pieces."""
        _, *each, frames = zip(*pieces, strict=True)
        features, start_s, end_s = map(np.concatenate, each)
        return Found(features, start_s, end_s, self.fps_of(start_s, end_s, frames[0]))

    def fps_of(self, start_s: np.ndarray, end_s: np.ndarray, frames: int) -> float:
        """Returns the mean rate of the frames that windows count.

        Args:
          start_s, end_s: of all rows.
          frames: of the video in a row, as of a Piece.
        """
        if self.spec.fps:
            return float(self.spec.fps)
        if len(start_s) == 1:
            return round(float(frames / (end_s[0] - start_s[0])), 9)
        frames = (len(start_s) - 1) * self.spec.stride
        return round(float(frames / (start_s[-1] - start_s[0])), 9)

    def of_videos(
        self, videos: Sequence[Video], workers: int = 0
    ) -> Iterator[tuple[int, Piece | str]]:
        """Yields (place in `videos`, a Piece), and where a video ends (place, "" or the problem).

        Args:
          videos: as for `rows`.
          workers: processes that decode ahead; 0: a thread of this one does.
        """
        size = self.views_of.view_bytes
        with decoding.decoded(self.views_of, videos, workers, size) as pieces:
            yield from self._of(pieces)

    def _of(self, pieces):
        batches = decoding.ahead(self._batches(pieces))
        kind = lambda batch: batch.keys[0][1].network  # noqa: E731
        tasks: dict[int, _Joiner] = {}
        with contextlib.closing(batches):
            for rows, batch in stepping.outputs(self.networks, batches, self._strategy, kind):
                for (task, key), row in zip(batch.keys, rows, strict=True):
                    if task not in tasks:
                        tasks[task] = _Joiner(self.views_of, self._keep_crops)
                    tasks[task].add(key, row)
                for task in {task for task, _ in batch.keys}:
                    if piece := tasks[task].piece():
                        yield task, piece
                for task, problem in batch.ended:
                    joiner = tasks.pop(task, None)
                    yield task, problem or (joiner.problem if joiner else "no window of it came")

    def _batches(self, pieces):
        """Yields decoding.Batches of views of one network; what waits is due where a video ends."""
        waiting: list = [[] for _ in self.networks]
        for piece in pieces:
            if isinstance(piece, decoding.End):
                for held in waiting:
                    if held:
                        yield _batch(held)
                    held.clear()
                yield decoding.Batch(np.empty(0, np.uint8), [], [piece])
                continue
            held = waiting[piece.key.network]
            held.append(decoding.View(piece.task, piece.key, piece.pixels.copy()))
            if len(held) == self._sizes[piece.key.network]:
                yield _batch(held)
                held.clear()


class _Joiner:
    """Puts the outputs of the networks of one video together to rows."""

    def __init__(self, views_of: DenseViews, keep_crops: bool):
        self._layouts, self._keep_crops = views_of.layouts, keep_crops
        self._crops = [spec.crops for spec in views_of.specs]
        self._views: list[collections.deque] = [
            collections.deque(maxlen=layout.views) for layout in self._layouts
        ]
        self._vectors: list[list] = [[] for _ in self._layouts]  # crops of the next view
        self._rows: list[collections.deque] = [collections.deque() for _ in self._layouts]
        self._times: collections.deque = collections.deque()
        self._next, self._frames, self.problem = 0, 0, ""

    def add(self, key: DenseKey, vector: np.ndarray) -> None:
        """Takes the output of a network for a view; those of a network come in order."""
        vectors, seen = self._vectors[key.network], self._views[key.network]
        vectors.append(vector)
        if len(vectors) < self._crops[key.network]:
            return
        seen.append(np.stack(vectors))
        vectors.clear()
        if len(seen) == seen.maxlen:  # the mean over the views of the row
            row = np.mean(seen, axis=0, dtype=np.float64)
            row = row if self._keep_crops else row.mean(axis=0)
            self._rows[key.network].append(row.astype(np.float32))
            if key.network == 0:
                self._times.append((key.start_s, key.end_s))
                self._frames = key.frames

    def piece(self) -> Piece | None:
        """Returns the rows that all networks have given since the last call, None if none."""
        count = min(map(len, self._rows))
        if not count:
            return None
        each = [np.stack([rows.popleft() for _ in range(count)]) for rows in self._rows]
        start_s, end_s = np.array([self._times.popleft() for _ in range(count)]).T
        first, self._next = self._next, self._next + count
        features = np.concatenate(each, axis=-1)
        if not np.isfinite(features).all():
            self.problem = "its features are not finite; are the weights spoilt?"
        return Piece(first, features, start_s, end_s, self._frames)


def _batch(held):
    return decoding.Batch(
        np.stack([view.pixels for view in held]), [(view.task, view.key) for view in held], []
    )


def _views_at_once(shape):
    return max(1, min(_MOST_VIEWS, round(_PIXELS / np.prod(shape[:3]))))


def load(
    cards: Sequence[Card],
    window: int,
    stride: int,
    fps: float = 0.0,
    crops: int | None = None,
    *,
    precision: str = "float32",
    endpoint: str = "features",
    keep_crops: bool = False,
    batch_size: int | None = None,
    strategy: Strategy | None = None,
) -> DenseRows:
    """Returns the DenseRows of cards, whose networks are loaded.

    Args:
      cards: of one network, or of RGB and flow in this order.
      window, stride, fps, keep_crops, batch_size, strategy: as for DenseRows.
      crops: of each window; None: those of each card's test.
      precision, endpoint: as for inference.network.load.

    Raises:
      UserError: a checkpoint cannot be used, or needs a longer window.
    """
    strategy = strategy or devices.in_scope()
    cards = [dense_views.windowed(card, crops) for card in cards]
    DenseViews.of(cards, window, stride, fps)  # before the weights are read
    with strategy.scope():
        networks = [network.load(card, precision, endpoint) for card in cards]
    return DenseRows(networks, window, stride, fps, keep_crops, batch_size, strategy)
