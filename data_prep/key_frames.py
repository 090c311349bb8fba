"""Makes records of the key frames of a video, which is decoded once.

    for record, frames in examples(item, KeyFrameSettings(fps=30, short_side=256, reach=40)):
        tfrecord.write(shard, record)

Memory holds the JPEG files of 2 * reach + 1 frames, whatever the length of the video.
"""

import math
from collections import deque
from collections.abc import Generator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from data_prep.jpeg import jpeg
from i3d.data import keyframe_schema
from i3d.data.build_settings import KeyFrameSettings
from i3d.detection import ava
from i3d.video import frames as video_frames


class Annotated(NamedTuple):
    """What is known of one key frame; fields as of keyframe_schema.KeyFrame.

    Attributes:
      second: of the annotations.
      at_s: of the video file, seconds from its first frame.
    """

    second: float
    at_s: float
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    actions: tuple[tuple[int, ...], ...] = ()
    people: tuple[int, ...] = ()
    proposals: tuple[tuple[float, ...], ...] = ()


class KeyFrameItem(NamedTuple):
    """A video with its key frames.

    Attributes:
      id: its name in the annotations.
      path: of the file, absolute.
      key_frames: in the order of time; one at least.
    """

    id: str
    path: str
    key_frames: tuple[Annotated, ...]


def examples(
    item: KeyFrameItem, recipe: KeyFrameSettings
) -> Generator[tuple[bytes, int], None, str]:
    """Yields (serialised example, number of frames that were new in it) of each key frame.

    Near the ends of the video an example has fewer than 2 * reach + 1 frames.

    Returns:
      "", or one line on the key frames that lie beyond the end of the video.

    Raises:
      video.VideoError: the video cannot be read, or all of its key frames lie beyond its end.
    """
    height, width, _ = video_frames.stated(item.path)
    common = {"fps": recipe.fps, "source_height": height, "source_width": width}
    waiting = deque(
        (video_frames.slot(video_frames.exact(one.at_s), video_frames.exact(recipe.fps)), one)
        for one in item.key_frames
    )
    first = max(0, waiting[0][0] - recipe.reach)
    last = waiting[-1][0] + recipe.reach
    stored: deque[bytes] = deque(maxlen=2 * recipe.reach + 1)
    number, new = first - 1, 0
    for number, picture in enumerate(_pictures(item, recipe, first, last), first):
        if number < waiting[0][0] - recipe.reach:
            continue  # between key frames that are far apart
        stored.append(jpeg(picture))
        new += 1
        while waiting and number == waiting[0][0] + recipe.reach:
            yield _example(item, waiting.popleft(), stored, number, recipe, common), new
            new = 0
        if not waiting:
            return ""
    while waiting and waiting[0][0] <= number:
        yield _example(item, waiting.popleft(), stored, number, recipe, common), new
        new = 0
    return _beyond(item, waiting, (number + 1) / recipe.fps)


def _pictures(item, recipe, first, last):
    """Returns the frames from number `first` to `last`, or to the end."""
    fps = video_frames.exact(recipe.fps)
    start_s, end_s = float(Fraction(first) / fps), float(Fraction(last + 1) / fps)
    return video_frames.read_frames(item.path, recipe.fps, recipe.short_side, start_s, end_s)


def _example(item, waiting, stored, number, recipe, common):
    """Returns the bytes of a key frame; `number` is that of the last frame in `stored`."""
    place, own = waiting
    oldest = number - len(stored) + 1
    begin, end = max(oldest, place - recipe.reach), min(number, place + recipe.reach)
    return keyframe_schema.serialised(
        keyframe_schema.KeyFrame(
            id=ava.key(item.id, own.second),
            video=item.id,
            second=own.second,
            frames=[stored[index - oldest] for index in range(begin, end + 1)],
            centre=place - begin,
            boxes=np.array(own.boxes, np.float32).reshape(-1, 4),
            actions=own.actions,
            people=own.people,
            proposals=np.array(own.proposals, np.float32).reshape(-1, 5),
            **common,
        )
    )


def _beyond(item, waiting, length_s):
    """Returns a line on the key frames that are left; VideoError where these are all."""
    if not waiting:
        return ""
    first = waiting[0][1]
    at = "" if math.isclose(first.at_s, first.second) else f", {first.at_s:g} s of the file"
    problem = (
        f"key frames beyond the end of the video, {length_s:.2f} s: {len(waiting)} of "
        f"{len(item.key_frames)}, the first at second {first.second:g}{at}"
    )
    if len(waiting) == len(item.key_frames):
        raise video_frames.VideoError(f"{item.path}: {problem}")
    return f"{problem}; left out"
