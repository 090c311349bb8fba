"""Temporal sampling: which frames of a video make its clips.

    rng = np.random.default_rng(0)
    dense_clip(250, 64, rng=rng)                   # a random clip, as I3D trains on; [1, 64]
    train_clips(250, 3, 1, 1, rng)                 # a frame from each of TSN's segments; [3, 1]
    eval_clips_1x(250, 10, 8, 8)                   # ten clips spread over the video; [10, 8]
    dense_clip(count, 64, rng=StatelessRandom(seed))     # of an int tensor, in a tf.data map

Every sampler gives int64 [clips, length], all of it in [0, num_frames). Each is written once, in
what numpy and TensorFlow's numpy share: a number gives an array, a scalar tensor gives a tensor,
and as everything is exact (int64 and float64) the two agree. So nothing branches on num_frames.

Arguments that they share:
  num_frames: how many can be indexed, at least 1. A two-stream clip indexes frames and fields of
    flow alike, so there it is the number of fields.
  num_clips, length, stride: clips; frames in a clip; step from one of its frames to the next.
  outside: what an index beyond the video means, `loop` or `repeat_last`.
Sources name classes and options of MMAction2; its `start_index` is left to who needs it, to add.
"""

import numbers
import operator

import numpy as np


class StatelessRandom:
    """`integers` and `uniform` of numpy.random.Generator, for tf.data graphs.

    Equal seeds give equal numbers wherever, and in whatever order, elements are computed.
    """

    def __init__(self, seed):
        """Takes two integers or an int tensor [2], another one for each element."""
        self._seed, self._calls = seed, 0

    def integers(self, low, high, size):
        """Returns int64 [size] in [low, high)."""
        return self._draw(low, high, size, "int64")

    def uniform(self, low, high, size):
        """Returns float64 [size] in [low, high)."""
        return self._draw(low, high, size, "float64")

    def _draw(self, low, high, size, dtype):
        import tensorflow as tf

        self._calls += 1  # a sampler's calls are counted while it is traced
        seed = tf.random.experimental.stateless_fold_in(self._seed, self._calls)
        low, high = tf.cast(low, dtype), tf.cast(high, dtype)
        return tf.random.stateless_uniform([size], seed, low, high, dtype)


def loop(indices, num_frames):
    """Starts the video again after its end (Carreira & Zisserman 2017, arXiv:1705.07750, 2.5)."""
    return indices % num_frames


def repeat_last(indices, num_frames):
    """Repeats each clip's last index that lies inside the video (MMAction2 `repeat_last`)."""
    xp, num_frames = _checked(num_frames)
    inside = indices < num_frames
    last = xp.max(xp.where(inside, indices, 0), axis=-1, keepdims=True)
    return xp.where(inside, indices, last)


def dense_clip(num_frames, length, stride=1, rng=None, *, outside=loop):
    """One clip, its start random with `rng`, else such that the clip is centred; [1, length].

    Every start with which the clip fits is equally likely; a clip longer than the video starts
    at 0.

    Source: Carreira & Zisserman 2017, arXiv:1705.07750, 2.5. The centred clip is `eval_clips_1x`
    of one clip; the random one has stride - 1 starts more than `train_clips` of one clip.
    """
    xp, num_frames = _checked(num_frames, 1, length, stride)
    last_start = xp.maximum(num_frames - (length - 1) * stride - 1, 0)
    start = last_start // 2 if rng is None else rng.integers(0, last_start + 1, 1)
    return _clips(xp, xp.reshape(start, (1,)), _steps(length, stride), num_frames, outside)


def train_clips(
    num_frames, num_clips, length, stride, rng, *, keep_tail=False, jitter=False, outside=loop
):
    """A random clip from each of `num_clips` equal segments; [num_clips, length].

    Args:
      rng: numpy.random.Generator, or StatelessRandom.
      keep_tail: segments of fractional length, which leave no frames at the end unused.
      jitter: adds a random 0 .. stride - 1 to every index.

    Source: TSN, Wang et al. 2016, arXiv:1608.00859, 3.1; SampleFrames of MMAction2 0.24.1 and 1.x
    in training (`keep_tail_frames`, `temporal_jitter`).
    """
    xp, num_frames = _checked(num_frames, num_clips, length, stride)
    room = num_frames - length * stride + 1
    if keep_tail:
        segment = _part(xp, xp.maximum(room, 0), num_clips)
        starts = _whole(xp, np.arange(num_clips) * segment + rng.uniform(0, segment, num_clips))
    else:
        enough = num_frames > max(num_clips, length * stride)
        starts = _drawn_starts(xp, room, enough, num_clips, rng)
    steps = _steps(length, stride)
    if jitter:
        steps = steps + xp.reshape(rng.integers(0, stride, num_clips * length), (-1, length))
    return _clips(xp, starts, steps, num_frames, outside)


def eval_clips_0x(num_frames, num_clips, length, stride, *, twice=False, outside=loop):
    """The centred clip of each of `num_clips` equal segments; [num_clips, length].

    Args:
      twice: adds the first clip of each segment; [2 num_clips, length].

    Source: TSN's test frames; SampleFrames of MMAction2 0.24.1 in testing (`twice_sample`).
    Deviation: a video shorter than length * stride gives 2 num_clips equal clips with `twice`,
    there num_clips of them: the average over views is the same.
    """
    xp, num_frames = _checked(num_frames, num_clips, length, stride)
    segment = _part(xp, xp.maximum(num_frames - length * stride + 1, 0), num_clips)
    starts = _segment_starts(xp, segment, num_clips, twice)
    return _clips(xp, starts, _steps(length, stride), num_frames, outside)


def eval_clips_1x(num_frames, num_clips, length, stride, *, twice=False, outside=loop):
    """Clips spread from the first start to the last; [num_clips, length].

    One clip is the centred one; clips of one frame are the centres of equal segments.

    Args:
      twice: adds the first frame of each segment. Clips of several frames instead go on at the
        same spacing beyond the end of the video, as the original's do; [2 num_clips, length].

    Raises:
      ValueError: `twice` of one clip of several frames, where there is no spacing.

    Source: SampleFrames of MMAction2 1.x in testing (`twice_sample`).
    """
    xp, num_frames = _checked(num_frames, num_clips, length, stride)
    if length == 1:
        starts = _segment_starts(xp, _part(xp, num_frames, num_clips), num_clips, twice)
    elif num_clips == 1:
        if twice:
            raise ValueError("twice of 1 clip of several frames: expected num_clips of 2 or more")
        return dense_clip(num_frames, length, stride, outside=outside)
    else:
        last_start = xp.maximum(num_frames - (length - 1) * stride - 1, 0)
        spacing = _part(xp, last_start, num_clips - 1)
        starts = rounded(xp, np.arange(num_clips * (2 if twice else 1)) * spacing)
    return _clips(xp, starts, _steps(length, stride), num_frames, outside)


def eval_clips_at_fps(num_frames, num_clips, length, stride, fps_ratio, *, outside=loop):
    """`num_clips` clips of a video of another frame rate than the model's; [num_clips, length].

    A clip spans length * stride * fps_ratio frames, first and last included, and clips are a
    whole number of frames apart: with a ratio of 1 this is still not `eval_clips_1x`.

    Args:
      fps_ratio: frames per second of the video / those that the model was trained on.

    Source: SampleFrames of MMAction2 1.x with `target_fps` (X3D), after PySlowFast.
    """
    xp, num_frames = _checked(num_frames, num_clips, length, stride)
    span = max(1.0, length * stride * fps_ratio)
    room = xp.maximum(xp.asarray(num_frames, np.float64) - span, 0.0)
    if num_clips == 1:
        starts = xp.reshape(_whole(xp, room // 2), (1,))
    else:
        starts = np.arange(num_clips) * _whole(xp, room // (num_clips - 1))
    steps = np.linspace(0, span - 1, length).astype(np.int64)
    return _clips(xp, starts, steps, num_frames, outside)


def lower_middles(num_frames, num_clips):
    """The frame at int(start + (length - 1) / 2) of each of `num_clips` segments; [num_clips, 1].

    Segments are n / num_clips frames long, a fraction. Of a video of at most num_clips frames it
    is the frame i * n // num_clips, and for one segment n // 2.

    Source: TSN's test frames as ActionCLIP takes them. `eval_clips_1x` rounds the middle up.
    """
    xp, num_frames = _checked(num_frames, num_clips)
    if num_clips == 1:
        return xp.reshape(num_frames // 2, (1, 1))
    order = np.arange(num_clips)
    middle = _part(xp, order * num_frames, num_clips) + (_part(xp, num_frames, num_clips) - 1) / 2
    few = order * num_frames // num_clips
    return xp.where(num_frames > num_clips, _whole(xp, xp.maximum(middle, 0)), few)[:, None]


def frames_within_ticks(num_frames, num_clips, rng):
    """A random frame of each of `num_clips` segments of whole frames; [num_clips, 1].

    Segment i begins at i * n // num_clips. A video of at most num_clips frames gives each of its
    frames, and random ones once more, in order.

    Args:
      rng: numpy.random.Generator, or StatelessRandom.

    Source: ActionCLIP's training with `random_shift`. `train_clips` with `keep_tail` has segments
    of fractional length.
    """
    xp, num_frames = _checked(num_frames, num_clips)
    order, share = np.arange(num_clips), xp.asarray(rng.uniform(0, 1, num_clips), np.float64)
    begin, end = (ends * num_frames // num_clips for ends in (order, order + 1))
    within = begin + _whole(xp, share * xp.asarray(end - begin, np.float64))
    again = _whole(xp, share * xp.asarray(num_frames, np.float64))
    few = xp.sort(xp.where(order < num_frames, order, again))
    return xp.where(num_frames > num_clips, within, few)[:, None]


def dense_train_clips(num_frames, num_clips, length, stride, rng, *, window=64, outside=loop):
    """Clips spread over one random window of `window` frames; [num_clips, length].

    Source: DenseSampleFrames of MMAction2 in training (`sample_range`); as there, the last
    position of the window is never drawn.
    """
    xp, num_frames = _checked(num_frames, num_clips, length, stride)
    first = rng.integers(0, xp.maximum(num_frames - window, 1), 1)
    starts = (first + _steps(num_clips, window // num_clips)) % num_frames
    return _clips(xp, starts, _steps(length, stride), num_frames, outside)


def dense_eval_clips(
    num_frames, num_clips, length, stride, *, window=64, num_windows=10, outside=loop
):
    """Clips spread over each of `num_windows` windows; [num_windows * num_clips, length].

    Windows are spread over the video; the clips of one window follow each other.

    Source: DenseSampleFrames of MMAction2 in testing (`num_sample_positions`).
    """
    xp, num_frames = _checked(num_frames, num_clips, length, stride)
    order, last = np.arange(num_windows), max(num_windows - 1, 1)
    last_window = xp.maximum(num_frames - window, 0)
    between = _whole(xp, order * _part(xp, last_window, last))
    first = xp.where(order == last, last_window, between)  # exact, as numpy.linspace has it
    starts = (first[:, None] + _steps(num_clips, window // num_clips)) % num_frames
    return _clips(xp, xp.reshape(starts, (-1,)), _steps(length, stride), num_frames, outside)


def numpy_of(num_frames):
    """Returns numpy or TensorFlow's numpy, and num_frames as an int64 of it."""
    if isinstance(num_frames, numbers.Number | np.ndarray):
        if operator.index(num_frames) < 1:
            raise ValueError(f"expected a video of at least 1 frame, got {num_frames}")
        return np, np.asarray(num_frames, np.int64)
    import tensorflow.experimental.numpy as tnp

    return tnp, tnp.asarray(num_frames, np.int64)


def _clips(xp, starts, steps, num_frames, outside):
    """Returns starts [clips] + steps [length] or [clips, length], put inside the video."""
    return outside(starts[:, None] + xp.asarray(steps, np.int64), num_frames)


def _steps(count, stride):
    return np.arange(count) * stride


def _drawn_starts(xp, room, enough, num_clips, rng):
    """Returns one random start in each of `num_clips` equal parts of `room` starts.

    Where room is less than a start for each: random ones in order if there are `enough` frames,
    else spread evenly, or 0 where the clip does not fit at all.
    """
    order, segment = np.arange(num_clips), room // num_clips
    crowded = (segment == 0) & enough
    drawn = rng.integers(0, xp.where(crowded, room, xp.maximum(segment, 1)), num_clips)
    spread = rounded(xp, order * _part(xp, xp.maximum(room, 0), num_clips))
    few = xp.where(crowded, xp.sort(drawn), spread)
    return xp.where(segment > 0, order * segment + drawn, few)


def _segment_starts(xp, segment, num_clips, twice):
    """Returns the centres, and with `twice` then the beginnings, of segments of float length."""
    first = np.arange(num_clips) * segment
    centre = first + segment / 2
    return _whole(xp, xp.concatenate([centre, first]) if twice else centre)


def _part(xp, count, parts):
    """Returns count / parts in float64, for count of at least 0.

    The divisor is always `parts`, yet depends on count: TensorFlow's graph optimiser makes
    division by a constant multiplication by its inverse, and 70 * (1 / 25) is not 70 / 25.
    """
    return count / xp.maximum(-count, parts)


def _whole(xp, values):
    return xp.asarray(values, np.int64)  # cuts: values are not negative


def _checked(num_frames, num_clips=1, length=1, stride=1):
    """Returns as `numpy_of`, having checked the sizes of clips."""
    if min(num_clips, length, stride) < 1:
        sizes = f"num_clips={num_clips}, length={length}, stride={stride}"
        raise ValueError(f"expected numbers of at least 1, got {sizes}")
    return numpy_of(num_frames)


def rounded(xp, values):
    """Returns values as int64, halves to even; TensorFlow's numpy cannot in a graph."""
    down = xp.floor(values)
    rest = values - down
    up = (rest > 0.5) | ((rest == 0.5) & (down % 2 == 1))
    return _whole(xp, down) + xp.where(up, 1, 0)
