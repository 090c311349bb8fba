"""Image steps of TV-L1 flow: bilinear resizing, and bundling an image with its gradients.

Both read and write image planes as well as the blocks of `i3d.flow.tvl1.solve`.
Main names: `resize`, `bundle`, called from the kernel of `i3d.flow.tvl1.pair`.

An image plane is a float32 vector with rows of 16 * (blocks + 1) numbers, blocks being
ceil(width / 16), and 16 numbers before the first row, so that columns -1 and width exist. It is
addressed, as a state is, by its place: (first row, row length, length of a block of 16 columns).
"""

import numpy as np
from numba import njit

from i3d.flow.tvl1.lanes import high, load, low, splat, store

BORDER = 4  # columns and rows of zeros before a bundle
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@njit(nogil=True)
def _between(position, size):
    """Neighbours of a place on an axis of `size` samples and the share of the second."""
    first = int(np.floor(position))
    if first < 0:
        return 0, 0, _ZERO
    if first >= size - 1:
        return size - 1, size - 1, _ZERO
    return first, first + 1, np.float32(position - first)


@njit(nogil=True)
def _stretch(source, row, left, right, share, rows, start):
    for x in range(left.size):
        a, b = source[row + left[x]], source[row + right[x]]
        rows[start + x] = a * (_ONE - share[x]) + b * share[x]


@njit(nogil=True)
def resize(source, place, shape, target, target_place, target_shape, scale, gain, rows):
    """Bilinear resize with pixel centres matched, times gain; whole blocks are written.

    Args:
      source, target: float32 vectors.
      place, target_place: (first row, row length, block length) in them.
      shape, target_shape: (height, width).
      scale: (y, x) source pixels per target pixel.
      gain: float32. rows: float32 scratch, two rows of the target.
    """
    height, width = target_shape
    left, right = np.empty(width, np.int64), np.empty(width, np.int64)
    share = np.empty(width, np.float32)
    for x in range(width):
        a, b, share[x] = _between((x + 0.5) * scale[1] - 0.5, shape[1])
        left[x], right[x] = a // 16 * place[2] + a % 16, b // 16 * place[2] + b % 16
    size = rows.size // 2
    ready = -1
    for y in range(height):
        top, bottom, down = _between((y + 0.5) * scale[0] - 0.5, shape[0])
        while ready < bottom:
            ready += 1
            start = place[0] + ready * place[1]
            _stretch(source, start, left, right, share, rows, ready % 2 * size)
        a, b = top % 2 * size, bottom % 2 * size
        to = target_place[0] + y * target_place[1]
        for x in range(0, width, 16):
            row = load(rows, a + x) * (_ONE - down) + load(rows, b + x) * down
            store(target, to + x // 16 * target_place[2], row * gain)


@njit(nogil=True)
def bundle(image, place, height, width, mask, bundled):
    """Writes image, its centred gradients in x and y and 0, pixel by pixel, in a border of zeros.

    `bundled` has height + 2 * BORDER rows of 64 * (blocks + 1) numbers.
    """
    row_length = 64 * ((width + 15) // 16 + 1)
    bundled[: (height + 2 * BORDER) * row_length] = _ZERO
    for y in range(height):
        row = place[0] + y * place[1]
        above, below = row - min(y, 1) * place[1], row + min(height - 1 - y, 1) * place[1]
        image[row - 1], image[row + width] = image[row], image[row + width - 1]
        to = (y + BORDER) * row_length + 4 * BORDER
        for x in range(0, width, 16):
            centre = load(image, row + x)
            ix = (load(image, row + x + 1) - load(image, row + x - 1)) * _HALF
            iy = (load(image, below + x) - load(image, above + x)) * _HALF
            if x + 16 > width:
                inside = load(mask, 0)
                centre, ix, iy = centre * inside, ix * inside, iy * inside
            a, b = low(centre, iy), low(ix, splat(_ZERO))
            store(bundled, to + 4 * x, low(a, b))
            store(bundled, to + 4 * x + 16, high(a, b))
            a, b = high(centre, iy), high(ix, splat(_ZERO))
            store(bundled, to + 4 * x + 32, low(a, b))
            store(bundled, to + 4 * x + 48, high(a, b))
