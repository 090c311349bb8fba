"""Opens a set of videos to be compared: files, folders of images, records, or arrays.

    found = opened("generated", frames=16)        # looks at names and headers alone
    for clip in found.clips():                    # uint8 or float [T, H, W, 3], values 0..255
        ...

Frames are every `stride`-th of the video's own, from its first.
"""

import itertools
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from i3d.data import read
from i3d.data.metadata import INFO
from i3d.evaluation.frechet import statistics
from i3d.runtime import npy
from i3d.runtime.command import BadData, UserError
from i3d.video import frames as video_frames
from i3d.video import images
from i3d.video.images import Images
from i3d.video.inputs import is_video

FRAMES = 16  # of a clip, where neither the user nor an array says it
_RATE = 25.0  # of folders of images; it decides nothing, as every image is a frame
_NOTHING = "expected a folder of videos or of folders of images, a data set, or a .npy or .npz file"


@dataclass
class Videos:
    """One side of a comparison.

    Attributes:
      path: as it was given.
      items: paths, Images, or read.Places of videos, or an array [N, T, H, W, 3].
      frames, stride: of a clip.
      every: whether all clips of a video are taken, one after the other; else its first.
      limit: the most clips.
      bounds: (low, high) of the values of a float array.
      left_out: names of videos that were too short, as far as they were read.
      constant: number of clips so far of one colour.
      least: the least value of a float array so far.
    """

    path: str
    items: Any
    frames: int
    stride: int
    every: bool
    limit: int
    bounds: tuple[float, float]
    left_out: list[str] = field(default_factory=list)
    constant: int = 0
    least: float = math.inf

    @property
    def never_below_0(self) -> bool:
        """Whether floats of a range that begins below 0 were all above it."""
        return self.bounds[0] < 0 <= self.least < math.inf

    def __len__(self) -> int:
        """Returns the number of videos, short ones included."""
        return len(self.items)

    def clips(self) -> Iterator[np.ndarray]:
        """Yields the clips, uint8 or float32 [frames, H, W, 3], values 0..255.

        Raises:
          UserError: a video cannot be read, or a value is out of range.
        """
        for clip in itertools.islice(self._all(), self.limit):
            self.constant += bool((clip == clip[:1, :1, :1]).all())
            yield clip

    def _all(self):
        span = (self.frames - 1) * self.stride + 1
        for number, item in enumerate(self.items):
            pictures, count = self._pictures(item), 0
            while True:
                part = list(itertools.islice(pictures, span))
                if len(part) < span:
                    break
                count += 1
                yield self._in_range(np.stack(part[:: self.stride]), number)
                if not self.every:
                    break
            if not count:
                self.left_out.append(_name(item))

    def _pictures(self, item):
        """Yields the frames of a video one after the other."""
        if isinstance(item, np.ndarray):
            yield from item
        elif isinstance(item, read.Place):
            for frame, _ in read.steps(read.segments(item)):
                yield read.rgb(frame)
        else:
            yield from video_frames.read_frames(item, None, None)

    def _in_range(self, clip, number):
        """Returns a clip of a video, by its number, whose values are 0..255."""
        if clip.dtype == np.uint8:
            return clip
        low, high = self.bounds
        clip = np.asarray(clip, np.float32)
        if not np.isfinite(clip).all():
            raise BadData(f"{self.path}: video {number} holds NaN or infinite values")
        self.least = min(self.least, float(clip.min()))
        if clip.min() < low or clip.max() > high:
            raise BadData(
                f"{self.path}: video {number}: expected values from {low:g} to {high:g}, got "
                f"{clip.min():.4g} to {clip.max():.4g}; --range=LOW,HIGH says another range"
            )
        return (clip - low) * (255 / (high - low))


def opened(
    path: str | os.PathLike,
    frames: int | None = None,
    stride: int = 1,
    every: bool = False,
    limit: int = sys.maxsize,
    bounds: tuple[float, float] = (0.0, 255.0),
    split: str | None = None,
) -> Videos:
    """Returns the Videos of a path; videos are not decoded yet.

    Args:
      path: a folder of video files, nested or not; of folders of images, one for each video; a data
        set of i3d.data (records); a .npy file [N, T, H, W, 3], or a .npz with one such array.
      frames: of a clip; None: all of an array, FRAMES of others.
      stride, every, limit, bounds: as Videos has them.
      split: of a data set; None takes all splits.

    Raises:
      UserError: there is nothing of that kind, or an array is not of videos or has values that are
        surely of another range.
    """
    path = os.fspath(path)
    array = Path(path).suffix in (".npy", ".npz")
    items: Any = _array(path) if array else _videos(path, split)
    if array:
        _check_values(path, items, bounds)
    count = frames or (items.shape[1] if array else FRAMES)
    if array and (count - 1) * stride + 1 > items.shape[1]:
        raise UserError(
            f"{path}: expected videos of {(count - 1) * stride + 1} frames or more for clips of "
            f"{count} frames, stride {stride}; got {items.shape[1]}"
        )
    return Videos(path, items, count, stride, every, limit, bounds)


def is_statistics(path: str | os.PathLike) -> bool:
    """Returns whether a path is a .npz file of statistics."""
    if Path(path).suffix != ".npz" or not os.path.isfile(path):
        return False
    return statistics.are_in(_arrays(path, npy.mapped_npz))  # the values are read by who takes them


def _arrays(path, read_arrays=npy.read_npz):
    """Returns {name: array} of a .npz file."""
    try:
        return read_arrays(path)
    except (npy.ArrayError, OSError) as error:
        raise BadData(f"{path}: cannot be read: {error}") from error


def _array(path):
    """Returns the array [N, T, H, W, 3] of a file; that of a .npy stays on disk."""
    if not os.path.isfile(path):
        raise BadData(f"{path}: no such file")
    if path.endswith(".npy"):
        try:
            array = npy.mapped(path)
        except (npy.ArrayError, OSError) as error:
            raise BadData(f"{path}: cannot be read: {error}") from error
    else:
        arrays = _arrays(path)
        if len(arrays) != 1:
            raise BadData(
                f"{path}: expected one array of videos, or statistics that i3d.fvd wrote, got "
                f"{', '.join(sorted(arrays)) or 'nothing'}"
            )
        (array,) = arrays.values()
    known = array.dtype == np.uint8 or array.dtype.kind == "f"
    if array.ndim != 5 or array.shape[-1] != 3 or not known or not array.size:
        hint = "; transpose it to channels last" if 3 in array.shape[1:3] else ""
        hint = (
            '; convert it by .astype("uint8")' if array.dtype.kind in "iu" and not known else hint
        )
        raise BadData(
            f"{path}: expected videos [N, T, H, W, 3] of uint8 or float, got {array.dtype} "
            f"{array.shape}{hint}"
        )
    return array


def _check_values(path, array, bounds):
    """Raises UserError where float values lie within 0..1 and 0..255 is expected."""
    if array.dtype == np.uint8 or bounds[1] <= 1:
        return
    if all(video.max() <= 1 for video in array):
        low, high = min(video.min() for video in array), max(video.max() for video in array)
        likely = "-1,1" if low < 0 else "0,1"
        raise UserError(
            f"{path}: expected values from {bounds[0]:g} to {bounds[1]:g}, got {low:.4g} to "
            f"{high:.4g}; if they are floats of another range, give --range={likely}"
        )


def _videos(path: str, split: str | None) -> Sequence[Any]:
    """Returns the videos of a folder."""
    if not os.path.isdir(path):
        raise BadData(f"{path}: {'no such folder' if not os.path.exists(path) else _NOTHING}")
    if os.path.exists(os.path.join(path, INFO)):
        data = read.opened(path)
        if split and split not in data.shards:
            raise UserError(f"{path}: has no split {split!r}; expected {', '.join(data.shards)}")
        return list(read.videos(data, [split] if split else list(data.shards)))
    found: list[Any] = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        if any(map(images.is_image, names)) and not any(map(is_video, names)):
            found.append(images.checked(folder, _RATE))
            continue
        paths = (os.path.join(folder, name) for name in sorted(names))
        found += [one for one in paths if is_video(one)]
    if not found:
        raise BadData(f"{path}: holds no video; {_NOTHING}")
    if split:
        raise UserError("--split goes with a data set of records")
    return found


def _name(item):
    return str(item) if isinstance(item, (str, Images)) else getattr(item, "id", "a video")
