"""One long procedural video: a figure that does one thing after another, with pauses.

Main names: `LongScene`, `script_of` (what happens in one), UNTRIMMED (the ranges of its look).

    scene = LongScene(np.random.default_rng(3), 128, 170)
    picture = scene.frame(0)                        # uint8 [128, 170, 3]
    scene.segments[0]                               # ("waving", 1.4, 4.12)
"""

import dataclasses

import numpy as np

from i3d.visual.figures import looks, script
from i3d.visual.figures.difficulty import DIFFICULTY, Difficulty
from i3d.visual.figures.figure import Figure, Performance, Stance
from i3d.visual.figures.place import Place
from i3d.visual.figures.script import FPS, Part

#: As the videos of one action, but for their length; the camera keeps up with a walker.
UNTRIMMED = dataclasses.replace(DIFFICULTY, seconds=(15.0, 30.0), tracking=(0.9, 1.1))
_BLEND_S = 0.4  # of one part with the next
_CLUTTER_S = 8.0  # things that move come anew so often


def script_of(rng: np.random.Generator, difficulty: Difficulty = UNTRIMMED) -> list[Part]:
    """Returns the parts of the LongScene of a generator of this state."""
    return script.written(rng, round(rng.uniform(*difficulty.seconds) * FPS))


def segments_of(parts: list[Part]) -> tuple[tuple[str, float, float], ...]:
    """Returns (name of the class, start, end) of each action, seconds."""
    return tuple((part.label, part.start / FPS, part.end / FPS) for part in parts if part.label)


class LongScene:
    """One video, ready to be drawn.

    Args:
      rng: numpy Generator.
      height, width: of the pictures, pixels.
      difficulty: the ranges to draw from.

    Attributes:
      fps: 25.
      frames: number of frames.
      segments: (name of the class, start, end) of each action, seconds. Where two parts blend, the
        boundary is the middle.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        height: int,
        width: int,
        difficulty: Difficulty = UNTRIMMED,
    ):
        """Draws all that is random; see the class."""
        self.fps, self._rng, self._ranges = FPS, rng, difficulty
        self._parts = script_of(rng, difficulty)
        self.frames, self.segments = self._parts[-1].end, segments_of(self._parts)
        time = np.arange(self.frames) / FPS
        scale = height * rng.uniform(*difficulty.height)  # pixels in a figure height
        self._place = Place(rng, (height, width), time, difficulty)
        self._figure = Figure(rng, time, FPS, difficulty, scale)
        done, stance = self._acted(rng.choice((-1.0, 1.0)))
        way = np.cumsum(done.speed) / FPS
        way -= (way.min() + way.max()) / 2
        self._place.aim(way * scale, scale)
        self._place.build()
        passes = max(1, round(self.frames / FPS / _CLUTTER_S))
        clutter = [layer for _ in range(passes) for layer in self._place.clutter(scale)]
        figure = self._figure_layers(done, stance, way)
        self._layers = [*clutter, *figure, *self._place.occluder(scale)]
        self._place.light()

    def frame(self, t: int) -> np.ndarray:
        """Draws frame t: uint8 [height, width, 3], RGB."""
        return self._place.picture(self._layers, t)

    def _acted(self, handed) -> tuple[Performance, Stance]:
        """Returns the movement of all parts, each blended with the next, and how it stands."""
        shares = _shares(self._parts, self.frames)
        total: list[np.ndarray | float] = [0.0] * 4
        turn, facing = np.zeros(self.frames), np.zeros(self.frames)
        side = (0.0, 0.0)
        for part, share in zip(self._parts, shares, strict=True):
            done = self._figure.performed(
                part.motion, part.phases(self.frames), abs(part.rate), self._size(part)
            )
            signed = done._replace(speed=done.speed * part.heading)
            for place, field in enumerate(signed):
                total[place] = total[place] + (np.asarray(field).T * share).T
            if not (part.seated and part.label != "sitting_down"):  # the stool stays where it is
                side = self._side(part)
            turn, facing = turn + share * side[0], facing + share * side[1]
        return Performance(*total), Stance(turn, facing, handed)

    def _size(self, part):
        return self._rng.uniform(*self._ranges.amplitude) if not part.motion.once else 1.0

    def _side(self, part):
        """Draws (turn, facing) of a part, radians."""
        rng, ranges = self._rng, self._ranges
        turn = rng.uniform(*part.motion.yaw) + ranges.turn * rng.uniform(-1, 1)
        turn = np.radians(turn * (part.heading or rng.choice((-1.0, 1.0))))
        return turn, np.radians(rng.normal(0, ranges.turn)) if part.heading else turn

    def _figure_layers(self, done, stance, way):
        """The shadow, perhaps a stool, and the figure with what it holds."""
        points = self._figure.points(done, stance, way)
        layers = [self._figure.shadow_layer(self._place, points)]
        number, ranges = self._rng.integers(2**32), self._ranges
        held = [None, *dict.fromkeys(part.held for part in self._parts if part.held)]
        colours = {
            thing: looks.wardrobe(
                np.random.default_rng(number), thing, ranges.camouflage, self._place.canvas
            )
            for thing in held
        }
        layers += self._stool(stance, way, colours[None])
        bodies = {
            thing: self._figure.body_layer(self._place, points, colours[thing], thing)
            for thing in held
        }
        holds = _holds(self._parts, self.frames)
        return [*layers, [bodies[thing][t] for t, thing in enumerate(holds)]]

    def _stool(self, stance, way, colours):
        """The stool that is used, or perhaps one that is not."""
        rng, handed = self._rng, stance.handed
        there, aside = rng.random() < self._ranges.furniture, rng.choice((-1, 1))
        sits = [part.end for part in self._parts if part.label == "sitting_down"]
        when = (sits or [0])[0]
        away = way[when] if sits else way[when] + aside * rng.uniform(0.3, 0.7)
        if not (sits or there):
            return []
        stool = looks.stool(self._figure.seat(handed))
        stool = {name: looks.turned(point, stance.turn[when]) for name, point in stool.items()}
        return [self._figure.stool_layer(self._place, stool, away, colours)]


def _shares(parts: list[Part], frames: int) -> list[np.ndarray]:
    """Returns how much of each part there is at each frame, float [frames]; they add up to 1."""
    begun = []
    for part in parts[1:]:
        u = np.clip((np.arange(frames) - part.start) / (_BLEND_S * FPS) + 0.5, 0, 1)
        begun.append(u * u * (3 - 2 * u))
    begun = [np.ones(frames), *begun, np.zeros(frames)]
    return [one - after for one, after in zip(begun, begun[1:], strict=False)]


def _holds(parts: list[Part], frames: int) -> list[str | None]:
    """Returns what is in the hand at each frame: during the action and its blends."""
    holds: list[str | None] = [None] * frames
    half = round(_BLEND_S * FPS / 2)
    for part in parts:
        if part.held:
            first, last = max(0, part.start - half), min(frames, part.end + half)
            holds[first:last] = [part.held] * (last - first)
    return holds
