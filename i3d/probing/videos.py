"""The videos of a probe: which to train on, which to test on, and their classes.

    given = read(options)
    given.train[0].id, given.train[0].label, given.classes       # "jump/a", 0, ("jump", "run")
    given.test                                                   # None: cross-validation

Nothing is decoded here.
"""

import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from i3d.data import read as records
from i3d.inference import clips, views
from i3d.inference.views import WHOLE_VIDEO, Key
from i3d.probing.options import Options
from i3d.runtime.command import UserError
from i3d.runtime.labels import UNLABELLED
from i3d.video import inputs
from i3d.video.images import Images
from i3d.video.inputs.groups import group_of
from i3d.video.pictures import Still

_TRAIN = ("train", "training")
_TEST = ("test", "testing", "validation", "val", "valid", "validate")


class Part(NamedTuple):
    """A part of a video file or of a folder of images, in seconds from its first frame."""

    path: str | Images
    start_s: float
    end_s: float | None

    def __str__(self):
        """Returns the path, as messages name a video."""
        return str(self.path)


Source = str | Images | Part | records.Place


class Video(NamedTuple):
    """One video.

    Attributes:
      id: path below the root without extension, with its times where it is a part of a file; the
        id of a record.
      source: where its frames are.
      label: number of its class.
    """

    id: str
    source: Source
    label: int

    @property
    def group(self) -> str:
        """The source that it was cut from, as far as its name says; see inputs.groups."""
        return group_of(self.id)


@dataclasses.dataclass(frozen=True)
class Given:
    """All videos.

    Attributes:
      train: to train on; of cross-validation, all.
      test: to test on; None for cross-validation.
      classes: names, in label order, of the classes that have videos to train on.
    """

    train: tuple[Video, ...]
    test: tuple[Video, ...] | None
    classes: tuple[str, ...]

    @property
    def all(self) -> tuple[Video, ...]:
        """All videos, those of training first."""
        return self.train + (self.test or ())

    def described(self) -> str:
        """Returns one line on how many videos there are."""
        count = f"{len(self.all)} videos of {len(self.classes)} classes"
        if self.test is None:
            return f"{count}, to be cross-validated"
        return f"{count}: {len(self.train)} to train on, {len(self.test)} to test on"


class ViewsOf(views.ViewsOf):
    """A function from a Source to its views, which can be sent to another process."""

    __slots__ = ()

    def __call__(self, source: Source | Still) -> Iterator[tuple[Key, np.ndarray]]:
        """Yields (Key, uint8 [N, H, W, C]); UserError where the video cannot be used."""
        if isinstance(source, Part):
            for view in clips.opened(source.path, self.spec, source.start_s, source.end_s):
                yield WHOLE_VIDEO, view
        else:
            yield from super().__call__(source)


def read(options: Options) -> Given:
    """Returns the videos that are asked for.

    Raises:
      UserError: there are none, fewer than two classes, videos of several classes, or classes to
        be tested that there are no videos to train on of.
    """
    read_split = _of_records if options.records else _of_videos
    (train, names), test = read_split(options)
    if not train:
        raise UserError(f"{options.records or options.videos}: expected videos, found none")
    given = _used(Given(tuple(train), None if test is None else tuple(test), tuple(names)))
    if given.classes == (UNLABELLED,):
        raise UserError(
            f"{options.records or options.videos}: its videos have no classes; expected a folder "
            "of videos for each class, or a list that names the class of each"
        )
    if len(given.classes) < 2:
        raise UserError(
            f"{options.records or options.videos}: expected videos of at least 2 classes, all "
            f"{len(given.train)} are of {given.classes[0]!r}"
        )
    return given


def _of_videos(options):
    """Returns ((videos to train on, class names), videos to test on or None)."""
    videos, splits, root = options.videos, inputs.splits(options.videos), options.video_root
    folders = _split_folders(videos)
    chosen = options.split or _first(_TRAIN, folders or splits)
    own_test = options.test_split
    if not (options.test_videos or options.split or own_test):
        own_test = _first(_TEST, folders or splits)
    if folders:
        train = _items(options, os.path.join(videos, chosen or ""), None, None, options.labels)
        test = own_test and _items(
            options, os.path.join(videos, own_test), None, None, options.labels or train[1]
        )
    else:
        train = _items(options, videos, root, chosen if splits else options.split, options.labels)
        names = options.labels or train[1]
        test = own_test and _items(options, videos, root, own_test, names)
    if options.test_videos:
        if options.test_videos == videos and not options.test_split:
            raise UserError("--test_videos: is --videos; expected other videos, or --test_split")
        splits = inputs.splits(options.test_videos)
        split = options.test_split or _first(_TEST, splits)
        root = None if os.path.isdir(options.test_videos) else root
        names = options.labels or train[1]
        test = _items(options, options.test_videos, root, split, names)
    _check_apart(train[0], test[0] if test else ())
    return train, test[0] if test else None


def _items(options, videos, root, split, labels):
    """Returns (list of Video, class names) of one split."""
    items, names = inputs.read(
        videos,
        root,
        split,
        labels,
        first_label=options.first_label,
        image_fps=options.image_fps,
        with_offset=options.with_offset,
    )
    several = [item for item in items if len(item.labels) > 1]
    if several:
        raise UserError(
            f"{several[0].id}: has {len(several[0].labels)} labels; a probe takes one label per "
            "video, i3d.train several: keep one in the list"
        )
    return [Video(item.id, _source(item), item.label) for item in items], names


def _source(item):
    if item.start_s or item.end_s is not None:
        return Part(item.source, item.start_s, item.end_s)
    return item.source


def _split_folders(videos):
    """Returns the names of folders of splits in a folder that has no others, else ()."""
    if not os.path.isdir(videos):
        return ()
    with os.scandir(videos) as entries:
        names = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    found = set(names) & {*_TRAIN, *_TEST}
    return tuple(sorted(found)) if found == set(names) and _first(_TRAIN, names) else ()


def _first(wanted, names):
    """Returns the first of the wanted names that is there, or None."""
    return next((name for name in wanted if name in names), None)


def _check_apart(train, test):
    """Raises UserError where a video is both trained and tested on."""
    seen = {video.source for video in train}
    if both := next((video for video in test if video.source in seen), None):
        raise UserError(f"{both.id}: is to be trained on and tested on; leave it out of one list")


def _of_records(options):
    """Returns ((videos to train on, class names), videos to test on or None) of a data set."""
    data = records.opened(options.records)
    if data.multi_label:
        raise UserError(
            f"{options.records}: its videos have several labels; a probe takes one label per "
            "video, i3d.train several"
        )
    chosen = options.split or _first(_TRAIN, data.shards) or next(iter(data.shards))
    test = options.test_split
    if not (options.split or test):
        test = _first(_TEST, [name for name in data.shards if name != chosen])
    for split in filter(None, (chosen, test)):
        if split not in data.shards:
            there = ", ".join(data.shards)
            raise UserError(f"{options.records}: this data set has: {there}; got {split!r}")
    train = (list(_stored(data, chosen)), data.class_names)
    return train, list(_stored(data, test)) if test else None


def _stored(data, split):
    """Yields the Videos of a split."""
    for place in records.videos(data, [split]):
        yield Video(place.id, place, next(records.segments(place)).labels[0])


def _used(given):
    """Returns the Given with the classes alone that there are videos to train on of."""
    there = sorted({video.label for video in given.train})
    names = given.classes
    lacking = [video for video in given.test or () if video.label not in there]
    if lacking:
        raise UserError(
            f"{lacking[0].id}: is to be tested, but there is no video to train on of its class "
            f"{names[lacking[0].label]!r}"
        )
    if len(there) < len(names):
        without = len(names) - len(there)
        print(f"{without} of {len(names)} classes have no videos: left out", file=sys.stderr)
    number = {old: new for new, old in enumerate(there)}

    def renumbered(videos):
        return tuple(video._replace(label=number[video.label]) for video in videos)

    test = None if given.test is None else renumbered(given.test)
    return Given(renumbered(given.train), test, tuple(names[i] for i in there))


def least_per_class(videos: Sequence[Video]) -> int:
    """Returns how many videos the class with the fewest has."""
    return min(Counter(video.label for video in videos).values())
