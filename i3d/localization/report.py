"""Formats a test of segments: the protocol, the means, each class, recall and the diagnosis.

result = Result(given, mean_ap(...), average_recall(...), diagnose(...))
print(described(result))
as_json(result)                                    # for --json
"""

import math
from typing import Any, NamedTuple

from i3d.localization.average_recall import AverageRecall
from i3d.localization.diagnosis import Diagnosis
from i3d.localization.metrics import RECALL_AT, MeanAP
from i3d.localization.protocols import ACTIVITYNET
from i3d.runtime.text import counted

_PROPOSALS = (1, 5, 10, 50, 100)  # per video, of the average recall


class Result(NamedTuple):
    """A test.

    Attributes:
      videos, segments: number of them in the truth.
      found: number of segments that were found.
      mean_ap: MeanAP, None of proposals, which have no labels.
      recall: AverageRecall.
      diagnosis: Diagnosis, None of proposals.
    """

    videos: int
    segments: int
    found: int
    mean_ap: MeanAP | None
    recall: AverageRecall
    diagnosis: Diagnosis | None


def described(result: Result) -> str:
    """Returns the page of a test."""
    lines = [
        f"protocol {result.recall.protocol}: {counted(result.videos, 'video')}, "
        f"{counted(result.segments, 'segment')}; found {counted(result.found, 'segment')}"
    ]
    if result.mean_ap:
        lines += _means(result.mean_ap)
    lines += _recall(result.recall, labelled=result.mean_ap is not None)
    if result.diagnosis:
        lines += ["", *_diagnosis(result.diagnosis)]
    if result.mean_ap:
        lines += ["", *_classes(result.mean_ap)]
    return "\n".join(lines)


def _means(found):
    """Returns the lines on the means over the classes."""
    lines = ["", _row("tIoU", [f"{one:.2f}" for one in found.thresholds], "mean")]
    lines.append(_row("mAP", _percents(found.mean), _percent(found.average)))
    for place, times in enumerate(RECALL_AT):
        recall = found.recall[:, place]
        lines.append(_row(f"Recall@{times}x", _percents(recall), _percent(recall.mean())))
    if found.left_out:
        lines.append(f"truths that {found.protocol} leaves out: {found.left_out:,}")
    return lines


def _recall(found, labelled):
    """Returns the lines on the average recall."""
    known = [count for count in _PROPOSALS if not math.isnan(found.at(count))]
    about = "; labels left aside" if labelled else ""
    return [
        "",
        f"average recall at tIoU {ACTIVITYNET[0]:.2f} to {ACTIVITYNET[-1]:.2f}, by the number of "
        f"segments per video{about}",
        _row("", [f"AR@{count}" for count in known], "AUC"),
        _row("", _percents(found.at(count) for count in known), f"{found.auc:.2f}"),
    ]


def _diagnosis(found):
    """Returns the lines on false segments and missed truths."""
    total = found.right + sum(one.count for one in found.kinds.values())
    lines = [
        f"at tIoU {found.threshold:.2f}, of the best segments of each class, 10 for each truth",
        f"{'':<20}{'segments':>10}{'%':>9}   mAP without them",
        f"{'right':<20}{found.right:>10,}{_percent(found.right / max(total, 1)):>9}",
    ]
    for kind, one in found.kinds.items():
        part = _percent(one.count / max(total, 1))
        lines.append(f"{kind:<20}{one.count:>10,}{part:>9}   {100 * one.gain:+.2f}")
    lines += ["", f"{'truths of length':<20}{'segments':>10}{'missed %':>9}"]
    for each in found.missed:
        end = f"to {each.up_to_s:g} s" if math.isfinite(each.up_to_s) else "s and more"
        part = _percent(each.missed / each.truths) if each.truths else "-"
        lines.append(f"{f'{each.above_s:g} {end}':<20}{each.truths:>10,}{part:>9}")
    return lines


def _classes(found):
    """Returns a line for each class, the best first."""
    left = max(6, *map(len, found.per_class))
    ranked = sorted(found.per_class.items(), key=lambda pair: -pair[1].mean())
    head = "".join(f"{one:>8.2f}" for one in found.thresholds)
    lines = [f"{'class':<{left}}{'truths':>8}{head}{'mean':>8}"]
    for label, values in ranked:
        cells = "".join(f"{one:>8}" for one in (*_percents(values), _percent(values.mean())))
        lines.append(f"{label:<{left}}{found.truths[label]:>8,}{cells}")
    return lines


def as_json(result: Result) -> dict[str, Any]:
    """Returns what --json writes; all but AUC in [0, 1], null where there is none."""
    recall = result.recall
    found: dict[str, Any] = {
        "protocol": recall.protocol,
        "videos": result.videos,
        "segments": result.segments,
        "found": result.found,
        "average_recall": {
            "tiou": recall.thresholds.tolist(),
            "segments_per_video": recall.proposals.tolist(),
            "recall": recall.average.tolist(),
            "auc": recall.auc,
        },
    }
    if result.mean_ap:
        found |= _map_as_json(result.mean_ap)
    if result.diagnosis:
        found["diagnosis"] = _diagnosis_as_json(result.diagnosis)
    return found


def _map_as_json(found):
    classes = [
        {"name": label, "average_precision": values.tolist(), "truths": found.truths[label]}
        for label, values in found.per_class.items()
    ]
    return {
        "tiou": found.thresholds.tolist(),
        "map": found.mean.tolist(),
        "average_map": found.average,
        "recall": {f"{k}x": found.recall[:, n].tolist() for n, k in enumerate(RECALL_AT)},
        "left_out_truths": found.left_out,
        "unknown_labels": found.unknown_labels,
        "unknown_videos": found.unknown_videos,
        "classes": classes,
    }


def _diagnosis_as_json(found):
    kinds = {kind: {"segments": one.count, "gain": one.gain} for kind, one in found.kinds.items()}
    missed = [
        {
            "above_s": each.above_s,
            "up_to_s": each.up_to_s if math.isfinite(each.up_to_s) else None,
            "truths": each.truths,
            "missed": each.missed,
        }
        for each in found.missed
    ]
    return {"tiou": found.threshold, "right": found.right, "kinds": kinds, "missed": missed}


def _row(name, cells, last):
    return f"{name:<10}" + "".join(f"{cell:>8}" for cell in (*cells, last))


def _percents(values):
    return [_percent(value) for value in values]


def _percent(value):
    return f"{100 * value:.2f}"
