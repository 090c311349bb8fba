"""Multiply-adds of networks for a view, without building them.

view = view_of("slowonly_r50_4x16x1", card.spec)   # View(..., channels=3, length=4, size=256)
gflop(view)                                        # 54.9

A multiply-add counts as one, as PySlowFast and MMAction2 count. `python -m docs.gflop` prints the
table, from the operations of the networks.
"""

from typing import NamedTuple

from i3d.data.feature_spec import FeatureSpec
from i3d.spec import InputSpec

_ROWS = 2304  # of localizers that take sequences of any length: five minutes of video
# View.key: billions of multiply-adds. Only the video tower of models with two; boxes: of one person.
_GFLOP: dict[str, float] = {}


class View(NamedTuple):
    """What a network sees at once.

    Attributes:
      model, width: name in the catalogue, and the multiplier of its filter counts.
      channels: of the input.
      length: frames of a clip, segments, or feature rows; of whole videos the frames of a clip in
        training.
      size: height and width, pixels; where whole pictures enter, the short side of a square one; 0
        of feature rows.
    """

    model: str
    channels: int
    length: int
    size: int
    width: float = 1.0

    @property
    def key(self) -> str:
        """Name in the table."""
        width = f" {self.width:g}" if self.width != 1 else ""
        return f"{self.model}{width} {self.channels}x{self.length}x{self.size}"


def view_of(
    model: str, spec: InputSpec | FeatureSpec, width: float = 1.0, longest: int = 0
) -> View:
    """Returns the View of a model.

    Args:
      model: name in the catalogue.
      spec: of its test.
      width: multiplies filter counts.
      longest: feature rows that shorter sequences are filled up to; 0: 2304, unless the spec says.
    """
    if isinstance(spec, FeatureSpec):
        return View(model, spec.channels, longest or spec.rows or _ROWS, 0, width)
    size = spec.crop or (spec.resize if isinstance(spec.resize, int) else min(spec.resize))
    return View(model, spec.channels, spec.length or spec.frames, size, width)


def gflop(view: View) -> float | None:
    """Returns billions of multiply-adds for a view, None for one that was not counted."""
    return _GFLOP.get(view.key)
