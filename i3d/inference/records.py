"""A model over all views of all videos of a split; the logits of a video are the mean of its views.

    scores = evaluate(model, records, frames=64, stride=1, clips=10, crops=3, size=256,
                      batch_size=8, strategy=strategy)
    metrics.top_k_accuracy(scores.logits, scores.labels)

Every video counts once, and the result is the same, at any batch size and number of replicas.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from i3d.data import cropping, pipeline, sampling
from i3d.training import input

WHOLE = 0  # for `clips`: all frames of a video as one clip
CROPS = (1, 3, 10)


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a model says of each video of a split, in the order of the records.

    Attributes:
      ids: list of N strings.
      labels: int64 [N].
      logits: float32 [N, K], the mean over the views of the video.
    """

    ids: list
    labels: np.ndarray
    logits: np.ndarray


def evaluate(
    model,
    records,
    *,
    frames,
    stride,
    clips,
    crops,
    size,
    batch_size,
    segments=False,
    prepare=None,
    strategy=None,
    read_mb=512,
    on_batch=None,
):
    """Returns the Scores of all videos, the same on every worker.

    Args:
      model: clips float32 [B, T, size, size, C] -> logits [B, K]; made under strategy.scope().
      records: stored.Records of one stream, ("rgb",) or ("flow",).
      frames, stride: of a clip. Shorter videos are looped.
      clips: spread evenly over the video; one is the centred one. WHOLE: every stride-th frame
        of the video as one clip, looped up to `frames`, as Carreira & Zisserman 2017
        (arXiv:1705.07750) tested; it takes batch_size=1 on one replica.
      crops: of each clip. 1: the centre. 3: squares as high as the frame, which cover its width
        (of tall frames the other way round), resized to `size` if they are not of it. 10:
        corners and centre, each with its mirror image.
      size: pixels.
      batch_size: views at a time on each replica.
      segments: a view is a crop of all clips, one after the other in time, for networks of
        segments.
      prepare: what makes the model's input of uint8 views [B, T, size, size, C], on the device;
        None for the range [-1, 1].
      strategy: tf.distribute.Strategy; None for the one in scope. All its workers must call.
      read_mb: as for pipeline.eval_batches.
      on_batch: called after every batch with the number of videos that begin in it.

    Raises:
      ValueError: an argument is out of range, or the model does not take such clips.
      FloatingPointError: a video has logits that are not finite; the message names it.
      tf.errors.OpError: a record cannot be used; `stored.problem` gives the line.
    """
    strategy = strategy or tf.distribute.get_strategy()
    if clips == WHOLE and (batch_size, strategy.num_replicas_in_sync) != (1, 1):
        raise ValueError(
            "whole videos are of different lengths: expected batch_size 1 on one replica, got "
            f"{batch_size} on {strategy.num_replicas_in_sync}"
        )
    if len(records.streams) != 1:
        raise ValueError(f"expected records of one stream, got {records.streams}")
    context = _context(strategy)
    batches = pipeline.eval_batches(
        records,
        sampler(frames, stride, clips, segments),
        cropper(crops, size),
        size,
        batch_size,
        read_mb=read_mb,
        context=context,
    )
    replicas = context.num_replicas_in_sync // context.num_input_pipelines
    found = _Videos()
    stream = records.streams[0]
    prepare = prepare or input.CONVERT[stream]
    for batch, logits in _outputs(model, stream, prepare, batches, strategy, replicas):
        begun = found.add(batch, logits)
        if on_batch:
            on_batch(begun)
    scores = found.scores(model.output_shape[-1])
    if context.num_input_pipelines > 1:
        scores = _of_all_workers(scores, strategy, replicas)
    _check_finite(scores)
    return scores


def sampler(frames, stride, clips, segments=False):
    """Returns num_frames -> indices int64 [clips, T] of `evaluate`'s protocol."""
    if min(frames, stride) < 1 or clips < 0:
        raise ValueError(
            f"expected frames and stride of at least 1 and clips of at least 1 (or {WHOLE} for "
            f"whole videos), got {frames}, {stride} and {clips}"
        )
    if segments and clips == WHOLE:
        raise ValueError("whole videos have no segments: expected clips of at least 1, got 0")
    if clips == WHOLE:
        shortest = (frames - 1) * stride + 1
        return lambda count: sampling.whole_video(count, shortest)[:, ::stride]
    rows = 1 if segments else clips

    def spread(count):
        found = sampling.eval_clips_1x(count, clips, frames, stride)
        return tf.reshape(found, [rows, clips * frames // rows])

    return spread


def cropper(crops, size):
    """Returns (height, width) -> the Crops of `evaluate`'s protocol."""
    if crops not in CROPS:
        raise ValueError(f"crops: expected one of {CROPS}, got {crops}")
    if crops == 3:
        return lambda frame: cropping.three_crops(frame, tf.minimum(*frame))
    if crops == 10:
        return lambda frame: cropping.ten_crops(frame, size)
    return lambda frame: [cropping.center_crop(frame, size)]


def _context(strategy):
    """Returns the tf.distribute.InputContext of this worker."""
    contexts = []

    def keep(context):  # the only public way to learn it
        contexts.append(context)
        return tf.data.Dataset.range(1)

    strategy.distribute_datasets_from_function(keep)
    return contexts[0]


def _outputs(model, stream, prepare, batches, strategy, replicas):
    """Yields (batch, logits float32 [B, K]) as numpy, by batch, in order.

    Replicas take batches by turns. The batches of a worker are not distributed by the strategy,
    which would have all workers make as many steps: nothing here waits for another worker. A
    batch is given out while the devices are at work on the next.
    """

    @tf.function(reduce_retracing=True)  # of whole videos each has another length
    def step(clips):
        def forward(clips):
            return tf.cast(model(prepare(clips), training=False), tf.float32)

        return strategy.run(forward, (clips,))

    waiting = None
    for group in zip(*[iter(batches)] * replicas, strict=True):
        clips = _per_replica(strategy, [batch[stream] for batch in group])
        logits = step(clips)
        if waiting:
            yield from _as_numpy(strategy, *waiting)
        waiting = group, logits
    if waiting:
        yield from _as_numpy(strategy, *waiting)


def _per_replica(strategy, values):
    """Returns the values, one for each replica of this worker, as strategy.run takes them."""
    values = iter(values)
    return strategy.experimental_distribute_values_from_function(lambda context: next(values))


def _as_numpy(strategy, group, logits):
    for batch, part in zip(group, strategy.experimental_local_results(logits), strict=True):
        names = ("id", "label", "view", "mask")
        yield {name: batch[name].numpy() for name in names}, part.numpy()


class _Videos:
    """Sums of the logits of views, by video."""

    def __init__(self):
        self._ids, self._labels, self._sums, self._views = [], [], [], []

    def add(self, batch, logits):
        """Adds the rows of a batch; returns how many videos begin in it."""
        before = len(self._ids)
        for i in np.flatnonzero(batch["mask"]):
            if batch["view"][i] == 0:
                self._ids.append(batch["id"][i].decode())
                self._labels.append(batch["label"][i])
                self._sums.append(np.zeros(logits.shape[1:]))
                self._views.append(0)
            self._sums[-1] += logits[i]
            self._views[-1] += 1
        return len(self._ids) - before

    def scores(self, num_classes):
        """Returns the Scores."""
        sums = np.reshape(self._sums, (-1, num_classes))
        means = sums / np.reshape(self._views, (-1, 1))
        labels = np.array(self._labels, np.int64)
        return Scores(self._ids, labels, means.astype(np.float32))


def _of_all_workers(scores, strategy, replicas):
    """Returns the Scores of all workers, one after the other."""

    @tf.function
    def gathered(arrays):
        return [strategy.gather(array, axis=0) for array in arrays]

    def own(array):  # whole on the first replica of the worker
        parts = [tf.constant(array)] + [tf.constant(array[:0])] * (replicas - 1)
        return _per_replica(strategy, parts)

    text = np.frombuffer("".join(f"{id}\0" for id in scores.ids).encode(), np.uint8)
    arrays = text.astype(np.int64), scores.labels, scores.logits  # strings are not gathered
    text, labels, logits = (a.numpy() for a in gathered([own(array) for array in arrays]))
    ids = text.astype(np.uint8).tobytes().decode().split("\0")[:-1]
    return Scores(ids, labels, logits)


def _check_finite(scores):
    wrong = ~np.isfinite(scores.logits).all(axis=1)
    if wrong.any():
        first = scores.ids[np.argmax(wrong)]
        raise FloatingPointError(
            f"logits of {wrong.sum()} of {len(wrong)} videos are not finite, the first {first!r}; "
            "are the weights spoilt?"
        )
