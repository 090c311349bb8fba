"""Formats evaluation results: accuracies with their intervals, classes, the confusion matrix.

    report.check_outputs("rgb.npz", "rgb.png")       # before the work
    report.tell(result, "rgb.npz", "rgb.png")        # prints all, and writes the files
    print(report.accuracies(result))                 # with the protocol that they hold for

Needs numpy alone; pictures need matplotlib (pip install 'i3d[plot]').
"""

import importlib.util
import textwrap

import numpy as np

from i3d.evaluation import average_precision, metrics, results
from i3d.runtime import files
from i3d.runtime.command import UserError

_LARGEST_TEXT = 120  # classes; a row of more is hard to follow
_LARGEST_NUMBERED = 25  # classes; in more, the numbers in the cells of the picture overlap


def check_outputs(out: str | None, picture: str | None) -> None:
    """Makes sure that `tell` can write its files.

    Args:
      out: .npz file for the result, or None.
      picture: .png file for the confusion matrix, or None.

    Raises:
      UserError: one cannot be written.
    """
    if out:
        files.check_new(out, ".npz")
    if picture:
        files.check_new(picture, ".png")
        if importlib.util.find_spec("matplotlib") is None:
            raise UserError(
                f"{picture}: a picture needs matplotlib, which is not installed; "
                "pip install 'i3d[plot]'"
            )


def check_picture(picture: str | None, multi_label: bool) -> None:
    """Makes sure that there can be a confusion matrix where one is asked for.

    Args:
      picture: .png file for it, or None.
      multi_label: whether videos have several labels.

    Raises:
      UserError: they have.
    """
    if picture and multi_label:
        raise UserError(
            "--confusion_png: expected videos of one label each, these have several, which no "
            "confusion matrix shows; leave it out"
        )


def tell(result: results.Result, out: str | None = None, picture: str | None = None) -> None:
    """Writes the files that are asked for and prints accuracies and classes.

    Args:
      result: results.Result.
      out, picture: as for `check_outputs`.
    """
    if out:
        results.save(out, result)
    if picture:
        save_picture(picture, result)
    print(f"{accuracies(result)}\n\n{classes(result)}", flush=True)


def accuracies(result: results.Result) -> str:
    """Returns the protocol and top-1, top-5 and mean class accuracy with 95 % intervals.

    Of videos with several labels it is the mean average precision in both its definitions.

    Args:
      result: results.Result.
    """
    lines = textwrap.wrap(str(result.protocol), 98, subsequent_indent="  ", break_on_hyphens=False)
    lines += _precisions(result) if result.multi_label else _accuracies(result)
    return "\n".join(lines)


def _precisions(result):
    (total, num_classes), pair = result.logits.shape, (result.scores, result.labels)
    present = int(result.labels.any(axis=0).sum())
    labelled = int(result.labels.any(axis=1).sum())
    of_classes = 100 * average_precision.mean_average_precision(*pair)
    of_videos = 100 * average_precision.mmit_mean_average_precision(*pair)
    return [
        f"{'mAP of classes':<16}{of_classes:6.2f} %, mean over {present} of {num_classes} classes",
        f"{'mAP of videos':<16}{of_videos:6.2f} %, mean over {labelled} of {total} videos",
    ]


def _accuracies(result):
    total, num_classes = result.logits.shape
    counts = metrics.confusion_matrix(result.scores, result.labels)
    lines = []
    for k in (1, min(5, num_classes)):
        hits = int(metrics.in_top_k(result.scores, result.labels, k).sum())
        interval = metrics.wilson_interval(hits, total)
        lines.append(_line(f"top-{k}", hits / total, interval) + f", {hits} of {total} videos")
    present = int((counts.sum(axis=1) > 0).sum())
    mean = metrics.mean_class_accuracy(counts)
    line = _line("mean of classes", mean, mean_class_interval(counts))
    lines.append(line + f", {present} of {num_classes} classes have videos")
    return lines


def mean_class_interval(counts: np.ndarray) -> tuple[float, float]:
    """Returns the 95 % interval (low, high) of metrics.mean_class_accuracy.

    It is put together from the Wilson intervals of the classes, whose distances from their
    accuracies add up as squares.

    Args:
      counts: int [K, K] of metrics.confusion_matrix.

    Source: Zou & Donner 2008, doi:10.1002/sim.3095.
    """
    total = counts.sum(axis=1)
    hits, total = np.diag(counts)[total > 0], total[total > 0]
    intervals = [metrics.wilson_interval(int(h), int(n)) for h, n in zip(hits, total, strict=True)]
    low, high = np.transpose(intervals)
    share = hits / total
    down, up = (np.linalg.norm(end - share) / len(share) for end in (low, high))
    return float(share.mean() - down), float(share.mean() + up)


def classes(result: results.Result) -> str:
    """Returns a line per class, then the confusion matrix; of several labels the lines alone."""
    names = [str(name) for name in result.class_names]
    if result.multi_label:
        table = average_precision.class_table(result.scores, result.labels, names)
        return f"Average precision of each class\n{table}"
    counts = metrics.confusion_matrix(result.scores, result.labels)
    table = f"Accuracy of each class\n{metrics.class_table(counts, names)}\n\nConfusion matrix"
    if len(names) > _LARGEST_TEXT:
        return f"{table}: too wide for text with {len(names)} classes; see --confusion_png"
    return (
        f"{table}: a row for each true class, a column for each predicted one\n"
        f"{metrics.confusion_text(counts, names)}"
    )


def save_picture(path: str, result: results.Result) -> None:
    """Writes the confusion matrix as a PNG: shares of each true class, with the numbers."""
    from matplotlib.figure import Figure

    counts = metrics.confusion_matrix(result.scores, result.labels)
    numbered = len(counts) <= _LARGEST_NUMBERED
    side = 3 + (0.3 if numbered else 0.15) * len(counts)  # inches
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the true class")
    ticks = range(len(counts))
    axes.set_xticks(ticks, result.class_names, rotation=90, fontsize=7)
    axes.set_yticks(ticks, result.class_names, fontsize=7)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title("\n".join(textwrap.wrap(str(result.protocol), int(12 * side))), fontsize=6)
    if numbered:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=6)
    with files.new_file(path) as file:
        figure.savefig(file, format="png", dpi=min(120, 4500 / side))


def _line(name, value, interval):
    low, high = interval
    return f"{name:<16}{100 * value:6.2f} %  (95 % interval {100 * low:.2f} to {100 * high:.2f})"
