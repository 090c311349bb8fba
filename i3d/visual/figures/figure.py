"""One drawn person: body, movement, outline.

Main names: `Figure`, `Performance` (how it moves), `Stance` (how it stands to the camera).

    figure = Figure(rng, time, fps=25, ranges=DIFFICULTY, scale=90.0)
    done = figure.perform(MOTIONS["wave"])
    points = figure.points(done, Stance(turn=0.2, facing=0.2), way=0.0)
    layer = figure.body_layer(place, points, colours, held=None)
"""

from typing import NamedTuple

import numpy as np

from i3d.visual.figures import looks
from i3d.visual.figures.difficulty import Difficulty
from i3d.visual.figures.motions import BODY, BONES, MOTIONS, Motion, in_between, skeleton
from i3d.visual.figures.place import Layer, Place, wander


class Performance(NamedTuple):
    """Movement of a figure.

    Attributes:
      angles: of the bones, radians, float [T, 10, 2].
      jump: height over the ground, figure heights, float [T].
      speed: of walking, figure heights a second, float [T].
      planted: 1 where the feet stay where they are, 0 in a walk; float [T] or bool.
    """

    angles: np.ndarray
    jump: np.ndarray
    speed: np.ndarray
    planted: np.ndarray | bool


class Stance(NamedTuple):
    """How a figure stands to the camera; angles in radians, float or [T].

    Attributes:
      turn: of the body. facing: of the face and toes.
      handed: 1, or -1 where the limb that acts is the left one.
    """

    turn: np.ndarray | float
    facing: np.ndarray | float
    handed: float = 1.0


class Figure:
    """A body of its own proportions.

    Args:
      rng: numpy Generator; the body is drawn at once, movement by `perform`.
      time: of each frame, seconds, float [T].
      fps: frames a second.
      ranges: Difficulty.
      scale: height of the figure, pixels.
      spot: where it stands: pixels to the right and down, in world coordinates.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        time: np.ndarray,
        fps: float,
        ranges: Difficulty,
        scale: float,
        spot: tuple[float, float] = (0.0, 0.0),
    ):
        """Draws the body; see the class."""
        self._rng, self._time, self._fps, self._ranges = rng, time, fps, ranges
        self._frames, self.scale, self._spot = len(time), scale, spot
        self._body = {k: v * (1 + ranges.body * rng.uniform(-1, 1)) for k, v in BODY.items()}

    def perform(self, motion: Motion) -> Performance:
        """Draws one performance of a motion, as long as the video."""
        rng, ranges = self._rng, self._ranges
        rate = rng.uniform(*motion.rate) * rng.uniform(*ranges.tempo)
        size, envelope = rng.uniform(*ranges.amplitude), self._envelope()
        start = rng.random()
        if motion.once:
            spare = max(0.0, self._time[-1] - 0.5 / rate)
            phase = 0.5 * np.clip((self._time - start * spare) * 2 * rate, 0, 1)
            size, envelope = 1.0, 1.0
        else:
            phase = start + rate * self._time + wander(rng, self._time, 0.04, 0.5)
        return self.performed(motion, phase, rate, size * envelope)

    def performed(
        self, motion: Motion, phase: np.ndarray, rate: float, size: np.ndarray | float = 1.0
    ) -> Performance:
        """Returns a performance of a motion, with an error of posture that is drawn.

        Args:
          motion: what is performed.
          phase: cycles gone by, float [T].
          rate: cycles in a second, for the speed of a walk.
          size: of the movement, float or [T]; 1 is the full pose.
        """
        angles, jump = in_between(motion.keys, phase, size)
        slouch = np.radians(self._rng.normal(0, self._ranges.posture, (len(BONES), 2)))
        slouch[[i for i, bone in enumerate(BONES) if bone.startswith(("thigh", "shank"))]] = 0
        leg = self._body["thigh"] + self._body["shank"]
        speed = 4 * leg * np.sin(np.radians(motion.stride) * size) * rate
        speed = np.broadcast_to(speed, self._frames)
        return Performance(angles + slouch, jump, speed, not motion.stride)

    def _envelope(self):
        """1 while the figure acts and 0 while it rests, [T]."""
        rng, length = self._rng, self._time[-1]
        rests, first = rng.random() < self._ranges.rest_chance, rng.random() < 0.5
        until = rng.uniform(0.15, 0.45) * length
        if not rests:
            return np.ones(self._frames)
        since = self._time - until if first else length - until - self._time
        ramp = np.clip(since / 0.4 + 0.5, 0, 1)
        return ramp * ramp * (3 - 2 * ramp)

    def points(
        self, performance: Performance, stance: Stance, way: np.ndarray | float
    ) -> dict[str, np.ndarray]:
        """Joints and landmarks by name, figure heights, float [T, 3]: x right, y up, z to us.

        Args:
          way: how far it has walked to the right, figure heights, float or [T].
        """
        angles, jump, _, planted = performance
        joints = skeleton(angles, jump, self._body, planted)
        for joint in joints.values():
            joint[:, 0] *= stance.handed
        nod = angles[:, 1, 0]
        points = looks.landmarks(joints, self._body, nod, stance.turn, stance.facing)
        for point in points.values():
            point[:, 0] += way
        return points

    def seat(self, handed: float) -> np.ndarray:
        """Where the pelvis of the sitting figure is, figure heights, float [3]."""
        angles, jump = in_between(MOTIONS["sit"].keys, [0.5])
        return skeleton(angles, jump, self._body)["pelvis"][0] * (handed, 1, 1)

    def shadow_layer(self, place: Place, points: dict[str, np.ndarray]) -> Layer:
        """A dark strip on the floor between the feet."""
        ground = {name: points[name] * (1, 0, 1) for name in ("ankle_l", "ankle_r")}
        part = ("ankle_l", "ankle_r", 0.055, 0.055, "shadow", 0.0)
        colours = {"shadow": 0.55 * place.floor()}
        return place.layer([part], self._seen(place, ground), self.scale, colours, shaded=0.0)

    def stool_layer(
        self, place: Place, points: dict[str, np.ndarray], away: float, colours: dict
    ) -> Layer:
        """A stool, `away` figure heights to the right."""
        return place.layer(looks.STOOL, self._seen(place, points, away), self.scale, colours)

    def body_layer(
        self, place: Place, points: dict[str, np.ndarray], colours: dict, held: str | None
    ) -> Layer:
        """The figure itself, with what it holds."""
        parts = looks.PARTS + (looks.OBJECT if held else [])
        return place.layer(parts, self._seen(place, points), self.scale, colours)

    def _seen(self, place, points, away=0.0):
        """Camera frame, figure heights -> world pixels, [T, 3]: x, y down, depth."""
        seen = {}
        for name, point in points.items():
            x, y, z = np.moveaxis(np.broadcast_to(point, (self._frames, 3)), -1, 0)
            down = z * np.sin(place.tilt) - y * np.cos(place.tilt)
            seen[name] = self.scale * np.stack([x + away, down, z], -1) + (*self._spot, 0.0)
        return seen
