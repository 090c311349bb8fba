"""Random crops for training, with a seed.

    crop = random_cropping.random_crop((256, 340), 224, seed=(0, step))   # mirror included

Drawn once from the size of the frames and a seed; `augment.cut` takes it from each stream.
"""

import numpy as np
import tensorflow as tf

from i3d.data.cropping import PLACES, Crop, fitting, height_and_width

MULTI_SCALES = (1.0, 0.875, 0.75, 0.66)  # of TSN's recipes
_ATTEMPTS = 10  # of random_resized_crop, before it takes the centre
# The middles of the sides, and the four points between the centre and the corners.
_MORE_PLACES = ((0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3))


def random_crop(frame, size, seed, flip_chance=0.5):
    """Returns a Crop of a fixed size anywhere in the frames, every place as likely.

    Args:
      frame, size: as for `center_crop`.
      seed: int [2]; equal seeds give equal crops. The samplers of `i3d.data.sampling` may share
        it: they derive theirs.
      flip_chance: probability of the mirror.

    MMAction2's RandomCrop never takes the last row and column of places; this does.
    """
    (height, width), (rows, columns) = fitting(frame, size)
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
    right, down = tf.unstack(tf.constant(PLACES + _MORE_PLACES)[_pick(numbers[1], places)])
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
