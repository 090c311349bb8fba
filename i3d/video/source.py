"""Opens a video file, chooses its stream, and decodes it up to its end or to corrupt data.

    from i3d.video.source import Source
    with Source("jump.mp4") as source:
        for frame in source.decode():  # av.VideoFrame, in the order of display
            ...

libav's own log stays off, as PyAV leaves it.
"""

import os

import av
from av.stream import Disposition

from i3d.runtime.command import BadData

_TEXT_CODECS = ("ansi", "bintext", "idf", "xbin")  # libav draws any .txt or .bin file


class VideoError(BadData):
    """A video file cannot be read; the message is one line that begins with its path."""


class Source:
    """An open file and its video stream; a context manager.

    Attributes:
      path: as given.
      container: av's open container.
      stream: the video stream of it that ffmpeg would choose.
      packets: number of packets decoded so far.
      counted_from: words on where decoding began, for the messages; set it after seeking.
    """

    def __init__(self, path):
        """Opens the file; VideoError if it has no video that can be decoded."""
        self.path = path
        self.packets = 0
        self.counted_from = ""
        self.container = _open(path)
        try:
            self.stream = self._choose_stream()
        except VideoError:
            self.container.close()
            raise
        # Several decoding threads would lose the last good frames before corrupt data.
        self.stream.thread_count = 1

    def _choose_stream(self):
        # attached_pic: the cover of an audio file
        videos = [
            stream
            for stream in self.container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not videos:
            raise VideoError(f"{self.path}: no video stream in it")
        decodable = [stream for stream in videos if stream.codec_context is not None]
        if not decodable:
            raise VideoError(f"{self.path}: no decoder for its video codec")
        stream = max(decodable, key=_preference)
        if stream.codec_context.name in _TEXT_CODECS:
            raise VideoError(f"{self.path}: a text file, not a video")
        return stream

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Closes the file."""
        self.container.close()

    def decode(self):
        """Yields decoded frames; VideoError where there are none, or after the last good one."""
        count, failure = 0, None
        packets = self.container.demux(self.stream)
        while failure is None:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                self.packets += packet.dts is not None or packet.size > 0
                frames = packet.decode()
            except av.FFmpegError as error:
                failure = error.strerror
                frames = self._drain()
            count += len(frames)
            yield from frames
        if failure or not count:
            reason = failure or "the stream is empty"
            count = f"{count} decoded frames{self.counted_from}"
            raise VideoError(f"{self.path}: corrupt after {count} ({reason})")

    def _drain(self):
        """Returns the good frames that a decoder still holds when it meets corrupt data."""
        try:
            return self.stream.codec_context.decode(None)
        except av.FFmpegError:
            return []


def _open(path):
    if not os.path.isfile(path):
        reason = "not a regular file" if os.path.exists(path) else "no such file"
        raise VideoError(f"{path}: {reason}")
    if not os.path.getsize(path):
        raise VideoError(f"{path}: the file is empty")
    try:
        # "file:" keeps a colon in the name from being read as a protocol, and playlists local
        return av.open(f"file:{os.fspath(path)}", metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: not a readable video ({error.strerror})") from None


def _preference(stream):
    """Returns the score by which ffmpeg chooses among video streams: default, then pixels."""
    default = bool(stream.disposition & Disposition.default)
    return default, stream.codec_context.width * stream.codec_context.height
