"""Opens a video file, chooses its stream, and decodes it up to its end or to corrupt data.

    from i3d.video.source import Source
    with Source("jump.mp4") as source:
        for frame in source.decode():  # av.VideoFrame, in the order of display
            ...

libav's own log stays off, as PyAV leaves it. Where the clock of a transport or program stream
breaks off, what follows is joined to what was before (see `splice`).
"""

import contextlib
import itertools
import os

import av
from av.stream import Disposition

from i3d.runtime.command import BadData
from i3d.runtime.image_size import most_pixels
from i3d.video import boxes, splice

_TEXT_CODECS = ("ansi", "bintext", "idf", "xbin")  # libav draws any .txt or .bin file
_PICTURE_FORMATS = ("image2", "gif")  # and those whose names end in _pipe
_PICTURE_BRANDS = ("avif", "heic", "heix", "mif1")  # of MP4's relatives
IS_IMAGE = "is an image, not a video"  # flags are named by commands that have them


class VideoError(BadData):
    """A video file cannot be read; the message is one line that begins with its path."""


class NoVideo(VideoError):
    """An image or a folder, which some commands take for a video and others do not."""


class Source:
    """An open file and its video stream; a context manager.

    Attributes:
      path: as given.
      container: av's open container.
      stream: the video stream of it that ffmpeg would choose.
      packets: number of packets decoded so far.
      splice: the Splice that joins the packets; None in formats whose clock runs through.
      entry: the first packet that `decode` decoded; None before it.
      counted_from: words on where decoding began, for the messages; set it after seeking.
    """

    def __init__(self, path):
        """Opens the file; VideoError if it has no video that can be decoded."""
        self.path = path
        self.packets = 0
        self.counted_from = ""
        self.entry = None
        self._max_pixels = most_pixels(_size(path))
        self.container = _open(path, self._max_pixels)
        try:
            if _is_image(path, self.container, self._max_pixels):
                raise NoVideo(f"{path}: {IS_IMAGE}")
            self.stream = self._choose_stream()
        except VideoError:
            self.container.close()
            raise
        self.splice = None
        if splice.may_break(self.container):
            self.splice = splice.Splice(self.stream)
        self.stream.codec_context.options = {"max_pixels": str(self._max_pixels)}
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
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > self._max_pixels:
            raise VideoError(
                f"{self.path}: pictures of {width}x{height} pixels; expected at most "
                f"{self._max_pixels / 1e6:.0f} MP in a file of its size"
            )
        return stream

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Closes the file."""
        self.container.close()

    def demux(self):
        """Yields the packets of the stream, joined where its clock breaks; then an empty one."""
        # Where streams come up on the way, PyAV fails on them after the last packet of this one.
        with contextlib.suppress(IndexError):
            for packet in self.container.demux(self.stream):
                if self.splice:
                    self.splice(packet)
                yield packet

    def length(self):
        """Returns (seconds, number) of the packets that follow; reads them, decodes none."""
        count, begin, end = 0, None, 0
        with contextlib.suppress(av.FFmpegError):
            for packet in self.demux():
                count += packet.size > 0
                if packet.dts is not None:
                    begin = packet.dts if begin is None else begin
                    end = packet.dts + (packet.duration or 0) - begin
        return float(end * self.stream.time_base), count

    def decode(self, skipped=0):
        """Yields decoded frames; VideoError where there are none, or after the last good one.

        Args:
          skipped: number of packets at the beginning that are left out.
        """
        count, failure, self.entry = 0, None, None
        packets = itertools.islice(self.demux(), skipped, None)
        while failure is None:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                self.packets += packet.dts is not None or packet.size > 0
                self.entry = self.entry or packet
                frames = packet.decode()
            except av.FFmpegError as error:
                failure = error.strerror
                if isinstance(error, av.ArgumentError):  # what libav says of such pictures
                    failure += f"; pictures of more than {self._max_pixels / 1e6:.0f} MP?"
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


def _size(path):
    """Returns the bytes of a file that is not empty."""
    if not os.path.isfile(path):
        reason = "not a regular file" if os.path.exists(path) else "no such file"
        if os.path.isdir(path):
            raise NoVideo(f"{path}: a folder, not a video; name a file in it")
        raise VideoError(f"{path}: {reason}")
    if not (size := os.path.getsize(path)):
        raise VideoError(f"{path}: the file is empty")
    return size


def _open(path, max_pixels):
    try:
        if (promised := boxes.samples(path)) > os.path.getsize(path):
            raise VideoError(f"{path}: its index promises {promised} samples, more than its bytes")
        # "file:" keeps a colon in the name from being read as a protocol, and playlists local
        return av.open(
            f"file:{os.fspath(path)}",
            options={"max_pixels": str(max_pixels)},  # libav decodes some to learn their format
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: not a readable video ({error.strerror})") from None


def _is_image(path, container, max_pixels):
    """Returns whether an open file is of a format of pictures and holds just one."""
    name, brand = container.format.name, container.metadata.get("major_brand")
    if not (name.endswith("_pipe") or name in _PICTURE_FORMATS or brand in _PICTURE_BRANDS):
        return False
    with contextlib.suppress(av.FFmpegError, OSError):  # once more: packets are read once
        options = {"max_pixels": str(max_pixels)}
        with av.open(f"file:{os.fspath(path)}", options=options) as again:
            packets = (packet for packet in again.demux(video=0) if packet.size)
            return len(list(itertools.islice(packets, 2))) < 2
    return True


def _preference(stream):
    """Returns the score by which ffmpeg chooses among video streams: default, then pixels."""
    default = bool(stream.disposition & Disposition.default)
    return default, stream.codec_context.width * stream.codec_context.height
