"""Opens what a localizer is trained on: videos with feature rows and segments, by subsets.

records, validation = opened(settings, print)
records.videos[0].segments, records.class_names

Every mistake in annotations or features is one line.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from ml_collections import ConfigDict

from i3d.data.feature_files import FeatureFiles
from i3d.data.segment_batches import Video
from i3d.localization import annotations, times
from i3d.localization.segments import Annotated
from i3d.runtime.command import UserError
from i3d.runtime.text import counted
from i3d.training import config, held_out
from i3d.training.config_checks import feature_spec_of

ONE_CLASS = "action"  # its name, where config.segments.one_class makes all of one


@dataclass(frozen=True)
class Records:
    """Videos with their feature rows and segments.

    Attributes:
      files: of the rows.
      videos: at least one, as the pipeline takes them.
      truth: {name in the file of annotations: Annotated} of the same videos, in the same order.
      class_names: in the order of their numbers, alphabetical.
    """

    files: FeatureFiles
    videos: tuple[Video, ...]
    truth: dict[str, Annotated]
    class_names: tuple[str, ...]


def opened(
    settings: ConfigDict, tell: Callable[[str], None] = lambda line: None
) -> tuple[Records, Records | None]:
    """Returns the Records of training and of validation (None where it is switched off).

    config.data.train and config.data.validation name subsets of the file of annotations. Where it
    has none, all of it is of training. Where both are the same, config.data.validation_share of the
    videos are held out, see i3d.training.held_out.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      tell: called with a line on what was held out, and on classes of one subset alone.

    Raises:
      UserError: annotations or features are not given, cannot be used or do not fit each other.
    """
    config.check_named(settings.data)
    file, data = settings.segments.annotations, settings.data
    config.check_annotations(file)
    files = FeatureFiles(data.records, feature_spec_of(config.flat(settings)))
    every = _of_one_class(annotations.read_as_is(file), settings.segments.one_class)
    train, validation = _divided(settings, every, tell)
    names = tuple(sorted({one.label for video in train.values() for one in video.segments}))
    found = _records(settings, files, train, names, tell)
    if not validation:
        return found, None
    _check_classes(names, validation, file, tell)
    return found, _records(settings, files, validation, names, tell)


def _of_one_class(every, one_class):
    if not one_class:
        return every
    return {
        name: video._replace(
            segments=tuple(one._replace(label=ONE_CLASS) for one in video.segments)
        )
        for name, video in every.items()
    }


def _divided(settings, every, tell):
    """Returns {name: Annotated} of training and of validation, None where that is switched off."""
    data = settings.data
    train = _subset(settings, every, "train", tell)
    if not data.validation:
        return train, None
    if data.validation != data.train:
        return train, _subset(settings, every, "validation", tell)
    if not data.validation_share:
        return train, train
    classes = sorted({one.label for video in train.values() for one in video.segments})
    labels = [
        (name, tuple(sorted({classes.index(one.label) for one in video.segments})))
        for name, video in train.items()
    ]
    held = set(held_out.chosen(labels, data.validation_share, settings.seed).numbers)
    parts: tuple[dict, dict] = ({}, {})
    for number, (name, video) in enumerate(train.items()):
        parts[number in held][name] = video
    if not held:
        tell("validation: none, as no video can be held out")
        return train, None
    tell(f"validation: {len(held)} of the {len(train)} training videos are held out")
    return parts


def _subset(settings, every, key, tell):
    """Returns the videos of a subset; of a file without subsets all, for training."""
    name, file = settings.data[key], settings.segments.annotations
    there = sorted({video.subset for video in every.values()})
    found = {video: own for video, own in every.items() if own.subset == name}
    if there == [""] and key == "train":
        found = dict(every)
    if not found:
        known = ", ".join(map(repr, filter(None, there))) or "none: --config.data.validation="
        raise UserError(
            f"config.data.{key}: expected a subset of {file}, which has {known}, got {name!r}"
        )
    if not any(own.segments for own in found.values()):
        raise UserError(f"{file}: expected segments in the subset {name!r}, it has none")
    for line in times.outside(found, file):
        tell(line)
    return found


def _check_classes(names, validation, file, tell):
    own = {one.label for video in validation.values() for one in video.segments}
    if unknown := sorted(own - set(names)):
        raise UserError(
            f"{file}: expected classes of the training in validation, got {unknown[0]!r}"
            f"{f' and {len(unknown) - 1} others' if len(unknown) > 1 else ''}"
        )
    if lacking := sorted(set(names) - own):
        some = f"{len(lacking)} of the {len(names)} classes"
        tell(f"validation: {some} are not in it, such as {lacking[0]!r}")


def _records(settings, files, videos: Mapping[str, Annotated], names, tell):
    file = settings.segments.annotations
    missing = [name for name in videos if files.find(name) is None]
    lacking = (
        f"{files.path} has no features of {len(missing):,} of {counted(len(videos), 'video')} of "
        f"{file}, the first is {next(iter(missing), '')!r:.200}"
    )
    if len(missing) > settings.segments.most_missing * len(videos) or len(missing) == len(videos):
        raise UserError(
            f"config.data.records: {lacking}; extract them, remove these videos from the file, or "
            "let them be left out by config.segments.most_missing"
        )
    if missing:
        tell(f"{lacking}; they are left out")
        videos = {name: own for name, own in videos.items() if name not in set(missing)}
    numbers = {name: number for number, name in enumerate(names)}
    timed = _timed(files, videos, tell, file)
    found = tuple(_video(name, own, timed[name], numbers) for name, own in videos.items())
    files.read(found[0].name, found[0].fps, found[0].duration_s)  # of the right width and rate
    return Records(files, found, dict(videos), names)


def _timed(files, videos, tell, file):
    """Returns {name: seconds} of videos; where the annotations do not say, features end there.

    Raises:
      BadData: in these videos more than a few segments lie outside.
    """
    unknown = {name: own for name, own in videos.items() if math.isnan(own.duration_s)}
    by_rows = {
        name: own._replace(duration_s=files.end_s(name, own.fps)) for name, own in unknown.items()
    }
    for line in times.outside(by_rows, file):
        tell(line)
    return {name: by_rows.get(name, own).duration_s for name, own in videos.items()}


def _video(name, own, end_s, numbers):
    """Returns the Video of an Annotated, without segments that lie outside of it."""
    inside = [
        one
        for one in own.segments
        if max(one.start_s, 0) < one.end_s and not one.start_s >= end_s  # may be nan
    ]
    times = np.array([(one.start_s, one.end_s) for one in inside]).reshape(-1, 2)
    labels = np.array([numbers[one.label] for one in inside], np.int32)
    return Video(name, own.fps, own.duration_s, times, labels)
