"""A labelled video that shows itself in a notebook.

from i3d.visual.notebook import labelled
labelled(i3d.load("demo_rgb"), "my.mp4")                       # the last line of a cell: plays
labelled(i3d.load("demo_rgb"), "my.mp4", out="labelled.mp4")   # and is kept
"""

import base64
import dataclasses
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.runtime.markup import escaped
from i3d.runtime.text import counted
from i3d.visual.label import label

if TYPE_CHECKING:
    from i3d.inference.predictor import Predictor

MOST_BYTES = 20_000_000  # of a video within a page: a notebook keeps it as text


@dataclasses.dataclass(frozen=True)
class LabelledVideo:
    """A video with its predictions.

    Attributes:
      video: path of the source.
      out: path of the labelled video, "" where it is kept in `data` alone.
      name, score: the best class of the whole video.
      frames, seconds: of the source.
      size: bytes of the labelled video.
      data: the labelled video, an mp4; b"" where it is larger than MOST_BYTES.
    """

    video: str
    out: str
    name: str
    score: float
    frames: int
    seconds: float
    size: int
    data: bytes = dataclasses.field(repr=False)

    def _repr_html_(self) -> str:
        """Returns a player with the video in it and a line of text; the line alone if too large."""
        file = os.path.basename(self.video)
        words = f"{file}: {self.name} {self.score:.3f}"
        about = f"{counted(self.frames, 'frame')}, {self.seconds:.2f} s"
        if not self.data:
            where = f"open {self.out}" if self.out else "give out=FILE.mp4 and open that"
            return (
                f"<p>{escaped(words)}; {about}. The labelled video of {self.size / 1e6:.1f} MB is "
                f"not shown here, where {MOST_BYTES / 1e6:.0f} MB fit: {escaped(where)}.</p>"
            )
        data = base64.b64encode(self.data).decode("ascii")
        return (
            f'<video controls muted loop style="max-width:100%" '
            f'aria-label="{escaped(words)}, predictions over time below the picture" '
            f'src="data:video/mp4;base64,{data}">{escaped(words)}</video>\n'
            f"<p>{escaped(words)}; {about}</p>"
        )


def labelled(
    predictor: "Predictor",
    video: str | os.PathLike,
    out: str | os.PathLike | None = None,
    *,
    top_k: int = 3,
    truth: str = "",
    window_s: float | None = None,
) -> LabelledVideo:
    """Returns a video with its predictions drawn under the picture, as `visualize label` does.

    Args:
      predictor: of `i3d.load`.
      video: path of the source.
      out: new .mp4 file that is kept; None keeps none.
      top_k: number of classes that are shown of each window.
      truth: the true label, "" where it is not known.
      window_s: seconds of a window; None as for `Predictor.timeline`.

    Raises:
      UserError: the video cannot be read, or the file is there already or is no .mp4.
      OSError: the file cannot be written.
    """
    source = os.fspath(video)
    if top_k < 1:
        raise UserError(f"top_k: expected 1 or more, got {top_k}")
    if out is not None:
        files.check_new(out, ".mp4")
    found = predictor.timeline(source, window_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "labelled.mp4") if out is None else Path(out)
        made = label(source, path, found, predictor.class_names, top_k=top_k, truth=truth)
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    kept = "" if out is None else os.fspath(out)
    name, score, frames, seconds, _ = made
    return LabelledVideo(source, kept, name, score, frames, seconds, size, data)
