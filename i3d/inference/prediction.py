"""The classes that a network names for a video; a notebook shows them as a table with bars.

found = i3d.load("rgb_imagenet").predict("jump.mp4")      # a Prediction
name, score = found[0]
"""

from i3d.runtime.markup import bar, table


class Prediction(list[tuple[str, float]]):
    """A list of (class name, score in [0, 1]), best first."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Returns a table with a bar for each score."""
        rows = [(name, bar(score, f"{score:.3f}")) for name, score in self]
        return table(("class", "score"), rows, "Prediction")
