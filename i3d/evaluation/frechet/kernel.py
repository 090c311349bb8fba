"""Kernel video distance (KVD): the unbiased squared MMD of two sets of features.

    value, error = distance(real, fake)        # float [n, D], float [m, D]

Unlike the Frechet distance its expectation does not depend on the number of videos. Sources:
Binkowski et al. 2018, arXiv:1801.01401 (the kernel); Unterthiner et al. 2018, arXiv:1812.01717.
"""

import numpy as np

from i3d.runtime.command import UserError

_GROUPS = 20  # of the jackknife


def distance(real: np.ndarray, fake: np.ndarray) -> tuple[float, float | None]:
    """Returns the squared MMD with the kernel (x . y / D + 1)^3, and its standard error.

    The error is that of a jackknife which leaves out one group of videos of each set at a time, of
    20 groups (fewer where there are fewer than 40 videos). It is None where a set has fewer than 4.

    Args:
      real, fake: float [n, D] and [m, D], of at least 2 videos each.

    Raises:
      UserError: a set has fewer than two rows, or the widths differ.
    """
    sets = [np.asarray(one, np.float64) for one in (real, fake)]
    if min(map(len, sets)) < 2 or sets[0].shape[1] != sets[1].shape[1]:
        raise UserError(
            f"expected features [n, D] and [m, D] of 2 videos or more, got {sets[0].shape} and "
            f"{sets[1].shape}"
        )
    same = [_kernel(one, one) for one in sets]
    cross = _kernel(*sets)
    every = [np.ones(len(one)) for one in sets]
    groups = min(_GROUPS, *(len(one) // 2 for one in sets))
    value = _estimate(same, cross, every)
    if groups < 2:
        return value, None
    left = []
    for group in range(groups):
        kept = [(np.arange(len(one)) % groups != group).astype(float) for one in sets]
        left.append(_estimate(same, cross, kept))
    return value, float(np.sqrt((groups - 1) * np.var(left)))


def _kernel(one, other):
    return (one @ other.T / one.shape[1] + 1) ** 3


def _estimate(same, cross, kept):
    """Returns the unbiased squared MMD of the rows whose weight is 1."""
    total = -2 * (kept[0] @ cross @ kept[1]) / (kept[0].sum() * kept[1].sum())
    for kernel, weights in zip(same, kept, strict=True):
        count = weights.sum()
        pairs = weights @ kernel @ weights - weights @ np.diag(kernel)
        total += pairs / (count * (count - 1))
    return float(total)
