"""Several tests of one network: the splits of a data set, or draws of half of its classes.

found = Repeated(("test01", "test02", "test03"), results, "model, weights, data of all three")
found.top1                                   # Spread(mean, deviation), in [0, 1]
print(described(found))
"""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from i3d.evaluation.results import Result


class Spread(NamedTuple):
    """Mean and standard deviation (of a sample: divided by N - 1) of a measure over the tests."""

    mean: float
    deviation: float


class Repeated(NamedTuple):
    """Tests of one network.

    Attributes:
      names: of the tests, "test01" or "draw 1".
      results: the Result of each.
      protocol: what holds for all of them, in one line: model, weights, clips and crops, data.
    """

    names: tuple[str, ...]
    results: tuple[Result, ...]
    protocol: str

    @property
    def top1(self) -> Spread:
        """The Spread of `Result.top1`."""
        return spread([result.top1 for result in self.results])

    @property
    def top5(self) -> Spread:
        """The Spread of `Result.top5`."""
        return spread([result.top5 for result in self.results])

    @property
    def mean_class_accuracy(self) -> Spread:
        """The Spread of `Result.mean_class_accuracy`."""
        return spread([result.mean_class_accuracy for result in self.results])

    @property
    def mean_average_precision(self) -> Spread:
        """The Spread of `Result.mean_average_precision`, of videos with several labels."""
        return spread([result.mean_average_precision for result in self.results])

    @property
    def chance(self) -> float:
        """The top-1 accuracy of guessing: the mean of 1 / K over the tests, in [0, 1]."""
        return float(np.mean([1 / len(result.class_names) for result in self.results]))

    def __repr__(self) -> str:
        """Returns the tests and their means in one line."""
        return f"<Repeated tests: {', '.join(self.names)}: {'; '.join(_means(self))}>"


def spread(values: Sequence[float]) -> Spread:
    """Returns the Spread of numbers; the deviation of one alone is 0."""
    several = len(values) > 1
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if several else 0.0)


def half_classes(count: int, draws: int, seed: int) -> list[np.ndarray]:
    """Returns `draws` sets of count // 2 classes, each int64 [count // 2], ascending.

    Zero-shot accuracies of UCF101 (50 of 101) and HMDB51 (25 of 51) are often their means.

    Source: Brattoli et al. 2020, arXiv:2003.01455, section 4 (ten draws).
    """
    generator = np.random.default_rng(seed)
    return [np.sort(generator.choice(count, count // 2, replace=False)) for _ in range(draws)]


def described(found: Repeated) -> str:
    """Returns the protocol, a line for each test, and the mean and standard deviation."""
    lines = textwrap.wrap(found.protocol, 98, subsequent_indent="  ", break_on_hyphens=False)
    left = max(map(len, found.names))
    for name, result in zip(found.names, found.results, strict=True):
        lines.append(f"{name:<{left}}  {', '.join(_measures(result))}  ({_counts(result)})")
    mean = f"mean +- standard deviation of {len(found.names)}: {', '.join(_means(found))}"
    if found.results[0].multi_label:
        return "\n".join([*lines, mean])
    return "\n".join([*lines, mean, f"chance: top-1 {100 * found.chance:.2f} %"])


def _counts(result):
    """Returns how many videos and classes a test has."""
    labels, classes = result.labels, len(result.class_names)
    present = int(labels.any(axis=0).sum()) if result.multi_label else len(np.unique(labels))
    if present == classes:
        return f"{len(result.ids)} videos of {classes} classes"
    return f"{len(result.ids)} videos, {present} of {classes} classes have videos"


def _measures(result):
    if result.multi_label:
        return [f"mAP {100 * result.mean_average_precision:6.2f} %"]
    return [
        f"top-1 {100 * result.top1:6.2f} %",
        f"top-5 {100 * result.top5:6.2f} %",
        f"mean of classes {100 * result.mean_class_accuracy:6.2f} %",
    ]


def _means(found):
    names = {"top-1": "top1", "top-5": "top5", "mean of classes": "mean_class_accuracy"}
    if found.results[0].multi_label:
        names = {"mAP": "mean_average_precision"}
    each = {name: getattr(found, attribute) for name, attribute in names.items()}
    return [f"{name} {100 * s.mean:.2f} +- {100 * s.deviation:.2f} %" for name, s in each.items()]
