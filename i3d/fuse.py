"""Adds the logits of two or more tests of the same videos, such as those of RGB and of flow.

    python -m i3d.fuse rgb.npz flow.npz
    python -m i3d.fuse rgb.npz flow.npz --weights=1,1.5 --out=both.npz --confusion_png=both.png

Takes the files that `python -m i3d.evaluate --out` writes. Videos are matched by id. Prints what
evaluate does: the accuracies of each file alone and of the sum, each class, the confusion matrix.

The softmax of a sum of logits is the product of the probabilities, made to add up to 1. Logits of a
network with a text tower are log probabilities, and join those of any other network in this way.
"""

import math
import os
import sys
from typing import NamedTuple

import numpy as np
from absl import flags

from i3d.evaluation import report, results
from i3d.evaluation.results import Result, ResultError
from i3d.runtime import command
from i3d.runtime.command import UserError


class Job(NamedTuple):
    """What a command line asks for.

    Attributes:
      paths: the files to add.
      weights: as many positive numbers.
      out, picture: files to write, or None.
    """

    paths: list[str]
    weights: list[float]
    out: str | None
    picture: str | None


def main(argv: list[str]) -> int:
    """Prints the accuracies; returns the exit status."""
    return command.run(argv, "fuse", __doc__, defined_flags, check, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    flags.DEFINE_list("weights", None, "weight of each file; default: 1 each", flag_values=own)
    flags.DEFINE_string("out", None, "new .npz file for the sum", flag_values=own)
    flags.DEFINE_string("confusion_png", None, "new file for a picture", flag_values=own)
    return own


def check(options: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the job of the command line.

    Raises:
      UserError: a flag cannot be used as given.
    """
    paths = options(argv)[1:]
    if len(paths) < 2:
        raise UserError(f"expected two or more .npz files, got {len(paths)}")
    if len({os.path.realpath(path) for path in paths}) < len(paths):
        raise UserError(f"expected different files, got {' '.join(paths)}")
    for path in paths:
        results.check_there(path)
    weights = parsed_weights(options.weights, len(paths))
    report.check_outputs(options.out, options.confusion_png)
    return Job(paths, weights, options.out, options.confusion_png)


def work(job: Job) -> None:
    """Reads, adds, prints and writes.

    Raises:
      ResultError: a file cannot be used, or is of other videos, labels or classes.
    """
    loaded = [results.load(path) for path in job.paths]
    report.check_picture(job.picture, loaded[0].multi_label)
    fused = fuse(loaded, job.weights, job.paths)
    for path, result in zip(job.paths, loaded, strict=True):
        print(f"{path}\n{report.accuracies(result)}\n")
    print("Sum")
    report.tell(fused, job.out, job.picture)


def parsed_weights(words: list[str] | None, count: int) -> list[float]:
    """Returns `count` positive floats; 1 each where `words` is None.

    Raises:
      UserError: the words are not as many numbers above 0.
    """
    if words is None:
        return [1.0] * count
    try:
        weights = [float(word) for word in words]
    except ValueError:
        weights = []
    if len(weights) != count or not all(0 < weight < math.inf for weight in weights):
        raise UserError(
            f"--weights: expected {count} numbers above 0, one for each file, got {','.join(words)}"
        )
    return weights


def fuse(loaded: list[Result], weights: list[float], paths: list[str]) -> Result:
    """Returns the Result whose logits are the weighted sum, in the order of the first.

    Args:
      loaded: list of results.Result.
      weights: as many floats.
      paths: as many names for errors.

    Raises:
      ResultError: they are not of the same videos, labels or classes.

    Source: Carreira & Zisserman 2017, arXiv:1705.07750, and its README (equal weights, logits).
    """
    first = loaded[0]
    total = np.zeros(first.logits.shape, np.float64)
    for result, weight, path in zip(loaded, weights, paths, strict=True):
        _check_classes(first, result, paths[0], path)
        order = _order(first, result, paths[0], path)
        _check_labels(first, result.labels[order], paths[0], path)
        total += weight * result.logits[order].astype(np.float64)
    parts = [f"{weight:g} x ({r.protocol})" for weight, r in zip(weights, loaded, strict=True)]
    return Result(
        first.ids,
        first.labels,
        total.astype(np.float32),
        first.class_names,
        "+".join(result.stream for result in loaded),
        f"sum of logits: {' + '.join(parts)}",
    )


def _check_classes(one, other, path, other_path):
    names, others = list(one.class_names), list(other.class_names)
    if len(names) != len(others):
        raise ResultError(
            f"{other_path}: expected the {len(names)} classes of {path}, got {len(others)}"
        )
    differing = [i for i, pair in enumerate(zip(names, others, strict=True)) if pair[0] != pair[1]]
    if differing:
        i = differing[0]
        raise ResultError(
            f"{other_path}: expected the class names of {path}, {len(differing)} differ; the "
            f"first, class {i}, is {str(others[i])!r} and not {str(names[i])!r}"
        )


def _order(one, other, path, other_path):
    """Returns where in `other` the videos of `one` are."""
    places = {id: place for place, id in enumerate(other.ids)}
    missing = [str(id) for id in one.ids if id not in places]
    extra = sorted(set(other.ids) - set(one.ids))
    if missing or extra:
        first = f"the first {missing[0] if missing else str(extra[0])!r}"
        raise ResultError(
            f"{other_path}: expected the same videos as in {path}; {len(missing)} are missing and "
            f"{len(extra)} are not in {path}, {first}"
        )
    return [places[id] for id in one.ids]


def _check_labels(one, labels, path, other_path):
    if one.labels.ndim != labels.ndim:
        kinds = ["several" if each.ndim == 2 else "one" for each in (one.labels, labels)]
        raise ResultError(
            f"{other_path}: expected the labels of {path}, {kinds[0]} per video, got {kinds[1]}"
        )
    same = one.labels == labels
    differing = np.flatnonzero(~(same.all(axis=1) if same.ndim == 2 else same))
    if len(differing):
        i = differing[0]
        has, expected = (_label_text(each[i]) for each in (labels, one.labels))
        raise ResultError(
            f"{other_path}: expected the labels of {path}, those of {len(differing)} videos "
            f"differ; the first, {str(one.ids[i])!r}, has {has} and not {expected}"
        )


def _label_text(label):
    """Returns the number of a class; of bool [K] those of all."""
    return " ".join(map(str, np.flatnonzero(label))) if label.ndim else str(label)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
