"""Temporal sampling of the views that an InputSpec describes.

    view_sampling.indices(250, spec)                   # int64 [views of a crop, N]
    view_sampling.stored_indices(250, 25.0, spec)      # of a video stored at 25 frames a second

Numbers give arrays, scalar tensors give tensors, as in i3d.data.sampling.
"""

import numpy as np

from i3d.data import sampling
from i3d.spec import InputSpec


def indices(num_frames, spec: InputSpec, fps_ratio: float = 0.0):
    """Returns which frames (or fields of flow) make the sampled clips, int64 [clips, N].

    Args:
      num_frames: how many can be indexed, at least 1: frames, or fields of flow.
      spec: InputSpec, not of whole videos. Segments follow each other in one view.
      fps_ratio: the video's frame rate over spec.fps, where spec.steps_at_fps.
    """
    clips = num_frames, spec.segments or spec.clips, spec.frames, spec.stride
    if spec.frame_of_segment == "lower_middle":
        found = sampling.lower_middles(num_frames, spec.segments)
    elif spec.steps_at_fps:
        found = sampling.eval_clips_at_fps(*clips, fps_ratio or 1.0)
    else:
        found = sampling.eval_clips_1x(*clips, twice=spec.twice)
    if not spec.segments:
        return found
    xp, _ = sampling.numpy_of(num_frames)
    return xp.reshape(found, (-1, spec.segments * spec.frames))


def stored_indices(count, fps: float, spec: InputSpec):
    """Returns `indices` for a video of `count` frames that is stored at `fps`.

    Frames of RGB stand for those that would have been sampled at spec.fps; flow, which was made
    between stored frames, is taken as it is.

    Args:
      count: frames of the video, at least 1 (of flow 2).
      fps: frames per second; 0 where unknown.
      spec: InputSpec, not of whole videos.
    """
    xp, count = sampling.numpy_of(count)
    if spec.stream == "flow":
        return indices(xp.maximum(count - 1, 1), spec, fps / spec.fps if spec.steps_at_fps else 0)
    if spec.steps_at_fps or not spec.fps or not fps or spec.fps == fps:
        return indices(count, spec, fps / spec.fps if spec.steps_at_fps else 0)
    resampled = sampling.rounded(xp, xp.asarray(count, np.float64) * (spec.fps / fps))
    found = indices(xp.maximum(resampled, 1), spec)
    found = xp.asarray(xp.asarray(found, np.float64) * (fps / spec.fps), np.int64)
    return xp.minimum(found, count - 1)


def whole_indices(num_frames, spec: InputSpec):
    """Returns the steps of a whole video as tensors, for tf.data graphs.

    Args:
      num_frames: int64 scalar tensor, how many can be indexed.
      spec: InputSpec of whole videos.

    Returns:
      int64 [S], every stride-th step, looped up to min_frames; and int64 [clips], how many of
      them each clip has, as i3d.inference.whole cuts files.
    """
    import tensorflow as tf

    steps = (num_frames + spec.stride - 1) // spec.stride
    total = tf.maximum(steps, spec.min_frames)
    taken = (tf.range(total, dtype=tf.int64) % steps) * spec.stride
    parts = (total + spec.longest - 1) // spec.longest if spec.longest else tf.constant(1, tf.int64)
    ends = total * tf.range(parts + 1, dtype=tf.int64) // parts
    return taken, ends[1:] - ends[:-1]
