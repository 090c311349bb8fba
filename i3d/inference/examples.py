"""Example videos of classes, which join the text of a few-shot classifier without training.

    items, names = read("clips", labels=())            # clips/falling/a.mp4, ...
    few = added(predictor, items, weight=1.0, workers=2)
    few.predict("my.mp4")

TensorFlow is not imported here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from i3d.inference import decoding, few_shot, views
from i3d.runtime.command import UserError
from i3d.runtime.labels import UNLABELLED
from i3d.runtime.progress import Progress
from i3d.video import inputs

if TYPE_CHECKING:
    from i3d.inference.predictor import Predictor


def define(own: flags.FlagValues) -> None:
    """Defines --examples and --examples_weight."""
    folder = "folder with a folder of example videos for each label, which join its text"
    flags.DEFINE_string("examples", None, folder, flag_values=own)
    weight = "weight of the mean of the examples against the text; 1: the mean of both"
    flags.DEFINE_float("examples_weight", few_shot.WEIGHT, weight, 0, flag_values=own)


def given(own: flags.FlagValues) -> list[str]:
    """Returns the flags of examples that are there.

    Raises:
      UserError: --examples_weight is there alone.
    """
    if own["examples_weight"].present and not own.examples:
        raise UserError("--examples_weight goes with --examples=FOLDER")
    return ["--examples"] if own.examples else []


def read(
    folder: str, labels: Sequence[str] = (), image_fps: float | None = None
) -> tuple[list[inputs.Item], list[str]]:
    """Returns the videos of a folder of classes, and the names of the classes.

    Args:
      folder: it holds a folder of videos for each class.
      labels: of the classes, which the folders are named by; (): the names of the folders.
      image_fps: images per second of folders of images.

    Raises:
      UserError: it is no such folder, or a class has no video.
    """
    if not Path(folder).is_dir():
        raise UserError(f"--examples: {folder}: expected a folder with a folder for each label")
    items, names = inputs.read(folder, labels=list(labels) or None, image_fps=image_fps)
    if list(names) == [UNLABELLED]:
        raise UserError(f"--examples: {folder}: expected a folder of videos for each label in it")
    few_shot.check_each([item.label for item in items], names)
    return items, names


def added(
    found: "Predictor", items: Sequence[inputs.Item], weight: float, workers: int
) -> "Predictor":
    """Returns a Predictor whose classes are text and examples; prints how many examples there are.

    Args:
      found: Predictor of one network with a text tower and labels.
      items: videos; their labels are numbers of its classes.
      weight: of the means of the examples, see few_shot.added.
      workers: processes that decode.

    Raises:
      UserError: an example cannot be read, or a class has none.
    """
    tasks = views.tasks_of([found.spec], [item.source for item in items])
    rows, progress = {}, Progress(len(tasks), "video", "examples")
    size = views.view_bytes(found.spec)
    with decoding.Decoders(views.of_task, tasks, workers, size) as pieces, progress:
        for place, features in found.features_of(pieces):
            if isinstance(features, str):
                raise UserError(f"--examples: {items[place].source}: {features}")
            rows[place] = features
            progress.add()
    print(
        f"the means of {len(rows)} examples of {len(found.class_names)} classes are added to the "
        f"text with weight {weight:g}",
        file=sys.stderr,
    )
    features = np.stack([rows[place] for place in range(len(rows))])
    return found.of_examples(features, np.array([item.label for item in items]), weight)
