"""Renders a synthetic data set: small videos of a drawn figure that performs named actions.

Main names: ACTIONS, `render` (frames of one video), `write_videos` (a folder of .mp4 per class).
Some classes differ by motion alone (walking_left is walking_right mirrored, standing_up is
sitting_down backwards), two by looks alone (drinking, phoning); DIFFICULTY tunes the rest.

    write_videos("figures/train", videos_per_class=80, seed=0)
    write_videos("figures/test", videos_per_class=20, seed=TEST_SEED)
"""

import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import av
import cv2
import numpy as np

from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.runtime.progress import tracked
from i3d.visual.figures.compositions import COMPOSITIONS, LIMB_MOTIONS
from i3d.visual.figures.difficulty import DIFFICULTY, Difficulty
from i3d.visual.figures.motions import CLASSES, MOTIONS
from i3d.visual.figures.scene import Scene

#: The classes, in alphabetical order.
ACTIONS = tuple(CLASSES)
_DRAWN = CLASSES | COMPOSITIONS

#: Training videos take the seeds from 0 on, test videos from here on: the two never meet.
TEST_SEED = 1_000_000


def render(
    action: str,
    seed: int,
    height: int = 128,
    width: int = 170,
    difficulty: Difficulty = DIFFICULTY,
) -> Iterator[np.ndarray]:
    """Draws one video; equal arguments give equal frames.

    Actions made of the same motion (the pairs named above) share their whole scene when their seeds
    are equal.

    Args:
      action: one of ACTIONS, or a caption of compositions.COMPOSITIONS.
      seed: at least 0.
      height, width: pixels; at least 32.
      difficulty: the ranges that the scene is drawn from.

    Returns:
      An iterator over frames, uint8 [height, width, 3], RGB; 60 to 120 of them by default.

    Raises:
      UserError: an unknown action, a negative seed or too small a picture.
    """
    _check_picture(action, seed, height, width)
    return _draw(action, _scene(action, seed, height, width, difficulty))


def _check_picture(action, seed, height, width):
    if action not in _DRAWN:
        raise UserError(f"unknown action {action!r}: choose from {', '.join(ACTIONS)}")
    if seed < 0:
        raise UserError(f"seed must be 0 or more, not {seed}")
    if min(height, width) < 32:
        raise UserError(f"height and width must be 32 or more, not {height} x {width}")


def _scene(action, seed, height, width, difficulty):
    chosen = _DRAWN[action]
    entropy = np.random.SeedSequence([seed, *chosen.motion.encode()])
    rng = np.random.Generator(np.random.PCG64(entropy))
    motion = (MOTIONS | LIMB_MOTIONS)[chosen.motion]
    if chosen.rate:
        motion = dataclasses.replace(motion, rate=(chosen.rate, chosen.rate))
    return Scene(motion, chosen.held, rng, height, width, difficulty, chosen.left)


def _draw(action, scene):
    chosen = _DRAWN[action]
    for t in reversed(range(scene.frames)) if chosen.backwards else range(scene.frames):
        picture = scene.frame(t)
        yield np.ascontiguousarray(picture[:, ::-1]) if chosen.mirrored else picture


def write_videos(
    out: str | os.PathLike,
    videos_per_class: int,
    seed: int = 0,
    *,
    actions: Iterable[str] = ACTIONS,
    height: int = 128,
    width: int = 170,
    workers: int = 1,
    difficulty: Difficulty = DIFFICULTY,
) -> list[Path]:
    """Writes OUT/<action>/<action>_<seed>.mp4 for `videos_per_class` seeds from `seed` on.

    Existing videos are kept, so an interrupted run resumes. Writes are atomic: a final name is
    always complete. The content does not depend on the number of workers.

    Args:
      out: the folder to write to; made if missing.
      videos_per_class: at least 1.
      seed: the first seed: 0 for training, TEST_SEED for testing.
      actions: the classes to write, as for `render`.
      height, width: pixels; even, as H.264 stores colour at half the resolution.
      workers: processes; 1 stays in this one.
      difficulty: the ranges that the scenes are drawn from.

    Returns:
      The paths of all requested videos, existing ones included.

    Raises:
      UserError: an argument out of range, or a file in OUT that was made with other arguments.
    """
    out, actions = Path(out), tuple(actions)
    check_videos(out, videos_per_class, seed, height, width, actions)
    if workers < 1:
        raise UserError(f"workers must be 1 or more, not {workers}")
    jobs = [
        (out / action / f"{action}_{number}.mp4", action, number, height, width, difficulty)
        for number in range(seed, seed + videos_per_class)
        for action in actions
    ]
    for action in actions:
        (out / action).mkdir(parents=True, exist_ok=True)
        files.remove_partials(out / action)
    missing = [job for job in jobs if not _is_written(*job)]
    if len(missing) < len(jobs):
        print(f"{out}: {len(jobs) - len(missing)} of {len(jobs)} videos are there", file=sys.stderr)
    for _ in tracked(_done(missing, workers), len(missing), unit="video", what="figures"):
        pass
    return [job[0] for job in jobs]


def check_videos(
    out: str | os.PathLike,
    videos_per_class: int,
    seed: int,
    height: int,
    width: int,
    actions: Iterable[str] = ACTIONS,
) -> None:
    """Raises UserError where an argument of `write_videos` is out of its range."""
    if videos_per_class < 1:
        raise UserError(f"videos_per_class must be 1 or more, not {videos_per_class}")
    if seed < TEST_SEED < seed + videos_per_class:
        raise UserError(
            f"seeds {seed} to {seed + videos_per_class - 1} run into the test seeds, "
            f"which begin at {TEST_SEED}: ask for fewer videos or another seed"
        )
    if height % 2 or width % 2:
        raise UserError(f"height and width of a video must be even, not {height} x {width}")
    if os.path.exists(out) and not os.path.isdir(out):
        raise UserError(f"{out} is a file: give a folder to write to")
    for action in actions:
        _check_picture(action, seed, height, width)


def _recipe(action, seed, height, width, difficulty):
    wall = ", plain wall" if difficulty.plain else ""
    return f"{action}, seed {seed}, {height} x {width}, {difficulty}{wall}"


def _is_written(path, *recipe):
    """Returns whether the video exists, by the recipe in its comment."""
    if not path.exists():
        return False
    try:
        with av.open(str(path)) as container:
            same = container.metadata.get("comment") == _recipe(*recipe)
    except av.FFmpegError:
        same = False
    if not same:
        raise UserError(
            f"{path} is not the video that would be written there (other size or difficulty?): "
            "give another folder or delete it"
        )
    return True


def _done(jobs, workers):
    """Writes the videos; yields once for each that is finished."""
    if workers == 1:
        for job in jobs:
            yield _write(*job)
        return
    spawn = multiprocessing.get_context("spawn")  # safe beside the threads of TensorFlow
    with ProcessPoolExecutor(workers, spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        futures = [pool.submit(_write, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write(path, action, seed, height, width, difficulty):
    scene = _scene(action, seed, height, width, difficulty)
    with files.new_path(path) as new, av.open(str(new), "w", format="mp4") as container:
        container.metadata["comment"] = _recipe(action, seed, height, width, difficulty)
        stream = _stream(container, scene.fps, height, width)
        for picture in _draw(action, scene):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _stream(container, fps, height, width):
    if "libx264" in av.codecs_available:
        # One thread and a constant quantiser, or the bytes change from run to run: rate control
        # looks ahead, and that was seen to give other bytes for equal frames with AVX-512.
        options = {"qp": "20", "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
    else:  # a libav without GPL parts
        stream = container.add_stream("mpeg4", rate=fps)
        stream.bit_rate = 8 * height * width * fps // 10
    stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
    return stream
