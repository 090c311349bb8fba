"""Where figures are drawn: the camera, the wall and floor behind, what stands before, the light.

Main names: `Place`, `wander` (a smooth random signal).
World coordinates are pixels: x to the right from the middle, y down from the ground line, depth.

    place = Place(rng, (128, 170), time, DIFFICULTY)
    place.aim(way, scale=90.0)                    # then build, and light at the end: each draws
    layer = place.layer(looks.PARTS, points, 90.0, colours)
    picture = place.picture([layer], t=0)         # uint8 [128, 170, 3]
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from i3d.visual.figures import looks
from i3d.visual.figures.difficulty import Difficulty

FRACTION_BITS = 4  # corners are given to OpenCV in sixteenths of a pixel

#: One layer: for each frame, the parts in drawing order, each (corners int32 [18, 2], colour [3]).
Layer = list[list[tuple[np.ndarray, list[float]]]]


def wander(rng: np.random.Generator, time: np.ndarray, size: float, hertz: float) -> np.ndarray:
    """A smooth random signal within [-size, size], [T]; `hertz` is its fastest part."""
    waves = rng.uniform((0.2, 0, 0.3), (1, 2 * np.pi, 1), (3, 3))
    total = sum(a * np.sin(2 * np.pi * f * hertz * time + p) for f, p, a in waves)
    return size * total / waves[:, 2].sum()


class Place:
    """The surroundings of one video and the camera that sees them.

    What is random is drawn by the methods, in the order in which they are called: `aim`, `build`,
    then `clutter` and `occluder`, and `light` last. A picture depends on its index alone.

    Args:
      rng: numpy Generator.
      size: (height, width) of the pictures, pixels.
      time: of each frame, seconds, float [T].
      ranges: Difficulty.

    Attributes:
      canvas: uint8 [2 height, 3 width, 3], the wall and the floor; larger than the view.
      tilt: how far the camera looks down, radians.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        size: tuple[int, int],
        time: np.ndarray,
        ranges: Difficulty,
    ):
        """Draws the camera's tilt; see the class."""
        self._rng, self._size, self._time, self._ranges = rng, size, time, ranges
        self._frames = len(time)
        self.tilt = np.radians(rng.uniform(4, 14))

    def aim(self, way: np.ndarray, scale: float) -> None:
        """Sets the camera's movement: p is seen at matrix (p - centre) + middle.

        Args:
          way: how far the figure that the camera follows has walked, pixels, [T].
          scale: height of that figure, pixels.
        """
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        sway = np.stack([self._wander(ranges.pan * height, 0.5) for _ in range(2)], -1)
        sway += np.stack([self._wander(ranges.shake * height, 8) for _ in range(2)], -1)
        zoom = 1 + self._wander(ranges.zoom, 0.4)
        roll = np.radians(rng.uniform(-1, 1) * ranges.roll + self._wander(ranges.roll / 3, 1))
        feet = rng.uniform(max(0.8, 1.2 * scale / height), 0.95) * height
        aside = rng.uniform(-1, 1) * ranges.place * width
        self._centre = sway + np.stack([way * rng.uniform(*ranges.tracking) - aside,
                                        np.full(self._frames, height / 2 - feet)], -1)  # fmt: skip
        turn = np.stack([np.cos(roll), -np.sin(roll), np.sin(roll), np.cos(roll)], -1)
        self._zoom = zoom
        self._matrix = zoom[:, None, None] * turn.reshape(-1, 2, 2)

    def build(self) -> None:
        """Draws the canvas, and sets the maps [T, 2, 3] from the screen to it."""
        height, width = self._size
        size = 3 * width, 2 * height
        origin = np.array([size[0] / 2, 1.25 * height])  # where the world's (0, 0) is on the canvas
        horizon = int(origin[1] - self._rng.uniform(0.03, 0.12) * height)
        draw = looks.plain_wall if self._ranges.plain else looks.backdrop
        self.canvas = draw(self._rng.spawn(1)[0], *size, horizon)
        back = np.linalg.inv(self._matrix)
        shift = origin + self._centre - back @ (np.array([width, height]) / 2)
        self._maps = np.concatenate([back, shift[..., None]], -1)

    def layer(
        self,
        parts: Sequence[tuple],
        points: dict[str, np.ndarray],
        scale: float,
        colours: dict[str, np.ndarray],
        shaded: float = 1.0,
    ) -> Layer:
        """The outlines of parts on the screen, in drawing order.

        Args:
          parts: rows as looks.PARTS.
          points: world coordinates by name, float [T, 3].
          scale: pixels in a unit of the parts' lengths.
          colours: float [3] by name, 0 to 255.
          shaded: how much darker things are that are farther away.
        """
        start, end = (np.stack([points[part[i]] for part in parts], 1) for i in (0, 1))
        radius = [scale * np.array([part[i] for part in parts]) for i in (2, 3)]
        depth = (start[..., 2] + end[..., 2]) / 2 / scale
        order = np.argsort(depth + np.array([part[5] for part in parts]), axis=1, kind="stable")
        middle = np.array(self._size[::-1]) / 2
        on_screen = [
            np.einsum("tij,tpj->tpi", self._matrix, p[..., :2] - self._centre[:, None]) + middle
            for p in (start, end)
        ]
        zoomed = [self._zoom[:, None] * r for r in radius]
        corners = looks.capsules(*on_screen, *zoomed) * 2**FRACTION_BITS
        corners = np.clip(np.rint(corners), -(2**20), 2**20).astype(np.int32)
        paint = np.stack([colours[part[4]] for part in parts])
        shade = np.clip(1 + shaded * depth, 0.7, 1.12)  # what is farther away is darker
        paint = np.clip(shade[..., None] * paint, 0, 255).tolist()
        return [[(corners[t, p], paint[t][p]) for p in order[t]] for t in range(self._frames)]

    def floor(self) -> np.ndarray:
        """Mean colour of the floor, float [3]."""
        row = min(self.canvas.shape[0] - 1, int(1.3 * self._size[0]))
        return self.canvas[row].mean(axis=0)

    def clutter(self, scale: float) -> Iterator[Layer]:
        """Things that move behind the figure, whose height is `scale` pixels."""
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        for _ in range(rng.integers(0, ranges.clutter + 1)):
            when = rng.integers(self._frames)
            spot = self._centre[when] + rng.uniform(-0.5, 0.4, 2) * (width, height)
            speed = ranges.speed * width * rng.uniform(-1, 1, 2) * (1, 0.3)
            path = spot + speed * (self._time - self._time[when])[:, None]
            path = np.concatenate([path, np.zeros((self._frames, 1))], -1)
            long, thick = rng.uniform(-0.2, 0.2, 2) * height, rng.uniform(0.02, 0.09)
            points = {"from": path, "to": path + (*long, 0.0)}
            part = ("from", "to", thick, thick * rng.uniform(0.7, 1.3), "thing", 0.0)
            yield self.layer([part], points, scale, {"thing": looks.colour(rng)})

    def occluder(self, scale: float) -> Iterator[Layer]:
        """A post or a hedge before the figure, whose height is `scale` pixels."""
        rng, (height, width) = self._rng, self._size
        there, post = rng.random() < self._ranges.occluder, rng.random() < 0.6
        x = self._centre[rng.integers(self._frames), 0] + rng.uniform(-0.4, 0.4) * width
        thick, paint = rng.uniform(0.03, 0.08), looks.colour(rng)
        if there:
            ends = ((0, 0.2), (0, -2.0)) if post else ((-0.3, 0.02), (0.3, 0.02))
            start, end = (np.array([[x + a * width, b * height, 0]]) for a, b in ends)
            points = {"start": start.repeat(self._frames, 0), "end": end.repeat(self._frames, 0)}
            part = ("start", "end", thick, thick, "it", 0.0)
            yield self.layer([part], points, scale, {"it": paint})

    def light(self) -> None:
        """Sets gain and offset [T], the fall of the light, blur and the sensor's noise."""
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        self._gain = rng.uniform(*ranges.contrast) * (1 + self._wander(ranges.flicker, 1.5))
        level = ranges.brightness * rng.uniform(-1, 1) + self._wander(ranges.brightness / 4, 0.5)
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        fall = 210 + rng.uniform(0, 45) * (x * np.cos(angle) + y * np.sin(angle)) / 1.42
        self._fall = np.repeat(fall.astype(np.uint8)[..., None], 3, -1)
        self._blur = rng.uniform(0, ranges.blur) * height / 128
        self._jitter = rng.integers(0, 33, (self._frames, 2))
        tile = rng.normal(128, rng.uniform(*ranges.noise), (height + 32, width + 32, 3))
        self._noise = np.clip(np.rint(tile), 0, 255).astype(np.uint8)
        self._offset = 128 * (1 - self._gain) + level - 128

    def picture(self, layers: Sequence[Layer], t: int) -> np.ndarray:
        """Draws frame t with the layers on it: uint8 [height, width, 3], RGB."""
        height, width = self._size
        picture = cv2.warpAffine(
            self.canvas, self._maps[t], (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        for layer in layers:
            for corners, paint in layer[t]:
                cv2.fillConvexPoly(picture, corners, paint, cv2.LINE_AA, FRACTION_BITS)
        if self._blur > 0.25:  # less than that changes nothing
            cv2.GaussianBlur(picture, (0, 0), self._blur, dst=picture)
        cv2.multiply(picture, self._fall, picture, 1 / 210)
        y, x = self._jitter[t]
        noise = self._noise[y : y + height, x : x + width]
        return cv2.addWeighted(picture, self._gain[t], noise, 1.0, self._offset[t])

    def _wander(self, size, hertz):
        return wander(self._rng, self._time, size, hertz)
