"""Chooses a few videos of each class, by a seed: the lists of few-shot training and evaluation.

videos = stored.labels(records)                      # [(id, labels)] of each record
numbers = shots.chosen(videos, 4, seed=0)            # of the records of 4 videos per class
few = records.part(numbers)
"""

import random
from collections import defaultdict
from collections.abc import Sequence

from i3d.runtime.command import UserError

Videos = Sequence[tuple[str, tuple[int, ...]]]  # id and labels of each record


def chosen(videos: Videos, shots: int, seed: int) -> list[int]:
    """Returns the numbers of the records of `shots` videos of each class, ascending.

    Equal seeds give equal lists, whatever the order of the records; what is chosen of a class does
    not depend on the other classes; and the list of fewer shots is a part of that of more. A class
    of fewer videos gives all of them, see `lacking`. Segments of a long video are one video.

    Args:
      videos: id and labels of each record; of each one label.
      shots: videos per class, at least 1.
      seed: int.

    Raises:
      UserError: a video has several labels.
    """
    taken = set()
    for label, ids in _of_classes(videos).items():
        order = sorted(ids)
        random.Random(f"{seed} {label}").shuffle(order)
        taken.update(order[:shots])
    return [number for number, (id, _) in enumerate(videos) if id in taken]


def lacking(videos: Videos, shots: int) -> dict[int, int]:
    """Returns {label: number of videos} of the classes that have some, and fewer than `shots`.

    Raises:
      UserError: as `chosen`.
    """
    counts = {label: len(ids) for label, ids in sorted(_of_classes(videos).items())}
    return {label: count for label, count in counts.items() if count < shots}


def described(videos: Videos, shots: int, class_names: Sequence[str]) -> str:
    """Returns a line on what `chosen` takes; it names a class that has too few videos.

    Raises:
      UserError: as `chosen`.
    """
    classes = _of_classes(videos)
    total = len({id for ids in classes.values() for id in ids})
    count = sum(min(shots, len(ids)) for ids in classes.values())
    line = f"few shots: {shots} video(s) of each of {len(classes)} classes, {count} of {total}"
    if few := lacking(videos, shots):
        label, count = next(iter(few.items()))
        first = f"{class_names[label]!r} has only {count}"
        line += f"; {first}" if len(few) == 1 else f"; {len(few)} classes have fewer: {first}"
    return line


def _of_classes(videos):
    """Returns {label: ids of its videos}."""
    found = defaultdict(set)
    for id, labels in videos:
        if len(labels) != 1:
            raise UserError(
                f"{id}: expected videos of one label each to choose a few of each class, got "
                f"{len(labels)} labels"
            )
        found[int(labels[0])].add(id)
    return found
