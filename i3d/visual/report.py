"""A report on a test: one HTML file of a Result of i3d.evaluation.results.

text = report(results.load("rgb.npz"))
"""

import re
from collections.abc import Callable

import numpy as np

from i3d.evaluation import average_precision, metrics
from i3d.evaluation.calibration import BINS, calibration
from i3d.evaluation.report import mean_class_interval
from i3d.evaluation.results import Result
from i3d.inference.average import sigmoid, softmax
from i3d.runtime.command import UserError
from i3d.runtime.markup import Markup, bar, escaped, table
from i3d.visual import charts, page

MOST_CLASSES = 5000  # their confusion matrix takes 200 MB
_PAIRS = 20  # most confused ones
_SHOWN = 5  # classes of a video with several
# The folders of an absolute path, of any system; a name of one of them may hold spaces.
_ABSOLUTE = re.compile(r"(?<![^\s('\"])(?:[A-Za-z]:)?[/\\](?:[^/\\;,:]*[/\\])*(?=[^/\\\s])")
_ECE = (
    f"Expected calibration error (ECE): the mean over {BINS} bins of equal width of the distance "
    "between the share that is right and the mean confidence of a bin, weighted by its number of "
    "predictions (Guo et al. 2017). The area of a point grows with that number; the line through "
    "it is the 95 % interval."
)


def report(result: Result, thumbnail: Callable[[str], str] = lambda id: "", count: int = 12) -> str:
    """Returns the text of an HTML file.

    Of videos with several labels it has the average precision of each class in place of accuracies
    and confusion.

    Args:
      result: of a test.
      thumbnail: id -> data URI of a picture, "" for none; called for the videos that are shown.
      count: how many of the best and of the worst videos are shown.

    Raises:
      UserError: there are more than MOST_CLASSES classes.
    """
    if len(result.class_names) > MOST_CLASSES:
        got = len(result.class_names)
        raise UserError(
            f"a report is of at most {MOST_CLASSES:,} classes, these results of {got:,}"
        )
    parts = [page.paragraph(f"{without_folders(result.protocol)}.")]
    parts += _of_several(result) if result.multi_label else _of_one(result)
    parts += [_calibration(result), *_videos(result, thumbnail, count)]
    return page.page(
        f"Results of {result.stream}", parts, ".wide img { border: 1px solid #767676; }"
    )


def without_folders(protocol: str) -> str:
    """Returns a protocol with the last part alone of each absolute path, as reports are shared."""
    return _ABSOLUTE.sub("", protocol)


def probabilities(result: Result) -> np.ndarray:
    """Returns float [N, K] in [0, 1]: what is kept, else the softmax of the mean logits.

    Of videos with several labels it is the sigmoid.
    """
    if result.probabilities is not None:
        return np.clip(result.probabilities, 0, 1)
    return (sigmoid if result.multi_label else softmax)(result.logits)


def _names(result):
    return [str(name) for name in result.class_names]


def _of_one(result):
    counts, names = result.confusion, _names(result)
    total = len(result.ids)
    rows = []
    for k in sorted({1, min(5, len(names))}):
        hits = int(metrics.in_top_k(result.scores, result.labels, k).sum())
        interval = metrics.wilson_interval(hits, total)
        rows.append(_measure(f"top-{k}", hits / total, interval, f"{hits} of {total} videos"))
    present = int((counts.sum(axis=1) > 0).sum())
    of = f"{present} of {len(names)} classes have videos"
    mean = metrics.mean_class_accuracy(counts)
    rows.append(_measure("mean of classes", mean, mean_class_interval(counts), of))
    columns = ("measure", "accuracy", "95 % interval", "of")
    return [
        page.section("Accuracy", table(columns, rows, "Accuracy by the protocol above")),
        page.section("Classes", _class_table(counts, names)),
        page.section("Most confused pairs", _pairs(counts, names)),
        page.section("Confusion matrix", charts.confusion(counts, names)),
    ]


def _measure(name, share, interval, of):
    return name, bar(share, f"{100 * share:.2f} %"), _interval(*interval), of


def _interval(low, high):
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _class_table(counts, names):
    """Returns the accuracy of each class, the lowest first; those without videos are left out."""
    accuracy, total = metrics.class_accuracy(counts), counts.sum(axis=1)
    rows = []
    for i in np.argsort(accuracy, kind="stable")[: int((total > 0).sum())]:
        wrong = np.where(np.arange(len(names)) == i, 0, counts[i])
        taken = f"{names[int(wrong.argmax())]} ({wrong.max()})" if wrong.max() else ""
        interval = metrics.wilson_interval(int(counts[i, i]), int(total[i]))
        rows.append((names[i], bar(accuracy[i]), total[i], _interval(*interval), taken))
    columns = ("class", "accuracy", "videos", "95 % interval", "most often taken for")
    return page.wide(table(columns, rows, "The lowest accuracy first"), "Accuracy of each class")


def _pairs(counts, names):
    pairs = np.argwhere(counts)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    order = np.argsort(-counts[tuple(pairs.T)], kind="stable")[:_PAIRS]
    rows = [
        (names[true], names[said], f"{counts[true, said]} of {counts[true].sum()}")
        for true, said in pairs[order]
    ]
    if not rows:
        return page.paragraph("No video was taken for another class.")
    return table(("true class", "taken for", "videos"), rows, "The most frequent first")


def _of_several(result):
    precision = average_precision.of_classes(result.scores, result.labels)
    names, total = _names(result), result.labels.sum(axis=0)
    of_videos = average_precision.mmit_mean_average_precision(result.scores, result.labels)
    there = int((total > 0).sum())
    rows = [
        (names[i], bar(precision[i]), total[i])
        for i in np.argsort(precision, kind="stable")[:there]
    ]
    measures = [
        ("mAP of classes", bar(result.mean_average_precision), f"{there} of {len(names)} classes"),
        ("mAP of videos", bar(of_videos), f"{int(result.labels.any(axis=1).sum())} videos"),
    ]
    classes = table(("class", "average precision", "videos"), rows, "The lowest first")
    no_matrix = "Videos have several labels here, which no confusion matrix and no accuracy shows."
    return [
        page.section(
            "Mean average precision",
            table(("measure", "mean average precision", "of"), measures, "By the protocol above"),
            page.paragraph(no_matrix),
        ),
        page.section("Classes", page.wide(classes, "Average precision of each class")),
    ]


def _calibration(result):
    values = probabilities(result)
    if result.multi_label:
        found = calibration(values.ravel(), result.labels.ravel())
        what = "Every pair of a video and a class is a prediction, right if it is a label."
    else:
        found = calibration(values.max(axis=1), values.argmax(axis=1) == result.labels)
        what = "A prediction is the most probable class of a video."
    line = f"ECE {found.error:.3f}. {_ECE} {what}"
    return page.section("Calibration", page.paragraph(line), charts.reliability(found))


def _videos(result, thumbnail, count):
    """Returns the sections of the worst and the best videos."""
    values = probabilities(result)
    if result.multi_label:
        rank = average_precision.of_classes(result.scores.T, result.labels.T)  # of each video
        ranked_by = "average precision of its classes"
    else:
        rank = values[np.arange(len(values)), result.labels]
        ranked_by = "probability of the true class"
    order = np.argsort(rank, kind="stable")[: int(np.isfinite(rank).sum())]
    sections = []
    ends = ("Worst", "lowest", order[:count]), ("Best", "highest", order[::-1][:count])
    for title, first, chosen in ends:
        each = "\n".join(_video(result, values, i, rank[i], ranked_by, thumbnail) for i in chosen)
        sections.append(
            page.section(
                f"{title} videos",
                page.paragraph(f"The {first} {ranked_by} first."),
                Markup(f'<ol class="videos">\n{each}\n</ol>'),
            )
        )
    return sections


def _video(result, values, i, rank, ranked_by, thumbnail):
    """Returns an item of a list: the picture of a video, its classes, what was predicted."""
    id, names = str(result.ids[i]), _names(result)
    labels = np.flatnonzero(result.labels[i]) if result.multi_label else [result.labels[i]]
    best = np.argsort(-values[i], kind="stable")[: _SHOWN if result.multi_label else 1]
    said = ", ".join(f"{names[k]} {values[i, k]:.3f}" for k in best)
    uri = thumbnail(id)
    shown = page.picture(uri, f"Frame of {id}") if uri else ""
    true = ", ".join(names[k] for k in labels)
    return (
        f"<li>{shown}<strong>{escaped(id)}</strong><br>true: {escaped(true)}<br>"
        f"predicted: {escaped(said)}<br>{escaped(f'{ranked_by}: {rank:.3f}')}</li>"
    )
