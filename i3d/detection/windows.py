"""Which frames of a video are key frames, which the network sees with each, and which are shown.

    windows = Windows(frames=8, stride=8)            # of an InputSpec
    windows.keys(250)                                # [31, 39, 47, ...], frame numbers from 0
    windows.seen(31)                                 # [7, 15, 23, 31, 39, 47, 55, 63]
    windows.shown(31)                                # [29, 33]

Key frames, windows and shown frames are those of MMAction2's demo_spatiotemporal_det, which counts
frames from 1. A video that is shorter than a window has one key frame, in its middle, where that
demo fails; frames before the first and after the last are the first and the last.
"""

from dataclasses import dataclass

from i3d.runtime.command import UserError


@dataclass(frozen=True)
class Windows:
    """Frame numbers, from 0, around the key frames of a video.

    Attributes:
      frames: that the network sees; even.
      stride: from one of them to the next.
      predict_step: from one key frame to the next.
      output_step: from one shown frame to the next; it divides predict_step.
    """

    frames: int
    stride: int
    predict_step: int = 8
    output_step: int = 4

    def __post_init__(self) -> None:
        """Raises UserError where the numbers do not fit."""
        if self.frames % 2:
            raise UserError(f"expected a network of an even number of frames, got {self.frames}")
        if self.predict_step % self.output_step:
            raise UserError(
                "--predict_stepsize: expected a multiple of --output_stepsize="
                f"{self.output_step}, got {self.predict_step}"
            )

    @property
    def span(self) -> int:
        """Frames of a window, those between its frames included."""
        return self.frames * self.stride

    def is_key(self, number: int) -> bool:
        """Returns whether a frame is a key frame of a video that goes on for half a window."""
        past = number - (self.span // 2 - 1)
        return past >= 0 and past % self.predict_step == 0

    def keys(self, count: int) -> list[int]:
        """Returns the key frames of a video of `count` frames, at least one."""
        first, last = self.span // 2 - 1, count - self.span // 2 - 1
        return list(range(first, last + 1, self.predict_step)) or [(count - 1) // 2]

    def seen(self, key: int) -> list[int]:
        """Returns the frames that the network sees with a key frame; some may not be there."""
        first = key - (self.frames // 2 - 1) * self.stride
        return [first + i * self.stride for i in range(self.frames)]

    def shown(self, key: int) -> list[int]:
        """Returns the frames that a key frame's people are drawn on; some may not be there."""
        first = key - (self.predict_step - self.output_step + 1) // 2
        return [first + i * self.output_step for i in range(self.predict_step // self.output_step)]

    def last(self, key: int) -> int:
        """Returns the last frame that is needed for a key frame."""
        return max(self.seen(key)[-1], self.shown(key)[-1], key)


def clamped(number: int, count: int) -> int:
    """Returns the number of the nearest frame of a video of `count` frames."""
    return min(max(number, 0), count - 1)
