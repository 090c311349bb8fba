"""What a teacher is to score: videos, images, and windows of untrimmed videos.

    items, names = read("web", image_fps=None)           # as i3d.video.inputs reads them
    pieces = pieces_of(items, names, teacher.class_names, base)
    tasks = tasks_of([card.spec], pieces, window_s=None)  # for Decoders(of_task, tasks, ...)

Needs no TensorFlow, so that decoding processes start quickly and stay small.
"""

import dataclasses
import difflib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from i3d.inference import clips
from i3d.inference.timeline import in_window
from i3d.inference.views import WHOLE_VIDEO, Key, views_of
from i3d.runtime.command import UserError
from i3d.runtime.labels import UNLABELLED, composed, shortened
from i3d.runtime.text import InputError
from i3d.spec import InputSpec, asked
from i3d.video import images, inputs
from i3d.video.images import Images
from i3d.video.inputs import Item
from i3d.video.pictures import Still


class Piece(NamedTuple):
    """One video, part of a video, or image.

    Attributes:
      path: as it is listed, relative to the folder that `pieces_of` was given.
      source: what the readers of i3d.video take.
      label: class that it was searched by; "" where it has none.
      start_s, end_s: the part; None is the end.
    """

    path: str
    source: str | Images | Still
    label: str
    start_s: float = 0.0
    end_s: float | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is an image, not a video."""
        return isinstance(self.source, Still)


def read(
    web: str,
    video_root: str | None = None,
    split: str | None = None,
    labels: str | None = None,
    image_fps: float | None = None,
) -> tuple[list[Item], list[str]]:
    """Returns the videos and images of a folder or a list, and the names of their classes.

    Args:
      web, video_root, split, image_fps: as for i3d.video.inputs.read.
      labels: file of class names, for lists whose labels are indices.

    Raises:
      UserError: there are none, or one has several labels.
    """
    given = {"image_fps": image_fps, "stills": True}
    try:
        items, names = inputs.read(web, video_root, split, **given)
    except InputError:
        if not labels or os.path.isdir(web):
            raise
        items, names = inputs.read(web, video_root, split, labels, **given)
    for item in items:
        if len(item.labels) > 1:
            raise UserError(f"{item.id}: has {len(item.labels)} labels; expected one, or none")
        if item.images and item.images.count is not None:
            raise UserError(f"{item.id}: expected all images of the folder, got a part of them")
    return items, names


def pieces_of(
    items: Sequence[Item], names: Sequence[str], classes: Sequence[str], base: str
) -> list[Piece]:
    """Returns the Piece of each item.

    Args:
      items, names: of `read`; names that are indices mean the classes of the teacher.
      classes: names of the teacher's classes.
      base: absolute path of the folder that paths are to be relative to; all lie below it.

    Raises:
      UserError: a class is not among the teacher's, or a CSV file cannot hold a path.
    """
    labels = _labels(sorted({item.label for item in items}), names, [*map(composed, classes)])
    return [
        Piece(_listed(item, base), _source(item), labels[item.label], item.start_s, item.end_s)
        for item in items
    ]


def _labels(used, names, classes):
    """Returns {number of a class of the items: name of the teacher's, "" of the unlabelled}."""
    if list(names) == [UNLABELLED] and UNLABELLED not in classes:
        return {0: ""}
    known = set(classes)
    if names == [str(number) for number in range(len(names))] and not known & set(names):
        names = [*classes, *names[len(classes) :]]
    lacking = [names[number] for number in used if names[number] not in known]
    if lacking:
        near = difflib.get_close_matches(lacking[0], classes, 1)
        hint = f" (is {shortened(lacking[0])} {shortened(near[0])}?)" if near else ""
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise UserError(
            f"the teacher has other classes: its {len(classes)} lack "
            f"{', '.join(map(shortened, lacking[:5]))}{more}{hint}; give a teacher of the "
            "classes of the material, or rename them"
        )
    return {number: names[number] for number in used}


def _listed(item, base):
    """Returns the path of an item in a list, in which it must be one line without blank ends."""
    path = os.path.relpath(item.path, base)
    if path != path.strip() or any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in path):
        raise UserError(
            f"{ascii(path)[1:-1]}: expected a name without line breaks, control characters or "
            "blanks at its ends, which a list cannot hold; rename it"
        )
    return path


def _source(item):
    name = os.path.basename(item.path)
    is_still = item.images is None and images.is_image(name) and not inputs.is_video(item.path)
    return Still(item.path) if is_still else item.source


def tasks_of(
    specs: Sequence[InputSpec], pieces: Sequence[Piece], window_s: float | None = None
) -> list[tuple]:
    """Returns what `of_task` takes: each piece for each InputSpec, those of a piece together.

    Args:
      specs: InputSpec of each network.
      pieces: what is to be seen.
      window_s: seconds of the windows that videos are cut into; None: they are seen whole.
    """
    return [(_seen(spec, piece, window_s), piece, window_s) for piece in pieces for spec in specs]


def _seen(spec, piece, window_s):
    """Returns the InputSpec by which a piece is seen."""
    if piece.is_image:  # clips of it would be the same
        one = not (spec.segments or spec.whole)
        return dataclasses.replace(asked(spec, clips=1), twice=False) if one else spec
    return in_window(spec) if window_s else spec


def of_task(task: tuple) -> Iterator[tuple[Key, np.ndarray]]:
    """Yields (Key, uint8 view) of a task of `tasks_of`; decoding processes run it."""
    spec, piece, window_s = task
    part = piece.start_s, piece.end_s
    if window_s is None or piece.is_image:
        for view in views_of(piece.source, spec, clips.seen, *part):
            yield WHOLE_VIDEO, view
        return
    found = clips.windows(piece.source, spec, window_s, None, *part)
    for number, (start_s, end_s, views) in enumerate(found):
        for view in views:
            yield Key(number, start_s, end_s), view
