"""Animated GIFs, written frame by frame, each frame with its own palette.

with GifWriter("sample.gif", fps=25) as gif:
    gif.add(frame)                                     # uint8 RGB [H, W, 3]
"""

import contextlib
import os
from fractions import Fraction

import av
import numpy as np

from i3d.runtime import files


class GifWriter:
    """A looping GIF; the file appears under its final name only when it is complete.

    Frames are uint8 RGB [H, W, 3], all of one size. Memory does not grow with their number.
    Leaving the `with` block by an error, or without a frame, leaves no file.
    """

    def __init__(self, path: os.PathLike | str, fps: float):
        """Checks the path; raises UserError where the file exists.

        GIF stores the delay of a frame in hundredths of a second: 25 fps is exact.
        """
        files.check_new(path)
        self._path, self._rate = path, Fraction(fps).limit_denominator(1000)
        self._writing = contextlib.ExitStack()
        self._count = 0

    def add(self, frame: np.ndarray) -> None:
        """Appends one frame."""
        if not self._count:
            self._writing.enter_context(self._opened(*frame.shape[:2]))
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = self._count
        self._count += 1
        self._graph.push(picture)
        self._drain()

    def __enter__(self):
        """Returns the writer; the file is opened by the first frame."""
        return self

    def __exit__(self, *error):
        """Finishes and renames the file, or removes it after an error."""
        return self._writing.__exit__(*error)

    @contextlib.contextmanager
    def _opened(self, height, width):
        """Opens the file and the encoder, which is emptied at the end."""
        with (
            files.new_path(self._path) as path,
            av.open(str(path), "w", format="gif") as self._container,
        ):
            self._stream = self._container.add_stream("gif", rate=self._rate)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "pal8"
            self._graph = _palette_graph(width, height, self._rate)
            yield
            self._graph.push(None)
            self._drain()
            self._container.mux(self._stream.encode())

    def _drain(self):
        """Encodes what the filter has ready; it holds a frame back now and then."""
        while True:
            try:
                self._container.mux(self._stream.encode(self._graph.pull()))
            except (BlockingIOError, EOFError):
                return


def _palette_graph(width, height, rate):
    """Returns a filter graph that gives each frame the palette of its own colours."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("rgb24"), time_base=1 / rate
    )
    split, generate = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    use, sink = graph.add("paletteuse", "new=1"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(generate, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
