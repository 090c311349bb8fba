"""Holds out a part of the training videos for validation, stratified by class.

    part = held_out.chosen([("walk/a", (0,)), ...], share=0.1, seed=0)
    part.numbers                                     # of the records to validate on
    records, validation, line = held_out.divided(records, share=0.1, seed=0)

Stratified by class. Videos that were cut from one source (i3d.video.inputs.groups) stay together,
as clips of one source resemble each other.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from i3d.data import stored
from i3d.video.inputs.groups import group_of

Videos = Sequence[tuple[str, tuple[int, ...]]]  # id and labels of each record


class Part(NamedTuple):
    """What is held out.

    Attributes:
      numbers: of the records, ascending.
      divided: classes of which there is one source, whose videos are on both sides.
      without: classes of which no video could be held out.
    """

    numbers: list[int]
    divided: list[int]
    without: list[int]


def divided(
    records: stored.Records, share: float, seed: int
) -> tuple[stored.Records, stored.Records | None, str]:
    """Returns the Records to train on, those to validate on (None: no class can spare a video),
    and a line that describes the division.

    Args:
      records: stored.Records of the training split.
      share: of the videos of each class, between 0 and 1.
      seed: decides which; equal seeds give equal parts.

    Raises:
      DatasetError: a shard is damaged.
    """
    videos = stored.labels(records)
    part = chosen(videos, share, seed)
    held = set(part.numbers)
    total, count = (len({videos[n][0] for n in some}) for some in (range(len(videos)), held))
    if not held:
        return records, None, f"no validation: {_too_few(part.without, records.class_names)}"
    words = [f"validation: {count} of the {total} training videos are held out"]
    if part.divided:
        words.append(
            f"all videos of {_named(part.divided, records.class_names)} come from one source, so "
            "that training and validation share it"
        )
    if part.without:
        words.append(_too_few(part.without, records.class_names))
    rest = [number for number in range(len(videos)) if number not in held]
    return records.part(rest), records.part(part.numbers), "; ".join(words)


def chosen(videos: Videos, share: float, seed: int) -> Part:
    """Returns the Part that is held out of videos, given by the id and the labels of each record.

    Of each class about `share` is taken, at least one video, never all of them. A class of one
    source is divided by videos, a class of one video is left alone.
    """
    numbers, labels = defaultdict(list), {}
    for number, (id, own) in enumerate(videos):  # segments of a long video have one id
        numbers[id].append(number)
        labels[id] = own
    classes = sorted({label for own in labels.values() for label in own})
    groups, split = _groups(labels, classes)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    found = _Division(labels, {name: groups[name] for name in order})
    for label in sorted(classes, key=lambda label: (found.total[label], label)):
        found.hold_out(label, share)
    held = sorted(number for id in found.held for number in numbers[id])
    without = [label for label in classes if not found.count[label]]
    return Part(held, [label for label in split if found.count[label]], without)


def _groups(labels, classes):
    """Returns ({name: ids of one source}, the classes whose only source was divided)."""
    groups = defaultdict(list)
    for id in sorted(labels):
        groups[group_of(id)].append(id)
    sources = defaultdict(set)
    for name, ids in groups.items():
        for label in {label for id in ids for label in labels[id]}:
            sources[label].add(name)
    split = [label for label in classes if len(sources[label]) == 1]
    for name in {min(sources[label]) for label in split}:
        ids = groups.pop(name)
        groups.update({f"{name}\0{id}": [id] for id in ids})
    return groups, [label for label in split if sum(label in own for own in labels.values()) > 1]


class _Division:
    """Which videos are held out, and how many of each class."""

    def __init__(self, labels, groups):
        self.held, self.count = set(), Counter()
        self.total = Counter(label for own in labels.values() for label in own)
        self._groups, self._of_label = groups, defaultdict(list)
        self._sizes = {
            name: Counter(label for id in ids for label in labels[id])
            for name, ids in groups.items()
        }
        for name, sizes in self._sizes.items():
            for label in sizes:
                self._of_label[label].append(name)

    def hold_out(self, label, share):
        """Holds out groups of a class, in their order, until the share is reached.

        One that would hold out more than twice the share is taken last, the smallest first, and
        none that would leave a class without videos.
        """
        wanted = max(1.0, share * self.total[label])

        def late(name):
            size = self._sizes[name][label]
            return size if size > 2 * wanted else 0

        for name in sorted(self._of_label[label], key=late):
            sizes, before = self._sizes[name], self.count[label]
            nearer = not before or before + sizes[label] / 2 <= wanted
            left = all(self.count[each] + size < self.total[each] for each, size in sizes.items())
            if nearer and left and not self.held.issuperset(self._groups[name]):
                self.held.update(self._groups[name])
                self.count += sizes


def _too_few(labels, names):
    return f"{_named(labels, names)} has too few videos to hold one out"


def _named(labels, names):
    """Returns words on classes: the name of one, the number of more."""
    first = names[labels[0]]
    return f"{first!r}" if len(labels) == 1 else f"each of {len(labels)} classes such as {first!r}"
