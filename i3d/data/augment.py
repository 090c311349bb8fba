"""Crops, mirrors and resizes clips in tf.data, eagerly and with unknown sizes.

    crop = random_cropping.random_crop(augment.frame_size(rgb), 224, seed=(0, step))
    rgb, flow = augment.cut(rgb, crop), augment.cut(flow, crop)

Geometry is in `cropping` and `random_cropping`, drawn once and cut from each stream of a video.
Pixels stay uint8; i3d.models.preprocessing makes numbers of them on the device. Clips are
[T, H, W, C], C = 3 for pictures and 2 for flow (x then y), uint8 or float32. Flow as uint8 is in
the levels of `i3d.data.schema`, as float in pixels per frame.
"""

import cv2
import numpy as np
import tensorflow as tf

from i3d.data import bicubic
from i3d.data.cropping import checked, height_and_width


def frame_size(clip):
    """Returns (height, width) of [..., H, W, C]: ints where known, else int32 scalars."""
    static, shape = clip.shape, tf.shape(clip)
    return tuple(shape[axis] if static[axis] is None else static[axis] for axis in (-3, -2))


def cut(clip, crop):
    """Returns the part of a clip that a Crop keeps, of the clip's dtype.

    A mirrored Crop reverses left and right, and of flow negates x (and not y): stored levels
    about schema.FLOW_ZERO, floats about 0. Several views: tf.stack([cut(clip, c) for c in crops]).

    Args:
      clip: uint8 or float [T, H, W, C], C = 3 or 2 (flow), known when the graph is built.
      crop: made for frames of H x W.

    Raises:
      ValueError: another rank or C.
      ValueError, or tf.errors.InvalidArgumentError in a graph that does not know H and W: the
        crop was made for frames of another size, as when rgb and flow of a video differ.
    """
    if clip.shape.rank != 4 or clip.shape[-1] not in (2, 3):
        raise ValueError(
            f"expected a clip [T, H, W, C] with 3 channels (rgb) or 2 (flow), got {clip.shape}"
        )
    height, width = frame_size(clip)
    clip = checked(
        clip,
        (crop.frame[0] == height) & (crop.frame[1] == width),
        "the crop was made for frames of {}x{} (height x width), got {}x{}: all streams of a "
        "video must have one size",
        *(*crop.frame, height, width),
    )
    kept = tf.slice(clip, [0, crop.top, crop.left, 0], [-1, crop.height, crop.width, -1])
    kept.set_shape([clip.shape[0], _known(crop.height), _known(crop.width), clip.shape[-1]])
    return tf.cond(tf.convert_to_tensor(crop.flip), lambda: _mirrored(kept), lambda: kept)


def scaled_size(frame, short_side, long_side=None):
    """Returns (height, width) int32 of frames resized to a shorter side, aspect kept.

    Sides are int(side * factor + 0.5).

    Args:
      frame: (height, width).
      short_side: pixels.
      long_side: the longer side may not exceed it, pixels; the shorter is less where it would.

    Source: the sizes of MMAction2's Resize.
    """
    sides = tf.cast(tf.stack(frame), tf.float64)
    factor = short_side / tf.reduce_min(sides)
    if long_side is not None:
        factor = tf.minimum(long_side / tf.reduce_max(sides), factor)
    return tuple(tf.unstack(tf.cast(sides * factor + 0.5, tf.int32)))


def resize(clip, size, interpolation="bilinear"):
    """Returns the clip with frames of another size, dtype kept.

    "bilinear" has half-pixel centres and no antialiasing. This is OpenCV itself, since published
    accuracies were measured with its 8-bit arithmetic (rounding TensorFlow's result instead is off
    by one level in an eighth of all values), and since it is faster. "bicubic" is Pillow's. Both
    run in the Python process that made the graph. Values of flow are not scaled with the picture,
    as in the published recipes.

    Args:
      clip: uint8 or float32 [T, H, W, C]; for "bicubic" uint8 with 3 channels.
      size: one int, or (height, width), ints or int32 scalars.
      interpolation: of i3d.spec.INTERPOLATIONS.

    Raises:
      ValueError: another dtype, rank or, for "bicubic", number of channels.
    """
    if clip.dtype not in (tf.uint8, tf.float32) or clip.shape.rank != 4:
        raise ValueError(
            f"resize takes uint8 or float32 [T, H, W, C], got {clip.dtype.name} {clip.shape}"
        )
    if interpolation == "bicubic" and (clip.dtype, clip.shape[-1]) != (tf.uint8, 3):
        raise ValueError(f"bicubic takes uint8 RGB, got {clip.dtype.name} {clip.shape}")
    height, width = height_and_width(size)
    method = _bicubic if interpolation == "bicubic" else _bilinear
    resized = tf.numpy_function(method, [clip, height, width], clip.dtype, stateful=False)
    resized.set_shape([clip.shape[0], _known(height), _known(width), clip.shape[-1]])
    return resized


def resize_to_side(clip, side, interpolation="bilinear"):
    """Returns the clip with frames of this short side, or of (height, width); as `resize`."""
    frame, size = frame_size(clip), side
    if not isinstance(side, tuple):
        scaled = bicubic.scaled_size if interpolation == "bicubic" else scaled_size
        size = scaled(frame, side)
    same = tf.convert_to_tensor((frame[0] == size[0]) & (frame[1] == size[1]))
    resized = tf.cond(same, lambda: clip, lambda: resize(clip, size, interpolation))
    static = [*side] if isinstance(side, tuple) else [None, None]
    return tf.ensure_shape(resized, [clip.shape[0], *static, clip.shape[-1]])


def changed(clip, change, seed):
    """Returns a clip whose pixels a function of NumPy arrays changes, by a generator of the seed.

    Args:
      clip: uint8 [T, H, W, 3].
      change: (uint8 array [T, H, W, 3], numpy.random.Generator) -> an array like it.
      seed: integers, numbers or scalar tensors; equal ones give equal clips.
    """

    def of_arrays(clip, *seed):
        return change(clip, np.random.default_rng([int(part) % 2**64 for part in seed]))

    parts = [tf.cast(part, tf.int64) for part in seed]
    found = tf.numpy_function(of_arrays, [clip, *parts], clip.dtype, stateful=False)
    return tf.ensure_shape(found, clip.shape)


def _mirrored(clip):
    shape = tf.shape(clip)
    # TensorFlow reverses rank 3 twice as fast as rank 4.
    rows = tf.reshape(clip, [shape[0] * shape[1], shape[2], shape[3]])
    mirrored = tf.ensure_shape(tf.reshape(tf.reverse(rows, [1]), shape), clip.shape)
    if clip.shape[-1] == 3:
        return mirrored
    if clip.dtype != tf.uint8:
        return _per_channel(mirrored, tf.multiply, [-1, 1])
    # 2 * 128 - x for x >= 1 is the complement plus one; level 0, below the range, becomes 255.
    return _per_channel(
        mirrored,
        lambda rows, one, mask: tf.bitwise.bitwise_xor(tf.maximum(rows, one), mask) + one,
        *([1, 0], [255, 0]),
    )


def _per_channel(clip, operation, *values):
    """Returns operation(clip, *values), C numbers each."""
    # Rows of W * C broadcast twice as fast as C numbers do.
    shape = tf.shape(clip)
    rows = tf.reshape(clip, [-1, shape[-2] * shape[-1]])
    tiled = [tf.tile(tf.constant(value, clip.dtype), shape[-2:-1]) for value in values]
    return tf.ensure_shape(tf.reshape(operation(rows, *tiled), shape), clip.shape)


def _bicubic(clip, height, width):
    return np.stack([bicubic.resized(frame, int(height), int(width)) for frame in clip])


def _bilinear(clip, height, width):
    resized = np.empty((len(clip), height, width, clip.shape[-1]), clip.dtype)
    for frame, target in zip(clip, resized, strict=True):
        cv2.resize(frame, (int(width), int(height)), dst=target, interpolation=cv2.INTER_LINEAR)
    return resized


def _known(number):
    value = tf.get_static_value(number)
    return None if value is None else int(value)
