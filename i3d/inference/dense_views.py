"""Makes the views of windows that slide over a video, frame by frame, from one decode of it.

    views_of = DenseViews.of([rgb_card, flow_card], window=16, stride=4)
    for key, view in views_of("film.mp4"):            # DenseKey, uint8 [N, H, W, C]
        ...

Memory holds one window of frames, however long the video is. Flow is computed once for each pair
of frames. Needs no TensorFlow, so that decoding processes start quickly and stay small.
"""

import collections
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from i3d.data import read
from i3d.flow import methods
from i3d.inference import clips
from i3d.inference.pixels import apart, cut, levels, resized
from i3d.runtime.command import UserError
from i3d.spec import MOST_NUMBERS, InputSpec, asked
from i3d.video.images import Images
from i3d.video.sampled import NothingThere
from i3d.video.streamed import streamed
from i3d.weights.cards import Card

Video = str | Images | read.Place
FRAME_NETWORKS = ("tsn_", "two_stream_")  # no layer mixes segments before their mean
_USUAL_FPS = 25.0  # of a video of one frame
_SAME_RATE = 1e-3  # share by which rates that count as equal may differ


class DenseKey(NamedTuple):
    """What a view belongs to: the network, the row that it completes, and when that lies.

    `frames` are those of the video in the row: fewer than a window where they are looped.
    """

    network: int
    row: int
    start_s: float
    end_s: float
    frames: int


class Layout(NamedTuple):
    """Which frames a network sees of a window.

    View k is of the frames k * stride + offsets; row r is the mean of views r to r + views - 1.

    Attributes:
      offsets: of the frames of a view, from the first of a window.
      views: of a row. Above 1 where each is shared by the windows that overlap.
    """

    offsets: tuple[int, ...]
    views: int = 1

    def described(self, card: Card) -> str:
        """Returns a phrase on what the network sees of a window."""
        spec = card.spec
        side = spec.crop_side  # a pair does not keep the shape of a frame
        size = f"resized to a short side of {side}"
        if isinstance(side, tuple):
            size = f"squeezed to {side[1]} x {side[0]}"
        of = f"{spec.crops} crop(s) of {spec.crop} px of frames {size}"
        many = f"{len(self.offsets)} {'fields' if spec.stream == 'flow' else 'frames'}"
        if is_of_frames(card):
            return f"{self.views} snippet(s) of {many}, each computed once, {of}"
        return f"{many}, {of}"


def name_of(video: Video) -> str:
    """Returns the name of a video in messages."""
    return video.id if isinstance(video, read.Place) else str(video)


def is_of_frames(card: Card) -> bool:
    """Returns whether the network sees each segment alone, so that windows can share them."""
    return card.model.startswith(FRAME_NETWORKS)


def windowed(card: Card, crops: int | None = None) -> Card:
    """Returns the Card of a network that is given windows.

    Args:
      card: with the InputSpec of its published test.
      crops: of each view; None: the card's.
    """
    spec = asked(card.spec, 1 if is_of_frames(card) else None, crops)
    return dataclasses.replace(card, spec=dataclasses.replace(spec, twice=False))


def layout_of(card: Card, window: int, stride: int) -> Layout:
    """Returns the Layout of windows of a number of frames.

    Networks of whole videos (I3D) see every s-th frame: s is their own stride, or less where a
    window then holds fewer frames than they need. Networks of clips or segments of a fixed length
    see their frames spread over the window. Networks of single frames (TSN) see one snippet in the
    middle of every `stride` frames, so that each snippet is seen once.

    Raises:
      UserError: the window is too short.
    """
    spec = card.spec
    segments = 1 if is_of_frames(card) else max(1, spec.segments)
    least = spec.min_frames if spec.whole else spec.frames * segments
    if window < least:
        raise UserError(f"--window: {card.name} needs at least {least} frames, got {window}")
    if is_of_frames(card):
        first = min(max(0, min(stride, window) // 2 - spec.frames // 2), window - spec.frames)
        views = (window - first - spec.frames) // stride + 1
        return Layout(tuple(range(first, first + spec.frames)), views)
    if spec.whole:
        own = range(spec.stride, 0, -1)
        step = next(step for step in own if -(-window // step) >= spec.min_frames)
        return Layout(tuple(range(0, window, step)))
    count, half = spec.segments or spec.frames, 0.5 if spec.segments else 0.0
    return Layout(tuple(int((i + half) * window / count) for i in range(count)))


@dataclasses.dataclass(frozen=True)
class DenseViews:
    """A function from a video to the views of its windows, which can be sent to another process.

    Attributes:
      specs, layouts: InputSpec and Layout of each network.
      window, stride: frames.
      fps: that videos are resampled to; 0: each of their frames is taken once.
    """

    specs: tuple[InputSpec, ...]
    layouts: tuple[Layout, ...]
    window: int
    stride: int
    fps: float = 0.0

    @classmethod
    def of(cls, cards: Sequence[Card], window: int, stride: int, fps: float = 0.0) -> "DenseViews":
        """Returns the DenseViews of cards as `windowed` gives them.

        Raises:
          UserError: as `layout_of`.
        """
        layouts = tuple(layout_of(card, window, stride) for card in cards)
        return cls(tuple(card.spec for card in cards), layouts, window, stride, fps)

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(N, H, W, C) of a view of each network."""
        each = zip(self.specs, self.layouts, strict=True)
        return [(len(layout.offsets), *spec.view_shape[1:]) for spec, layout in each]

    @property
    def view_bytes(self) -> int:
        """The most bytes that a view has.

        Raises:
          UserError: they are more than those of the largest InputSpec.
        """
        count = max(map(math.prod, self.shapes))
        if count > MOST_NUMBERS:
            raise UserError(
                f"--window: expected views of at most {MOST_NUMBERS:,} bytes, got {count:,}"
            )
        return count

    def rows(self, frames: int) -> int:
        """Returns the number of rows of a video: (frames - window) // stride + 1, at least 1."""
        return max(0, (frames - self.window) // self.stride) + 1

    def __call__(self, video: Video) -> Iterator[tuple[DenseKey, np.ndarray]]:
        """Yields (DenseKey, uint8 [N, H, W, C]), row by row; of each network its crops in turn.

        A video shorter than a window is looped to one row, with a warning.

        Raises:
          UserError: the video cannot be used; one line.
        """
        with clips.naming(name_of(video)):
            yield from self._of(video)

    def _of(self, video):
        seen = [_Seen(s, layout) for s, layout in zip(self.specs, self.layouts, strict=True)]
        begins: collections.deque = collections.deque(maxlen=self.window + 1)
        row = count = 0
        for number, second, picture, field in self._frames(video):
            for one in seen:
                one.add(number, picture, field)
            begins.append(second)
            if number == row * self.stride + self.window:
                yield from self._row(seen, row, begins[0], second, self.window)
                row += 1
                for one in seen:
                    one.forget(row * self.stride)
            count = number + 1
        if count == row * self.stride + self.window or not row:
            frames = min(count, self.window)
            for one in seen:
                one.end(name_of(video), count, self.window)
            end_s = self._end_s(begins, count)
            yield from self._row(seen, row, begins[-frames], end_s, frames)

    def _row(self, seen, row, start_s, end_s, frames):
        for network, one in enumerate(seen):
            views = one.layout.views
            for view in range(row + views - 1 if row else 0, row + views):
                for pixels in one.crops(view * self.stride):
                    yield DenseKey(network, row, start_s, end_s, frames), pixels

    def _end_s(self, begins, count):
        """Returns when the last frame ends: it is shown as long as those before it."""
        if self.fps:
            return count / self.fps
        shown = begins[-1] / (count - 1) if count > 1 else 1 / _USUAL_FPS
        return begins[-1] + shown

    def _frames(self, video):
        """Yields (number, second, uint8 [H, W, 3] or None, stored levels [H, W, 2] or None)."""
        ahead = {"rgb": (0,), "flow": (0, 1)}  # flow from a frame needs the next one too
        wanted = {
            (offset + more) % self.stride
            for spec, layout in zip(self.specs, self.layouts, strict=True)
            for offset in layout.offsets
            for more in ahead[spec.stream]
        }

        def is_wanted(number):  # the first window may be looped, and then all of it is
            return number < self.window or number % self.stride in wanted

        if isinstance(video, read.Place):
            yield from self._stored(video, is_wanted)
            return
        for number, second, picture in streamed(video, is_wanted, self.fps):
            yield number, second, picture, None

    def _stored(self, place, is_wanted):
        """Yields as `_frames` does, of a stored video."""
        streams = {spec.stream for spec in self.specs}
        rates: list[float] = []
        for number, (frame, field) in enumerate(read.steps(self._segments(place, rates))):
            picture = motion = None
            if is_wanted(number):
                picture = read.rgb(frame) if "rgb" in streams else None
                motion = apart(read.picture(field)) if field and "flow" in streams else None
            yield number, number / rates[0], picture, motion

    def _segments(self, place, rates):
        """Yields the segments of a stored video, and puts their rates into a list."""
        with_flow = any(spec.stream == "flow" for spec in self.specs)
        for segment in read.segments(place):
            if self.fps and abs(segment.fps - self.fps) > _SAME_RATE * self.fps:
                raise read.ReadError(
                    f"expected frames stored at {self.fps:g} per second, got {segment.fps:g}; "
                    "build the data set with that --fps"
                )
            if with_flow and segment.flow is None:
                raise read.ReadError("holds no flow; build it with --streams=rgb,flow")
            rates.append(segment.fps)
            yield segment


class _Seen:
    """What one network sees of the frames that a window may still need."""

    def __init__(self, spec, layout):
        self.layout, self._spec = layout, spec
        self._flow = methods.METHODS[spec.flow_method]() if spec.stream == "flow" else None
        self._side = spec.resize if self._flow else spec.crop_side
        self._grey: tuple[int, Any] = (-2, None)
        self._pictures: dict[int, np.ndarray] = {}
        self._crops: Any = None

    def add(self, number, picture, field):
        """Takes a frame of the video, and the stored flow from it to the next."""
        if self._flow is None:
            if picture is not None:
                self._keep(number, resized(picture, self._side, self._spec.interpolation))
        elif field is not None:
            self._keep(number, resized(field, self._spec.crop_side))
        elif picture is not None:
            grey = cv2.cvtColor(resized(picture, self._side), cv2.COLOR_RGB2GRAY)
            last, before = self._grey
            if last == number - 1:
                self._keep(last, resized(levels(self._flow(before, grey)), self._spec.crop_side))
            self._grey = number, grey

    def _keep(self, number, picture):
        self._crops = self._crops or clips.crops_of(picture, self._spec)
        self._pictures[number] = picture

    def forget(self, first):
        """Drops what is before a frame."""
        for number in [number for number in self._pictures if number < first]:
            del self._pictures[number]

    def end(self, name, count, window):
        """Repeats the last field of flow, and loops a video shorter than a window."""
        if self._flow is not None:
            if count < 2:
                raise NothingThere("1 frame; flow needs 2")
            if count - 2 in self._pictures:
                self._pictures[count - 1] = self._pictures[count - 2]
        clips.say_looped(name, count, window, "window")
        for number in range(count, window):
            self._pictures[number] = self._pictures[number % count]

    def crops(self, first):
        """Yields the views of the window from frame `first` on, one of each crop."""
        pictures = [self._pictures[first + offset] for offset in self.layout.offsets]
        for crop in self._crops:
            yield np.stack([cut(picture, crop) for picture in pictures])
