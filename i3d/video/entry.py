"""Starts decoding in the middle of a file, where the frames are the same as from its beginning.

Files with an index are sought in, if the index shows that time runs with the file. In formats
whose clock may break (see `splice`), all packets are read once to see where it does: then either
the file is sought in, or the packets before are read again, and not decoded.
"""

import bisect
import contextlib
import functools
import itertools
import math
import os
from typing import NamedTuple

import av
from av.video.frame import PictureType

from i3d.video.source import Source, VideoError

MARGIN_S = 1  # a keyframe this much early has its leading pictures behind it
_LONGEST_S = 600  # between two entries of an index that are looked at
_LOOKED_AT = 200  # entries of an index
_INTER = (PictureType.P, PictureType.B, PictureType.S, PictureType.SP)


def frames(source, clock, start):
    """Returns the frames from a keyframe before start on, or None where that is not sure.

    Args:
      source: Source of which one frame is decoded.
      clock: its Clock.
      start: seconds from the first frame.
    """
    words = f", counted from {float(start) - MARGIN_S:g} s"
    ways = [_behind_packets] if source.splice else [_sought]
    if source.splice and source.container.format.name == "mpegts" and not _passed(source).touched:
        ways = [_sought_keyframe, _behind_packets]
    for way in ways:
        with contextlib.suppress(av.FFmpegError, VideoError, OverflowError, _Unsure):
            entry, decoded = way(source, clock.stamp(start - MARGIN_S), words)
            landing = next((f for f in decoded if f.pts is None or f.pts >= entry), None)
            # A keyframe that refers to others begins a refresh of the picture over many frames.
            if not landing or landing.pts != entry or landing.pict_type in _INTER:
                continue
            if 0 <= clock.seconds(entry) <= start:
                return itertools.chain([landing], decoded)
    return None


class _Unsure(Exception):
    """Where decoding would begin is not known, or not sure."""


def _sought(source, target, words):
    """Returns (timestamp, frames from it on), found by the index of the file."""
    first = source.entry
    source.container.seek(target, stream=source.stream)
    source.counted_from = words
    decoded = source.decode()
    landing = next(decoded)
    if source.entry.pts is None or not _runs_with_the_file(source, first):
        raise _Unsure
    return source.entry.pts, itertools.chain([landing], decoded)


def _runs_with_the_file(source, first):
    """Returns whether time goes up, without leaps, from one entry of the index to the next."""
    index = source.stream.index_entries
    entries = index[:: max(1, len(index) // _LOOKED_AT)]
    times = [entry.timestamp for entry in entries]
    longest = int(_LONGEST_S / source.stream.time_base)
    if any(not 0 <= later - time <= longest for time, later in itertools.pairwise(times)):
        return False
    places = [entry.pos for entry in entries]
    if not places or "mp4" in source.container.format.name:  # its table alone says the order
        return True
    return places == sorted(places) and (first.pos is None or places[0] <= first.pos)


def _sought_keyframe(source, target, words):
    """Returns (timestamp, frames from it on) of the last keyframe before a timestamp, by seeking.

    The stream is one without breaks; libav would go to any packet of it, not to a keyframe.
    """
    keyframe = _last_keyframe(source, target)
    source.splice = None  # the jump of a seek is no break
    source.container.seek(keyframe.dts, stream=source.stream)
    source.counted_from = words
    return keyframe.pts, source.decode()


def _behind_packets(source, target, words):
    """Returns (timestamp, frames from it on) of the last keyframe before a timestamp."""
    keyframe = _last_keyframe(source, target)
    return keyframe.pts, _without(source.path, keyframe.number, words)


def _last_keyframe(source, target):
    keyframes = _passed(source).keyframes
    if not (found := bisect.bisect_right(keyframes, (target, math.inf))):
        raise _Unsure
    return keyframes[found - 1]


def _without(path, skipped, words):
    """Yields the frames of a file without its first packets."""
    with Source(path) as source:
        source.counted_from = words
        yield from source.decode(skipped)


class _Keyframe(NamedTuple):
    """A packet: its timestamps, and the number of packets before it."""

    pts: int
    dts: int
    number: int


class _Passed(NamedTuple):
    """What the packets of a file say: its _Keyframes, and whether its times were spliced."""

    keyframes: list
    touched: bool


def _passed(source):
    """Returns the _Passed of a file; windows over one ask for it again and again."""
    path = os.path.abspath(source.path)
    return _read_packets(path, os.stat(path).st_mtime_ns, source.container.size)


@functools.lru_cache(maxsize=8)
def _read_packets(path, *_):
    found = []
    with Source(path) as source, contextlib.suppress(av.FFmpegError):
        for number, packet in enumerate(source.demux()):
            if packet.is_keyframe and None not in (packet.pts, packet.dts):
                if not found or packet.pts > found[-1].pts:
                    found.append(_Keyframe(packet.pts, packet.dts, number))
    return _Passed(found, source.splice.touched)
