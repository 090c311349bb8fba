"""Copies the sound of a video into another, packet by packet, without encoding it again.

with Sound("my.mp4") as sound:
    sound.add_to(container)                            # of av, open for writing an mp4
    sound.copy_until(2.5)                              # seconds
    sound.copy_until(None)                             # all that is left
"""

import os
from collections.abc import Iterator
from fractions import Fraction

import av

from i3d.runtime.command import UserError
from i3d.video.source import Source

KEPT = ("aac", "mp3", "opus", "flac")  # what browsers play in an mp4


def check(path: str | os.PathLike) -> None:
    """Raises UserError where a video has no sound, or one that an mp4 cannot keep."""
    with Sound(path):
        pass


class Sound:
    """The sound of a file from its first frame on; a context manager."""

    def __init__(self, path: str | os.PathLike):
        """Opens the file.

        Raises:
          UserError: it has no sound, or one that an mp4 cannot keep as it is.
        """
        with Source(path) as source:  # which frame is the first one shown
            first = next(source.decode())
            self._origin = (first.pts or 0) * source.stream.time_base
        self._source = Source(path)
        streams = self._source.container.streams.audio
        codec = streams[0].codec_context.name if streams and streams[0].codec_context else ""
        if not any(codec.startswith(name) for name in KEPT):
            self._source.container.close()
            if not codec:
                raise UserError(f"{path}: it has no sound; leave --sound out")
            raise UserError(
                f"{path}: its sound is {codec}, --sound keeps {', '.join(KEPT)}: leave --sound "
                "out, or convert it"
            )
        self._packets = self._read(streams[0])
        self._waiting: av.Packet | None = None

    def __enter__(self) -> "Sound":
        """Returns itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the file."""
        self._source.container.close()

    def add_to(self, container: av.container.OutputContainer) -> None:
        """Adds a stream for it to a container of which nothing is written yet."""
        self._container = container
        self._stream = container.add_stream_from_template(self._source.container.streams.audio[0])

    def copy_until(self, seconds: float | None) -> None:
        """Writes what begins up to a time, seconds from the first frame; None: what is left."""
        while packet := self._waiting or next(self._packets, None):
            self._waiting = packet
            if seconds is not None and packet.pts * packet.time_base > seconds:
                return
            packet.stream, self._waiting = self._stream, None
            self._container.mux(packet)

    def _read(self, stream) -> Iterator[av.Packet]:
        """Yields the packets that begin at the first frame or later, in its time."""
        shift = round(Fraction(self._origin) / stream.time_base)
        for packet in self._source.container.demux(stream):
            if packet.pts is not None and packet.dts is not None and packet.pts >= shift:
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                yield packet
