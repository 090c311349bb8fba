"""Reads video files as RGB frames at a constant rate; memory does not grow with their length.

    from data_prep import video
    info = video.probe("jump.mp4")                # codec, size, rate, frames, problem
    for frame in video.read_frames("jump.mp4"):   # 25 fps, shorter side 256
        ...                                       # uint8 [H, W, 3]

Files are named by path only, never by address. Each file is decoded by one thread: use a pool
of processes for many files. libav's own log stays off, as PyAV leaves it.
"""

import dataclasses
import itertools
import math
import os
from fractions import Fraction

import av
import cv2
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from i3d.data import schema

_TEXT_CODECS = ("ansi", "bintext", "idf", "xbin")  # libav draws any .txt or .bin file
_SEEK_MARGIN_S = 1  # a keyframe this much early has its leading pictures behind it
_LONGEST_FRAME_S = 600  # a longer wait between two frames is a broken timestamp


class VideoError(ValueError):
    """A video file cannot be read; the message is one line that begins with its path."""


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
    problem, frames, damaged = "", 0, 0
    with _Source(path) as source:
        clock = _Clock(source)
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
            problem = str(error).removeprefix(f"{path}: ")
        duration = clock.end(last)
        problem = problem or _shortfall(source, clock, duration)
        if damaged and not problem:
            problem = f"damaged frames that the decoder patched up: {damaged}"
        height, width = _turned_size(first)
        return VideoInfo(
            codec=source.stream.codec_context.codec.canonical_name,
            width=width,
            height=height,
            fps=float(frames / duration),
            frames=frames,
            duration_s=float(duration),
            rotation=first.rotation,
            timestamps_usable=clock.trusted,
            problem=problem,
        )


def _shortfall(source, clock, end):
    """Returns one line on what the header promises and the data do not hold, or ""."""
    promised = source.stream.frames
    if source.packets < promised:
        return f"incomplete: the header promises {promised} frames, {source.packets} are there"
    promised = (source.container.duration or 0) / av.time_base
    end = float(end)
    if clock.trusted and not source.stream.frames and promised > end * 1.02 + 1:  # sound may go on
        return f"incomplete: the header promises {promised:.1f} s, the video ends at {end:.1f} s"
    return ""


def stated(path):
    """Returns (height, width, seconds) of a file from its header and first frame; quick.

    Height and width are as displayed; seconds are as the container says, None where it does
    not: good for an estimate, not for arithmetic.

    Raises:
      VideoError: not one frame can be read.
    """
    with _Source(path) as source:
        height, width = _turned_size(next(source.decode()))
        duration = source.container.duration
    return height, width, duration / av.time_base if duration else None


def read_frames(path, fps=schema.FPS, short_side=schema.SHORT_SIDE, start_s=0.0, end_s=None):
    """Yields the frames of a video, uint8 RGB [H, W, 3], in the decoder's output order.

    Frame n shows the video at n / fps seconds from its first frame, by the rule of ffmpeg's fps
    filter: a frame goes to the slot nearest its timestamp and stays until the next one's, so
    that duration is kept within one frame. Where timestamps are missing or run backwards (AVI
    with B-frames stores none), frames are placed by their number and the stream's rate.

    The stored rotation or flip is applied. Non-square pixels are not: a stored pixel stays a
    pixel, as in OpenCV and decord (Kinetics clips squeezed to 340x256 stay so). Where resolution
    changes on the way, later frames are resized to the first one's.

    Args:
      path: a file. Of several video streams the one is read that ffmpeg would choose.
      fps: output frames per second; None gives every frame once.
      short_side: pixels of the shorter side; the longer keeps the aspect and is rounded to the
        nearest pixel, halves up. Bilinear, up or down. None keeps the size.
      start_s: seconds from the first frame. The result is exactly slots
        round(start_s * fps) to round(end_s * fps) - 1 of the whole video's (with fps None, the
        frames whose time is in [start_s, end_s)), and it is found by seeking where it can be.
      end_s: likewise; None, or beyond the end, reads to the end.

    Raises:
      VideoError: the file cannot be read, no frame is in the range, or data are corrupt
        (raised after the frames before them were given). Damage that the decoder patches up
        by itself is not an error here; `probe` reports it.
    """
    if not 0 <= start_s < (math.inf if end_s is None else end_s):
        raise VideoError(f"{path}: expected 0 <= start_s < end_s, got {start_s} and {end_s}")
    start, stop = _exact(start_s), math.inf if end_s is None else _exact(end_s)
    convert, empty = None, True
    for frame, begins, ends in _intervals(path, start):
        convert = convert or _Converter(frame, short_side)  # the file's first frame sets the size
        if begins >= stop:
            break
        for _ in range(_times_shown(begins, ends, start, stop, fps)):
            empty = False
            yield convert(frame)
    if empty and start == 0:  # a video shorter than half a slot
        empty = False
        yield convert(frame)
    if empty:
        limits = f"{start_s} s to " + ("the end" if end_s is None else f"{end_s} s")
        raise VideoError(f"{path}: no frame from {limits} (read as far as {float(ends):.3f} s)")


def _exact(seconds):
    """Returns the fraction that was meant, such as 1001/30000, at a millionth's resolution."""
    return Fraction(float(seconds)).limit_denominator(10**6)


def _times_shown(begins, ends, start, stop, fps):
    """Returns in how many slots of [start, stop) a frame is shown that lasts [begins, ends)."""
    if fps is None:
        return int(start <= begins < stop)
    first, last = max(begins, start), min(ends, stop)
    slots = [math.floor(time * Fraction(fps) + Fraction(1, 2)) for time in (first, last)]
    return max(0, slots[1] - slots[0])


def _intervals(path, start):
    """Yields (frame, begins, ends), seconds: the file's first frame, then those about start on."""
    with _Source(path) as source:
        clock = _Clock(source)
        frames = source.decode()
        shown, error = next(frames), None
        begins = clock.time(shown)
        if start > _SEEK_MARGIN_S and clock.trusted:
            frames = _sought(source, clock, start)
            if frames is None:  # read it all instead, from a fresh start
                yield from _intervals(path, 0)
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


class _Source:
    """An open file and its video stream."""

    def __init__(self, path):
        self.path = path
        self.packets = 0
        self.counted_from = ""
        if not os.path.isfile(path):
            reason = "not a regular file" if os.path.exists(path) else "no such file"
            raise VideoError(f"{path}: {reason}")
        if not os.path.getsize(path):
            raise VideoError(f"{path}: the file is empty")
        try:
            # "file:" keeps a colon in the name from being read as a protocol, and playlists local
            self.container = av.open(f"file:{os.fspath(path)}", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{path}: not a readable video ({error.strerror})") from None
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
        return self

    def __exit__(self, *_):
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


def _preference(stream):
    """Returns the score by which ffmpeg chooses among video streams: default, then pixels."""
    default = bool(stream.disposition & Disposition.default)
    return default, stream.codec_context.width * stream.codec_context.height


class _Clock:
    """Seconds from the first frame: by timestamp until one proves wrong, then by counting.

    AVI stores no timestamps. Those that libav invents are wrong where B-frames change the order,
    while the order in which the decoder gives the frames is right.
    """

    def __init__(self, source):
        stream = source.stream
        avi = source.container.format.name == "avi"
        self.trusted = not (avi and stream.codec_context.has_b_frames)
        self.tick = stream.time_base
        self.frame_s = 1 / (stream.guessed_rate or stream.average_rate or Fraction(schema.FPS))
        self.origin = self.last = None

    def seconds(self, frame):
        """Returns the seconds that the frame's timestamp says."""
        return (frame.pts - self.origin) * self.tick

    def stamp(self, seconds):
        """Returns the timestamp of a time."""
        return self.origin + int(seconds / self.tick)

    def time(self, frame):
        """Returns when the frame begins; frames are to be given in order."""
        self.trusted = self.trusted and frame.pts is not None
        if self.origin is None:
            self.origin = frame.pts or 0
        now = self.seconds(frame) if self.trusted else None
        if self.last is not None:
            if now is None or not self.last <= now <= self.last + _LONGEST_FRAME_S:
                self.trusted = False
                now = self.last + self.frame_s
        self.last = now or Fraction(0)
        return self.last

    def end(self, frame):
        """Returns when the last frame, whose begin was asked last, ends."""
        if not self.trusted or not frame.duration:
            return self.last + self.frame_s
        return self.last + frame.duration * self.tick


class _Converter:
    """Turns decoded frames into upright RGB arrays of one size, that of the first frame."""

    def __init__(self, first, short_side):
        self._reformatter = VideoReformatter()
        height, width = _turned_size(first)
        scale = Fraction(short_side or min(height, width), min(height, width))
        self._size = [math.floor(side * scale + Fraction(1, 2)) for side in (width, height)]

    def __call__(self, frame):
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        transpose, flip_y, flip_x = _turn(frame)
        rgb = rgb.transpose(1, 0, 2) if transpose else rgb
        rgb = rgb[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        if [rgb.shape[1], rgb.shape[0]] == self._size:
            return rgb.copy()  # the decoder may still use the frame's own memory
        return cv2.resize(np.ascontiguousarray(rgb), self._size, interpolation=cv2.INTER_LINEAR)


def _turn(frame):
    """Returns (transpose, flip rows, flip columns) of the frame's display matrix."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):  # x' = a x + c y, y' = b x + d y
        return False, d < 0, a < 0
    return True, b < 0, c < 0


def _turned_size(frame):
    """Returns (height, width) of a frame as displayed."""
    return (frame.width, frame.height) if _turn(frame)[0] else (frame.height, frame.width)
