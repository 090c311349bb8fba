"""Begins decoding in the middle of a file, where that gives the same frames as decoding it all.

Files with an index are sought in, if the index shows that time runs with the file. In formats
whose clock may break (see `splice`), times are known by the packets before: these are read, and
not decoded.
"""

import itertools

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
    try:
        target = clock.stamp(start - MARGIN_S)
        begin = _behind_packets if source.splice else _sought
        entry, decoded = begin(source, target, words)
        landing = next(frame for frame in decoded if frame.pts is None or frame.pts >= entry.pts)
    except (av.FFmpegError, VideoError, OverflowError, _Unsure):
        return None
    # A keyframe that refers to others begins a refresh of the picture that takes many frames.
    if landing.pts != entry.pts or landing.pict_type in _INTER:
        return None
    return itertools.chain([landing], decoded) if 0 <= clock.seconds(entry.pts) <= start else None


class _Unsure(Exception):
    """Where decoding would begin is not known, or not sure."""


def _sought(source, target, words):
    """Returns (packet, frames from it on), found by the index of the file."""
    first = source.entry
    source.container.seek(target, stream=source.stream)
    source.counted_from = words
    decoded = source.decode()
    landing = next(decoded)
    if source.entry.pts is None or not _runs_with_the_file(source, first):
        raise _Unsure
    return source.entry, itertools.chain([landing], decoded)


def _runs_with_the_file(source, first):
    """Returns whether time goes up, without leaps, from one entry of the index to the next."""
    index = source.stream.index_entries
    entries = index[:: max(1, len(index) // _LOOKED_AT)]
    times = [entry.timestamp * source.stream.time_base for entry in entries]
    steps = [later - time for time, later in itertools.pairwise(times)]
    if not all(0 <= step <= _LONGEST_S for step in steps):
        return False
    places = [entry.pos for entry in entries]
    if not places or "mp4" in source.container.format.name:  # its table alone says the order
        return True
    return places == sorted(places) and (first.pos is None or places[0] <= first.pos)


def _behind_packets(source, target, words):
    """Returns (packet, frames from it on): the last keyframe packet before a timestamp."""
    found, number = None, 0
    for packet in source.demux():
        if packet.is_keyframe and packet.pts is not None and packet.pts <= target:
            found = packet, source.packets + number
        number += 1
        if packet.dts is not None and packet.dts > target:
            break
    if not found:
        raise _Unsure
    return found[0], _without(source.path, found[1], words)


def _without(path, skipped, words):
    """Yields the frames of a file without its first packets."""
    with Source(path) as source:
        source.counted_from = words
        yield from source.decode(skipped)
