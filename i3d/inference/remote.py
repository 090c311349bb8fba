"""Scores of videos from the workers of a Beam pipeline, a few videos at a time.

    asked = Asked(cards, labels, precision, batch_size, text, engine)
    predictor = asked.predictor()                       # that of this process
    for place, scores in scores_of(asked, videos, folder, options, progress): ...

A worker keeps the networks from one element to the next and decodes in its own process. It must
see the videos, the weights and the folder under the same paths.
"""

import dataclasses
import functools
import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from i3d.inference import load
from i3d.inference.average import Scores
from i3d.inference.predictor import Predictor
from i3d.inference.text import Text
from i3d.inference.views import Video
from i3d.runtime import beam, files, json_file
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.weights.cards import Card


@dataclasses.dataclass(frozen=True)
class Asked:
    """What `load.of_cards` takes; equal only to itself, in every process."""

    cards: list[Card] = dataclasses.field(compare=False)
    labels: str | None = dataclasses.field(compare=False)
    precision: str = dataclasses.field(compare=False)
    batch_size: int = dataclasses.field(compare=False)
    text: Text = dataclasses.field(compare=False)
    engine: str = dataclasses.field(compare=False)
    key: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    def predictor(self) -> Predictor:
        """Returns the Predictor, which is loaded once in a process."""
        return _predictor(self)


@functools.lru_cache(maxsize=1)
def _predictor(asked):
    more = {"text": asked.text, "engine": asked.engine}
    return load.of_cards(asked.cards, asked.labels, asked.precision, asked.batch_size, **more)


def scores_of(
    asked: Asked,
    videos: Sequence[Video],
    folder: Path,
    options: Sequence[str],
    progress: Progress,
) -> Iterator[tuple[int, Scores | str]]:
    """Yields (place in `videos`, Scores or why there are none), when the pipeline has ended.

    Args:
      asked: the networks.
      videos: with absolute paths.
      folder: empty, for files of the workers.
      options: Beam's own command-line options.
      progress: of the videos.

    Raises:
      UserError: the pipeline failed, or its workers do not see the folder; after what was done.
    """
    elements = [(asked, folder, some) for some in beam.slices(list(enumerate(videos)))]
    problem: BaseException | None = None
    try:
        with beam.watched(progress, lambda: len([*folder.glob("*.json")])):
            beam.each(_score, elements, options)
    except BaseException as error:  # Ctrl-C, too
        problem = error
    done = {int(path.stem): json_file.read(path) for path in sorted(folder.glob("*.json"))}
    for place, found in done.items():
        yield place, found.get("reason") or _scores(**found)
    if problem:
        raise problem
    if len(done) < len(videos):
        lost = next(place for place in range(len(videos)) if place not in done)
        raise UserError(
            f"the pipeline ended, but {len(videos) - len(done)} videos have no scores here, the "
            f"first is {videos[lost]}; Beam's workers must see {folder.parent} under the same path"
        )


def _scores(logits, probabilities):
    return Scores(np.array(logits, np.float32), np.array(probabilities, np.float32))


def _score(element):
    """Writes the scores of the videos of an element, on a worker."""
    asked, folder, some = element
    places, videos = zip(*some, strict=True)
    for at, found in asked.predictor().scores_of(videos):
        path = folder / f"{places[at]:07d}.json"
        told = {"reason": found} if isinstance(found, str) else _lists(found)
        files.write_text(path, json.dumps(told))


def _lists(scores):
    return {name: numbers.tolist() for name, numbers in scores._asdict().items()}
