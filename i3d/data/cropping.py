"""Which part of the frames of a clip is kept: fixed and random crops, before any pixel is touched.

    crop = cropping.random_crop((256, 340), 224, seed=(0, step))   # drawn once, mirror included
    left, right, middle = cropping.three_crops((256, 340), 256)

A `Crop` is made from the size of the frames, ints or int32 scalars, and a seed; `augment.cut` then
takes it from each stream of the video.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

MULTI_SCALES = (1.0, 0.875, 0.75, 0.66)  # of TSN's recipes
_ATTEMPTS = 10  # of random_resized_crop, before it takes the centre
# Places of a crop, in quarters (x, y) of the room that it leaves: corners and centre; then the
# middles of the sides and the four points between centre and corners.
_PLACES = ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2))
_MORE_PLACES = ((0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3))


class Crop(NamedTuple):
    """Which part of every frame is kept; each number is an int or an int32 scalar.

    Attributes:
      frame: (height, width) of the frames that it was made for.
      top, left, height, width: pixels.
      flip: bool; mirror left to right after cutting.
    """

    frame: Any
    top: Any
    left: Any
    height: Any
    width: Any
    flip: Any = False


def center_crop(frame, size):
    """Returns the Crop in the middle.

    Args:
      frame: (height, width) of the frames.
      size: of the crop, pixels: one int, or (height, width).

    Raises:
      ValueError, or tf.errors.InvalidArgumentError in a graph that does not know the size of the
        frames: they are smaller than the crop. The same holds for every fixed-size crop here.
    """
    (height, width), (rows, columns) = _fitting(frame, size)
    return Crop(frame, (height - rows) // 2, (width - columns) // 2, rows, columns)


def three_crops(frame, size):
    """Returns 3 Crops in published order: left, right, middle (of tall frames top, bottom, middle).

    `size` must be the height or the width of the frames, so that the three cover them.

    Source: MMAction2's ThreeCrop.
    """
    (height, width), (rows, columns) = _fitting(frame, size)
    height, width = checked(
        (height, width),
        (height == rows) | (width == columns),
        "three crops of {}x{} (height x width) need frames of that height or that width, got "
        "{}x{}: resize them so that the shorter side fits",
        *(rows, columns, height, width),
    )
    y, x = (height - rows) // 2, (width - columns) // 2
    return tuple(Crop(frame, n * y, n * x, rows, columns) for n in (0, 2, 1))


def ten_crops(frame, size):
    """Returns 10 Crops: the corners (upper left and right, lower left and right) and the centre.

    Each is followed by its mirror image. Source: MMAction2's TenCrop.
    """
    (height, width), (rows, columns) = _fitting(frame, size)
    y, x = (height - rows) // 4, (width - columns) // 4
    return tuple(
        Crop(frame, down * y, right * x, rows, columns, flip)
        for right, down in _PLACES
        for flip in (False, True)
    )


def random_crop(frame, size, seed, flip_chance=0.5):
    """Returns a Crop of a fixed size anywhere in the frames, every place as likely.

    Args:
      frame, size: as for `center_crop`.
      seed: int [2]; equal seeds give equal crops. The samplers of `i3d.data.sampling` may share
        it: they derive theirs.
      flip_chance: probability of the mirror.

    MMAction2's RandomCrop never takes the last row and column of places; this does.
    """
    (height, width), (rows, columns) = _fitting(frame, size)
    down, right, mirror = _numbers(seed, 3)
    top, left = _pick(down, height - rows + 1), _pick(right, width - columns + 1)
    return Crop(frame, top, left, rows, columns, mirror < flip_chance)


def multi_scale_crop(frame, size, seed, flip_chance=0.5, scales=MULTI_SCALES, max_gap=1, places=5):
    """Returns a Crop of one of several sizes and places; `augment.resize` what is cut to `size`.

    Args:
      frame, seed, flip_chance: as for `random_crop`.
      size: that the crop will be resized to. Sides within 2 pixels of it are set to it.
      scales: of the shorter side of the frames, in (0, 1]; height and width draw from them.
      max_gap: how far apart in `scales` those of height and width may be.
      places: 5 (corners and centre), 13 (and eight more), or 0 for anywhere.

    Source: Wang et al. 2016, arXiv:1608.00859; MMAction2's MultiScaleCrop. Here a side is not set
    to `size` where that is larger than the frame.
    """
    *drawn, mirror = _numbers(seed, 4)
    box = multi_scale_box(frame, size, drawn, scales, max_gap, places)
    return Crop(frame, *box, mirror < flip_chance)


def multi_scale_box(frame, size, numbers, scales=MULTI_SCALES, max_gap=1, places=5):
    """Returns (top, left, height, width) of `multi_scale_crop` for the numbers drawn.

    Args:
      numbers: 3 in [0, 1): which size; which place; and for places=0 (down, right) the last two.
    """
    if places not in (0, 5, 13) or not all(0 < scale <= 1 for scale in scales):
        raise ValueError(
            f"multi-scale crops take places 0, 5 or 13 and scales in (0, 1], got {places}, {scales}"
        )
    height, width = frame
    shorter = tf.cast(tf.minimum(height, width), tf.float64)
    sides = tf.cast(shorter * tf.constant(scales, tf.float64), tf.int32)
    indices = range(len(scales))
    near = [(i, j) for i in indices for j in indices if abs(i - j) <= max_gap]
    pair = tf.constant(near)[_pick(numbers[0], len(near))]
    wanted_rows, wanted_columns = height_and_width(size)
    rows = _set_if_near(sides[pair[0]], wanted_rows, height)
    columns = _set_if_near(sides[pair[1]], wanted_columns, width)
    if not places:
        free = height - rows + 1, width - columns + 1
        return _pick(numbers[1], free[0]), _pick(numbers[2], free[1]), rows, columns
    right, down = tf.unstack(tf.constant(_PLACES + _MORE_PLACES)[_pick(numbers[1], places)])
    return down * ((height - rows) // 4), right * ((width - columns) // 4), rows, columns


def random_resized_crop(
    frame, seed, flip_chance=0.5, area_range=(0.08, 1.0), aspect_range=(3 / 4, 4 / 3)
):
    """Returns a Crop of random area and aspect; `augment.resize` what is cut.

    Of ten draws the first that fits is taken; if none does, the largest square in the middle.

    Args:
      frame, seed, flip_chance: as for `random_crop`.
      area_range: share of the frame, uniform in it, within (0, 1].
      aspect_range: width / height, its logarithm uniform.

    Source: Szegedy et al. 2014, arXiv:1409.4842, section 6; MMAction2's RandomResizedCrop.
    """
    *drawn, mirror = _numbers(seed, 2 * _ATTEMPTS + 3)
    box = resized_box(frame, drawn, area_range, aspect_range)
    return Crop(frame, *box, mirror < flip_chance)


def resized_box(frame, numbers, area_range=(0.08, 1.0), aspect_range=(3 / 4, 4 / 3)):
    """Returns (top, left, height, width) of `random_resized_crop` for the numbers drawn.

    Args:
      numbers: 22 in [0, 1): ten for the aspect, ten for the area, one down, one right.
    """
    if not (0 < area_range[0] <= area_range[1] <= 1 and 0 < aspect_range[0] <= aspect_range[1]):
        raise ValueError(
            "random resized crops take an area range in (0, 1] and an aspect range above 0, both "
            f"(low, high), got {area_range}, {aspect_range}"
        )
    height, width = frame
    aspects = tf.exp(_between(numbers[:_ATTEMPTS], *np.log(aspect_range)))
    areas = _between(numbers[_ATTEMPTS : 2 * _ATTEMPTS], *area_range)
    areas *= tf.cast(height * width, tf.float64)
    # tf.round takes halves to the even number, as the published arithmetic does.
    columns = tf.cast(tf.round(tf.sqrt(areas * aspects)), tf.int32)
    rows = tf.cast(tf.round(tf.sqrt(areas / aspects)), tf.int32)
    fits = (rows <= height) & (columns <= width) & (rows > 0) & (columns > 0)
    any_fits = tf.reduce_any(fits)
    first = tf.reduce_min(tf.where(fits, tf.range(_ATTEMPTS), _ATTEMPTS - 1))
    square = tf.minimum(height, width)
    rows = tf.where(any_fits, rows[first], square)
    columns = tf.where(any_fits, columns[first], square)
    top, left = height - rows, width - columns
    return (
        tf.where(any_fits, _pick(numbers[-2], top + 1), top // 2),
        tf.where(any_fits, _pick(numbers[-1], left + 1), left // 2),
        rows,
        columns,
    )


def _numbers(seed, count):
    """Returns float64 [count] in [0, 1); the algorithm is named so that devices agree."""
    return tf.unstack(tf.random.stateless_uniform([count], seed, dtype=tf.float64, alg="philox"))


def _pick(number, count):
    """Returns an int32 in 0..count-1 for a number in [0, 1)."""
    return tf.cast(number * tf.cast(count, tf.float64), tf.int32)


def _between(numbers, low, high):
    return low + (high - low) * tf.stack(numbers)


def _set_if_near(side, wanted, limit):
    near = (tf.abs(side - wanted) < 3) & (wanted <= limit)
    return tf.where(near, wanted, side)


def height_and_width(size):
    """Returns (height, width) of one int or of two."""
    return tuple(size) if isinstance(size, tuple | list) else (size, size)


def _fitting(frame, size):
    """Returns the frame's and the crop's (height, width), known to fit."""
    (height, width), (rows, columns) = frame, height_and_width(size)
    frame = checked(
        frame,
        (rows <= height) & (columns <= width),
        "a crop of {}x{} (height x width) needs frames at least that large, got {}x{}: resize "
        "them first",
        *(rows, columns, height, width),
    )
    return frame, (rows, columns)


def checked(guarded, holds, text, *values):
    """Returns `guarded`, or raises one line: at once if `holds` is known, else as the graph runs.

    What is computed from the result waits for the check, so that no later op fails before it.
    """
    known = tf.get_static_value(holds)
    if known is None:
        check = tf.debugging.Assert(holds, [tf.strings.format(text, values)])
        with tf.control_dependencies([check]):
            return tf.nest.map_structure(tf.identity, guarded)
    if not known:
        raise ValueError(text.format(*(int(value) for value in values)))
    return guarded
