"""Reads videos that FFmpeg does not: folders of images, animated WebP, and a single image.

    if reader := pictures.opened(path):              # None: a file for i3d.video.source
        for frame, begins, ends in reader.intervals(start): ...

A picture is decoded when it is asked for, and only where its header states a size that memory
holds.
"""

import bisect
import itertools
import os
from fractions import Fraction
from typing import NamedTuple

import av
import cv2
import numpy as np

from i3d.runtime import image_size
from i3d.video import images
from i3d.video.source import VideoError

_MAX_BYTES = 2**28  # of a file that is read at once
_MAX_WEBP_PIXELS = 2**28  # of all pictures of a file: a part of it is found by decoding all before


class Still(NamedTuple):
    """An image file as a video of one frame, for the readers of i3d.video in place of a path."""

    path: str

    def __str__(self):
        """Returns the path, as messages name a video."""
        return self.path


def opened(path):
    """Returns the reader of Images, of a Still or of an animated WebP file; None of other paths."""
    if isinstance(path, images.Images):
        return _OfFolder(path)
    if isinstance(path, Still):
        return _OfStill(path)
    if os.fspath(path).lower().endswith(".webp") and is_animated(path):
        return _OfWebP(path)
    return None


class _Pictures:
    """Pictures that are decoded one by one.

    Attributes:
      path: as it was given.
      begins: list of Fractions, seconds: when each picture begins, and when the last ends.
      size: (height, width) of the first picture.
      codec: name of the format.
      problem: line on what is wrong, or "".
    """

    problem = ""

    def __len__(self):
        """Returns the number of pictures."""
        return len(self.begins) - 1

    @property
    def fps(self):
        """Mean pictures per second, a Fraction."""
        return len(self) / self.begins[-1]

    def intervals(self, start):
        """Yields (av.VideoFrame, begins, ends) of the first picture, and of those from start on."""
        first = min(max(1, bisect.bisect_right(self.begins, start) - 1), len(self) - 1)
        for number in dict.fromkeys([0, *range(first, len(self))]):
            rgb = self.picture(number)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            yield frame, *self.begins[number : number + 2]


class _OfFolder(_Pictures):
    def __init__(self, video):
        found = images.listed(video.folder)
        end = None if video.count is None else video.first + video.count
        self.path, self._names = video.folder, found.names[video.first : end]
        if not self._names or end and len(found.names) < end:
            raise VideoError(f"{self.path}: expected {end or 1} images, found {len(found.names)}")
        self.codec = os.path.splitext(self._names[0])[1][1:].lower()
        self.problem = found.missing
        fps = Fraction(video.fps).limit_denominator(10**6)
        self.begins = [number / fps for number in range(len(self._names) + 1)]

    def picture(self, number):
        """Returns a picture, uint8 RGB [H, W, 3]."""
        try:
            return decoded(os.path.join(self.path, self._names[number]))
        except VideoError as error:
            reason = str(error).removeprefix(os.path.join(self.path, ""))
            raise VideoError(f"{self.path}: corrupt after {number} images ({reason})") from None


class _OfStill(_Pictures):
    """One image, shown for as long as a frame usually is."""

    def __init__(self, still):
        self.path = still.path
        self.codec = os.path.splitext(still.path)[1][1:].lower()
        self.begins = [Fraction(0), Fraction(1, 25)]

    def picture(self, number):
        """Returns the picture, uint8 RGB [H, W, 3]."""
        return decoded(self.path)


def decoded(file: str) -> np.ndarray:
    """Returns an image, uint8 RGB [H, W, 3].

    Raises:
      VideoError: it cannot be read, or is larger than image_size.MAX_PIXELS.
    """
    try:
        with open(file, "rb") as stream:
            data = stream.read(_MAX_BYTES)
    except OSError as error:
        raise VideoError(f"{file}: {error.strerror}") from None
    _check_size(file, data)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        picture = None
    if picture is None:
        raise VideoError(f"{file}: damaged image")
    return picture


def _check_size(file, data):
    """Raises VideoError where the data are no image, or of one with too many pixels."""
    size = image_size.stated(data)
    if size is None or not all(size):
        raise VideoError(f"{file}: not an image")
    if image_size.is_cut_off(data):
        raise VideoError(f"{file}: damaged image, cut off")
    most = image_size.most_pixels(len(data))
    if size[0] * size[1] > most:
        raise VideoError(
            f"{file}: an image of {size[1]}x{size[0]} pixels; expected at most {most // 10**6} "
            "million in a file of its size"
        )
    return size


def is_animated(path: str) -> bool:
    """Returns whether a .gif or .webp file holds more than one picture."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES)
    except OSError:
        return False
    if data[:4] == b"RIFF":
        return len(_webp_durations(data)) > 1
    return _gif_has_two(data)


def _webp_durations(data):
    """Returns the milliseconds of each picture of an animated WebP file, [] of another."""
    found, at = [], 12
    while data[8:16] == b"WEBPVP8X" and at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"ANMF" and at + 24 <= len(data):
            found.append(int.from_bytes(data[at + 20 : at + 23], "little"))
        at += 8 + size + size % 2
    return found


def _gif_has_two(data):
    """Returns whether a GIF file has a second picture; walks over its blocks."""

    def after_colours(at, flags):
        return at + 3 * 2 ** ((flags & 7) + 1) * bool(flags & 0x80)

    if len(data) < 13 or data[:3] != b"GIF":
        return False
    at, found = after_colours(13, data[10]), 0
    while at + 10 < len(data) and data[at] in b"!,":
        picture = data[at : at + 1] == b","
        found += picture
        if found == 2:
            return True
        at = after_colours(at + 10, data[at + 9]) + 1 if picture else at + 2
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return False


class _OfWebP(_Pictures):
    """An animated WebP file, of which FFmpeg reads nothing; a part of it is kept decoded."""

    codec = "webp"

    def __init__(self, path):
        with open(path, "rb") as file:
            self._data = file.read(_MAX_BYTES)
        self.path, durations = path, _webp_durations(self._data)
        height, width = _check_size(path, self._data)
        if height * width * len(durations) > _MAX_WEBP_PIXELS:
            raise VideoError(
                f"{path}: {len(durations)} pictures of {width}x{height} pixels are too many for "
                "an animated WebP; convert it to MP4"
            )
        # As browsers do, 0 ms is shown for 100.
        times = itertools.accumulate((ms or 100 for ms in durations), initial=0)
        self.begins = [Fraction(ms, 1000) for ms in times]
        self._at_once = max(1, image_size.MAX_PIXELS // (height * width))
        self._first, self._decoded = 0, ()

    def picture(self, number):
        """Returns a picture, uint8 RGB [H, W, 3]."""
        if not 0 <= number - self._first < len(self._decoded):
            self._decoded, self._first = (), number
            self._decoded = self._frames(number)
        return np.ascontiguousarray(self._decoded[number - self._first][..., 2::-1])

    def _frames(self, first):
        data = np.frombuffer(self._data, np.uint8)
        try:
            _, animation = cv2.imdecodeanimation(data, first, self._at_once)
            frames = animation.frames
        except cv2.error:
            frames = ()
        if not len(frames):
            raise VideoError(f"{self.path}: corrupt after {first} pictures")
        return frames
