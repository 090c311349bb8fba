"""One procedural video: the figure in its place, seen by a camera, drawn frame by frame.

Main name: `Scene`. All that is random is drawn beforehand, from one generator; a frame depends on
its index alone.

    scene = Scene(MOTIONS["wave"], None, np.random.default_rng(3), 128, 170, DIFFICULTY)
    picture = scene.frame(0)                        # uint8 [128, 170, 3]
"""

import numpy as np

from i3d.visual.figures import looks
from i3d.visual.figures.difficulty import Difficulty
from i3d.visual.figures.figure import Figure, Stance
from i3d.visual.figures.motions import Motion
from i3d.visual.figures.place import Place


class Scene:
    """One video, ready to be drawn.

    Args:
      motion: Motion.
      held: "cup", "phone" or None. It changes colours and nothing else.
      rng: numpy Generator.
      height, width: of the pictures, pixels.
      difficulty: the ranges to draw from.
      left: whether the limb that acts is the figure's left one; None: drawn.

    Attributes:
      fps: 24, 25 or 30.
      frames: number of frames.
    """

    def __init__(
        self,
        motion: Motion,
        held: str | None,
        rng: np.random.Generator,
        height: int,
        width: int,
        difficulty: Difficulty,
        left: bool | None = None,
    ):
        """Draws all that is random; see the class."""
        self._rng, self._ranges = rng, difficulty
        self._motion, self._left = motion, left
        self.fps = int(rng.choice((24, 25, 30)))
        self.frames = round(rng.uniform(*difficulty.seconds) * self.fps)
        time = np.arange(self.frames) / self.fps
        scale = height * rng.uniform(*difficulty.height)  # pixels in a figure height
        self._place = Place(rng, (height, width), time, difficulty)
        self._figure = Figure(rng, time, self.fps, difficulty, scale)
        performance = self._figure.perform(motion)
        way = np.cumsum(performance.speed) / self.fps
        way = way - way[self.frames // 2]
        self._place.aim(way * scale, scale)
        self._place.build()
        colours = looks.wardrobe(rng, held, difficulty.camouflage, self._place.canvas)
        if difficulty.plain:
            colours = looks.darkened(colours)
        clutter = [*self._place.clutter(scale)]
        figure = self._figure_layers(performance, way, colours, held)
        self._layers = [*clutter, *figure, *self._place.occluder(scale)]
        self._place.light()

    def _figure_layers(self, performance, way, colours, held):
        """The shadow, perhaps a stool, and the figure."""
        rng, ranges = self._rng, self._ranges
        stance = self._stance()
        points = self._figure.points(performance, stance, way)
        layers = [self._figure.shadow_layer(self._place, points)]
        used, stands = self._motion.once, rng.random() < ranges.furniture
        away = rng.choice((-1, 1)) * rng.uniform(0.3, 0.7)
        if used or stands:
            stool = looks.stool(self._figure.seat(stance.handed))
            stool = {name: looks.turned(point, stance.turn) for name, point in stool.items()}
            away = 0.0 if used else away
            layers.append(self._figure.stool_layer(self._place, stool, away, colours))
        return [*layers, self._figure.body_layer(self._place, points, colours, held)]

    def _stance(self):
        rng, motion, ranges = self._rng, self._motion, self._ranges
        handed, aside = rng.choice((-1.0, 1.0), 2)
        if self._left is not None:  # key poses are those of the right limb
            handed = -1.0 if self._left else 1.0
        turn = rng.uniform(*motion.yaw) + ranges.turn * rng.uniform(-1, 1)
        turn = np.radians(turn * (1 if motion.stride else aside))
        facing = np.radians(rng.normal(0, ranges.turn)) if motion.stride else turn
        return Stance(turn, facing, handed)

    def frame(self, t: int) -> np.ndarray:
        """Draws frame t: uint8 [height, width, 3], RGB."""
        return self._place.picture(self._layers, t)
