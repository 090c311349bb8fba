"""Which videos are trained on and which are tested: folds by class and source, a few per class.

folds = assigned(labels, groups, 5, seed=0)       # int [N], -1: never tested
few = drawn(labels, groups, 2, seed=0)            # bool [N], two videos of each class
"""

from collections.abc import Sequence

import numpy as np


def sources(labels: np.ndarray, groups: Sequence[str] | np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Returns int [N], equal for videos that stay together, and the classes of one source alone.

    Videos of one class and one source stay together. Where all videos of a class are of one
    source, each of them counts as its own: kept together, they could not be tested.
    """
    names = [f"{label} {group}" for label, group in zip(labels, groups, strict=True)]
    _, found = np.unique(names, return_inverse=True)
    found, alone = found.astype(np.int64), []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        if len(own) > 1 and len(np.unique(found[own])) == 1:
            found[own] = found.max() + 1 + np.arange(len(own))
            alone.append(int(label))
    return found, alone


def assigned(
    labels: np.ndarray, groups: Sequence[str] | np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Returns the fold of each video, int [N] in 0..count-1, equal for equal arguments.

    Each class is spread evenly, its sources whole. The one video (or none other) of a class gets
    -1: it is trained on in every fold and never tested, as nothing would be left to train on.

    Args:
      labels: int [N].
      groups: N names of sources.
      count: number of folds; of a class with fewer sources, some folds have none.
      seed: of the order in which sources are dealt out.
    """
    rng = np.random.default_rng(seed)
    together, _ = sources(labels, groups)
    folds, sizes = np.full(len(labels), -1), np.zeros(count)
    for label in np.unique(labels):
        own = [np.flatnonzero(together == s) for s in np.unique(together[labels == label])]
        if len(own) < 2:
            continue
        rng.shuffle(own)
        of_class = np.zeros(count)
        for members in sorted(own, key=len, reverse=True):
            fold = min(range(count), key=lambda f: (of_class[f], sizes[f]))
            folds[members] = fold
            of_class[fold] += len(members)
            sizes[fold] += len(members)
    return folds


def drawn(
    labels: np.ndarray, groups: Sequence[str] | np.ndarray, shots: int, seed: int
) -> np.ndarray:
    """Returns bool [N]: `shots` videos of each class, of as many sources as there are.

    Args:
      labels, groups: as for `assigned`.
      shots: at most the number of videos of the smallest class.
      seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    together, _ = sources(labels, groups)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        seen: dict[int, int] = {}
        rank = []
        for video in own:  # the first of each source, then the second of each, ...
            source = int(together[video])
            seen[source] = seen.get(source, 0) + 1
            rank.append(seen[source])
        chosen[own[np.argsort(rank, kind="stable")][:shots]] = True
    return chosen
