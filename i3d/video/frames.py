"""Reads video files as RGB frames at a constant rate; memory does not grow with their length.

    from i3d.video import frames
    info = frames.probe("jump.mp4")                # codec, size, rate, frames, problem
    for frame in frames.read_frames("jump.mp4"):   # 25 fps, shorter side 256
        ...                                        # uint8 [H, W, 3]

Files are named by path only, never by address. Each file is decoded by one thread: use a pool
of processes for many files.
"""

import dataclasses
import math
import re
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from i3d.spec import FPS, SHORT_SIDE
from i3d.video import pictures
from i3d.video.clock import Clock, intervals
from i3d.video.images import Images
from i3d.video.picture import Converter, aspect_problem, turned_size
from i3d.video.source import Source, VideoError


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a video file holds, found by decoding all of it.

    Attributes:
      codec: libav's name of the format, such as "h264" or "av1".
      width: pixels as displayed, that is after rotation; pixels count as square.
      height: likewise.
      fps: mean frames per second.
      frames: number of frames that can be decoded.
      duration_s: seconds from the first frame to the end of the last.
      rotation: degrees the stored picture is turned counter-clockwise for display, -180 to 180.
      timestamps_usable: False where frames are placed by their number and the stream's rate.
      problem: "" or one line on what is wrong with a file of which some frames can be read.
    """

    codec: str
    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    rotation: int
    timestamps_usable: bool
    problem: str


def probe(path):
    """Returns the VideoInfo of a file; decodes all of it, without converting pictures.

    Raises:
      VideoError: not one frame can be read. A file that gives some frames and then fails is
        described by `problem` instead.
    """
    if reader := pictures.opened(path):
        return _probed_pictures(reader)
    with Source(path) as source:
        clock = Clock(source)
        first, frames, duration, problems = _decode_all(source, clock)
        height, width = turned_size(first)
        problems.append(aspect_problem(height, width))
        return VideoInfo(
            codec=source.stream.codec_context.codec.canonical_name,
            width=width,
            height=height,
            fps=float(frames / duration),
            frames=frames,
            duration_s=float(duration),
            rotation=first.rotation,
            timestamps_usable=clock.trusted,
            problem="; ".join(filter(None, problems)),
        )


def _probed_pictures(reader):
    """Returns the VideoInfo of what i3d.video.pictures reads."""
    height, width = reader.picture(0).shape[:2]
    frames, problem = 0, reader.problem or aspect_problem(height, width)
    try:
        for _ in reader.intervals(0):
            frames += 1
    except VideoError as error:
        problem = str(error).removeprefix(f"{reader.path}: ")
    seconds = float(reader.begins[frames])
    fps = frames / seconds
    return VideoInfo(reader.codec, width, height, fps, frames, seconds, 0, True, problem)


def _decode_all(source, clock):
    """Returns (first frame, number of frames, seconds, problems)."""
    failure, frames, damaged = "", 0, 0
    try:
        for last in source.decode():
            if not frames:
                first = last
            clock.time(last)
            frames += 1
            damaged += last.is_corrupt
    except VideoError as error:
        if not frames:
            raise
        failure = str(error).removeprefix(f"{source.path}: ")
    duration = clock.end(last)
    problem = failure or _shortfall(source, clock, duration)
    if damaged and not problem:
        problem = f"damaged frames that the decoder patched up: {damaged}"
    return first, frames, duration, [problem, _breaks(source), clock.trouble]


def _breaks(source):
    """Returns one line on where the clock of a spliced source broke off, or ""."""
    if not (source.splice and source.splice.breaks):
        return ""
    (at, jump), breaks = source.splice.first, source.splice.breaks
    others = f" and {breaks - 1} times more" if breaks > 1 else ""
    return f"the clock jumps {float(jump):+.2f} s at {float(at):.2f} s{others}; read on without it"


def _shortfall(source, clock, end):
    """Returns one line on what the header promises and the data do not hold, or ""."""
    promised, found = _stated_frames(source)
    if found < promised:
        return f"incomplete: the header promises {promised} frames, {found} are there"
    if source.splice or source.stream.frames or not clock.trusted:
        return ""  # the length is a guess by libav, or is known better
    promised = _stated_end(source)
    end = float(max(0, clock.origin * source.stream.time_base) + end)
    if promised > end * 1.02 + 1:  # sound may go on
        return f"incomplete: the header promises {promised:.1f} s, the video ends at {end:.1f} s"
    return ""


def _stated_frames(source):
    """Returns how many frames the header promises, and how many of these there were."""
    promised, index = source.stream.frames, source.stream.index_entries
    if promised and "mp4" in source.container.format.name:  # edits leave some out
        return min(promised, len(index)), source.packets
    if source.container.format.name == "avi" and len(index):  # empty ones count, and are no packets
        return promised, max(source.packets, index[-1].timestamp + 1)
    return promised, source.packets


def _stated_end(source):
    """Returns when the video ends by the header, seconds on the file's own clock."""
    own = source.stream.metadata.get("DURATION", "")  # Matroska's, of this stream alone
    if match := re.fullmatch(r"(\d{1,6}):(\d\d):(\d\d(?:\.\d+)?)", own, re.ASCII):
        hours, minutes, seconds = map(float, match.groups())
        return hours * 3600 + minutes * 60 + seconds
    return (source.container.duration or 0) / av.time_base


def stated(path):
    """Returns (height, width, seconds) of a file from its header and first frame; quick.

    Height and width are as displayed; seconds are as the container says, None where it does
    not (as in transport and program streams): good for an estimate, not for arithmetic.

    Raises:
      VideoError: not one frame can be read.
    """
    if reader := pictures.opened(path):
        return *reader.picture(0).shape[:2], float(reader.begins[-1])
    with Source(path) as source:
        height, width = turned_size(next(source.decode()))
        duration = None if source.splice else source.container.duration
    return height, width, duration / av.time_base if duration else None


def read_frames(
    path: str | Images | pictures.Still,
    fps: float | None = FPS,
    short_side: int | None = SHORT_SIDE,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Iterator[np.ndarray]:
    """Yields the frames of a video, uint8 RGB [H, W, 3], in the decoder's output order.

    Frame n shows the video at n / fps seconds from its first frame, by the rule of ffmpeg's fps
    filter: a frame goes to the slot nearest its timestamp and stays until the next one's, so
    that duration is kept within one frame. Where timestamps are missing, run backwards or leap by
    more than ten minutes (AVI with B-frames stores none), frames are placed by their number and
    the stream's rate. In transport and program streams a clock that runs backwards, or leaps by
    more than ten seconds, is a break, and what follows is joined to what was before, as the ffmpeg
    program does. `probe` tells of all of these.

    The stored rotation or flip is applied. Non-square pixels are not: a stored pixel stays a
    pixel, as in OpenCV and decord (Kinetics clips squeezed to 340x256 stay so). Where resolution
    changes on the way, later frames are resized to the first one's.

    Args:
      path: a file, Images of a folder, or a Still. Of several video streams the one is read that
        ffmpeg would choose.
      fps: output frames per second; None gives every frame once.
      short_side: pixels of the shorter side; the longer keeps the aspect and is rounded to the
        nearest pixel, halves up. Bilinear, up or down. None keeps the size.
      start_s: seconds from the first frame. The result is exactly slots
        round(start_s * fps) to round(end_s * fps) - 1 of the whole video's (with fps None, the
        frames whose time is in [start_s, end_s)), and it is found by seeking where that is sure
        to give the same.
      end_s: likewise; None, or beyond the end, reads to the end.

    Raises:
      VideoError: the file cannot be read, no frame is in the range, or data are corrupt
        (raised after the frames before them were given). Damage that the decoder patches up
        by itself is not an error here; `probe` reports it.
    """
    finite = math.isfinite(start_s) and (end_s is None or math.isfinite(end_s))
    if not (finite and 0 <= start_s and (end_s is None or start_s < end_s)):
        raise VideoError(f"{path}: expected 0 <= start_s < end_s, got {start_s} and {end_s}")
    start, stop = exact(start_s), math.inf if end_s is None else exact(end_s)
    convert, empty = None, True
    for frame, begins, ends in intervals(path, start):
        convert = convert or Converter(path, frame, short_side)
        if begins >= stop:
            break
        if times := times_shown(begins, ends, start, stop, fps):
            empty, picture = False, convert(frame)
            for left in reversed(range(times)):
                yield picture.copy() if left else picture
    if empty and start == 0:  # a video shorter than half a slot
        yield convert(frame)
    elif empty:
        limits = f"{start_s} s to " + ("the end" if end_s is None else f"{end_s} s")
        raise VideoError(f"{path}: no frame from {limits} (read as far as {float(ends):.3f} s)")


def exact(seconds):
    """Returns the fraction that was meant, such as 1001/30000, at a millionth's resolution."""
    return Fraction(float(seconds)).limit_denominator(10**6)


def times_shown(begins, ends, start, stop, fps):
    """Returns in how many slots of [start, stop) a frame is shown that lasts [begins, ends).

    Times are Fractions of seconds; with fps None a frame that begins in [start, stop) counts once.
    """
    if fps is None:
        return int(start <= begins < stop)
    return max(0, slot(min(ends, stop), fps) - slot(max(begins, start), fps))


def slot(time, fps):
    """Returns the number of the slot at `fps` that is nearest to a time, a Fraction of seconds."""
    return math.floor(time * Fraction(fps) + Fraction(1, 2))
