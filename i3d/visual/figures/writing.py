"""Writes drawn videos: atomically, several at a time; what a run has written, the next one keeps.

Main names: `Film` (a video to write), `write_films`, `check_request`, TEST_SEED.

    films = [Film(Path("out/waving_0.mp4"), "waving, seed 0", draw, ("waving", 0))]
    write_films(films, workers=2)                # draw("waving", 0) -> (fps, pictures)
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.runtime.progress import tracked
from i3d.visual.video import VideoWriter

#: Training videos take the seeds from 0 on, test videos from here on: the two never meet.
TEST_SEED = 1_000_000


class Film(NamedTuple):
    """A video to write.

    Attributes:
      path: the file.
      recipe: all that its content depends on; written into it as a comment.
      draw: a function of a module: draw(*arguments) -> (fps, iterator of pictures, each uint8
        [height, width, 3], RGB).
      arguments: of it.
    """

    path: Path
    recipe: str
    draw: Callable[..., tuple[int, Iterable[np.ndarray]]]
    arguments: tuple


def check_request(out: str | os.PathLike, videos: int, seed: int, height: int, width: int) -> None:
    """Raises UserError where an argument is out of its range.

    Args:
      out: the folder to write to.
      videos: number of seeds from `seed` on.
      seed: the first one.
      height, width: of the pictures, pixels.
    """
    if videos < 1:
        raise UserError(f"videos_per_class must be 1 or more, not {videos}")
    if seed < TEST_SEED < seed + videos:
        raise UserError(
            f"seeds {seed} to {seed + videos - 1} run into the test seeds, "
            f"which begin at {TEST_SEED}: ask for fewer videos or another seed"
        )
    if height % 2 or width % 2:
        raise UserError(f"height and width of a video must be even, not {height} x {width}")
    if os.path.exists(out) and not os.path.isdir(out):
        raise UserError(f"{out} is a file: give a folder to write to")
    check_picture(seed, height, width)


def check_picture(seed: int, height: int, width: int) -> None:
    """Raises UserError for a negative seed or too small a picture."""
    if seed < 0:
        raise UserError(f"seed must be 0 or more, not {seed}")
    if min(height, width) < 32:
        raise UserError(f"height and width must be 32 or more, not {height} x {width}")


def check_workers(workers: int) -> None:
    """Raises UserError for less than one worker."""
    if workers < 1:
        raise UserError(f"workers must be 1 or more, not {workers}")


def write_films(
    films: list[Film],
    out: str | os.PathLike,
    workers: int,
    texts: Mapping[Path, str] | None = None,
) -> list[Path]:
    """Writes the videos that are missing; the content does not depend on the number of workers.

    Args:
      films: the videos; their folders are made if need be.
      out: the folder that all are in.
      workers: processes; 1 stays in this one.
      texts: annotations of all of them, written at the end. That of fewer videos is the beginning
        of the text, and is replaced.

    Returns:
      The paths of all videos, existing ones included.

    Raises:
      UserError: a file of that name has another recipe, or is another text.
    """
    texts = texts or {}
    for path, text in texts.items():
        _check_text(path, text)
    for folder in dict.fromkeys(film.path.parent for film in films):
        folder.mkdir(parents=True, exist_ok=True)
        files.remove_partials(folder)
    missing = [film for film in films if not _is_written(film)]
    if len(missing) < len(films):
        there = len(films) - len(missing)
        print(f"{out}: {there} of {len(films)} videos are there", file=sys.stderr)
    for _ in tracked(_done(missing, workers), len(missing), unit="video", what="figures"):
        pass
    for path, text in texts.items():
        files.write_text(path, text)
    return [film.path for film in films]


def _check_text(path, text):
    """Raises UserError where a file is there that is not of the same videos, or of fewer."""
    if not path.exists():
        return
    old, new = _lines(path.read_text("utf-8")), _lines(text)
    if old != new[: len(old)]:
        raise UserError(
            f"{path} is not the file that would be written there (other seeds or size?): "
            "give another folder or delete it"
        )


def _lines(text):
    """Returns the lines without what differs where more follow: commas and the end of JSON."""
    return [line.rstrip(",") for line in text.splitlines() if line != "}}"]


def _is_written(film):
    """Returns whether the video exists, by the recipe in its comment."""
    if not film.path.exists():
        return False
    try:
        with av.open(str(film.path)) as container:
            same = container.metadata.get("comment") == film.recipe
    except av.FFmpegError:
        same = False
    if not same:
        raise UserError(
            f"{film.path} is not the video that would be written there (other size or "
            "difficulty?): give another folder or delete it"
        )
    return True


def _done(films, workers) -> Iterator[None]:
    """Writes the videos; yields once for each that is finished."""
    if workers == 1:
        for film in films:
            yield _write(film)
        return
    spawn = multiprocessing.get_context("spawn")  # safe beside the threads of TensorFlow
    with ProcessPoolExecutor(workers, spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        futures = [pool.submit(_write, film) for film in films]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write(film):
    fps, pictures = film.draw(*film.arguments)
    with VideoWriter(film.path, fps, comment=film.recipe) as video:
        for picture in pictures:
            video.add(picture)
