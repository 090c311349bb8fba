"""One procedural video of two or three figures in one place, each with its own actions.

Main names: `GroupScene`, `Person` (what is known of a figure).

    scene = GroupScene(np.random.default_rng(3), 192, 256)
    picture = scene.frame(0)                        # uint8 [192, 256, 3]
    scene.people[0].boxes[0]                        # x1, y1, x2, y2 in [0, 1]
"""

from dataclasses import dataclass

import numpy as np

from i3d.visual.figures import looks
from i3d.visual.figures.acts import ACTS, Act
from i3d.visual.figures.difficulty import SEVERAL, Difficulty
from i3d.visual.figures.figure import Figure, Performance, Stance
from i3d.visual.figures.motions import BONES
from i3d.visual.figures.place import FRACTION_BITS, Layer, Place

_CHANGES = 0.5  # part of the scenes in which somebody changes the action
_CHANGES_TOO = 0.6  # of the other people in such a scene
_BLEND_S = 0.4  # of one action with the next
_NEAR_S = 0.2  # changes are so near to one whole second, which has no labels
_PACE = 0.6  # of a walker, beside what the legs do: there is little room
_TURN_S = 0.5  # a walker turns round in
_EDGE = 1.0  # pixels by which OpenCV draws a smoothed outline wider
_UPPER = [i for i, bone in enumerate(BONES) if bone.startswith(("upper_arm", "forearm", "head"))]


@dataclass(frozen=True)
class Person:
    """One figure of a scene.

    Attributes:
      acts: names out of ACTS, one or two.
      change: when the second one begins, seconds; infinite where there is one.
      boxes: extent of its outline in each picture, float [T, 4]: x1, y1, x2, y2 in [0, 1].
    """

    acts: tuple[str, ...]
    change: float
    boxes: np.ndarray

    def labels(self, second: float) -> tuple[str, ...]:
        """Names of what the figure does at a time, out of acts.LABELS."""
        return ACTS[self.acts[int(second > self.change)]].labels


class GroupScene:
    """One video of several figures, ready to be drawn.

    Args:
      rng: numpy Generator.
      height, width: of the pictures, pixels.
      difficulty: the ranges to draw from.

    Attributes:
      fps: 24, 25 or 30.
      frames: number of frames.
      people: the figures.
      seconds: whole seconds at which the labels of all figures hold for 0.7 s on either side.
    """

    def __init__(
        self, rng: np.random.Generator, height: int, width: int, difficulty: Difficulty = SEVERAL
    ):
        """Draws all that is random; see the class."""
        self._rng, self._ranges, self._size = rng, difficulty, (height, width)
        self.fps = int(rng.choice((24, 25, 30)))
        self.frames = round(rng.uniform(*difficulty.seconds) * self.fps)
        self._time = np.arange(self.frames) / self.fps
        last = int(self.frames / self.fps - 1)
        unlabelled = int(rng.integers(2, last)) if rng.random() < _CHANGES else 0
        self.seconds = tuple(second for second in range(1, last + 1) if second != unlabelled)
        self._place = Place(rng, self._size, self._time, difficulty)
        scales = height * rng.uniform(*difficulty.height, size=rng.integers(2, 4))
        self._place.aim(np.zeros(self.frames), scales.max())
        self._place.build()
        drawn = [self._figure(number, scales, unlabelled) for number in range(len(scales))]
        self.people = tuple(person for person, _ in drawn)
        # What is nearer is larger and covers the others.
        self._layers = [layer for number in np.argsort(scales) for layer in drawn[number][1]]
        self._place.light()

    def frame(self, t: int) -> np.ndarray:
        """Draws frame t: uint8 [height, width, 3], RGB."""
        return self._place.picture(self._layers, t)

    def _figure(self, number, scales, unlabelled):
        """Returns (Person, its layers)."""
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        scale, room = scales[number], width / len(scales)
        home = room * (number + 0.5 + rng.uniform(-0.12, 0.12)) - width / 2
        ground = 0.5 * (scale - scales.max())
        figure = Figure(rng, self._time, self.fps, ranges, scale, (home, ground))
        names, change = self._acts(number, unlabelled)
        acts = [ACTS[name] for name in names]
        held = "cup" if any(act.held for act in acts) else None
        later = np.clip((self._time - change) / _BLEND_S + 0.5, 0, 1)
        shares = [1 - later, later][: len(acts)]
        done = _blended([self._performance(figure, act) for act in acts], shares)
        heading = self._heading(done.speed * scale / room, rng.uniform(0.15, 0.35))
        stance = self._stance(acts, shares, heading)
        way = np.cumsum(_PACE * done.speed * heading) / self.fps
        points = figure.points(done, stance, way)
        colours = looks.darkened(looks.wardrobe(rng, held, 0.0, self._place.canvas))
        body = figure.body_layer(self._place, points, colours, held)
        boxes = _extents(body) / (width, height, width, height)
        person = Person(names, change, np.clip(boxes, 0, 1))
        return person, [figure.shadow_layer(self._place, points), body]

    def _acts(self, number, unlabelled):
        """Draws one or two names of ACTS, and the time between."""
        rng, names = self._rng, [*ACTS]
        weights = np.array([act.weight for act in ACTS.values()])
        first, second = rng.choice(names, 2, replace=False, p=weights / weights.sum())
        changes = rng.random() < _CHANGES_TOO or number == 0
        change = unlabelled + rng.uniform(-_NEAR_S, _NEAR_S)
        if unlabelled and changes:
            return (str(first), str(second)), change
        return (str(first),), np.inf

    def _performance(self, figure, act: Act) -> Performance:
        body = figure.perform(act.body)
        if act.arms is None:
            return body
        angles = body.angles.copy()
        angles[:, _UPPER] = figure.perform(act.arms).angles[:, _UPPER]
        return body._replace(angles=angles)

    def _heading(self, speed, reach):
        """Where a walker goes, [T]: 1 is to the right, -1 to the left, 0 to the camera.

        Args:
          speed: in rooms of a figure a second, [T]. reach: how far to either side it goes.
        """
        towards = self._rng.choice((-1.0, 1.0))
        heading, place, headings = towards, 0.0, []
        for fast in speed:
            if place * towards > reach:
                towards = -towards
            heading += np.clip(towards - heading, -1, 1) * 2 / (_TURN_S * self.fps)
            headings.append(heading)
            place += _PACE * fast * heading / self.fps
        return np.array(headings)

    def _stance(self, acts, shares, heading):
        rng, ranges = self._rng, self._ranges
        handed, turn, facing = rng.choice((-1.0, 1.0)), 0.0, 0.0
        for act, share in zip(acts, shares, strict=True):
            standing = rng.uniform(*act.yaw) + ranges.turn * rng.uniform(-1, 1)
            standing = np.radians(standing * rng.choice((-1.0, 1.0)))
            turn = turn + share * (np.pi / 2 * heading if act.body.stride else standing)
            facing = facing + share * (0.0 if act.body.stride else standing)
        return Stance(turn, facing, handed)


def _blended(performances, shares):
    """Mean of performances; a share is float [T], and they add up to one."""
    return Performance(
        *(
            sum((np.asarray(one).T * share).T for one, share in zip(field, shares, strict=True))
            for field in zip(*performances, strict=True)
        )
    )


def _extents(layer: Layer) -> np.ndarray:
    """x1, y1, x2, y2 of all corners in each frame, pixels, [T, 4]; pixels are a unit wide."""
    corners = np.stack([np.concatenate([part for part, _ in parts]) for parts in layer])
    corners = corners / 2**FRACTION_BITS + 0.5  # OpenCV has the first pixel's middle at 0
    return np.concatenate([corners.min(axis=1) - _EDGE, corners.max(axis=1) + _EDGE], axis=-1)
