"""Draws the first batch of a training as the network sees it: after cropping and augmentation.

    python -m i3d.visualize batch --config=i3d/finetune_cpu --config.data.records=data/mine \\
        --out=batch.png

Takes the configuration of i3d.train. Each row is a clip: its frames from left to right (flow as
colours), above them its label; where boxes are trained, they are drawn on the key frame. Prints the
shape and the range of the clips as 8-bit levels and as the numbers that the network is given.
"""

from typing import NamedTuple

import cv2
import numpy as np
from absl import flags
from ml_collections import ConfigDict

from i3d import train
from i3d.runtime import command, files, quiet
from i3d.runtime.command import UserError
from i3d.training import config
from i3d.visual import batch
from i3d.visual.people import Drawn
from i3d.weights.localization_zoo import takes_features


class Job(NamedTuple):
    """What is asked for: the configuration, and the flags."""

    settings: ConfigDict
    out: str
    clips: int
    frames: int
    step: int


def main(argv: list[str]) -> int:
    """Draws the batch; returns the exit status."""
    return command.run(
        argv, "visualize batch", __doc__, defined_flags, checked, work, out_of_memory=train.HINT
    )


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    number = flags.DEFINE_integer
    flags.DEFINE_string("out", None, "new .png file", flag_values=own)
    number("clips", 8, "number of clips that are drawn at most", 1, 64, flag_values=own)
    number("frames", 8, "number of frames of each that are drawn at most", 1, 64, flag_values=own)
    number("step", 0, "number of the update whose batch is drawn", 0, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: a flag or the configuration cannot be used as given.
    """
    command.refuse_words(config.parse_flags(argv, own)[1:])
    if not own.out:
        raise UserError("--out is needed: a name that ends in .png")
    if takes_features(own.config.model.name):
        raise UserError(
            f"--config: {own.config.model.name} is trained on rows of features, which cannot be "
            "drawn; expected a configuration of a network that takes videos"
        )
    files.check_new(own.out, ".png")
    train.check_records(own.config)
    return Job(own.config, own.out, own.clips, own.frames, own.step)


def work(job: Job) -> None:
    """Reads the batch, draws and prints it.

    Raises:
      UserError: the records cannot be used as the configuration asks.
    """
    quiet.import_tensorflow()
    from i3d.runtime import devices
    from i3d.training import tasks

    settings = job.settings
    task = tasks.of(settings)
    records, _ = task.opened(settings, print)
    spec = task.spec(settings, records)
    found, labels = next(iter(task.batches(settings, records, devices.strategy(1), job.step)))
    given = task.prepare(spec)(found)
    if isinstance(found, dict):  # of boxes
        clips, numbers = found["clips"].numpy(), given["clips"].numpy()
        labels = {name: value.numpy() for name, value in labels.items()}
        names = task.classes(settings, records)
        rows = _rows_of_boxes(clips, found["boxes"].numpy(), labels, names)
    else:
        clips, numbers = found.numpy(), given.numpy()
        rows = _rows(clips, labels.numpy(), records.class_names)
    _write(job.out, batch.picture(rows[: job.clips], job.frames))
    for line in (*_described(clips, numbers), *map(_line, rows)):
        print(line)
    print(f"{job.out}: {min(job.clips, len(rows))} of {len(rows)} clips")


def _rows(clips, labels, class_names):
    """Returns a Row of each clip with the names of its classes."""
    if labels.ndim == 1:
        each = [[label] for label in labels]
    else:
        each = [np.flatnonzero(one) for one in labels]
    names = [", ".join(class_names[i] for i in one) or "no class" for one in each]
    titles = [f"clip {n}: {name}" for n, name in enumerate(names, start=1)]
    return [batch.Row(clip, title) for clip, title in zip(clips, titles, strict=True)]


def _rows_of_boxes(clips, boxes, labels, class_names):
    """Returns a Row of each clip with its boxes, and their classes in the title."""
    rows = []
    for number, clip in enumerate(clips):
        there = np.flatnonzero(labels["counted"][number])
        people = [Drawn(boxes[number, i], n) for n, i in enumerate(there, start=1)]
        actions = [np.flatnonzero(labels["actions"][number, i]) for i in there]
        names = [", ".join(class_names[k] for k in one) or "no class" for one in actions]
        each = "; ".join(f"{n} {name}" for n, name in enumerate(names, start=1))
        rows.append(batch.Row(clip, f"clip {number + 1}: {each or 'nobody'}", people))
    return rows


def _described(clips, numbers):
    """Returns the lines on the levels of all clips, and on what the network is given."""
    for what, array in (("levels", clips), ("input of the network", numbers)):
        shape = " x ".join(map(str, array.shape))
        yield f"{what}: {array.dtype} {shape}, {_range(array)}"


def _line(row):
    return f"{row.title}; levels {_range(row.clip)}"


def _range(array):
    exact = array.astype(np.float64)
    return f"{array.min():.4g} to {array.max():.4g}, mean {exact.mean():.3g}"


def _write(path, picture):
    _, data = cv2.imencode(".png", picture[..., ::-1])
    with files.new_file(path) as file:
        file.write(data.tobytes())
