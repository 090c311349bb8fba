"""Features of videos by one network or several, from the cache where they are there.

found = features_of(videos, cards, options)
found.features[0]                                  # of the first card, float32 [N, C]
found.failures                                     # {place in videos: reason}
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from i3d.features.job import WORKERS, digest_of
from i3d.inference import options as network_options
from i3d.inference.decoding import BAD_VIDEO
from i3d.probing.cache import Cache, content_of
from i3d.probing.options import Options
from i3d.probing.videos import Video, ViewsOf
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.weights.cards import Card

ENDPOINT = "features"


class Found(NamedTuple):
    """Features of videos.

    Attributes:
      features: of each card, float32 [N, C]; rows of videos that failed are 0.
      failures: {place in the videos: reason}.
      contents: SHA-256 of each video, "" where it cannot be read.
      extracted: how many videos went through a network (of several, the most).
    """

    features: list[np.ndarray]
    failures: dict[int, str]
    contents: list[str]
    extracted: int


def features_of(videos: Sequence[Video], cards: Sequence[Card], options: Options) -> Found:
    """Returns the features of all videos, extracting what the cache lacks.

    Raises:
      UserError: a checkpoint does not fit its model, or has no layer "features".
    """
    contents, failures = _contents(videos)
    by_card, most = [], 0
    for card in cards:
        rows, failed, count = _of_card(videos, contents, card, options)
        by_card.append(rows)
        failures |= failed
        most = max(most, count)
    features = [_stacked(rows, len(videos)) for rows in by_card]
    return Found(features, failures, contents, most)


def _contents(videos):
    """Returns the SHA-256 of each video, and {place: reason} of those that cannot be read."""
    contents, failures = [], {}
    with Progress(len(videos), "video", "reading") as progress:
        for place, video in enumerate(videos):
            try:
                contents.append(content_of(video.source))
            except BAD_VIDEO as error:
                contents.append("")
                failures[place] = getattr(error, "strerror", None) or str(error)
            progress.add()
    return contents, failures


def _of_card(videos, contents, card, options):
    """Returns ({content: float32 [C]} by place, {place: reason}, how many were extracted)."""
    cache = Cache(options.cache_folder(), _plan(card, options.precision, options.engine))
    there = {content: cache.get(content) for content in dict.fromkeys(filter(None, contents))}
    missing = [content for content, features in there.items() if features is None]
    _say(card, len(there) - len(missing), len(missing), cache)
    reasons = _extract(videos, contents, missing, card, options, cache, there) if missing else {}
    failures = {i: reasons[content] for i, content in enumerate(contents) if content in reasons}
    rows = {i: there[content] for i, content in enumerate(contents) if content}
    return {i: row for i, row in rows.items() if row is not None}, failures, len(missing)


def _plan(card, precision, engine):
    """Returns all that decides the numbers, but for the video."""
    from i3d import __version__

    return {
        "version": __version__,
        "model": card.model,
        "width": card.width,
        "checkpoint": digest_of(card.file),
        "views": card.spec.to_json(),
        "endpoint": ENDPOINT,
        "precision": precision,
    } | ({"engine": engine} if engine != "keras" else {})


def _say(card, cached, missing, cache):
    if cache.damaged:
        print(f"{cache.damaged} damaged features in the cache: extracted again", file=sys.stderr)
    total = cached + missing
    line = f"{card.described()}\n{cached} of {total} videos have their features in the cache"
    print(line, file=sys.stderr)


def _extract(videos, contents, missing, card, options, cache, there):
    """Puts features of the missing contents into the cache and `there`; returns the failures."""
    from i3d.features.run import extracted
    from i3d.inference import network
    from i3d.runtime import devices

    strategy = devices.strategy(0)
    with strategy.scope():
        try:
            net = network.load(card, options.precision, ENDPOINT, engine=options.engine)
        except UserError as error:
            if "--endpoint" not in str(error):
                raise
            raise UserError(
                f"{card.file}: {card.model} has no layer {ENDPOINT!r} before its head; take "
                "another network"
            ) from error
    first = {content: place for place, content in reversed(list(enumerate(contents)))}
    sources = [videos[first[content]].source for content in missing]
    workers = options.workers or min(WORKERS, len(os.sched_getaffinity(0)))
    size = options.batch_size or network_options.views_at_once([card])
    found = extracted(sources, ViewsOf(card.spec), net, strategy, workers, size)
    failures: dict[str, str] = {}
    with Progress(len(missing), "video", "features") as progress, contextlib.closing(found):  # type: ignore[type-var]
        for place, rows in found:
            if isinstance(rows, str):
                failures[missing[place]] = rows
            else:
                there[missing[place]] = rows.features[0]
                cache.put(missing[place], rows.features[0])
            progress.add()
    return failures


def _stacked(rows, count):
    """Returns float32 [N, C] of {place: float32 [C]}."""
    channels = len(next(iter(rows.values()))) if rows else 0
    found = np.zeros((count, channels), np.float32)
    for place, row in rows.items():
        found[place] = row
    return found
