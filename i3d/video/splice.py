"""Joins recordings where the clock of a stream breaks off, as the ffmpeg program does.

    splice = Splice(stream)
    for packet in container.demux(stream):
        splice(packet)  # shifts its timestamps in place

MPEG transport and program streams (and Ogg) may begin their clock anew at any packet: recordings
put one after the other, a channel that was changed, reception that was lost. libav calls such
formats AVFMT_TS_DISCONT. The rule is that of ts_discontinuity_detect in FFmpeg's ffmpeg_demux.c.
"""

from fractions import Fraction

from av.format import Flags

from i3d.spec import FPS

_LONGEST_GAP_S = 10  # ffmpeg's -dts_delta_threshold; a shorter wait is one
_STEP_BACK_S = Fraction(1, 10)  # a smaller one is rounding
_BEYOND = 1 << 62  # of what libav can hold


def may_break(container):
    """Returns whether the format of an open container lets clocks begin anew in the middle."""
    return bool(container.format.flags & Flags.ts_discont.value)


class Splice:
    """Shifts the packets of a stream so that decoding times run on over each break.

    Attributes:
      touched: whether a timestamp was changed so far.
      breaks: number of breaks so far.
      first: (seconds from the first packet, seconds that the clock jumped) of the first; or None.
    """

    def __init__(self, stream):
        """Takes the stream that all packets come from."""
        self.touched, self.breaks, self.first = False, 0, None
        self._tick = tick = stream.time_base
        rate = stream.guessed_rate or stream.average_rate or Fraction(FPS)
        self._frame = round(1 / (rate * tick))
        self._gap, self._back = int(_LONGEST_GAP_S / tick), int(_STEP_BACK_S / tick)
        self._shift = 0
        self._begin = self._last = self._next = None

    def __call__(self, packet):
        """Shifts the timestamps of a packet; they are to be given in the order of the file."""
        stamp, shown = packet.dts, packet.pts
        if stamp is None:
            if shown is not None and self._shift:
                packet.pts = _storable(shown + self._shift)
            return
        now = self._joined(stamp, packet.duration or self._frame)
        if shown is not None and not -self._back <= shown - stamp <= self._gap:
            # libav counts the dts of a packet that has none on from the clock before the break.
            self.touched, packet.pts = True, None
        elif now != stamp:
            packet.pts = None if shown is None else _storable(shown - stamp + now)
        if now != stamp:
            packet.dts = now

    def _joined(self, stamp, duration):
        """Returns when a packet is to be decoded, on the clock of the first one."""
        now = max(-_BEYOND, min(stamp + self._shift, _BEYOND))
        if self._last is None:
            self._begin = self._last = self._next = now
        if abs(now - self._next) > self._gap or now < self._last - self._back:
            self._tell(now - self._next)
            self._shift += self._next - now
            now = self._next
        self._last, self._next = now, now + duration
        return now

    def _tell(self, jump):
        self.touched, self.breaks = True, self.breaks + 1
        since = self._next - self._begin
        self.first = self.first or (since * self._tick, jump * self._tick)


def _storable(stamp):
    """Returns a timestamp that libav can hold, or None."""
    return stamp if abs(stamp) < _BEYOND else None
