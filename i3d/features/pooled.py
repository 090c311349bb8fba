"""Pools the rows of a video to a fixed number, as the published ActivityNet features were made.

rows = pooled(scores, 100)                # float64 [100, C]
write_csv("v_a.csv", rows)                # a header line, then a line for each row
"""

import os

import numpy as np

_EDGE = 1e-4  # that interpolation keeps away from both ends, rows
_POINTS = 3  # of a pooled row


def pooled(rows: np.ndarray, count: int) -> np.ndarray:
    """Returns `count` rows of float [T, C], float64; each is the mean of three points.

    The points are interpolated linearly; all of them are equally far apart between the first row
    and the last. One row alone is repeated. Source: the recipe of MMAction2 for ActivityNet.
    """
    last = len(rows) - 1
    if not last:
        return np.repeat(np.asarray(rows, np.float64), count, axis=0)
    step = (last - 2 * _EDGE) / count
    places = _EDGE + (np.arange(count)[:, None] + np.arange(_POINTS) / _POINTS) * step
    below = np.minimum(np.floor(places).astype(np.int64), last - 1)
    share = (places - below)[..., None]
    low, high = (np.asarray(rows[at], np.float64) for at in (below, below + 1))
    return (low * (1 - share) + high * share).mean(axis=1)


def write_csv(path: str | os.PathLike, rows: np.ndarray) -> None:
    """Writes float [T, C] with four decimals, after a line f0,f1,... of column names."""
    header = ",".join(f"f{i}" for i in range(rows.shape[1]))
    np.savetxt(path, rows, fmt="%.4f", delimiter=",", header=header, comments="")
