"""Chooses a few videos of each class of a folder, to be labelled.

    clips = chosen("videos", "labelled", samples_per_class=2, seed=0)
    clips[0].video, clips[0].out          # "videos/run/a.avi", "labelled/run/a.mp4"
    clips[0].truth                        # "run"

The same seed chooses the same videos, whatever the other classes hold.
"""

import difflib
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from i3d.runtime import labels
from i3d.runtime.command import UserError
from i3d.video import inputs


class Clip(NamedTuple):
    """A video to be labelled.

    Attributes:
      video: path.
      out: path of the labelled video.
      truth: its true label, "" where it is not known.
    """

    video: str
    out: str
    truth: str = ""


def chosen(videos: str, out: str, samples_per_class: int, seed: int) -> list[Clip]:
    """Returns a Clip for each video chosen, class by class.

    Args:
      videos: folder with a folder of videos for each class.
      out: folder of the labelled videos, with a folder for each class.
      samples_per_class: the most that are taken of a class.
      seed: of the choice.

    Raises:
      UserError: it is no such folder.
    """
    if not os.path.isdir(videos):
        raise UserError(f"--videos: {videos}: expected a folder with a folder for each class")
    if not any(Path(videos).iterdir()):
        raise UserError(
            f"--videos: {videos}: expected a folder of videos for each class, found none"
        )
    items, names = inputs.read(videos)
    if list(names) == [labels.UNLABELLED]:
        raise UserError(
            f"--videos: {videos}: expected a folder of videos for each class, got videos without "
            "classes; for one video see --help"
        )
    found = []
    for number, name in enumerate(names):
        own = [item for item in items if item.label == number]
        taken = random.Random(f"{seed} {name}").sample(own, min(samples_per_class, len(own)))
        found += [
            Clip(item.path, str(Path(out) / f"{item.id}.mp4"), name)
            for item in sorted(taken, key=lambda item: item.id)
        ]
    return found


def class_named(label: str, names: Sequence[str], source: str) -> str:
    """Returns the class that a label means; letter case and signs between words may differ.

    Args:
      label: such as "BrushHair" or "brush_hair" of the class "brush hair".
      names: of the classes.
      source: of the label, for the message.

    Raises:
      UserError: there is no such class; the message names the nearest.
    """
    if label in names:
        return label
    keys = {_key(name): name for name in names}
    if _key(label) in keys:
        return keys[_key(label)]
    near = difflib.get_close_matches(_key(label), keys, 1)
    hint = f"did you mean {keys[near[0]]!r}?" if near else f"such as {names[0]!r}"
    raise UserError(
        f"{source}: expected one of the network's {len(names)} classes, got {label!r:.80}; {hint}"
    )


def _key(name):
    return "".join(filter(str.isalnum, labels.composed(name).casefold())) or name
