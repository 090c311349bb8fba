"""Writes a data set of scenes with several people: videos, annotations as AVA's, a label map.

Main names: `write_scenes`, `scene` (one of them, by its seed).

    write_scenes("scenes/train", videos=200)
    # scenes/train/videos/scene_000.mp4, ..., scenes/train/annotations.csv, .../label_map.txt
"""

import os
from pathlib import Path

import numpy as np

from i3d.runtime.progress import tracked
from i3d.visual.figures import writing
from i3d.visual.figures.acts import LABELS
from i3d.visual.figures.difficulty import SEVERAL
from i3d.visual.figures.group import GroupScene

#: Large enough for OpenCV's people detector to find the figures.
HEIGHT, WIDTH = 192, 256

ANNOTATIONS, LABEL_MAP = "annotations.csv", "label_map.txt"
_HEADER = "video,second,x1,y1,x2,y2,action_id,person_id"


def scene(seed: int, height: int = HEIGHT, width: int = WIDTH) -> GroupScene:
    """Returns one scene; equal arguments give equal scenes.

    Raises:
      UserError: a negative seed or too small a picture.
    """
    writing.check_picture(seed, height, width)
    entropy = np.random.SeedSequence([seed, *b"several"])
    return GroupScene(np.random.Generator(np.random.PCG64(entropy)), height, width)


def write_scenes(
    out: str | os.PathLike,
    videos: int,
    seed: int = 0,
    *,
    height: int = HEIGHT,
    width: int = WIDTH,
    workers: int = 1,
) -> list[Path]:
    """Writes OUT/videos/scene_<seed>.mp4 for `videos` seeds from `seed` on, and the annotations.

    annotations.csv has a header and a row for each label of each person at each second that is
    labelled: video, second, x1, y1, x2, y2 in [0, 1], action_id, person_id. label_map.txt has lines
    "id: name". Existing videos are kept, so an interrupted run resumes; the two text files are
    written at the end. More videos may be asked of a folder later.

    Args:
      out: the folder to write to; made if missing.
      videos: at least 1.
      seed: the first seed: 0 for training, writing.TEST_SEED for testing.
      height, width: pixels; even, as H.264 stores colour at half the resolution.
      workers: processes; 1 stays in this one.

    Returns:
      The paths of all requested videos, existing ones included.

    Raises:
      UserError: an argument out of range, or a file in OUT that was made with other arguments.
    """
    writing.check_request(out, videos, seed, height, width)
    writing.check_workers(workers)
    out, numbers = Path(out), range(seed, seed + videos)
    rows = [_HEADER]
    for number in tracked(numbers, videos, unit="scene", what="annotations"):
        rows += _rows(number, height, width)
    texts = {
        out / ANNOTATIONS: "".join(f"{row}\n" for row in rows),
        out / LABEL_MAP: "".join(f"{i}: {name}\n" for i, name in enumerate(LABELS, start=1)),
    }
    films = [
        writing.Film(
            out / "videos" / f"{_name(number)}.mp4",
            f"several people, seed {number}, {height} x {width}, {SEVERAL}",
            _film, (number, height, width),
        )
        for number in numbers
    ]  # fmt: skip
    return writing.write_films(films, out, workers, texts)


def _name(number):
    return f"scene_{number:03d}"


def _film(number, height, width):
    drawn = scene(number, height, width)
    return drawn.fps, map(drawn.frame, range(drawn.frames))


def _rows(number, height, width):
    """Returns the lines of the annotations of one scene."""
    drawn = scene(number, height, width)
    rows = []
    for second in drawn.seconds:
        for person, known in enumerate(drawn.people):
            box = ",".join(f"{side:.5f}" for side in known.boxes[round(second * drawn.fps)])
            for label in known.labels(second):
                action = LABELS.index(label) + 1
                rows.append(f"{_name(number)},{second},{box},{action},{person}")
    return rows
