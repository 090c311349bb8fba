"""Writes a data set of long videos in which a figure does one thing after another.

Main names: `write_untrimmed`, `long_scene` (one of them, by its seed).

    write_untrimmed("untrimmed/train", videos=100)
    # untrimmed/train/videos/untrimmed_000.mp4, ..., .../annotations.csv, .../annotations.json
"""

import json
import os
from pathlib import Path

import numpy as np

from i3d.visual.figures import writing
from i3d.visual.figures.long_scene import UNTRIMMED, LongScene, script_of, segments_of
from i3d.visual.figures.script import FPS

#: As the videos of one action.
HEIGHT, WIDTH = 128, 170

CSV, JSON, VIDEOS = "annotations.csv", "annotations.json", "videos"
_HEADER = "path,label,start_s,end_s\n"


def long_scene(seed: int, height: int = HEIGHT, width: int = WIDTH) -> LongScene:
    """Returns one video, ready to be drawn; equal arguments give equal videos.

    Raises:
      UserError: a negative seed or too small a picture.
    """
    writing.check_picture(seed, height, width)
    return LongScene(_generator(seed), height, width)


def _generator(seed):
    entropy = np.random.SeedSequence([seed, *b"untrimmed"])
    return np.random.Generator(np.random.PCG64(entropy))


def write_untrimmed(
    out: str | os.PathLike,
    videos: int,
    seed: int = 0,
    *,
    height: int = HEIGHT,
    width: int = WIDTH,
    workers: int = 1,
) -> list[Path]:
    """Writes OUT/videos/untrimmed_<seed>.mp4 for `videos` seeds from `seed` on, and when is what.

    annotations.csv has a row for each action: path (under OUT), label, start_s, end_s.
    annotations.json has the same in the form of ActivityNet, with the duration in seconds, the
    frame rate and the subset of each video: "training", or "test" of seeds from
    writing.TEST_SEED on. Existing videos are kept, so an interrupted run resumes; the two files of
    annotations are written at the end. More videos may be asked of a folder later.

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
    known = {_name(number): _known(number) for number in numbers}
    texts = {out / CSV: _csv(known), out / JSON: _json(known)}
    films = [
        writing.Film(
            out / VIDEOS / f"{_name(number)}.mp4",
            f"untrimmed, seed {number}, {height} x {width}, {UNTRIMMED}",
            _film, (number, height, width),
        )
        for number in numbers
    ]  # fmt: skip
    return writing.write_films(films, out, workers, texts)


def _name(number):
    return f"untrimmed_{number:03d}"


def _film(number, height, width):
    drawn = long_scene(number, height, width)
    return drawn.fps, map(drawn.frame, range(drawn.frames))


def _known(number):
    """Returns what ActivityNet's form says of a video."""
    parts = script_of(_generator(number))
    return {
        "subset": "test" if number >= writing.TEST_SEED else "training",
        "duration": parts[-1].end / FPS,
        "fps": float(FPS),
        "annotations": [
            {"segment": [start_s, end_s], "label": label}
            for label, start_s, end_s in segments_of(parts)
        ],
    }


def _csv(known):
    rows = (
        f"{VIDEOS}/{name}.mp4,{one['label']},{one['segment'][0]:.2f},{one['segment'][1]:.2f}\n"
        for name, of_video in known.items()
        for one in of_video["annotations"]
    )
    return _HEADER + "".join(rows)


def _json(known):
    """Returns a line for each video, so that the file of fewer videos is its beginning."""
    lines = ",\n".join(f'"{name}": {json.dumps(of_video)}' for name, of_video in known.items())
    return f'{{"database": {{\n{lines}\n}}}}\n'
