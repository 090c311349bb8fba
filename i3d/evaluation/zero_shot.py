"""Protocols of networks with a text tower: draws of half of the classes, few videos of each class.

network = with_shots(network, job, class_names, scores_of)
repeated = of_half_classes(network, records, draws=10, seed=0, ...)
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from i3d.evaluation.repeated import Repeated, half_classes
from i3d.evaluation.results import Result
from i3d.runtime.command import UserError

Scores = Any  # inference.records.SplitScores, which would import TensorFlow; as the networks
_ROWS = 256  # videos at a time: of each [templates, classes] numbers


def with_shots(
    network: Any,
    job: Any,
    class_names: Sequence[str],
    scores_of: Callable[[Any, Any], Scores],
) -> Any:
    """Returns the Network whose text is joined by the class means of a few videos of each class.

    Args:
      network: inference.network.Network with a head of text.
      job: run.Job.
      class_names: of the records.
      scores_of: (network without its head, stored.Records) -> SplitScores of features.

    Raises:
      UserError: the split or a class lacks videos.
    """
    from i3d.data import shots, stored
    from i3d.inference import few_shot

    records = stored.opened(job.records, job.shots_split, (job.card.spec.stream,), job.flow_method)
    videos = stored.labels(records)
    print(shots.described(videos, job.shots, class_names), file=sys.stderr)
    numbers = shots.chosen(videos, job.shots, job.seed)
    found = scores_of(network.with_head(None), records.part(numbers))
    text = few_shot.joined(
        network.head.text, found.logits, found.labels, tuple(class_names), job.shots_weight
    )
    return network.with_head(network.head.of(text))


def of_half_classes(
    network: Any,
    records: Any,
    *,
    draws: int,
    seed: int,
    protocol: Callable[[Any, int | None], str],
    scores_of: Callable[[Any, Any], Scores],
) -> Repeated:
    """Returns the Repeated of draws of half of the classes; features are computed once.

    Only videos of the drawn classes are tested, against the texts of these classes alone.

    Args:
      network: inference.network.Network with a head of text.
      records: stored.Records, one view a video.
      draws, seed: see repeated.half_classes.
      protocol: (TextHead, number of videos) -> the line of a Result; None: that of all draws.
      scores_of: as for `with_shots`.

    Raises:
      UserError: a draw has no video.
    """
    scores = scores_of(network.with_head(None), records)
    half, names, results = f"half of the classes, seed {seed}", [], []
    for number, classes in enumerate(half_classes(len(records.class_names), draws, seed), 1):
        kept = np.isin(scores.labels, classes)
        if not kept.any():
            raise UserError(f"--half_classes: no video is of the classes of draw {number}")
        head = network.head.of(network.head.text[:, classes])
        logits = _logits(head, scores.logits[kept])
        names.append(f"draw {number}")
        results.append(
            Result(
                np.array(scores.ids)[kept],
                np.searchsorted(classes, scores.labels[kept]),
                logits,
                np.array(records.class_names)[classes],
                network.spec.stream,
                f"{half}; {protocol(head, len(logits))}",
            )
        )
    # The number of labels, and so chance, is the same in each draw.
    return Repeated(tuple(names), tuple(results), f"{half}; {protocol(head, None)}")


def _logits(head, features):
    """Returns the log probabilities float32 [N, K] of features."""
    parts = [features[i : i + _ROWS] for i in range(0, len(features), _ROWS)]
    return np.concatenate([np.asarray(head(part)) for part in parts])


def described(job: Any, head: Any) -> str:
    """Returns the words on how labels became scores.

    Args:
      job: run.Job.
      head: inference.zero_shot.TextHead.
    """
    templates, classes, _ = head.text.shape
    words = "words split" if job.text.split_camel_case else "as they are"
    line = (
        f"{classes} labels as text ({'texts' if job.text.labels else 'class names'}, {words}) in "
        f"{templates} templates, scale {head.scale:.4g}, chance {100 / classes:.2f} %"
    )
    if not job.shots:
        return line
    return (
        f"{line}; {job.shots} videos of each class of split {job.shots_split!r} (seed {job.seed}) "
        f"added with weight {job.shots_weight:g}"
    )
