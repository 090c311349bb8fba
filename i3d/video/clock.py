"""Computes when each frame of a video begins and ends, and seeks to a time.

    from i3d.video import clock
    for frame, begins, ends in clock.intervals("jump.mp4", start=Fraction(5)):
        ...  # seconds from the first frame

Times are Fractions, so that sums of many frames stay exact.
"""

from fractions import Fraction

from i3d.spec import FPS
from i3d.video import entry, pictures
from i3d.video.source import Source, VideoError

LONGEST_FRAME_S = 600  # a longer wait between two frames is a broken timestamp
_STILL_S, _LOST_S = 10, 1  # longer waits are told of; the latter where reception may be lost


class Clock:
    """Seconds from the first frame: by timestamp until one proves wrong, then by counting.

    AVI stores no timestamps. Those that libav invents are wrong where B-frames change the order,
    while the order in which the decoder gives the frames is right.

    Where the packets of a source are spliced, one wrong timestamp says nothing of the next: each
    counts by itself, so that times do not depend on where reading began.

    Attributes:
      trusted: whether the timestamps are used.
      last: when the frame began that was asked last; None before the first.
      trouble: one line on where the time first runs unevenly, or "".
    """

    def __init__(self, source):
        """Takes an open Source of which nothing is decoded yet."""
        stream = source.stream
        avi = source.container.format.name == "avi"
        self.trusted = not (avi and stream.codec_context.has_b_frames)
        self.last = self.origin = None
        self.trouble = ""
        self._spliced = source.splice is not None
        self._tick = stream.time_base
        rate = stream.guessed_rate or stream.average_rate or Fraction(FPS)
        self._frame_s = 1 / (rate if rate * LONGEST_FRAME_S >= 1 else Fraction(FPS))

    def seconds(self, pts):
        """Returns the time that a timestamp says."""
        return (pts - self.origin) * self._tick

    def stamp(self, seconds):
        """Returns the timestamp of a time."""
        return self.origin + int(seconds / self._tick)

    def time(self, frame):
        """Returns when the frame begins; frames are to be given in order."""
        if self.origin is None:
            self.trusted = self.trusted and frame.pts is not None
            self.origin = frame.pts or 0
        now = self.seconds(frame.pts) if self.trusted and frame.pts is not None else None
        if self.last is not None:
            now = self._after_last(now)
        self.last = now or Fraction(0)
        return self.last

    def _after_last(self, now):
        """Returns when a frame begins whose timestamp says `now`, or None, after the last one."""
        step = None if now is None else now - self.last
        if step is not None and 0 <= step <= LONGEST_FRAME_S:
            if step > (_LOST_S if self._spliced else _STILL_S) and step > 2 * self._frame_s:
                self._tell(f"no frame for {float(step):.2f} s; the one before is repeated")
            return now
        if self._spliced:
            return self.last if step is not None and step < 0 else self.last + self._frame_s
        if self.trusted:
            jump = "there are no timestamps" if step is None else f"time jumps {float(step):+.2f} s"
            self._tell(f"{jump}; frames from there on are placed by their number")
        self.trusted = False
        return self.last + self._frame_s

    def _tell(self, words):
        self.trouble = self.trouble or f"at {float(self.last):.2f} s {words}"

    def end(self, frame):
        """Returns when the last frame, whose begin was asked last, ends."""
        length = (frame.duration or 0) * self._tick
        if not self.trusted or not 0 < length <= LONGEST_FRAME_S:
            length = self._frame_s
        return self.last + length


def intervals(path, start):
    """Yields (frame, begins, ends), seconds: the file's first frame, then those about start on.

    Raises:
      VideoError: as `Source`, and where data are corrupt, after the frames before them.
    """
    if reader := pictures.opened(path):
        yield from reader.intervals(start)
        return
    with Source(path) as source:
        clock = Clock(source)
        frames = source.decode()
        shown, error = next(frames), None
        begins = clock.time(shown)
        if start > entry.MARGIN_S and clock.trusted:
            frames = entry.frames(source, clock, start)
            if frames is None:  # read it all instead, from a fresh start
                yield from intervals(path, 0)
                return
            clock.last = None
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
