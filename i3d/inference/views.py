"""The views of one video, file or stored, as a network takes them: uint8, before any range.

    views = views_of("jump.mp4", spec)                        # yields uint8 [N, H, W, C]
    for key, view in ViewsOf(spec, window_s=10.0)("film.mp4"):
        ...

As MMAction2's test pipelines do it: sampling of its 1.x releases, resize in 8 bits, crops
outermost. Only what is sampled is converted, and flow computed. Needs no TensorFlow.
"""

import contextlib
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from i3d.data import cropping, read, view_sampling
from i3d.flow import methods
from i3d.inference.pixels import apart, cut, levels, resized
from i3d.inference.whole import whole_clips
from i3d.spec import InputSpec
from i3d.video import frames as video_frames
from i3d.video.sampled import NothingThere, count_frames, frame_rate, wanted_frames
from i3d.video.source import VideoError

_looped: list[str] = []  # the first short video that was told


class Views:
    """The views of the sampled clips of one video, by number: crops outermost, then clips.

    Attributes:
      end_s: where the video ends, seconds; None where more of it follows.
    """

    def __init__(self, pictures: dict, indices: np.ndarray, spec: InputSpec, end_s=None):
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
        self._crops = _crops(next(iter(pictures.values())), spec)

    def __len__(self) -> int:
        """Returns V."""
        return len(self._crops) * len(self._indices)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields the views, uint8 [N, H, W, C]."""
        for crop, indices in itertools.product(self._crops, self._indices.tolist()):
            yield np.stack([cut(self._pictures[i], crop) for i in indices])


class Key(NamedTuple):
    """What a view belongs to: a window by its number, and where that lies in the video."""

    window: int
    start_s: float
    end_s: float


WHOLE_VIDEO = Key(0, 0.0, math.nan)


class ViewsOf(NamedTuple):
    """A function from a video to its views, which can be sent to another process.

    Attributes:
      spec: InputSpec of each window's views.
      window_s: seconds; None takes the whole video as one window, from 0 to NaN.
      stride_s: from one window to the next; None for window_s.
    """

    spec: InputSpec
    window_s: float | None = None
    stride_s: float | None = None

    def __call__(self, video: str | read.Place) -> Iterator[tuple[Key, np.ndarray]]:
        """Yields (Key, uint8 [N, H, W, C]), window by window.

        Args:
          video: path of a file, or the place of a stored video, which has no windows here.

        Raises:
          UserError: the video cannot be used; one line.
        """
        if self.window_s is None:
            for view in views_of(video, self.spec):
                yield WHOLE_VIDEO, view
            return
        for number, (start_s, end_s, views) in enumerate(windows(video, *self)):
            for view in views:
                yield Key(number, start_s, end_s), view


def views_of(video: str | read.Place, spec: InputSpec) -> Iterator[np.ndarray]:
    """Yields all views of a video, uint8 [N, H, W, C]; those of a whole video one after the other.

    Videos shorter than a clip are looped; the first such is told on standard error.

    Raises:
      UserError: the video cannot be read, has no frames (with flow no two), or its pictures are
        smaller than the crop.
    """
    if isinstance(video, read.Place):
        yield from _stored_views(video, spec)
    elif spec.whole:
        side = None if isinstance(spec.resize, tuple) else spec.resize
        frames = video_frames.read_frames(video, spec.fps or None, side)
        seen = (resized(picture, spec.crop_side) for picture in _seen(frames, spec))
        with _naming(video):
            yield from whole_views(video, seen, spec, lambda: count_frames(video, spec.fps))
    else:
        yield from opened(video, spec)


def tasks_of(specs: Sequence[InputSpec], videos: Sequence) -> list[tuple]:
    """Returns what `of_task` takes: each video for each InputSpec, those of a video together."""
    return [(spec, video) for video in videos for spec in specs]


def view_bytes(spec: InputSpec) -> int:
    """Returns the most bytes that a view has."""
    frames, height, width, channels = spec.view_shape
    return max(frames, spec.min_frames) * height * width * channels


def of_task(task: tuple) -> Iterator[tuple[Key, np.ndarray]]:
    """Yields (Key, uint8 view) of a task of `tasks_of`; decoding processes run it."""
    spec, video = task
    return ViewsOf(spec)(video)


def whole_views(name: str, pictures, spec: InputSpec, count_frames) -> Iterator[np.ndarray]:
    """Yields the views of a whole video, uint8 [T, H, W, C]: crops of its clips.

    Args:
      name: of the video, for messages.
      pictures: iterable of uint8 [H, W, 3], or of levels of flow [H, W, 2], resized.
      spec: InputSpec with clips=WHOLE.
      count_frames: returns the number of frames; called where the video is long.
    """
    empty = True
    for clip in whole_clips(pictures, spec, lambda: count_frames() - (spec.stream == "flow")):
        empty = False
        for crop in _crops(clip[0], spec):
            yield np.stack([cut(picture, crop) for picture in clip])
    if empty:
        raise NothingThere(f"{name}: 1 frame; flow needs 2")


def opened(path: str, spec: InputSpec, start_s=0.0, end_s=None) -> Views:
    """Returns the Views of a video file, or of a part of it, where clips are sampled.

    Args:
      path: a video file.
      spec: InputSpec.
      start_s, end_s: seconds from the first frame; None is the end of the video.

    Raises:
      VideoError: the file cannot be read, or has no frames (with flow no two) there.
    """
    ratio = frame_rate(path) / spec.fps if spec.steps_at_fps else 0
    chosen: dict[str, Any] = {}

    def choose(count):
        chosen["indices"] = view_sampling.indices(_indexable(count, spec), spec, ratio)
        return _frames_of(chosen["indices"], count, spec)

    side = spec.resize if spec.stream == "flow" else spec.crop_side
    fps = 0 if spec.steps_at_fps else spec.fps
    with _naming(path):
        found = wanted_frames(path, choose, fps, start_s, end_s, lambda p: resized(p, side))
        check_length(path, found.count, spec)
        pictures = _with_flow(found.pictures, chosen["indices"], spec)
        return Views(pictures, chosen["indices"], spec, found.end_s)


def of_frames(frames, spec: InputSpec, fps: float = 0.0) -> Views:
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
    pictures = {i: resized(frames[i], side) for i in wanted}
    return Views(_with_flow(pictures, indices, spec), indices, spec)


def windows(path, spec: InputSpec, window_s, stride_s=None, start_s=0.0, end_s=None):
    """Yields (start_s, end_s, Views) of windows that slide over a video file.

    A rest at the end that is shorter than half a window is left out, unless it is all there is.
    Each window is found by seeking where the file allows it.

    Args:
      path, spec: as for `opened`.
      window_s: seconds.
      stride_s: from one window to the next; None for window_s.
      start_s, end_s: where the first begins and the last ends; None is the end of the video.

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
            found = opened(path, spec, begin, end)
        except NothingThere:
            if number:
                return
            raise
        reached = found.end_s
        if number and reached is not None and reached - begin < window_s / 2:
            return
        yield begin, end if reached is None else min(reached, end), found
        if reached is not None or end >= limit:
            return


def check_length(name: str, count: int, spec: InputSpec) -> None:
    """Tells, on standard error, of the first video that is short enough to be looped.

    Args:
      name: of the video.
      count: its frames.
      spec: InputSpec.

    Raises:
      NothingThere: there is one frame, and flow needs two.
    """
    indexable = count - (spec.stream == "flow")
    if not indexable:
        raise NothingThere(f"{name}: 1 frame; flow needs 2")
    span = (spec.frames - 1) * spec.stride + 1
    if indexable < span and not _looped:
        _looped.append(name)
        print(
            f"{name}: {indexable} frames, fewer than the {span} that a clip spans: short videos "
            "are looped (told once)",
            file=sys.stderr,
        )


def _stored_views(place: read.Place, spec: InputSpec) -> Iterator[np.ndarray]:
    """Yields the views of a stored video; frames are taken as stored, at their own rate."""
    count, fps, flow = 1, 0.0, spec.stream == "flow"
    for segment in read.segments(place):
        count, fps = count + len(segment.frames) - 1, segment.fps
        if flow and segment.flow is None:
            raise read.ReadError(f"{place.id}: holds no flow; build it with --streams=rgb,flow")
    indices: Any = None if spec.whole else view_sampling.stored_indices(count, fps, spec)
    wanted = range(count - flow) if spec.whole else set(indices.ravel().tolist())

    def pictures():
        for number, (frame, field) in enumerate(read.steps(read.segments(place))):
            if number in wanted:
                found = apart(read.picture(field)) if flow else read.rgb(frame)
                yield number, resized(found, spec.crop_side)

    with _naming(place.id):
        if spec.whole:
            yield from whole_views(place.id, (p for _, p in pictures()), spec, lambda: count)
        else:
            check_length(place.id, count, spec)
            yield from Views(dict(pictures()), indices, spec)


@contextlib.contextmanager
def _naming(name):
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


def _crops(picture, spec):
    try:
        return cropping.of_spec(spec)(picture.shape[:2])
    except ValueError as error:  # too small
        raise VideoError(str(error)) from error


def _seen(frames, spec):
    """Returns what the network sees of frames: themselves, or levels of the flow between them."""
    if spec.stream == "rgb":
        return frames
    return (levels(field) for field in methods.flow_fields(frames, spec.flow_method))


def _frames_of(indices, count, spec):
    """Returns the set of frames that are needed for pictures of these numbers."""
    wanted = set(indices.ravel().tolist())
    if spec.stream == "flow":
        wanted |= {i + 1 for i in wanted}
    return {i for i in wanted if i < count}


def _with_flow(pictures, indices, spec):
    """Returns what is seen of RGB pictures: {i: itself, or levels of flow from i to i + 1}."""
    if spec.stream == "rgb":
        return pictures
    pairs = {i: (pictures[i], pictures[i + 1]) for i in set(indices.ravel().tolist())}
    return {i: resized(next(_seen(iter(pair), spec)), spec.crop_side) for i, pair in pairs.items()}
