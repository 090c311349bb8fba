"""Keeps the views of a video that are needed twice: for its scores, and then one by one.

views = KeptViews("jump.mp4", [net.spec for net in predictor.networks])
((_, scores),) = predictor.scores(views.decoded())
for view in views.of(0):                               # uint8 [N, H, W, C] of the first network
    ...
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from i3d.inference import decoding
from i3d.inference.views import Video, of_task, tasks_of, views_of
from i3d.spec import InputSpec

_MOST_BYTES = 2**28  # of more views none is kept: they are made again


class KeptViews:
    """The views of one video for several networks."""

    def __init__(self, video: Video, specs: Sequence[InputSpec]):
        """Decodes nothing yet.

        Args:
          video: path of a file, Images of a folder, or the place of a stored video.
          specs: InputSpec of each network.
        """
        self._video, self._specs = video, specs
        self._kept: list[list[np.ndarray]] = [[] for _ in specs]
        self._left = _MOST_BYTES

    def decoded(self) -> Iterator[decoding.View | decoding.End]:
        """Yields the View and End of all networks, decoded by this process."""
        tasks = tasks_of(self._specs, [self._video])
        for piece in decoding.decoded_here(of_task, tasks):
            if isinstance(piece, decoding.View):
                self._keep(piece)
            yield piece

    def _keep(self, view):
        self._left -= view.pixels.nbytes
        if self._left >= 0:
            self._kept[view.task].append(view.pixels)
        else:
            self._kept = [[] for _ in self._specs]

    def of(self, place: int) -> Iterable[np.ndarray]:
        """Returns the views of a network, once `decoded` has come to its end.

        Args:
          place: of its InputSpec.

        Raises:
          UserError: the video, which is read again where it is long, cannot be read.
        """
        return self._kept[place] if self._left >= 0 else views_of(self._video, self._specs[place])
