"""A ProbeResult as text.

print(described(result))
"""

import numpy as np

from i3d.evaluation import metrics
from i3d.probing.result import ProbeResult
from i3d.runtime.text import printable

_DOUBTFUL = 5  # videos
_LARGEST_CONFUSION = 25  # classes; a wider matrix does not fit a terminal


def described(result: ProbeResult) -> str:
    """Returns accuracy, classes, confusion, the most doubtful videos, few shots and seconds."""
    parts = [_accuracy(result), metrics.class_table(result.confusion, result.classes)]
    if len(result.classes) <= _LARGEST_CONFUSION:
        title = "confusion (rows are true classes, columns predicted ones):\n"
        parts.append(title + metrics.confusion_text(result.confusion, result.classes))
    parts += filter(None, (_doubtful(result), shots_table(result), _seconds(result)))
    return "\n\n".join(parts)


def _accuracy(result):
    hits, total = int(np.trace(result.confusion)), int(result.confusion.sum())
    low, high = (100 * bound for bound in result.interval)
    return (
        f"{result.head}; {result.protocol}\n"
        f"accuracy {100 * result.accuracy:.1f} % ({hits} of {total}), 95 % interval {low:.1f} to "
        f"{high:.1f} %; mean of classes {100 * metrics.mean_class_accuracy(result.confusion):.1f} %"
    )


def _doubtful(result):
    """Returns the videos whose own class is least probable."""
    worst = sorted(result.predictions, key=lambda one: one.probability_of_label)[:_DOUBTFUL]
    lines = ["most doubtful videos (probability of the true class; predicted class):"]
    for one in worst:
        said = "right" if one.predicted == one.label else f"taken for {one.predicted}"
        name = printable(one.id)
        lines.append(
            f"  {name}: {one.label} {one.probability_of_label:.3f}; {said} {one.probability:.3f}"
        )
    return "\n".join(lines)


def shots_table(result: ProbeResult) -> str:
    """Returns mean and range over the seeds of each head for each number of videos, "" if none."""
    if not result.shots:
        return ""
    heads = list(result.shots[0].accuracies)
    count = len(result.shots[0].accuracies[heads[0]])
    titles = "".join(f"{head:>24}" for head in heads)
    lines = [
        f"accuracy, %, mean (lowest to highest of {count} draws)",
        f"{'videos per class':16}{titles}",
    ]
    for row in result.shots:
        cells = ""
        for head in heads:
            found = 100 * np.array(row.accuracies[head])
            cells += f"{f'{found.mean():.1f} ({found.min():.1f} to {found.max():.1f})':>24}"
        lines.append(f"{row.shots:<16}{cells}")
    return "\n".join(lines)


def _seconds(result):
    each = ", ".join(f"{name} {value:.1f}" for name, value in result.seconds.items())
    return f"seconds: {each}; in all {sum(result.seconds.values()):.1f}"
