"""Writes a moving picture as .mp4, .gif or .webp, by the ending of its name.

    with writer("labelled.mp4", fps) as video:
        video.add(picture, begin_s, end_s)         # uint8 RGB [H, W, 3], all of one size

An mp4 keeps each frame and its times. GIF and WebP are at one rate, 25 per second at most, which
browsers play as it is; a frame is repeated or left out as ffmpeg's fps filter does. Files are
atomic, and memory does not grow with their length.
"""

import contextlib
import os
from fractions import Fraction
from typing import Protocol

import av
import numpy as np

from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.video.frames import times_shown
from i3d.visual.gif import GifWriter
from i3d.visual.video import VideoWriter

ENDINGS = (".mp4", ".gif", ".webp")
_MOST_FPS = 25


class Writer(Protocol):
    """What writes frames that have times of their own."""

    def __enter__(self) -> "Writer":
        """Returns itself."""

    def __exit__(self, *error: object) -> bool | None:
        """Ends the file; after an error there is none."""

    def add(self, picture: np.ndarray, begin_s: Fraction, end_s: Fraction) -> None:
        """Writes one frame, uint8 RGB [H, W, 3], that is shown from begin_s to end_s."""


def writer(
    path: str | os.PathLike, fps: float | Fraction, sound: str | os.PathLike | None = None
) -> Writer:
    """Returns the Writer of a new file.

    Args:
      path: ends in one of ENDINGS.
      fps: mean frames per second.
      sound: a video whose sound an mp4 keeps, or None.

    Raises:
      UserError: the name ends otherwise, or sound is asked for in a format that has none.
    """
    ending = os.path.splitext(path)[1].lower()
    if sound and ending != ".mp4":
        raise UserError(f"{path}: --sound goes with a name that ends in .mp4")
    if ending == ".mp4":
        return VideoWriter(path, fps, sound=sound)
    if ending == ".gif":
        return _AtOneRate(GifWriter, path, fps)
    if ending == ".webp":
        return _AtOneRate(WebPWriter, path, fps)
    raise UserError(f"{path}: expected a name that ends in {', '.join(ENDINGS)}")


class _AtOneRate:
    """Gives frames with times to a writer of one rate."""

    def __init__(self, kind, path, fps):
        self._fps = min(Fraction(fps).limit_denominator(1001), _MOST_FPS)
        self._only: np.ndarray | None = None  # of a video shorter than half a slot
        self._empty = True
        self._writer = kind(path, self._fps)

    def __enter__(self):
        self._writer.__enter__()
        return self

    def __exit__(self, *error):
        if self._empty and self._only is not None and error[0] is None:
            self._writer.add(self._only)
        return self._writer.__exit__(*error)

    def add(self, picture, begin_s, end_s):
        for _ in range(times_shown(begin_s, end_s, Fraction(0), end_s, self._fps)):
            self._writer.add(picture)
            self._empty = False
        self._only = picture if self._empty else None


class WebPWriter:
    """An animated, looping WebP; as GifWriter, with times in milliseconds."""

    def __init__(self, path: os.PathLike | str, fps: float | Fraction):
        """Checks the path; raises UserError where the file exists."""
        files.check_new(path, ".webp")
        self._path, self._rate = path, Fraction(fps).limit_denominator(1001)
        self._writing = contextlib.ExitStack()
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> "WebPWriter":
        """Returns the writer; the file is opened by the first frame."""
        return self

    def __exit__(self, *error: object) -> bool | None:
        """Finishes and renames the file, or removes it after an error."""
        return self._writing.__exit__(*error)

    def add(self, picture: np.ndarray) -> None:
        """Appends one frame, uint8 RGB [H, W, 3]."""
        if self._stream is None:
            self._writing.enter_context(self._opened(*picture.shape[:2]))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    @contextlib.contextmanager
    def _opened(self, height, width):
        with (
            files.new_path(self._path) as path,
            av.open(str(path), "w", format="webp", options={"loop": "0"}) as self._container,
        ):
            # "libwebp_anim" would keep all of the file in memory; this encodes frame by frame.
            stream = self._container.add_stream("libwebp", rate=self._rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            self._stream = stream
            yield
            self._container.mux(stream.encode())
