"""Renders a synthetic data set: small videos of a drawn figure that performs named actions.

Main names: ACTIONS, `render` (frames of one video), `write_videos` (a folder of .mp4 per class).
Some classes differ by motion alone (walking_left is walking_right mirrored, standing_up is
sitting_down backwards), two by looks alone (drinking, phoning); DIFFICULTY tunes the rest.

    write_videos("figures/train", videos_per_class=80, seed=0)
    write_videos("figures/test", videos_per_class=20, seed=TEST_SEED)
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from i3d.runtime.command import UserError
from i3d.visual.figures import writing
from i3d.visual.figures.compositions import COMPOSITIONS, LIMB_MOTIONS
from i3d.visual.figures.difficulty import DIFFICULTY, Difficulty
from i3d.visual.figures.motions import CLASSES, MOTIONS
from i3d.visual.figures.scene import Scene
from i3d.visual.figures.writing import TEST_SEED

__all__ = ["ACTIONS", "TEST_SEED", "check_videos", "render", "write_videos"]

#: The classes, in alphabetical order.
ACTIONS = tuple(CLASSES)
_DRAWN = CLASSES | COMPOSITIONS


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
    _check_action(action)
    writing.check_picture(seed, height, width)
    return _draw(action, _scene(action, seed, height, width, difficulty))


def _check_action(action):
    if action not in _DRAWN:
        raise UserError(f"unknown action {action!r}: choose from {', '.join(ACTIONS)}")


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
    writing.check_workers(workers)
    rest = height, width, difficulty
    films = [
        writing.Film(
            out / action / f"{action}_{number}.mp4",
            _recipe(action, number, *rest), _film, (action, number, *rest),
        )
        for number in range(seed, seed + videos_per_class)
        for action in actions
    ]  # fmt: skip
    return writing.write_films(films, out, workers)


def check_videos(
    out: str | os.PathLike,
    videos_per_class: int,
    seed: int,
    height: int,
    width: int,
    actions: Iterable[str] = ACTIONS,
) -> None:
    """Raises UserError where an argument of `write_videos` is out of its range."""
    writing.check_request(out, videos_per_class, seed, height, width)
    for action in actions:
        _check_action(action)


def _recipe(action, seed, height, width, difficulty):
    wall = ", plain wall" if difficulty.plain else ""
    return f"{action}, seed {seed}, {height} x {width}, {difficulty}{wall}"


def _film(action, seed, height, width, difficulty):
    scene = _scene(action, seed, height, width, difficulty)
    return scene.fps, _draw(action, scene)
