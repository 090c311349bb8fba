"""The 5x5 median filter of TV-L1 flow, edges repeated, on sixteen columns at once.

Each five neighbours of a row are sorted once and kept for the five rows of windows which need
them. Then, for two rows of windows together, the five numbers of each rank are sorted downwards,
the four shared ones first. In a square with sorted rows and columns only 13 numbers can still be
the median.
Main name: `median_filter(state, height, width, ring)`, called from `i3d.flow.tvl1.solve`.
"""

from numba import njit

from i3d.flow.tvl1.lanes import (
    larger,
    load,
    one_after,
    one_before,
    smaller,
    splat,
    store,
    two_after,
    two_before,
)

RING = 8 * 5 * 16  # numbers of the ring for one block of columns: 8 rows, 5 ranks
_BLOCK = 96  # numbers of one block of a state, see `i3d.flow.tvl1.solve`


@njit(nogil=True, forceinline=True)
def _order(a, b):
    return smaller(a, b), larger(a, b)


@njit(nogil=True, forceinline=True)
def _sort_five(a, b, c, d, e):
    a, b = _order(a, b)
    d, e = _order(d, e)
    c, e = _order(c, e)
    c, d = _order(c, d)
    b, e = _order(b, e)
    a, d = _order(a, d)
    a, c = _order(a, c)
    b, d = _order(b, d)
    b, c = _order(b, c)
    return a, b, c, d, e


@njit(nogil=True, forceinline=True)
def _sort_four(a, b, c, d):
    a, b = _order(a, b)
    c, d = _order(c, d)
    a, c = _order(a, c)
    b, d = _order(b, d)
    b, c = _order(b, c)
    return a, b, c, d


@njit(nogil=True, forceinline=True)
def _between(low, high, x):
    """What stands between low and high (low <= high) once x is sorted in."""
    return larger(low, smaller(high, x))


@njit(nogil=True, forceinline=True)
def _median(a, b, c, d, e, xa, xb, xc, xd, xe):
    """Median of 25 numbers; a to e: of each rank in the rows the sorted four, xa to xe: the fifth.

    The exchanges were found by a search, and checked on all 252 ways in which sorted rows and
    columns of zeros and ones can look (if it holds for these, it holds for all numbers).
    """
    # Letter: rank in the row; digit: rank in the column.
    a3, a4 = _between(a[2], a[3], xa), larger(a[3], xa)
    b2, b3, b4 = _between(b[1], b[2], xb), _between(b[2], b[3], xb), larger(b[3], xb)
    c1, c2, c3 = _between(c[0], c[1], xc), _between(c[1], c[2], xc), _between(c[2], c[3], xc)
    d0, d1, d2 = smaller(d[0], xd), _between(d[0], d[1], xd), _between(d[1], d[2], xd)
    e0, e1 = smaller(e[0], xe), _between(e[0], e[1], xe)
    p = larger(smaller(a4, d2), c1)
    q = smaller(larger(b3, d0), e1)
    r = larger(b2, larger(a3, smaller(smaller(b4, c3), d1)))
    p, q = _order(p, q)
    s, t = _order(c2, e0)
    r, p = _order(r, larger(p, s))
    return smaller(p, larger(r, smaller(q, t)))


@njit(nogil=True)
def _sort_row(state, i, width, ring, slot, size):
    """Sorts each five neighbours of the row at i into five ranks at `slot` of the ring."""
    for beyond in (width, width + 1):
        at = (width - 1) // 16 * _BLOCK + (width - 1) % 16
        state[i + beyond // 16 * _BLOCK + beyond % 16] = state[i + at]
    before, here = splat(state[i]), load(state, i)
    for x in range(0, width, 16):
        after = load(state, i + 6 * x + _BLOCK)
        a, b, c, d, e = _sort_five(
            two_before(before, here),
            one_before(before, here),
            here,
            one_after(here, after),
            two_after(here, after),
        )
        store(ring, slot + x, a)
        store(ring, slot + size + x, b)
        store(ring, slot + 2 * size + x, c)
        store(ring, slot + 3 * size + x, d)
        store(ring, slot + 4 * size + x, e)
        before, here = here, after


@njit(nogil=True, forceinline=True)
def _rank(ring, i, rows):
    """One rank of the six rows at i: the four rows both windows share, sorted; the outer two."""
    a, b = load(ring, i + rows[1]), load(ring, i + rows[2])
    c, d = load(ring, i + rows[3]), load(ring, i + rows[4])
    return _sort_four(a, b, c, d), load(ring, i + rows[0]), load(ring, i + rows[5])


@njit(nogil=True)
def _medians(ring, x, rows, size):
    """Medians of the upper and lower window at 16 columns; rows: the six rows in the ring."""
    a, above_a, below_a = _rank(ring, x, rows)
    b, above_b, below_b = _rank(ring, x + size, rows)
    c, above_c, below_c = _rank(ring, x + 2 * size, rows)
    d, above_d, below_d = _rank(ring, x + 3 * size, rows)
    e, above_e, below_e = _rank(ring, x + 4 * size, rows)
    upper = _median(a, b, c, d, e, above_a, above_b, above_c, above_d, above_e)
    return upper, _median(a, b, c, d, e, below_a, below_b, below_c, below_d, below_e)


@njit(nogil=True)
def _filter(state, first, height, width, ring):
    row = ((width + 15) // 16 + 1) * _BLOCK
    size = (width + 15) // 16 * 16
    ready = -1
    for y in range(0, height, 2):
        while ready < min(y + 3, height - 1):
            ready += 1
            _sort_row(state, first + ready * row, width, ring, ready % 8 * 5 * size, size)
        last = height - 1
        rows = (
            max(y - 2, 0) % 8 * 5 * size,
            max(y - 1, 0) % 8 * 5 * size,
            y % 8 * 5 * size,
            min(y + 1, last) % 8 * 5 * size,
            min(y + 2, last) % 8 * 5 * size,
            min(y + 3, last) % 8 * 5 * size,
        )
        for x in range(0, width, 16):
            upper, lower = _medians(ring, x, rows, size)
            store(state, first + y * row + 6 * x, upper)
            if y < last:
                store(state, first + (y + 1) * row + 6 * x, lower)


@njit(nogil=True)
def median_filter(state, height, width, ring):
    """Replaces u1 and u2 of a state by their 5x5 medians.

    Args:
      state: see `i3d.flow.tvl1.solve`.
      height, width: of the image, pixels.
      ring: float32 scratch, [RING * blocks].
    """
    row = ((width + 15) // 16 + 1) * _BLOCK
    _filter(state, row, height, width, ring)
    _filter(state, row + 16, height, width, ring)
