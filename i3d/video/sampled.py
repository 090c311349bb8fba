"""Decodes selected frames of a video, without converting or keeping the others.

    found = wanted_frames("jump.mp4", lambda count: range(0, count, 8))
    found.pictures[16]                                # uint8 [H, W, 3]
    found.count, found.end_s                          # how many there are, where the video ends

Memory holds what is wanted. A file is decoded once where its header tells how many frames it
has, and a second time where the header is wrong or silent and other frames are needed then.
"""

import math
from typing import NamedTuple

import av

from i3d.video import clock, frames, pictures
from i3d.video import picture as video_picture
from i3d.video.images import Images
from i3d.video.source import Source, VideoError


class NothingThere(VideoError):
    """A part of a video holds no frame, or fewer than are needed."""


class Found(NamedTuple):
    """Frames of a part of a video.

    Attributes:
      pictures: {number from the start of the part: uint8 RGB [H, W, 3]}.
      count: number of frames in the part.
      end_s: where the video ends, seconds; None if the part ends before.
    """

    pictures: dict
    count: int
    end_s: float | None


def wanted_frames(path, choose, fps=0.0, start_s=0.0, end_s=None, convert=lambda picture: picture):
    """Returns the Found of a video, or of a part of it.

    Frames are those of i3d.video.frames.read_frames, upright and of the stored size.

    Args:
      path: a file, or Images of a folder.
      choose: count -> numbers of the frames that are wanted, below count.
      fps: frames per second that the video is resampled to; 0 takes each of its frames once.
      start_s, end_s: seconds from the first frame; None is the end of the video.
      convert: what each wanted picture is passed through, such as a resize.

    Raises:
      i3d.video.frames.VideoError: the file cannot be read, or (NothingThere) no frame is in the
        part.
      ValueError: as `convert`.
    """
    _check_part(path, start_s, end_s)
    expected = _expected_count(path, fps, start_s, end_s)
    part = path, fps, frames.exact(start_s), math.inf if end_s is None else frames.exact(end_s)
    found = _read(*part, set(choose(expected)), convert)
    wanted = set(choose(found.count))
    if missing := wanted - found.pictures.keys():
        more = _read(*part, missing, convert)
        found.pictures.update(more.pictures)
    return found._replace(pictures={n: found.pictures[n] for n in wanted})


def count_frames(
    path: str | Images | pictures.Still, fps: float = 0.0, start_s=0.0, end_s=None
) -> int:
    """Returns how many frames a video or a part has, resampled to `fps` (0: as they are).

    Decodes all of it, without converting pictures.

    Raises:
      VideoError: the file cannot be read.
    """
    stop = math.inf if end_s is None else frames.exact(end_s)
    return _read(path, fps, frames.exact(start_s), stop, set(), lambda picture: picture).count


def frame_rate(path):
    """Returns the mean frames per second that a file states, 0.0 where it does not.

    Raises:
      i3d.video.frames.VideoError: the file cannot be opened.
    """
    if reader := pictures.opened(path):
        return float(reader.fps)
    with Source(path) as source:
        return float(source.stream.average_rate or 0)


def _check_part(path, start_s, end_s):
    finite = math.isfinite(start_s) and (end_s is None or math.isfinite(end_s))
    if not (finite and 0 <= start_s and (end_s is None or start_s < end_s)):
        raise VideoError(f"{path}: expected 0 <= start_s < end_s, got {start_s} and {end_s}")


def _expected_count(path, fps, start_s, end_s):
    """Returns how many frames the header makes one expect, at least 1."""
    seconds, rate, count, most = _stated_length(path, end_s)
    if not fps and not start_s and (end_s is None or end_s >= seconds) and count:
        return min(count, most)
    end_s = seconds if end_s is None else min(end_s, seconds)
    if fps:
        slots = [frames.slot(frames.exact(time), fps) for time in (start_s, end_s)]
    else:
        slots = [math.ceil(round(time * rate, 6)) for time in (start_s, end_s)]
    return max(1, min(slots[1] - slots[0], most))


def _stated_length(path, end_s):
    """Returns (seconds, frames per second, number of frames, the most that one may believe).

    They are the header's, 0 where it does not say. A header can promise any number of frames, of
    which each takes a byte at least.
    """
    if reader := pictures.opened(path):
        return float(reader.begins[-1]), float(reader.fps), len(reader), math.inf
    with Source(path) as source:
        stream, most = source.stream, source.container.size
        rate = float(stream.average_rate or 25)
        if source.splice:
            seconds, count = (end_s, 0) if end_s else source.length()
            return seconds, rate, count, most
        seconds = (source.container.duration or 0) / av.time_base
        if stream.frames and stream.average_rate:  # sound may go on for longer
            seconds = float(stream.frames / stream.average_rate)
        return seconds, rate, stream.frames, most


def _read(path, fps, start, stop, wanted, convert):
    """Returns the Found with those of the wanted numbers that there are."""
    pictures, count, upright, ended = {}, 0, None, True
    for frame, begins, ends in clock.intervals(path, start):
        upright = upright or video_picture.Converter(path, frame, None)
        if begins >= stop:
            ended = False
            break
        first, count = count, count + frames.times_shown(begins, ends, start, stop, fps or None)
        span = range(first, count)  # long where a frame is shown for minutes
        small, large = (span, wanted) if len(span) < len(wanted) else (wanted, span)
        if numbers := [number for number in small if number in large]:
            pictures |= dict.fromkeys(numbers, convert(upright(frame)))
    if not count:
        if start:
            raise NothingThere(f"{path}: no frame from {float(start):g} s on; it ends before")
        pictures, count = {0: convert(upright(frame))}, 1  # shorter than half a slot
    return Found(pictures, count, float(ends) if ended else None)
