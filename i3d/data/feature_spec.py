"""What feature rows a localizer sees: their length, their distance, and who made them.

    spec = FeatureSpec(channels=2048, window=16, stride=4)      # THUMOS14's I3D features
    grid = spec.grid(fps=30.0, count=500, duration_s=67.2)
    grid.seconds(0), grid.row(0.8)                              # 0.267 (middle of row 0), 4.0

Neither NumPy nor TensorFlow is imported here.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from i3d.runtime.command import UserError

STEP_TOLERANCE = 0.02  # by which the steps of two grids may differ
_WHOLE_NUMBERS = {  # the least and the most
    "channels": (1, 100_000),
    "window": (1, 100_000),
    "stride": (1, 100_000),
    "rows": (0, 100_000),
}


class Grid(NamedTuple):
    """Where in time the rows of a video lie, seconds from the first frame.

    Attributes:
      first_s: the middle of row 0.
      step_s: from one row to the next, above 0.
    """

    first_s: float
    step_s: float

    def seconds(self, row: Any) -> Any:
        """Returns the time of the middle of a row, a number or an array; rows may be fractions."""
        return row * self.step_s + self.first_s

    def row(self, seconds: Any) -> Any:
        """Returns the row, a fraction, whose middle is at a time."""
        return (seconds - self.first_s) / self.step_s


@dataclass(frozen=True)
class FeatureSpec:
    """The feature rows that a localizer takes.

    Row r is of the frames [r * stride, r * stride + window): its middle is at
    (r * stride + window / 2) / fps seconds.

    Attributes:
      channels: width of a row; of two streams RGB first, then flow.
      window: frames that a row is of.
      stride: frames from one row to the next.
      fps: frame rate that videos are resampled to; 0: each keeps its own.
      rows: to which number of rows the sequence of a video is interpolated, however long it is; 0:
        it is taken as it is.
      extractors: names of the cards of the networks that made them, RGB first; () where unknown.
    """

    channels: int
    window: int
    stride: int
    fps: float = 0.0
    rows: int = 0
    extractors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UserError where a field is of another type or out of range."""
        for name, (least, most) in _WHOLE_NUMBERS.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise UserError(
                    f"{name}: expected a whole number from {least} to {most}, got {value!r:.80}"
                )
        if type(self.fps) not in (int, float) or not 0 <= self.fps <= 1000:
            raise UserError(f"fps: expected a number from 0 to 1000, got {self.fps!r:.80}")
        names = self.extractors
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise UserError(f"extractors: expected names of cards, got {names!r:.80}")

    def grid(self, fps: float, count: int, duration_s: float = math.nan) -> Grid:
        """Returns the Grid of the rows of a video.

        Args:
          fps: of the video's own frames; not read where the spec has its own.
          count: rows before they are interpolated.
          duration_s: of the video; needed where `rows` are interpolated and the rate is unknown.

        Raises:
          UserError: neither the frame rate nor, with `rows`, the duration is known.
        """
        rate = self.fps or fps
        known = math.isfinite(rate) and rate > 0
        if not self.rows:
            if not known:
                raise UserError("expected the frame rate of the video, got none")
            return Grid(self.window / 2 / rate, self.stride / rate)
        covered = ((count - 1) * self.stride + self.window) / rate if known else duration_s
        if not (math.isfinite(covered) and covered > 0):
            raise UserError("expected the frame rate or the duration of the video, got neither")
        return Grid(covered / self.rows / 2, covered / self.rows)

    def check_grid(self, grid: Grid, fps: float, where: str) -> None:
        """Makes sure that rows are as far apart as the localizer was trained on.

        Args:
          grid: of the rows.
          fps: of the video's own frames; not read where the spec has its own.
          where: the file or video, for the message.

        Raises:
          UserError: the step differs by more than 2 percent. With `rows` any step will do.
        """
        rate = self.fps or fps
        if self.rows or not rate > 0:
            return
        expected = self.stride / rate
        if abs(grid.step_s - expected) > STEP_TOLERANCE * expected:
            raise UserError(
                f"{where}: expected a row of features every {expected:.4g} s (each {self.stride} "
                f"frames at {rate:.5g} per second), got one every {grid.step_s:.4g} s; extract "
                f"them with window {self.window} and stride {self.stride}"
            )

    def described(self) -> str:
        """Returns one line on the rows."""
        rate = f"{self.fps:g} fps" if self.fps else "own frame rate"
        rows = f", interpolated to {self.rows} rows" if self.rows else ""
        by = f" of {' and '.join(self.extractors)}" if self.extractors else ""
        return (
            f"{self.channels} features{by}, window {self.window}, stride {self.stride}, "
            f"{rate}{rows}"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON has them: tuples become lists."""
        return dataclasses.asdict(self) | {"extractors": list(self.extractors)}


def from_json(fields: dict[str, Any]) -> FeatureSpec:
    """Returns the FeatureSpec of what `to_json` gave.

    Raises:
      UserError: a field is missing or not known, or a value out of range.
    """
    if not isinstance(fields, dict):
        raise UserError(f"input: expected an object of JSON, got {fields!r:.80}")
    known = {field.name for field in dataclasses.fields(FeatureSpec)}
    if unknown := sorted(fields.keys() - known):
        raise UserError(f"input: {unknown[0]!r} is not known; it was written by a later version")
    if missing := sorted({"channels", "window", "stride"} - fields.keys()):
        raise UserError(f"input: {missing[0]!r} is missing")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return FeatureSpec(**values)
