"""The tf.data pipeline that trains localizers: parts of the feature rows of videos, and segments.

    videos = [Video("a", 25.0, 12.8, segments_s, labels), ...]
    batches = train_batches(files, videos, rows=2304, batch_size=2, seed=0, target=padded(50))
    one = next(iter(batches))           # {"features", "mask", "segments", "labels"}

Rows are read when their video's turn comes; two videos and three batches are in memory at most.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from i3d.data import pipeline
from i3d.data.feature_files import FeatureFiles
from i3d.runtime.command import UserError

_VIDEOS_AT_ONCE = 2
Target = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


class Video(NamedTuple):
    """A video with its segments.

    Attributes:
      name: as FeatureFiles knows it.
      fps: of its own frames, nan where unknown.
      duration_s: seconds, nan where unknown.
      segments: float64 [N, 2], start and end in seconds.
      labels: int [N], numbers of classes.
    """

    name: str
    fps: float
    duration_s: float
    segments: np.ndarray
    labels: np.ndarray


class Part(NamedTuple):
    """Consecutive rows of a video, and the segments in them.

    Attributes:
      features: float32 [T, C].
      segments: float64 [N, 2], start and end in rows of the part.
      labels: int [N].
    """

    features: np.ndarray
    segments: np.ndarray
    labels: np.ndarray


def train_batches(
    files: FeatureFiles,
    videos: Sequence[Video],
    *,
    rows: int,
    batch_size: int,
    seed: int,
    target: Target,
    crop: tuple[float, float] = (0.9, 1.0),
    least_left: float = 0.5,
    start_step: int = 0,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Returns an infinite tf.data.Dataset of a random part of each video per epoch.

    Order and parts depend on the seed and on an element's place in the order alone, see
    i3d.data.pipeline.train_batches: equal calls give equal batches, and `start_step` costs nothing.

    Args:
      files: features of the videos.
      videos: at least one.
      rows: L, of a part that is filled up with zeros.
      batch_size: of one replica.
      seed: int of 32 bits.
      target: (segments float64 [N, 2] in rows, labels int [N]) -> {name: array}, of the same shapes
        for any N; see `padded`.
      crop, least_left: as for `part`.
      start_step: number of the first step; a step is a batch for each replica.
      context: tf.distribute.InputContext; None for one pipeline and one replica.

    Returns:
      Dataset of {"features": float32 [B, L, C], "mask": bool [B, L], False for what fills up} and
      of what `target` gives.
    """
    context = context or tf.distribute.InputContext()
    start = start_step * batch_size * context.num_replicas_in_sync
    like = _example(np.zeros((1, files.spec.channels), np.float32), rows)
    like |= target(np.zeros((0, 2)), np.zeros(0, np.int64))

    def arrays(place, number):
        rng = np.random.default_rng([seed, int(place)])
        found = part(files, videos[int(number)], rows, rng, crop, least_left)
        own = _example(found.features, rows) | target(found.segments, found.labels)
        return tuple(own[name] for name in like)

    def example(place, number):
        types = [array.dtype for array in like.values()]
        values = tf.numpy_function(_in_one_line(arrays), [place, number], types, stateful=False)
        return {
            name: tf.ensure_shape(value, array.shape)
            for (name, array), value in zip(like.items(), values, strict=True)
        }

    mine = pipeline.order(len(videos), seed, start)
    mine = mine.shard(context.num_input_pipelines, context.input_pipeline_id)
    examples = mine.map(example, _VIDEOS_AT_ONCE, deterministic=True)
    return pipeline.finished(examples.batch(batch_size, drop_remainder=True))


def part(
    files: FeatureFiles,
    video: Video,
    rows: int,
    rng: np.random.Generator,
    crop: tuple[float, float] = (0.9, 1.0),
    least_left: float = 0.5,
) -> Part:
    """Returns a random Part of a video: at least one segment is in it, where there are any.

    Args:
      files: features of the videos.
      video: the Video.
      rows: of a part at most. Longer videos are cut to that many.
      rng: decides.
      crop: the least and the most share of a shorter video that is taken; (1, 1): all.
      least_left: share of a segment that must be in the part; others are left out.

    Raises:
      UserError: the features cannot be used, or a segment begins after them.
    """
    features, grid = files.read(video.name, video.fps, video.duration_s)
    count = len(features)
    segments = grid.row(np.asarray(video.segments, np.float64).reshape(-1, 2))
    _check_inside(video, segments, count, files.spec)
    length = rows
    if count <= rows:
        least, most = (min(max(round(share * count), 1), count) for share in crop)
        length = int(rng.integers(least, most + 1))
    if length == count:
        return Part(features, segments, np.asarray(video.labels))
    starts = np.arange(count - length + 1)
    inside, kept = _kept(starts, length, segments, least_left)
    with_segments = np.flatnonzero(kept.any(axis=1))
    first = int(rng.choice(with_segments if len(with_segments) else starts))
    chosen = kept[first]
    found = inside[first, chosen] - first
    return Part(features[first : first + length], found, np.asarray(video.labels)[chosen])


def padded(most: int) -> Target:
    """Returns the target of so many segments: those of a part, and what fills up.

    It gives {"segments": float32 [most, 2], "labels": int32 [most], -1 for what fills up}.
    """

    def target(segments, labels):
        found = np.zeros((most, 2), np.float32), np.full(most, -1, np.int32)
        for array, own in zip(found, (segments, labels), strict=True):
            array[: len(own)] = own
        return dict(zip(("segments", "labels"), found, strict=True))

    return target


def _kept(starts, length, segments, least_left):
    """Returns ([S, N, 2] what is in the part of each start, bool [S, N] whether it is enough)."""
    begin = np.maximum(starts[:, None], segments[:, 0])
    end = np.minimum(starts[:, None] + length, segments[:, 1])
    share = np.maximum(end - begin, 0) / (segments[:, 1] - segments[:, 0])
    return np.stack([begin, end], axis=-1), share >= least_left


def _check_inside(video, segments, count, spec):
    rest = max(1, spec.window / spec.stride)  # of the video after the middle of the last row
    beyond = np.flatnonzero(segments[:, 0] >= count + rest)
    if len(beyond):
        start, end = video.segments[beyond[0]]
        raise UserError(
            f"video {video.name!r:.200}: expected segments in it, got {start:g} to {end:g} s, after"
            f" the last of its {count:,} rows of features; extract them anew, or correct the file"
        )


def _example(features, rows):
    array = np.zeros((rows, features.shape[1]), np.float32)
    array[: len(features)] = features
    return {"features": array, "mask": np.arange(rows) < len(features)}


def _in_one_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function of whose errors command.op_error_line gives the words."""

    def own(*arguments):
        try:
            return function(*arguments)
        except UserError as error:
            raise UserError(f"assertion failed: [{error}]\n") from None

    return own
