"""Scores of the windows of a video, beside those of the whole video.

    found = i3d.load("rgb_scratch").timeline("film.mp4", window_s=2)
    found.probabilities[found.window_at(7.5)]             # float32 [K], at 7.5 seconds
    found.whole.probabilities                             # float32 [K], as `predict` gives them

Windows follow each other without a gap; of each, one clip is seen, or the network's segments.
Needs no TensorFlow, so that decoding processes start quickly and stay small.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from i3d.inference import average, clips
from i3d.inference.average import Scores, Sums
from i3d.inference.decoding import End, View
from i3d.inference.flow_once import FlowOnce
from i3d.inference.views import WHOLE_VIDEO, Key, Video, view_bytes, views_of
from i3d.runtime.command import UserError
from i3d.spec import FPS, InputSpec, asked
from i3d.video.sampled import frame_rate

_LONGEST = 1000  # fields of flow kept of networks without a longest clip
LONGEST_S = 1e6  # of a window
SEGMENTS_S = 2.0  # a window of networks that see segments, however long a video is


class Timeline(NamedTuple):
    """What a network says of a video, window by window.

    Attributes:
      start_s, end_s: float64 [R], seconds from the first frame. A rest at the end that is shorter
        than half a window belongs to none.
      probabilities: float32 [R, K], scores in each window. Of a video that has one window they
        are those of the whole video: as short as it is, one clip would see it in another way.
      whole: Scores of the whole video.
    """

    start_s: np.ndarray
    end_s: np.ndarray
    probabilities: np.ndarray
    whole: Scores

    def window_at(self, seconds: float) -> int:
        """Returns the number of the last window that has begun at a time."""
        return max(0, int(np.searchsorted(self.start_s, seconds, "right")) - 1)


def window_seconds(specs: Sequence[InputSpec], video: Video) -> float:
    """Returns the seconds of the longest clip of networks; SEGMENTS_S for segments.

    Raises:
      UserError: the video cannot be opened.
    """
    clips = [spec for spec in specs if not spec.segments]
    if not clips:
        return SEGMENTS_S
    rate = 0.0 if all(spec.fps for spec in clips) else frame_rate(video)
    return max(spec.frames * spec.stride / (spec.fps or rate or 25.0) for spec in clips)


def check_window(seconds: float | None, name: str = "window_s") -> None:
    """Raises UserError, which names where they come from, unless seconds can be those of a window.

    Args:
      seconds: above 0 and below LONGEST_S; None is the networks' longest clip.
      name: of the argument or flag.
    """
    if seconds is not None and not 0 < seconds < LONGEST_S:
        raise UserError(
            f"{name}: expected seconds above 0 and below {LONGEST_S:,.0f}, got {seconds:g}"
        )


def tasks_of(
    specs: Sequence[InputSpec], videos: Sequence[Video], window_s: float | None = None
) -> list[tuple]:
    """Returns what `of_task` takes: each video for each InputSpec, those of a video together.

    Args:
      specs: InputSpec of each network.
      videos: paths of files, or Images of folders.
      window_s: seconds; None: `window_seconds` of each video.

    Raises:
      UserError: as `check_window`.
    """
    check_window(window_s)
    window = tuple(specs) if window_s is None else float(window_s)
    return [(spec, video, window) for video in videos for spec in specs]


def of_task(task: tuple) -> Iterator[tuple[Key, np.ndarray]]:
    """Yields (Key, uint8 view) of the whole video and of its windows; decoding processes run it.

    Flow between two frames is computed once for both.
    """
    spec, video, window = task
    seconds = window if isinstance(window, float) else window_seconds(window, video)
    rate = spec.fps or FPS
    clip_s = spec.longest * spec.stride / rate if spec.whole else 0.0
    see = FlowOnce(_fields_of(spec) + math.ceil(seconds * rate))
    windows = enumerate(clips.windows(video, in_window(spec), seconds, see=see))
    begun, reached_s = 0, 0.0
    for number, view in enumerate(views_of(video, spec, see)):
        yield WHOLE_VIDEO, view
        reached_s += clip_s * (number % spec.crops == 0)
        due = max(0, int(reached_s / seconds) - begun)  # while their flow is at hand
        begun += due
        yield from _keyed(itertools.islice(windows, due))
    yield from _keyed(windows)


def _fields_of(spec):
    """Returns how many fields of flow lie between a view of a whole video and its windows."""
    if spec.whole:
        return (spec.longest or _LONGEST) * spec.stride
    return spec.view_shape[0] * spec.clips


def _keyed(windows):
    """Yields (Key, view) of numbered windows."""
    for number, (start_s, end_s, views) in windows:
        for view in views:
            yield Key(number, start_s, end_s), view


def apart(pieces: Iterable, networks: int) -> Iterator[View | End]:
    """Yields the View and End of `tasks_of` with tasks of their own for windows.

    Of each video first those of the whole video, of each network, then those of windows.
    """
    for piece in pieces:
        video, place = divmod(piece.task, networks)
        whole = 2 * networks * video + place
        if isinstance(piece, End):
            yield piece._replace(task=whole)
            yield piece._replace(task=whole + networks)
        else:
            windowed = not math.isnan(piece.key.end_s)
            yield piece._replace(task=whole + networks * windowed)


def most_bytes(specs: Sequence[InputSpec]) -> int:
    """Returns the most bytes that a view of a task has; UserError as `view_bytes`."""
    return max(view_bytes(seen) for spec in specs for seen in (spec, in_window(spec)))


def joined(sums: Sequence[Sums], activation: str) -> Timeline:
    """Returns the Timeline of the Sums of one video: of each network's views, then its windows.

    Logits of several networks are added.

    Raises:
      UserError: there is no view, or the logits are not finite.
    """
    half = len(sums) // 2
    whole = average.added([one.scores() for one in sums[:half]], activation)
    start_s, end_s, scores = windows_of(sums[half:], activation)
    probabilities = scores.probabilities
    if len(start_s) == 1:  # looped to another length, or seen in other clips, it would contradict
        probabilities = whole.probabilities[None]
    return Timeline(start_s, end_s, probabilities, whole)


def windows_of(sums: Sequence[Sums], activation: str) -> tuple[np.ndarray, np.ndarray, Scores]:
    """Returns (start_s, end_s, Scores) of the windows of one video.

    Args:
      sums: Sums of its windows by each network, whose logits are added.
      activation: as an InputSpec has it.

    Returns:
      float64 [R] twice, seconds; Scores of float32 [R, K].

    Raises:
      UserError: as `joined`.
    """
    rows = [one.rows() for one in sums]
    count = min(len(row.start_s) for row in rows)  # flow may lack a last window of one frame
    each = [one.windows() for one in sums]
    cut = [Scores(one.logits[:count], one.probabilities[:count]) for one in each]
    return rows[0].start_s[:count], rows[0].end_s[:count], average.added(cut, activation)


def in_window(spec: InputSpec) -> InputSpec:
    """Returns the InputSpec of a window: one clip, or the segments of the network."""
    return spec if spec.segments else asked(spec, clips=1)
