"""The primal-dual iterations of TV-L1 flow: the innermost loops, where most of the time goes.

One iteration is a single sweep over the rows: a row's flow u is updated, then the dual variables p
of the row above, which needed the new u of both rows. Several iterations go down the image
together, each one row behind the one before it, while their rows are still in the cache and the
next row is fetched into it. Such a sweep reads one state and writes another: when the method turns
out to stop inside it, it is done again with the right number of iterations. The arithmetic is that
of plain iterations.
Main name: `relax(state, spare, constants, ...)`, called from the kernel of `i3d.flow.tvl1.pair`.

A state is a float32 vector of height + 1 rows; row 0, above the image, holds zeros. A row is made
of blocks of 16 columns, one more than the image fills, and a block of six groups of 16 numbers:
u1, u2 (flow in x, y), p11, p12 (duals of u1), p21, p22 (duals of u2). Columns beyond the image have
no meaning but the first, which repeats the last u, so that the gradient there is zero.
The constants of a warp have no row 0 and four groups a block: Ix, Iy, -1 / (Ix^2 + Iy^2), rho_c.
"""

import numpy as np
from numba import njit

from i3d.flow.tvl1.lanes import (
    larger,
    load,
    one_after,
    one_before,
    prefetch,
    reciprocal,
    root,
    smaller,
    splat,
    store,
    total,
)
from i3d.flow.tvl1.median import median_filter

BLOCK = 96  # numbers of one block of the state
CONSTANTS = 64  # numbers of one block of the constants
MOST_TOGETHER = 6  # iterations of one sweep
TAU, LAMBDA, THETA = 0.25, 0.15, 0.3
INNER_ITERATIONS, OUTER_ITERATIONS = 30, 10

_ZERO, _ONE = np.float32(0), np.float32(1)
_THETA = np.float32(THETA)
_LARGEST_STEP = np.float32(LAMBDA * THETA)
_DUAL_STEP = np.float32(TAU / THETA)


@njit(nogil=True, forceinline=True)
def _primal(state, i, above, constants, c, left11, left21):
    """New u1, u2 of the block at i, their changes, and the duals which the caller needs again."""
    u1, u2 = load(state, i), load(state, i + 16)
    ix, iy = load(constants, c), load(constants, c + 16)
    residual = load(constants, c + 48) + ix * u1 + iy * u2
    step = larger(residual * load(constants, c + 32), splat(-_LARGEST_STEP))
    step = smaller(step, splat(_LARGEST_STEP))
    p11, p21 = load(state, i + 32), load(state, i + 64)
    above12, above22 = load(state, above + 48), load(state, above + 80)
    divergence1 = (p11 - one_before(left11, p11)) + (load(state, i + 48) - above12)
    divergence2 = (p21 - one_before(left21, p21)) + (load(state, i + 80) - above22)
    new1 = (u1 + step * ix) + divergence1 * _THETA
    new2 = (u2 + step * iy) + divergence2 * _THETA
    return new1, new2, new1 - u1, new2 - u2, p11, p21, above12, above22


@njit(nogil=True, forceinline=True)
def _dual(to, i, px, py, ux, uy):
    """Writes the updated duals px, py, given the gradient of their u, at i."""
    damping = reciprocal(root(ux * ux + uy * uy) * _DUAL_STEP + _ONE)
    store(to, i, (px + ux * _DUAL_STEP) * damping)
    store(to, i + 16, (py + uy * _DUAL_STEP) * damping)


@njit(nogil=True, forceinline=True)
def _step(state, to, i, above, constants, c, left11, left21, old1, old2):
    """Primal update of the block at i, dual update of the block above it."""
    new1, new2, change1, change2, left11, left21, p12, p22 = _primal(
        state, i, above, constants, c, left11, left21
    )
    store(to, i, new1)
    store(to, i + 16, new2)
    next1, next2 = load(to, above + BLOCK), load(to, above + BLOCK + 16)
    p11, p21 = load(state, above + 32), load(state, above + 64)
    _dual(to, above + 32, p11, p12, one_after(old1, next1) - old1, new1 - old1)
    _dual(to, above + 64, p21, p22, one_after(old2, next2) - old2, new2 - old2)
    return change1, change2, left11, left21, next1, next2


@njit(nogil=True, forceinline=True)
def _repeat_last(to, row, width):
    last = row + (width - 1) // 16 * BLOCK + (width - 1) % 16
    beyond = row + width // 16 * BLOCK + width % 16
    to[beyond] = to[last]
    to[beyond + 16] = to[last + 16]


@njit(nogil=True, forceinline=True)
def _fetch_ahead(arrays, i, c, lines):
    for line in range(lines):
        prefetch(arrays[0], i + 16 * line)
        prefetch(arrays[1], i + 16 * line)
        prefetch(arrays[2], c + 16 * line)


@njit(nogil=True)
def _middle_row(source, y, width, mask, arrays, ahead, part, parts):
    """Updates u of row y and p of row y - 1; returns the sum of squared changes of u.

    Args:
      source: state before. arrays: (state before the sweep, state after, constants).
      ahead: row which the sweep will need next; this call fetches one of `parts` parts of it.
    """
    _, to, constants = arrays
    blocks = (width + 15) // 16
    row_length = (blocks + 1) * BLOCK
    i = (y + 1) * row_length
    above = i - row_length
    c = y * blocks * CONSTANTS
    lines = (BLOCK // 16 + parts - 1) // parts
    i_ahead = (ahead + 1) * row_length + part * blocks * lines * 16
    c_ahead = ahead * blocks * CONSTANTS + part * blocks * lines * 16
    left11, left21, squares = splat(_ZERO), splat(_ZERO), splat(_ZERO)
    old1, old2 = load(to, above), load(to, above + 16)
    for _ in range(blocks - 1):
        _fetch_ahead(arrays, i_ahead, c_ahead, lines)
        change1, change2, left11, left21, old1, old2 = _step(
            source, to, i, above, constants, c, left11, left21, old1, old2
        )
        squares = squares + change1 * change1 + change2 * change2
        i, above, c = i + BLOCK, above + BLOCK, c + CONSTANTS
        i_ahead, c_ahead = i_ahead + 16 * lines, c_ahead + 16 * lines
    change1, change2, left11, left21, old1, old2 = _step(
        source, to, i, above, constants, c, left11, left21, old1, old2
    )
    change1, change2 = change1 * load(mask, 0), change2 * load(mask, 0)
    _repeat_last(to, (y + 1) * row_length, width)
    return total(squares + change1 * change1 + change2 * change2)


@njit(nogil=True)
def _first_row(state, to, constants, width, mask):
    """Updates u of row 0; returns the sum of squared changes."""
    blocks = (width + 15) // 16
    row = (blocks + 1) * BLOCK
    left11, left21, squares = splat(_ZERO), splat(_ZERO), splat(_ZERO)
    for block in range(blocks):
        i = row + block * BLOCK
        new1, new2, change1, change2, left11, left21, _, _ = _primal(
            state, i, i - row, constants, block * CONSTANTS, left11, left21
        )
        store(to, i, new1)
        store(to, i + 16, new2)
        if block == blocks - 1:
            change1, change2 = change1 * load(mask, 0), change2 * load(mask, 0)
        squares = squares + change1 * change1 + change2 * change2
    _repeat_last(to, row, width)
    return total(squares)


@njit(nogil=True)
def _last_duals(state, to, height, width):
    """Updates p of the last row, where the gradient in y is zero."""
    blocks = (width + 15) // 16
    for block in range(blocks):
        i = height * (blocks + 1) * BLOCK + block * BLOCK
        old1, old2 = load(to, i), load(to, i + 16)
        ux1 = one_after(old1, load(to, i + BLOCK)) - old1
        ux2 = one_after(old2, load(to, i + BLOCK + 16)) - old2
        _dual(to, i + 32, load(state, i + 32), load(state, i + 48), ux1, splat(_ZERO))
        _dual(to, i + 64, load(state, i + 64), load(state, i + 80), ux2, splat(_ZERO))


@njit(nogil=True)
def _sweep(state, to, constants, together, height, width, mask, errors):
    """Several iterations from state to another; errors[k] = squared changes of the k-th, summed."""
    arrays = (state, to, constants)
    errors[:together] = 0
    for front in range(height + together):
        for k in range(max(0, front - height), min(together, front + 1)):
            y = front - k
            source = state if k == 0 else to
            if y == 0:
                errors[k] += _first_row(source, to, constants, width, mask)
            elif y == height:
                _last_duals(source, to, height, width)
            else:
                errors[k] += _middle_row(source, y, width, mask, arrays, front + 1, k, together)


@njit(nogil=True)
def _guess(error, done, before):
    """How many iterations to do together, without passing the last one needed if possible.

    Args:
      error: last sum of squared changes, in units of the limit.
      done: iterations done since the last median filter.
      before: iterations which the previous warp needed from this one on.
    """
    if done == 0:
        return max(2, min(MOST_TOGETHER, int(0.8 * before + 0.5)))
    if done < 3:
        return 2
    # Changes shrink by some 6 % an iteration once the first few are over.
    return max(1, min(MOST_TOGETHER, int(np.log(error) / 0.06)))


@njit(nogil=True)
def relax(state, spare, constants, height, width, mask, errors, ring, limit, before):
    """Iterates one warp to its stop: mean squared change <= epsilon^2, or all iterations done.

    Args:
      state: where the warp begins; spare: another of its size, row 0 zero. Both are overwritten.
      constants: the warp's, see above. mask: [16] 1 where the last block lies in the image, else 0.
      errors: [MOST_TOGETHER] float64 scratch. ring: scratch of the median filter.
      limit: sum of squared changes at which to stop.
      before: iterations of the previous warp of this scale, or a high number.

    Returns:
      (state, spare, iterations): the result, the other one, and how many iterations were done.
    """
    iterations, error = 0, np.inf
    for _ in range(OUTER_ITERATIONS):
        median_filter(state, height, width, ring)
        done = 0
        while done < INNER_ITERATIONS and error > limit:
            together = _guess(error / limit, done, before - iterations)
            together = min(together, INNER_ITERATIONS - done)
            _sweep(state, spare, constants, together, height, width, mask, errors)
            needed = 1
            while needed < together and errors[needed - 1] > limit:
                needed += 1
            if needed < together:
                _sweep(state, spare, constants, needed, height, width, mask, errors)
            state, spare = spare, state
            error, done, iterations = errors[needed - 1], done + needed, iterations + needed
        if error <= limit:
            break
    return state, spare, iterations
