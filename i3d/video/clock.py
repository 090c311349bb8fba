"""Tells when each frame of a video begins and ends, and finds a time in it by seeking.

    from data_prep import video_clock
    for frame, begins, ends in video_clock.intervals("jump.mp4", start=Fraction(5)):
        ...  # seconds from the first frame

Times are Fractions, so that sums of many frames stay exact.
"""

import itertools
from fractions import Fraction

import av

from i3d.spec import FPS
from i3d.video.source import Source, VideoError

_SEEK_MARGIN_S = 1  # a keyframe this much early has its leading pictures behind it
_LONGEST_FRAME_S = 600  # a longer wait between two frames is a broken timestamp


class Clock:
    """Seconds from the first frame: by timestamp until one proves wrong, then by counting.

    AVI stores no timestamps. Those that libav invents are wrong where B-frames change the order,
    while the order in which the decoder gives the frames is right.

    Attributes:
      trusted: whether the timestamps are used.
      last: when the frame began that was asked last; None before the first.
    """

    def __init__(self, source):
        """Takes an open Source of which nothing is decoded yet."""
        stream = source.stream
        avi = source.container.format.name == "avi"
        self.trusted = not (avi and stream.codec_context.has_b_frames)
        self.last = self._origin = None
        self._tick = stream.time_base
        self._frame_s = 1 / (stream.guessed_rate or stream.average_rate or Fraction(FPS))

    def seconds(self, frame):
        """Returns the seconds that the frame's timestamp says."""
        return (frame.pts - self._origin) * self._tick

    def stamp(self, seconds):
        """Returns the timestamp of a time."""
        return self._origin + int(seconds / self._tick)

    def time(self, frame):
        """Returns when the frame begins; frames are to be given in order."""
        self.trusted = self.trusted and frame.pts is not None
        if self._origin is None:
            self._origin = frame.pts or 0
        now = self.seconds(frame) if self.trusted else None
        if self.last is not None:
            if now is None or not self.last <= now <= self.last + _LONGEST_FRAME_S:
                self.trusted = False
                now = self.last + self._frame_s
        self.last = now or Fraction(0)
        return self.last

    def end(self, frame):
        """Returns when the last frame, whose begin was asked last, ends."""
        if not self.trusted or not frame.duration:
            return self.last + self._frame_s
        return self.last + frame.duration * self._tick


def intervals(path, start):
    """Yields (frame, begins, ends), seconds: the file's first frame, then those about start on.

    Raises:
      VideoError: as `Source`, and where data are corrupt, after the frames before them.
    """
    with Source(path) as source:
        clock = Clock(source)
        frames = source.decode()
        shown, error = next(frames), None
        begins = clock.time(shown)
        if start > _SEEK_MARGIN_S and clock.trusted:
            frames = _sought(source, clock, start)
            if frames is None:  # read it all instead, from a fresh start
                yield from intervals(path, 0)
                return
        try:
            for frame in frames:
                ends = clock.time(frame)
                yield shown, begins, ends
                shown, begins = frame, ends
        except VideoError as caught:
            error = caught
        yield shown, begins, clock.end(shown)
        if error:
            raise error


def _sought(source, clock, start):
    """Returns the frames from a keyframe before start on, or None where seeking misses it."""
    try:
        source.container.seek(clock.stamp(start - _SEEK_MARGIN_S), stream=source.stream)
        frames = source.decode()
        source.counted_from = f", counted from {float(start) - _SEEK_MARGIN_S:g} s"
        landing = next(frames)
    except (av.FFmpegError, VideoError):
        return None
    if landing.pts is None or not 0 <= clock.seconds(landing) <= start:
        return None
    clock.last = None
    return itertools.chain([landing], frames)
