"""Which windows of a video networks see, before any of them is loaded.

    windows = of_classifiers(cards, "my.mp4", window_s=None, stride_s=None)
    windows.described()                # "windows of 64 frames (2.56 s), every 16 frames (0.64 s)"
    check_long_enough(spec, "my.mp4")  # has it a window, for the rows of a localizer?

TensorFlow is not imported here.
"""

from collections.abc import Sequence
from typing import NamedTuple

from i3d.data.feature_spec import FeatureSpec
from i3d.inference.dense_views import DenseViews
from i3d.inference.timeline import window_seconds
from i3d.runtime.command import UserError
from i3d.video.frames import stated
from i3d.video.sampled import frame_rate
from i3d.video.streamed import streamed
from i3d.weights.cards import Card

STRIDES = 4  # from one window of a classifier to the next, this part of it
_USUAL_FPS = 25.0  # of a video that does not say
_LEAST_ROW = 0.95  # of a window that a video must have, for the rows of a localizer
_SURE = 2  # times that, as a header says, at which frames are not counted


class Windows(NamedTuple):
    """Windows that slide over a video.

    Attributes:
      window, stride: frames.
      fps: that the video is resampled to; 0: its own rate.
      rate: frames per second that are counted.
    """

    window: int
    stride: int
    fps: float
    rate: float

    def described(self) -> str:
        """Returns a line on their length and their distance."""
        return (
            f"windows of {self.window} frames ({self.window / self.rate:.3g} s), every "
            f"{self.stride} frames ({self.stride / self.rate:.3g} s), at {self.rate:.5g} per second"
        )


def of_classifiers(
    cards: Sequence[Card], video: str, window_s: float | None, stride_s: float | None
) -> Windows:
    """Returns the Windows that classifiers see of a video.

    Args:
      cards: as i3d.inference.dense_views.windowed gives them.
      video: path.
      window_s: seconds of a window; None: of the networks' longest clip.
      stride_s: seconds from one to the next; None: a quarter of a window.

    Raises:
      UserError: a network needs a longer window, or frames would lie between windows.
    """
    specs = [card.spec for card in cards]
    fps = max(spec.fps for spec in specs)
    rate = fps or frame_rate(video) or _USUAL_FPS
    seconds = window_s or window_seconds(specs, video)
    step_s = stride_s or seconds / STRIDES
    if step_s > seconds:
        raise UserError(
            f"--stride_s: expected at most {seconds:g}, the seconds of a window, got {step_s:g}: "
            "what lies between windows would not be seen; raise --window_s or lower --stride_s"
        )
    window, stride = (max(1, round(each * rate)) for each in (seconds, step_s))
    try:
        DenseViews.of(cards, window, stride, fps)
    except UserError as error:  # the window is too short
        line = str(error).replace("--window:", f"--window_s={seconds:g}:")
        raise UserError(line) from error
    return Windows(window, stride, fps, rate)


def seen(card: Card, window: int, stride: int) -> str:
    """Returns a line on a network, and on what it sees of each window.

    Args:
      card: as i3d.inference.dense_views.windowed gives it.
      window, stride: frames.
    """
    spec = card.spec
    layout = DenseViews.of([card], window, stride).layouts[0]
    unit = "fields of flow" if spec.stream == "flow" else "frames"
    snippets = f"{layout.views} snippet(s) of " if layout.views > 1 else ""
    return (
        f"{card.named()}: {snippets}{len(layout.offsets)} {unit} of each window x {spec.crops} "
        f"crop(s) of {spec.crop} px"
    )


def check_long_enough(spec: FeatureSpec, video: str) -> None:
    """Raises UserError where a video is shorter than a window of a localizer's rows."""
    rate = spec.fps or frame_rate(video) or _USUAL_FPS
    stated_s, wanted_s = stated(video)[2] or 0.0, spec.window / rate
    if stated_s > _SURE * wanted_s:
        return
    count = 0
    for count, _ in enumerate(streamed(video, lambda number: False, spec.fps), 1):
        if count >= _LEAST_ROW * spec.window:
            return
    raise UserError(
        f"{video}: expected {wanted_s:.2f} s or more, a window of {spec.window} frames at "
        f"{rate:g} per second, got {count / rate:.2f} s"
    )
