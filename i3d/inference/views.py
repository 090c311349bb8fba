"""Makes the views of one video, from a file or a record, as uint8 arrays.

    views = views_of("jump.mp4", spec)                        # yields uint8 [N, H, W, C]
    for key, view in ViewsOf(spec, window_s=10.0)("film.mp4"):
        ...

Needs no TensorFlow, so that decoding processes start quickly and stay small.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from i3d.data import read, view_sampling
from i3d.inference import clips
from i3d.inference.pixels import apart, cut, resized
from i3d.inference.whole import whole_clips
from i3d.runtime.command import UserError
from i3d.spec import MOST_NUMBERS, InputSpec
from i3d.video import frames as video_frames
from i3d.video.images import Images
from i3d.video.pictures import Still
from i3d.video.sampled import NothingThere, count_frames

# A file, a folder of images, an image, or a stored video.
Video = str | Images | Still | read.Place


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

    def __call__(self, video: Video) -> Iterator[tuple[Key, np.ndarray]]:
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
        for number, (start_s, end_s, views) in enumerate(
            clips.windows(video, self.spec, self.window_s, self.stride_s)
        ):
            for view in views:
                yield Key(number, start_s, end_s), view


def views_of(
    video: Video,
    spec: InputSpec,
    see: clips.See = clips.seen,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Iterator[np.ndarray]:
    """Yields all views of a video, uint8 [N, H, W, C]; those of a whole video one after the other.

    Videos shorter than a clip are looped; a warning of the first is printed.

    Args:
      video: path of a file, Images of a folder, a Still, or the place of a stored video.
      spec: InputSpec.
      see: as for `clips.opened`; stored videos hold their flow.
      start_s, end_s: the part that is seen, seconds; None is the end. Not of stored videos.

    Raises:
      UserError: the video cannot be read, has no frames (with flow no two), or its pictures are
        smaller than the crop.
    """
    if isinstance(video, read.Place):
        yield from _stored_views(video, spec)
    elif spec.whole:
        side = None
        if isinstance(spec.resize, int) and spec.interpolation == "bilinear":
            side = spec.resize  # the reader resizes so, too
        frames = video_frames.read_frames(video, spec.fps or None, side, start_s, end_s)
        seen = (
            resized(picture, spec.crop_side, spec.interpolation) for picture in see(frames, spec)
        )
        with clips.naming(video):
            yield from whole_views(
                video, seen, spec, lambda: count_frames(video, spec.fps, start_s, end_s)
            )
    else:
        yield from clips.opened(video, spec, start_s, end_s, see)


def tasks_of(specs: Sequence[InputSpec], videos: Sequence) -> list[tuple]:
    """Returns what `of_task` takes: each video for each InputSpec, those of a video together."""
    return [(spec, video) for video in videos for spec in specs]


def view_bytes(spec: InputSpec) -> int:
    """Returns the most bytes that a view has.

    Raises:
      UserError: they are more than those of the largest InputSpec of clips.
    """
    frames, height, width, channels = spec.view_shape
    count = max(frames, spec.min_frames) * height * width * channels
    if count > MOST_NUMBERS:
        raise UserError(
            f"expected views of at most {MOST_NUMBERS:,} bytes, got {count:,}: {spec.described()}"
        )
    return count


def of_task(task: tuple) -> Iterator[tuple[Key, np.ndarray]]:
    """Yields (Key, uint8 view) of a task of `tasks_of`; decoding processes run it."""
    spec, video = task
    return ViewsOf(spec)(video)


def whole_views(
    name: Any, pictures: Any, spec: InputSpec, count_frames: Any
) -> Iterator[np.ndarray]:
    """Yields the views of a whole video, uint8 [T, H, W, C]: crops of its clips.

    Args:
      name: of the video, for messages.
      pictures: iterable of uint8 [H, W, 3], or of levels of flow [H, W, 2], resized.
      spec: InputSpec with clips=WHOLE.
      count_frames: returns the number of frames; called where the video is long.
    """
    empty = True

    def count():
        return count_frames() - (spec.stream == "flow")

    def looped(steps):
        clips.say_looped(name, steps, spec.min_frames)

    for clip in whole_clips(pictures, spec, count, looped):
        empty = False
        for crop in clips.crops_of(clip[0], spec):
            yield np.stack([cut(picture, crop) for picture in clip])
    if empty:
        raise NothingThere(f"{name}: 1 frame; flow needs 2")


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
                yield number, resized(found, spec.crop_side, spec.interpolation)

    with clips.naming(place.id):
        if spec.whole:
            yield from whole_views(place.id, (p for _, p in pictures()), spec, lambda: count)
        else:
            clips.check_length(place.id, count, spec)
            yield from clips.Views(dict(pictures()), indices, spec)
