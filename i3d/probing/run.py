"""A probe from its options to its result.

job = checked(Options(videos="clips", checkpoint=("rgb_scratch",)))     # reads lists, no pixels
result = run(job)                                                       # ProbeResult
"""

import contextlib
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from i3d.inference import options as network_options
from i3d.probing import extract, filed, fit, folds, videos
from i3d.probing.options import CLIPS, HEADS, Options
from i3d.probing.result import ProbeResult, Shots, accuracy_of, predictions_of
from i3d.probing.videos import Given, Video
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.spec import asked
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text


class Job(NamedTuple):
    """What is asked for: options, videos, networks, features where they came from a file."""

    options: Options
    given: Given
    cards: tuple[Card, ...]
    features: np.ndarray | None


class Data(NamedTuple):
    """Videos with their features: float32 [N, C], int [N], N names of sources, bool [N]."""

    videos: tuple[Video, ...]
    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    train: np.ndarray

    def part(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns features, labels and groups of the chosen videos, bool [N]."""
        return self.features[chosen], self.labels[chosen], self.groups[chosen]


def checked(options: Options) -> Job:
    """Returns the Job; looks at lists, names and checkpoints, downloads a named one.

    Raises:
      UserError: one line on what is wrong.
    """
    options.check()
    if options.features:
        return Job(options, *_of_file(options))
    given = videos.read(options)
    _check_testable(given)
    cards = network_options.cards_of(
        options.checkpoint, options.model, clips=options.clips, crops=options.crops
    )
    if options.out:
        _check_storable(cards)
    return Job(options, given, tuple(_quick(card, options) for card in cards), None)


def _check_storable(cards):
    """Raises UserError where a network cannot be written with a head of classes."""
    if text := next((card for card in cards if takes_text(card.model)), None):
        raise UserError(
            f"--out: the classes of {text.model} are texts, and a checkpoint of it has no head of "
            "classes; leave --out out, or see predict --examples"
        )


def _of_file(options):
    given, features = filed.read(options)
    _check_testable(given)
    return given, (), features


def _check_testable(given):
    """Raises UserError where cross-validation has nothing to test."""
    if given.test is None and max(Counter(v.label for v in given.train).values()) < 2:
        raise UserError(
            f"expected 2 videos or more of a class to test any, all {len(given.classes)} classes "
            "have one; add videos, or give others by --test_videos"
        )


def _quick(card, options):
    """Returns the Card with few views where none are asked for: 2 clips, the centre crop."""
    clips = None if options.clips or card.spec.segments else CLIPS
    spec = asked(card.spec, clips, None if options.crops else 1)
    if not options.clips:
        spec = dataclasses.replace(spec, twice=False)
    return dataclasses.replace(card, spec=spec)


def run(job: Job) -> ProbeResult:
    """Extracts what is missing, fits, tests and writes what is asked for.

    Raises:
      UserError: a checkpoint does not fit, all videos of a class failed, or a file cannot be
        written.
    """
    options, given = job.options, job.given
    seconds: dict[str, float] = {}
    print(given.described(), file=sys.stderr)
    with _timed(seconds, "features"):
        found = _found(job)
    data, failures = _data(given, found)
    classes = given.classes
    with _timed(seconds, "fit"):
        protocol, tested, probabilities, head = _tested(data, given, options)
    accuracy, interval, confusion = accuracy_of(probabilities, data.labels[tested])
    ids = [video.id for video, own in zip(data.videos, tested, strict=True) if own]
    result = ProbeResult(
        accuracy,
        interval,
        classes,
        confusion,
        predictions_of(ids, data.labels[tested], probabilities, classes),
        protocol,
        head.described,
        failures=failures,
        seconds=seconds,
        linear=head.linear,
        cards=job.cards,
        precision=options.precision,
    )
    if options.shots:
        with _timed(seconds, "shots"):
            result = dataclasses.replace(result, shots=_shots(data, given, options))
    if options.out:
        with _timed(seconds, "save"):
            result = dataclasses.replace(result, checkpoints=_saved(result, options.out))
    if options.json:
        text = json.dumps(result.to_json(), indent=2, ensure_ascii=False)
        files.write_text(options.json, text + "\n")
    return result


@contextlib.contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - begin


def _found(job):
    """Returns the extract.Found of all videos."""
    if job.features is None:
        return extract.features_of(job.given.all, job.cards, job.options)
    contents = [""] * len(job.features)
    return extract.Found([job.features], {}, contents, 0)


def _data(given, found):
    """Returns the Data of the videos that have features, and {id: reason} of the others."""
    failures = {given.all[place].id: reason for place, reason in sorted(found.failures.items())}
    for id, reason in failures.items():
        print(f"{id}: {reason}", file=sys.stderr)
    there = np.array([place not in found.failures for place in range(len(given.all))])
    train = np.arange(len(given.all)) < len(given.train)
    labels = np.array([video.label for video in given.all])
    for label, name in enumerate(given.classes):
        if not (there & train & (labels == label)).any():
            raise UserError(
                f"none of the videos of class {name!r} gave features; repair them, or leave the "
                "class out"
            )
    if given.test is not None and not (there & ~train).any():
        raise UserError("none of the videos to test gave features")
    _say_equal(found.contents, train, given)
    chosen = tuple(video for video, good in zip(given.all, there, strict=True) if good)
    groups = _groups(chosen, [c for c, good in zip(found.contents, there, strict=True) if good])
    features = np.concatenate(found.features, axis=1)[there]
    return Data(chosen, features, labels[there], groups, train[there]), failures


def _groups(chosen, contents):
    """Returns the names of the videos' sources; copies of a video are of its source."""
    first: dict[str, str] = {}
    return np.array(
        [
            first.setdefault(content, video.group) if content else video.group
            for video, content in zip(chosen, contents, strict=True)
        ]
    )


def _say_equal(contents, train, given):
    """Says how many videos are tested whose copies are trained on."""
    known = {content for content, own in zip(contents, train, strict=True) if own and content}
    both = [place for place, own in enumerate(train) if not own and contents[place] in known]
    if both:
        print(
            f"{len(both)} videos to test are copies of videos to train on, the first is "
            f"{given.all[both[0]].id}: the accuracy is too high",
            file=sys.stderr,
        )


def _tested(data: Data, given: Given, options: Options):
    """Returns (protocol, bool [N] tested, float [n, K], Head of all videos to train on)."""
    final = fit.fit(options.head, *data.part(data.train), seed=options.seed)
    if given.test is not None:
        return "test videos", ~data.train, final.probabilities(data.features[~data.train]), final
    _, own = folds.sources(data.labels, data.groups)
    most = max(len(np.unique(data.groups[data.labels == k])) for k in range(len(given.classes)))
    if own:
        most = max(most, max(int((data.labels == k).sum()) for k in own))
        names = ", ".join(given.classes[k] for k in own[:5])
        print(
            f"all videos of a class come from one source ({names}): folds train on some of them "
            "and test on others, so that the accuracy is too optimistic there",
            file=sys.stderr,
        )
    count = max(2, min(options.folds, most))
    if count < options.folds:
        what = f"no class has videos of more than {most} sources: {count} folds"
        print(f"--folds={options.folds}: {what}", file=sys.stderr)
    fold = folds.assigned(data.labels, data.groups, count, options.seed)
    if (fold < 0).any():
        names = ", ".join(given.classes[k] for k in data.labels[fold < 0][:5])
        print(
            f"classes of one video, which is trained on and never tested: {(fold < 0).sum()} "
            f"({names})",
            file=sys.stderr,
        )
    if (fold < 0).all():
        raise UserError("no class has 2 videos with features: nothing can be tested")
    probabilities = np.zeros((len(fold), len(given.classes)))
    for number in np.unique(fold[fold >= 0]):
        head = fit.fit(options.head, *data.part(fold != number), seed=options.seed)
        probabilities[fold == number] = head.probabilities(data.features[fold == number])
    return f"{count}-fold cross-validation", fold >= 0, probabilities[fold >= 0], final


def _shots(data: Data, given: Given, options: Options):
    """Returns the rows of the table of few videos: all heads, drawn anew by each seed."""
    least = int(np.bincount(data.labels[data.train]).min())
    rows = []
    for shots in sorted(set(options.shots)):
        draws = [_draw(data, given, shots, seed) for seed in range(options.seeds)]
        if shots > least or not all(test.any() for _, test in draws):
            print(
                f"--shots={shots}: left out, the smallest class has {least} videos to train on"
                + ("" if given.test is not None else " and to test"),
                file=sys.stderr,
            )
            continue
        found: dict[str, list[float]] = {head: [] for head in HEADS}
        for seed, (train, test) in enumerate(draws):
            for head in HEADS:
                model = fit.fit(head, *data.part(train), seed=seed)
                right = model.probabilities(data.features[test]).argmax(1) == data.labels[test]
                found[head].append(float(right.mean()))
        rows.append(Shots(shots, found))
    return tuple(rows)


def _draw(data: Data, given: Given, shots: int, seed: int):
    """Returns bool [N] of the videos to train on, and of those to test: of other sources."""
    chosen = np.zeros(len(data.labels), bool)
    chosen[data.train] = folds.drawn(data.labels[data.train], data.groups[data.train], shots, seed)
    if given.test is not None:
        return chosen, ~data.train
    together, _ = folds.sources(data.labels, data.groups)
    return chosen, ~np.isin(together, together[chosen])


def _saved(result, out):
    from i3d.probing import save

    assert result.linear
    return save.write(out, result.cards, result.linear, result.classes, result.precision)
