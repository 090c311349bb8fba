"""Mean and covariance of the features of many videos, and the Frechet distance of two of them.

real, fake = Statistics(), Statistics()
real.update(features)                      # float [n, D]; any number of times
distance(real, fake)                       # float

real.save("real.npz"); real = load("real.npz")
"""

import os
from typing import Any

import numpy as np

from i3d.evaluation.frechet import protocols
from i3d.runtime import files, npy
from i3d.runtime.command import BadData, UserError

_TEXTS = ("protocol", "network", "sha256")


class Statistics:
    """Count, mean and covariance of feature vectors; memory does not grow with their number.

    Computed in float64.

    Attributes:
      count: N, of the vectors so far.
      protocol: name in protocols.PROTOCOLS; its ddof is that of the covariance.
      network, sha256: name of the card and SHA-256 of the checkpoint; "" where unknown.
      frames, stride: of each clip; 0 where unknown.
    """

    def __init__(
        self,
        protocol: str = "official",
        network: str = "",
        sha256: str = "",
        frames: int = 0,
        stride: int = 0,
    ) -> None:
        """Begins without vectors; UserError where there is no such protocol."""
        self.ddof = protocols.of_name(protocol).ddof
        self.protocol, self.network, self.sha256 = protocol, network, sha256
        self.frames, self.stride = frames, stride
        self.count = 0
        self._mean = self._scatter = np.zeros(0)

    def update(self, features: np.ndarray) -> "Statistics":
        """Adds float [n, D]; returns itself.

        Raises:
          UserError: they are not finite, or of another width than those before.
        """
        found = np.asarray(features, np.float64)
        if found.ndim != 2 or not np.isfinite(found).all():
            raise UserError(f"expected finite features [n, D], got {found.shape}")
        if self.count and found.shape[1] != len(self._mean):
            raise UserError(f"expected {len(self._mean)} features, got {found.shape[1]}")
        if not len(found):
            return self
        if not self.count:
            width = found.shape[1]
            self._mean, self._scatter = np.zeros(width), np.zeros((width, width))
        total = self.count + len(found)
        mean = found.mean(axis=0)
        apart, shift = found - mean, mean - self._mean
        # Chan, Golub and LeVeque 1979: exact for parts of any size.
        self._scatter = self._scatter + apart.T @ apart
        self._scatter += np.outer(shift, shift) * (self.count * len(found) / total)
        self._mean = self._mean + shift * (len(found) / total)
        self.count = total
        return self

    @property
    def mean(self) -> np.ndarray:
        """float64 [D]."""
        return self._mean

    @property
    def covariance(self) -> np.ndarray:
        """float64 [D, D]; its divisor is that of the protocol.

        Raises:
          UserError: there are fewer than two vectors.
        """
        if self.count < 2:
            raise UserError(f"expected the features of at least 2 videos, got {self.count}")
        return self._scatter / (self.count - self.ddof)

    def save(self, path: str | os.PathLike) -> None:
        """Writes a .npz file of plain arrays, atomically.

        Raises:
          UserError: the file is there already, or there are fewer than two vectors.
        """
        files.check_new(path, ".npz")
        arrays = {"mean": self.mean, "covariance": self.covariance}
        numbers = {name: np.array(getattr(self, name)) for name in ("count", "frames", "stride")}
        texts = {name: np.array(getattr(self, name)) for name in _TEXTS}
        with files.new_file(path) as file:
            npy.write_npz(file, arrays | numbers | texts)


def load(path: str | os.PathLike) -> Statistics:
    """Returns the Statistics of a file that `Statistics.save` wrote.

    Raises:
      BadData: it is no such file, or damaged.
    """
    try:
        arrays = npy.read_npz(path)
    except (npy.ArrayError, OSError) as error:
        raise BadData(f"{path}: cannot be read: {error}") from error
    if not are_in(arrays):
        raise BadData(f"{path}: expected statistics that i3d.fvd --save_stats wrote")
    about: dict[str, Any] = {name: str(arrays[name]) for name in _TEXTS}
    about |= {name: int(arrays[name]) for name in ("frames", "stride")}
    found = Statistics(**about)
    found.count, found._mean = int(arrays["count"]), arrays["mean"]
    width = len(found._mean)
    covariance = arrays["covariance"]
    whole = covariance.shape == (width, width) and np.isfinite(covariance).all()
    if found.count < 2 or not whole or not np.isfinite(found._mean).all():
        raise BadData(
            f"{path}: expected a finite mean [D] and covariance [D, D] of 2 videos or more"
        )
    found._scatter = covariance * (found.count - found.ddof)
    return found


def are_in(arrays: dict[str, np.ndarray]) -> bool:
    """Returns whether arrays of a .npz file are those of statistics."""
    kinds = {name: "U" for name in _TEXTS} | {"mean": "f", "covariance": "f"}
    kinds |= dict.fromkeys(("count", "frames", "stride"), "i")
    ranks = {"mean": 1, "covariance": 2}
    return kinds.keys() == arrays.keys() and all(
        array.dtype.kind == kinds[name] and array.ndim == ranks.get(name, 0)
        for name, array in arrays.items()
    )


def check_comparable(one: Statistics, other: Statistics) -> None:
    """Makes sure that two Statistics were computed in the same way.

    Raises:
      UserError: protocol, network, frames or stride differ; the line names them.
    """
    for name in ("protocol", "network", "sha256", "frames", "stride"):
        first, second = getattr(one, name), getattr(other, name)
        if first != second:
            what = "SHA-256 of the checkpoint" if name == "sha256" else name
            raise UserError(
                f"statistics of one kind are compared: expected the same {what}, got "
                f"{str(first)[:16]!r} and {str(second)[:16]!r}"
            )


def distance(one: Statistics, other: Statistics) -> float:
    """Returns |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)), the squared Frechet distance, >= 0.

    The trace of the root is the sum of the singular values of the product of the covariances'
    factors, which stays real and precise where there are fewer videos than features.

    Raises:
      UserError: the Statistics are of different kinds (`check_comparable`) or widths, or of fewer
        than two videos.

    Source: Dowson and Landau 1982; Unterthiner et al. 2018, arXiv:1812.01717.
    """
    check_comparable(one, other)
    if len(one.mean) != len(other.mean):
        raise UserError(f"expected as many features, got {len(one.mean)} and {len(other.mean)}")
    apart = one.mean - other.mean
    first, second = _factor(one.covariance), _factor(other.covariance)
    root = np.linalg.svd(first.T @ second, compute_uv=False).sum() if first.size else 0.0
    total = apart @ apart + (first**2).sum() + (second**2).sum() - 2 * root
    return max(0.0, float(total))


def _factor(covariance):
    """Returns L [D, r] with L L^T the covariance, without directions that hold rounding alone."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values.max(initial=0.0) * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])
