"""The warp of TV-L1 flow: the second image and its gradients fetched along the flow, bicubically.

Image and gradients lie bundled, four numbers a pixel: a vector holds four neighbours of a row.
Main name: `warp`, called from the kernel of `i3d.flow.tvl1.pair`.
"""

import numpy as np
from numba import njit

from i3d.flow.tvl1.images import BORDER
from i3d.flow.tvl1.lanes import (
    even,
    floor,
    high,
    lane_numbers,
    larger,
    load,
    load_repeated,
    low,
    odd,
    reciprocal,
    smaller,
    splat,
    store,
    store_folded,
    store_offsets,
)

SCRATCH = 192  # float32 numbers of scratch for one block of columns
_ONE = np.float32(1)
CUBIC = np.float32(-0.75)  # the slope of OpenCV's cubic interpolation
_SMALLEST_GRADIENT = np.finfo(np.float32).eps


@njit(nogil=True, forceinline=True)
def _cubic_weights(t):
    """Weights of the four neighbours at a fraction t beyond the second."""
    rest = splat(_ONE) - t
    first = t * rest * rest * CUBIC
    second = (t * (CUBIC + np.float32(2)) - (CUBIC + np.float32(3))) * t * t + _ONE
    third = (rest * (CUBIC + np.float32(2)) - (CUBIC + np.float32(3))) * rest * rest + _ONE
    return first, second, third, splat(_ONE) - first - second - third


@njit(nogil=True)
def _places(state, i, y, height, width, offsets, across, down):
    """Where the flow of row y, at i of the state, points: offsets into the bundle and weights."""
    row_length = 64 * ((width + 15) // 16 + 1)
    size = down.size // 4
    for x in range(0, width, 16):
        px = load(state, i + 6 * x) + (lane_numbers() + np.float32(x))
        py = load(state, i + 6 * x + 16) + np.float32(y)
        # Further out all four neighbours are zeros of the border anyway.
        px = smaller(larger(px, splat(np.float32(-3))), splat(np.float32(width + 1)))
        py = smaller(larger(py, splat(np.float32(-3))), splat(np.float32(height + 1)))
        column, row = floor(px), floor(py)
        before = np.float32(BORDER - 1)
        store_offsets(offsets, x, row + before, column + before, row_length)
        first, second, third, fourth = _cubic_weights(px - column)
        a, b = low(first, third), low(second, fourth)
        store(across, 4 * x, low(a, b))
        store(across, 4 * x + 16, high(a, b))
        a, b = high(first, third), high(second, fourth)
        store(across, 4 * x + 32, low(a, b))
        store(across, 4 * x + 48, high(a, b))
        first, second, third, fourth = _cubic_weights(py - row)
        store(down, x, first)
        store(down, size + x, second)
        store(down, 2 * size + x, third)
        store(down, 3 * size + x, fourth)


@njit(nogil=True)
def _fetch(bundled, row_length, width, offsets, across, down, fetched):
    """Interpolates all channels of the bundle at the places of a row."""
    size = down.size // 4
    for x in range(width):
        i = np.int64(offsets[x])
        column = load(bundled, i) * down[x] + load(bundled, i + row_length) * down[size + x]
        column = column + load(bundled, i + 2 * row_length) * down[2 * size + x]
        column = column + load(bundled, i + 3 * row_length) * down[3 * size + x]
        store_folded(fetched, 4 * x, column * load_repeated(across, 4 * x))


@njit(nogil=True)
def warp(image, place, bundled, state, constants, height, width, mask, scratch, offsets):
    """Writes the constants of a warp: see `i3d.flow.tvl1.solve` for them and for the state.

    Args:
      image, place: pyramid of the first image, place of this scale in it.
      bundled: the second image, from `i3d.flow.tvl1.images.bundle`.
      mask: [16] 1 where the last block of columns lies in the image, else 0.
      scratch: float32, [SCRATCH * blocks]. offsets: int32, [16 * blocks].
    """
    blocks = (width + 15) // 16
    across, down = scratch[: 64 * blocks], scratch[64 * blocks : 128 * blocks]
    fetched = scratch[128 * blocks : 192 * blocks]
    for y in range(height):
        row = (y + 1) * (blocks + 1) * 96
        _places(state, row, y, height, width, offsets, across, down)
        _fetch(bundled, 64 * (blocks + 1), width, offsets, across, down, fetched)
        for x in range(0, width, 16):
            a, b = load(fetched, 4 * x), load(fetched, 4 * x + 16)
            c, d = load(fetched, 4 * x + 32), load(fetched, 4 * x + 48)
            ab, cd = even(a, b), even(c, d)
            value, iy, ix = even(ab, cd), odd(ab, cd), even(odd(a, b), odd(c, d))
            difference = value - load(image, place[0] + y * place[1] + x)
            if x + 16 > width:
                inside = load(mask, 0)
                difference, ix, iy = difference * inside, ix * inside, iy * inside
            squared = larger(ix * ix + iy * iy, splat(_SMALLEST_GRADIENT))
            i, c = row + 6 * x, y * blocks * 64 + 4 * x
            store(constants, c, ix)
            store(constants, c + 16, iy)
            store(constants, c + 32, splat(np.float32(0)) - reciprocal(squared))
            store(constants, c + 48, difference - (ix * load(state, i) + iy * load(state, i + 16)))
