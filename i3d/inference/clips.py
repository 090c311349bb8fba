"""Samples the views of clips from a video file, or from frames in memory.

    views = opened("jump.mp4", spec)                          # of uint8 [N, H, W, C]
    for start_s, end_s, views in windows("film.mp4", spec, window_s=10.0):
        ...

As MMAction2's test pipelines do it: sampling of its 1.x releases, resize in 8 bits, crops
outermost. Only what is sampled is converted, and flow computed.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from i3d.data import cropping, view_sampling
from i3d.flow import methods
from i3d.inference.pixels import cut, levels, resized
from i3d.runtime import once
from i3d.runtime.text import counted
from i3d.spec import InputSpec
from i3d.video.images import Images
from i3d.video.pictures import Still
from i3d.video.sampled import NothingThere, frame_rate, wanted_frames
from i3d.video.source import VideoError

See = Callable[[Any, InputSpec], Any]  # `seen`, or what computes the same


def seen(frames: Any, spec: InputSpec) -> Any:
    """Returns what the network sees of frames: themselves, or levels of the flow between them."""
    if spec.stream == "rgb":
        return frames
    return (levels(field) for field in methods.flow_fields(frames, spec.flow_method))


class Views:
    """The views of the sampled clips of one video, by number: crops outermost, then clips.

    Attributes:
      end_s: where the video ends, seconds; None where more of it follows.
    """

    def __init__(self, pictures: dict, indices: np.ndarray, spec: InputSpec, end_s: Any = None):
        """Keeps its arguments.

        Args:
          pictures: {number: uint8 [H, W, 3], or levels of flow [H, W, 2]}, resized.
          indices: int [views of a crop, N], numbers of pictures.
          spec: InputSpec.
          end_s: seconds.

        Raises:
          VideoError: the pictures are too small for the crops.
        """
        self.end_s = end_s
        self._pictures, self._indices = pictures, indices
        self._crops = crops_of(next(iter(pictures.values())), spec)

    def __len__(self) -> int:
        """Returns V."""
        return len(self._crops) * len(self._indices)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields the views, uint8 [N, H, W, C]."""
        for crop, indices in itertools.product(self._crops, self._indices.tolist()):
            yield np.stack([cut(self._pictures[i], crop) for i in indices])


def opened(
    path: str | Images | Still,
    spec: InputSpec,
    start_s: float = 0.0,
    end_s: float | None = None,
    see: See = seen,
) -> Views:
    """Returns the Views of a video file, or of a part of it, where clips are sampled.

    Args:
      path: a video file, Images of a folder, or a Still.
      spec: InputSpec.
      start_s, end_s: seconds from the first frame; None is the end of the video.
      see: makes what the network sees of frames.

    Raises:
      VideoError: the file cannot be read, or has no frames (with flow no two) there.
    """
    found, steps = _sampled(path, spec, start_s, end_s, see)
    say_looped(path, steps, _span(spec))
    return found


def _sampled(path, spec, start_s, end_s, see):
    """Returns the Views of a part of a video, and how many frames or fields of flow it has."""
    ratio = frame_rate(path) / spec.fps if spec.steps_at_fps else 0
    chosen: dict[str, Any] = {}

    def choose(count):
        chosen["indices"] = view_sampling.indices(_indexable(count, spec), spec, ratio)
        return _frames_of(chosen["indices"], count, spec)

    side = spec.resize if spec.stream == "flow" else spec.crop_side
    fps = 0 if spec.steps_at_fps else spec.fps
    with naming(path):
        found = wanted_frames(
            path, choose, fps, start_s, end_s, lambda p: resized(p, side, spec.interpolation)
        )
        steps = _steps(str(path), found.count, spec)
        pictures = _with_flow(found.pictures, chosen["indices"], spec, see)
        return Views(pictures, chosen["indices"], spec, found.end_s), steps


def of_frames(frames: Any, spec: InputSpec, fps: float = 0.0) -> Views:
    """Returns the Views of frames in memory.

    Args:
      frames: sequence of uint8 RGB [H, W, 3], at the spec's frame rate if it has one.
      spec: InputSpec.
      fps: frames per second, where spec.steps_at_fps; 0 for the spec's.

    Raises:
      VideoError: as `Views`.
    """
    count = _indexable(len(frames), spec)
    indices = view_sampling.indices(count, spec, fps / spec.fps if fps else 0)
    check_length("frames", len(frames), spec)
    wanted = _frames_of(indices, len(frames), spec)
    side = spec.resize if spec.stream == "flow" else spec.crop_side
    pictures = {i: resized(frames[i], side, spec.interpolation) for i in wanted}
    return Views(_with_flow(pictures, indices, spec), indices, spec)


def windows(
    path: Any,
    spec: InputSpec,
    window_s: float,
    stride_s: float | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    see: See = seen,
) -> Iterator[tuple[float, float, "Views"]]:
    """Yields (start_s, end_s, Views) of windows that slide over a video file.

    A rest at the end that is shorter than half a window is left out, unless it is all there is.
    Each window is found by seeking where the file allows it.

    Args:
      path, spec: as for `opened`.
      window_s: seconds.
      stride_s: from one window to the next; None for window_s.
      start_s, end_s: where the first begins and the last ends; None is the end of the video.
      see: as for `opened`.

    Raises:
      VideoError: as `opened`.
    """
    stride_s = window_s if stride_s is None else stride_s
    limit = math.inf if end_s is None else end_s
    for number in itertools.count():
        begin = start_s + number * stride_s
        end = min(begin + window_s, limit)
        if number and end - begin < window_s / 2:
            return
        try:
            found, steps = _sampled(path, spec, begin, end, see)
        except NothingThere:
            if number:
                return
            raise
        reached = found.end_s
        if number and reached is not None and reached - begin < window_s / 2:
            return
        say_looped(str(path), steps, _span(spec))
        yield begin, end if reached is None else min(reached, end), found
        if reached is not None or end >= limit:
            return


def check_length(name: str, count: int, spec: InputSpec) -> None:
    """Warns once, on standard error, of a video that is short enough to be looped.

    Args:
      name: of the video.
      count: its frames.
      spec: InputSpec.

    Raises:
      NothingThere: there is one frame, and flow needs two.
    """
    say_looped(name, _steps(name, count, spec), _span(spec))


def _steps(name, count, spec):
    """Returns how many frames, or fields of flow, can be sampled; NothingThere of none."""
    if count == 1 and spec.stream == "flow":
        raise NothingThere(f"{name}: 1 frame; flow needs 2")
    return count - (spec.stream == "flow")


def _span(spec):
    """Returns how many frames of a video a clip spans."""
    return (spec.frames - 1) * spec.stride + 1


def say_looped(name: Any, count: int, span: int, what: str = "clip") -> None:
    """Warns once, on standard error, that a video shorter than a clip, or a window, is looped.

    Of a Still that goes without saying.
    """
    if count < span and not isinstance(name, Still):
        once.warn(
            "looped",
            f"{name}: {counted(count, 'frame')}, fewer than the {span} that a {what} spans: "
            "short videos are looped",
        )


@contextlib.contextmanager
def naming(name: Any) -> Iterator[None]:
    """Puts the name of the video before what is wrong with it."""
    try:
        yield
    except VideoError as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise VideoError(f"{name}: {error}") from error


def _indexable(count, spec):
    """Returns how many frames, or fields of flow, can be sampled; one frame alone gives 1."""
    return max(1, count - 1) if spec.stream == "flow" else count


def crops_of(picture: np.ndarray, spec: InputSpec) -> Sequence[cropping.Crop]:
    """Returns the Crops of views of pictures like this one; VideoError where it is too small."""
    try:
        return cropping.of_spec(spec)(picture.shape[:2])
    except ValueError as error:  # too small
        raise VideoError(str(error)) from error


def _frames_of(indices, count, spec):
    """Returns the set of frames that are needed for pictures of these numbers."""
    wanted = set(indices.ravel().tolist())
    if spec.stream == "flow":
        wanted |= {i + 1 for i in wanted}
    return {i for i in wanted if i < count}


def _with_flow(pictures, indices, spec, see=seen):
    """Returns what is seen of RGB pictures: {i: itself, or levels of flow from i to i + 1}."""
    if spec.stream == "rgb":
        return pictures
    pairs = {i: (pictures[i], pictures[i + 1]) for i in set(indices.ravel().tolist())}
    return {i: resized(next(see(iter(pair), spec)), spec.crop_side) for i, pair in pairs.items()}
