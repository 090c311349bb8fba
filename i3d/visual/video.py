"""Writes an mp4 that browsers play, frame by frame and atomically.

    with VideoWriter("labelled.mp4", fps=25) as video:
        video.add(picture)                        # uint8 RGB [H, W, 3], all of one size
    with VideoWriter("labelled.mp4", fps=25, sound="my.mp4") as video:
        video.add(picture, 0.0, 0.04)             # shown from 0 to 0.04 s

H.264 with yuv420p and its index at the front. Memory does not grow with the length of the video.
"""

import contextlib
import os
from fractions import Fraction

import av
import cv2
import numpy as np

from i3d.runtime import files
from i3d.visual.sound import Sound

_MOST_FPS, _LEAST_FPS = 1000, Fraction(1, 100)
_TICKS_PER_S = 20_000  # at least, of frames with times of their own


class VideoWriter:
    """Encodes frames; the file appears when the block ends without an error."""

    def __init__(
        self,
        path: str | os.PathLike,
        fps: float | Fraction,
        comment: str = "",
        sound: str | os.PathLike | None = None,
    ):
        """Opens nothing yet.

        Args:
          path: ends in .mp4; an existing file is replaced.
          fps: frames per second, 0.01 to 1000; about, where frames have times of their own.
          comment: kept in the file's metadata.
          sound: a video whose sound is kept, from its first frame on; see i3d.visual.sound.
        """
        self._path, self._comment, self._sound_of = path, comment, sound
        self._sound: Sound | None = None
        self._last = -1, 0  # the frame added last: begin and length in ticks
        self._rate = min(max(Fraction(fps).limit_denominator(1001), _LEAST_FPS), _MOST_FPS)
        self._stack = contextlib.ExitStack()
        self._stream: av.VideoStream | None = None
        self._size = 0, 0

    def __enter__(self) -> "VideoWriter":
        """Returns itself.

        Raises:
          OSError: the file cannot be written.
          UserError: the sound cannot be kept.
        """
        with contextlib.ExitStack() as stack:
            new = stack.enter_context(files.new_path(self._path))
            options = {"movflags": "+faststart"}
            self._container = stack.enter_context(
                av.open(str(new), "w", format="mp4", container_options=options)
            )
            if self._comment:
                self._container.metadata["comment"] = self._comment
            if self._sound_of:
                self._sound = stack.enter_context(Sound(self._sound_of))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> bool | None:
        """Ends the file; after an error, or without a frame, there is none."""
        with self._stack:
            if error[0] is None and self._stream is not None:
                self._mux(self._stream.encode())
                if self._sound:
                    self._sound.copy_until(None)
            return self._stack.__exit__(*error)

    def add(
        self,
        picture: np.ndarray,
        begin_s: float | Fraction | None = None,
        end_s: float | Fraction | None = None,
    ) -> None:
        """Writes one frame.

        Args:
          picture: uint8 RGB [H, W, 3], of the size of the first one. Its last row or column is
            repeated where H or W is odd, as H.264 stores colour at half the resolution.
          begin_s, end_s: when it is shown, seconds; None, of all frames: one after the other.
        """
        if self._stream is None:
            self._stream = self._started(*picture.shape[:2])
            if begin_s is not None:
                ticks = self._rate.numerator * -(-_TICKS_PER_S // self._rate.numerator)
                self._stream.codec_context.time_base = Fraction(1, ticks)
        if picture.shape != (*self._size, 3) or picture.dtype != np.uint8:
            raise ValueError(f"frame {picture.dtype} {picture.shape}, not uint8 {self._size}")
        bottom, right = (side % 2 for side in self._size)
        if bottom or right:
            picture = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        if begin_s is not None and end_s is not None:
            tick = self._stream.codec_context.time_base
            frame.pts = max(round(begin_s / tick), self._last[0] + 1)  # none at the time of another
            self._last = frame.pts, max(1, round(end_s / tick) - frame.pts)
            frame.time_base, frame.duration = tick, self._last[1]
        if self._sound:
            self._sound.copy_until(float(begin_s or 0))
        self._mux(self._stream.encode(frame))

    def _mux(self, packets):
        """Writes packets; the last frame is given its length, which encoders do not keep."""
        for packet in packets:
            if packet.pts == self._last[0]:
                packet.duration = self._last[1]
            self._container.mux(packet)

    def _started(self, height, width):
        self._size = height, width
        if "libx264" in av.codecs_available:
            # One thread and a constant quantiser, or the bytes change from run to run: rate control
            # looks ahead, and that was seen to give other bytes for equal frames with AVX-512.
            options = {"qp": "20", "preset": "veryfast", "threads": "1"}
            stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        else:  # a libav without GPL parts; browsers do not play it
            stream = self._container.add_stream("mpeg4", rate=self._rate)
            stream.bit_rate = round(0.8 * height * width * float(self._rate))
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        if self._sound:
            self._sound.add_to(self._container)
        return stream
