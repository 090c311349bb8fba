"""One procedural video: the figure in its place, seen by a camera, drawn frame by frame.

Main names: DIFFICULTY (every range that makes the data set harder or easier), `Scene`.
All that is random is drawn beforehand, from one generator; a frame depends on its index alone.

    scene = Scene(MOTIONS["wave"], None, np.random.default_rng(3), 128, 170, DIFFICULTY)
    picture = scene.frame(0)                        # uint8 [128, 170, 3]
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from i3d.visual.figures import looks
from i3d.visual.figures.motions import BODY, BONES, MOTIONS, in_between, skeleton


@dataclass(frozen=True)
class Difficulty:
    """The ranges that videos are drawn from; a pair is (least, greatest).

    Attributes:
      seconds: length of the video.
      amplitude: size of the movement; 1 is the full pose.
      tempo: factor on the speed of the movement.
      rest_chance: how often the figure stands still before or after the action.
      posture: standard deviation of a constant error of the upper body's angles, degrees.
      body: bone lengths vary by this fraction either way.
      turn: the body is turned by up to so many degrees more or less than its motion says.
      height: of the figure, in picture heights.
      place: the figure stands off the middle by up to this part of the width.
      tracking: how much of a walker's way the camera follows.
      pan, shake: slow and fast camera movement, in picture heights.
      zoom: factor either way; roll: degrees either way.
      contrast: of the whole picture; flicker: its change in time, as a fraction.
      brightness: grey levels either way.
      noise: standard deviation, grey levels.
      blur: greatest standard deviation, in pixels of a picture 128 high.
      camouflage: how often a piece of clothing takes its colour from the backdrop.
      clutter: greatest number of things moving behind the figure.
      speed: greatest speed of these, picture widths in a second.
      occluder: chance of something standing before the figure.
      furniture: chance of a stool that nobody uses.
      plain: whether the wall is light and bare, and the clothes dark.
    """

    seconds: tuple[float, float] = (2.5, 4.0)
    amplitude: tuple[float, float] = (0.8, 1.15)
    tempo: tuple[float, float] = (0.8, 1.25)
    rest_chance: float = 0.15
    posture: float = 5.0
    body: float = 0.12
    turn: float = 10.0
    height: tuple[float, float] = (0.58, 0.78)
    place: float = 0.14
    tracking: tuple[float, float] = (0.8, 1.1)
    pan: float = 0.035
    shake: float = 0.0025
    zoom: float = 0.04
    roll: float = 2.0
    contrast: tuple[float, float] = (0.7, 1.05)
    flicker: float = 0.02
    brightness: float = 25.0
    noise: tuple[float, float] = (0.5, 4.0)
    blur: float = 0.6
    camouflage: float = 0.35
    clutter: int = 2
    speed: float = 0.3
    occluder: float = 0.25
    furniture: float = 0.3
    plain: bool = field(default=False, repr=False)  # later than the recipes in files


#: The one table to turn when the data set is too easy or too hard. With it, small 3-D networks (300
#: thousand weights, 14 frames of 56 x 72, 80 training videos a class) named 84 % of the test videos
#: by their pictures, 85 % by their TV-L1 flow, and 88 % by the sum of the two.
DIFFICULTY = Difficulty()

#: Small pictures in which nothing but the figure moves: for a network that learns in minutes.
PLAIN = Difficulty(
    amplitude=(0.9, 1.1), tempo=(0.9, 1.1), rest_chance=0, posture=3, turn=5, height=(0.68, 0.78),
    place=0.04, pan=0.015, shake=0, zoom=0.02, roll=1, flicker=0, brightness=10, noise=(0.5, 2),
    blur=0, camouflage=0, clutter=0, occluder=0, furniture=0, plain=True,
)  # fmt: skip

_FRACTION_BITS = 4  # corners are given to OpenCV in sixteenths of a pixel


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

    def __init__(self, motion, held, rng, height, width, difficulty, left=None):
        """Draws all that is random; see the class."""
        self._size, self._rng, self._ranges = (height, width), rng, difficulty
        self._motion, self._left = motion, left
        self.fps = int(rng.choice((24, 25, 30)))
        self.frames = round(rng.uniform(*difficulty.seconds) * self.fps)
        self._time = np.arange(self.frames) / self.fps
        self._scale = height * rng.uniform(*difficulty.height)  # pixels in a figure height
        self._tilt = np.radians(rng.uniform(4, 14))
        self._body = {k: v * (1 + difficulty.body * rng.uniform(-1, 1)) for k, v in BODY.items()}
        way = self._act()
        self._aim(way * self._scale)
        self._build_place()
        self._colours = looks.wardrobe(rng, held, difficulty.camouflage, self._canvas)
        if difficulty.plain:
            self._colours = {name: 0.6 * value for name, value in self._colours.items()}
        self._layers = [*self._clutter(), *self._figure(way, held), *self._occluder()]
        self._light()

    def _act(self):
        """Sets the figure's angles and jump; returns how far it has walked, [T], figure heights."""
        rng, ranges, motion = self._rng, self._ranges, self._motion
        rate = rng.uniform(*motion.rate) * rng.uniform(*ranges.tempo)
        size, envelope = rng.uniform(*ranges.amplitude), self._envelope()
        start = rng.random()
        if motion.once:
            spare = max(0.0, self._time[-1] - 0.5 / rate)
            phase = 0.5 * np.clip((self._time - start * spare) * 2 * rate, 0, 1)
            size, envelope = 1.0, 1.0
        else:
            phase = start + rate * self._time + self._wander(0.04, 0.5)
        self._angles, self._jump = in_between(motion.keys, phase, size * envelope)
        slouch = np.radians(rng.normal(0, ranges.posture, (len(BONES), 2)))
        slouch[[i for i, bone in enumerate(BONES) if bone.startswith(("thigh", "shank"))]] = 0
        self._angles += slouch
        leg = self._body["thigh"] + self._body["shank"]
        speed = 4 * leg * np.sin(np.radians(motion.stride) * size * envelope) * rate
        way = np.cumsum(np.broadcast_to(speed, self.frames)) / self.fps
        return way - way[self.frames // 2]

    def _envelope(self):
        """1 while the figure acts and 0 while it rests, [T]."""
        rng, length = self._rng, self._time[-1]
        rests, first = rng.random() < self._ranges.rest_chance, rng.random() < 0.5
        until = rng.uniform(0.15, 0.45) * length
        if not rests:
            return np.ones(self.frames)
        since = self._time - until if first else length - until - self._time
        ramp = np.clip(since / 0.4 + 0.5, 0, 1)
        return ramp * ramp * (3 - 2 * ramp)

    def _wander(self, size, hertz):
        """A smooth random signal within [-size, size], [T]; `hertz` is its fastest part."""
        waves = self._rng.uniform((0.2, 0, 0.3), (1, 2 * np.pi, 1), (3, 3))
        total = sum(a * np.sin(2 * np.pi * f * hertz * self._time + p) for f, p, a in waves)
        return size * total / waves[:, 2].sum()

    def _aim(self, way):
        """Sets matrix [T, 2, 2] and centre [T, 2]: p is seen at matrix (p - centre) + middle."""
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        sway = np.stack([self._wander(ranges.pan * height, 0.5) for _ in range(2)], -1)
        sway += np.stack([self._wander(ranges.shake * height, 8) for _ in range(2)], -1)
        zoom = 1 + self._wander(ranges.zoom, 0.4)
        roll = np.radians(rng.uniform(-1, 1) * ranges.roll + self._wander(ranges.roll / 3, 1))
        feet = rng.uniform(max(0.8, 1.2 * self._scale / height), 0.95) * height
        aside = rng.uniform(-1, 1) * ranges.place * width
        self._centre = sway + np.stack([way * rng.uniform(*ranges.tracking) - aside,
                                        np.full(self.frames, height / 2 - feet)], -1)  # fmt: skip
        turn = np.stack([np.cos(roll), -np.sin(roll), np.sin(roll), np.cos(roll)], -1)
        self._zoom = zoom
        self._matrix = zoom[:, None, None] * turn.reshape(-1, 2, 2)

    def _build_place(self):
        """Sets the canvas, larger than the view, and the maps [T, 2, 3] from screen to canvas."""
        height, width = self._size
        size = 3 * width, 2 * height
        origin = np.array([size[0] / 2, 1.25 * height])  # where the world's (0, 0) is on the canvas
        horizon = int(origin[1] - self._rng.uniform(0.03, 0.12) * height)
        draw = looks.plain_wall if self._ranges.plain else looks.backdrop
        self._canvas = draw(self._rng.spawn(1)[0], *size, horizon)
        back = np.linalg.inv(self._matrix)
        shift = origin + self._centre - back @ (np.array([width, height]) / 2)
        self._maps = np.concatenate([back, shift[..., None]], -1)

    def _layer(self, parts, points, colours, shaded=1.0):
        """Parts between points (x, y down, depth; pixels) -> [T] lists of (corners, colour)."""
        start, end = (np.stack([points[part[i]] for part in parts], 1) for i in (0, 1))
        radius = [self._scale * np.array([part[i] for part in parts]) for i in (2, 3)]
        depth = (start[..., 2] + end[..., 2]) / 2 / self._scale
        order = np.argsort(depth + np.array([part[5] for part in parts]), axis=1, kind="stable")
        middle = np.array(self._size[::-1]) / 2
        on_screen = [
            np.einsum("tij,tpj->tpi", self._matrix, p[..., :2] - self._centre[:, None]) + middle
            for p in (start, end)
        ]
        zoomed = [self._zoom[:, None] * r for r in radius]
        corners = looks.capsules(*on_screen, *zoomed) * 2**_FRACTION_BITS
        corners = np.clip(np.rint(corners), -(2**20), 2**20).astype(np.int32)
        paint = np.stack([colours[part[4]] for part in parts])
        shade = np.clip(1 + shaded * depth, 0.7, 1.12)  # what is farther away is darker
        paint = np.clip(shade[..., None] * paint, 0, 255).tolist()
        return [[(corners[t, p], paint[t][p]) for p in order[t]] for t in range(self.frames)]

    def _seen(self, points, away=0.0):
        """Camera frame, figure heights -> world pixels, [T, 3]: x, y down, depth."""
        seen = {}
        for name, point in points.items():
            x, y, z = np.moveaxis(np.broadcast_to(point, (self.frames, 3)), -1, 0)
            down = z * np.sin(self._tilt) - y * np.cos(self._tilt)
            seen[name] = self._scale * np.stack([x + away, down, z], -1)
        return seen

    def _figure(self, way, held):
        rng, motion, ranges = self._rng, self._motion, self._ranges
        handed, aside = rng.choice((-1.0, 1.0), 2)
        if self._left is not None:  # key poses are those of the right limb
            handed = -1.0 if self._left else 1.0
        turn = rng.uniform(*motion.yaw) + ranges.turn * rng.uniform(-1, 1)
        turn = np.radians(turn * (1 if motion.stride else aside))
        facing = np.radians(rng.normal(0, ranges.turn)) if motion.stride else turn
        joints = skeleton(self._angles, self._jump, self._body, planted=not motion.stride)
        seat = self._seat(handed)
        for joint in joints.values():
            joint[:, 0] *= handed
        points = looks.landmarks(joints, self._body, self._angles[:, 1, 0], turn, facing)
        for point in points.values():
            point[:, 0] += way
        layers = [self._shadow(points)]
        used, stands = motion.once, rng.random() < ranges.furniture
        away = rng.choice((-1, 1)) * rng.uniform(0.3, 0.7)
        if used or stands:
            seat = {name: looks.turned(point, turn) for name, point in looks.stool(seat).items()}
            seat = self._seen(seat, 0.0 if used else away)
            layers.append(self._layer(looks.STOOL, seat, self._colours))
        parts = looks.PARTS + (looks.OBJECT if held else [])
        return [*layers, self._layer(parts, self._seen(points), self._colours)]

    def _seat(self, handed):
        """Where the pelvis of a sitting figure is, [3]."""
        angles, jump = in_between(MOTIONS["sit"].keys, [0.5])
        return skeleton(angles, jump, self._body)["pelvis"][0] * (handed, 1, 1)

    def _shadow(self, points):
        """A dark strip on the floor between the feet."""
        ground = {name: points[name] * (1, 0, 1) for name in ("ankle_l", "ankle_r")}
        row = min(self._canvas.shape[0] - 1, int(1.3 * self._size[0]))
        floor = self._canvas[row].mean(axis=0)
        part = ("ankle_l", "ankle_r", 0.055, 0.055, "shadow", 0.0)
        return self._layer([part], self._seen(ground), {"shadow": 0.55 * floor}, shaded=0.0)

    def _clutter(self):
        """Things that move behind the figure."""
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        for _ in range(rng.integers(0, ranges.clutter + 1)):
            when = rng.integers(self.frames)
            spot = self._centre[when] + rng.uniform(-0.5, 0.4, 2) * (width, height)
            speed = ranges.speed * width * rng.uniform(-1, 1, 2) * (1, 0.3)
            path = spot + speed * (self._time - self._time[when])[:, None]
            path = np.concatenate([path, np.zeros((self.frames, 1))], -1)
            long, thick = rng.uniform(-0.2, 0.2, 2) * height, rng.uniform(0.02, 0.09)
            points = {"from": path, "to": path + (*long, 0.0)}
            part = ("from", "to", thick, thick * rng.uniform(0.7, 1.3), "thing", 0.0)
            yield self._layer([part], points, {"thing": looks.colour(rng)})

    def _occluder(self):
        """A post or a hedge before the figure."""
        rng, (height, width) = self._rng, self._size
        there, post = rng.random() < self._ranges.occluder, rng.random() < 0.6
        x = self._centre[rng.integers(self.frames), 0] + rng.uniform(-0.4, 0.4) * width
        thick, paint = rng.uniform(0.03, 0.08), looks.colour(rng)
        if there:
            ends = ((0, 0.2), (0, -2.0)) if post else ((-0.3, 0.02), (0.3, 0.02))
            start, end = (np.array([[x + a * width, b * height, 0]]) for a, b in ends)
            points = {"start": start.repeat(self.frames, 0), "end": end.repeat(self.frames, 0)}
            yield self._layer([("start", "end", thick, thick, "it", 0.0)], points, {"it": paint})

    def _light(self):
        """Sets gain and offset [T], the fall of the light, blur and the sensor's noise."""
        rng, ranges, (height, width) = self._rng, self._ranges, self._size
        self._gain = rng.uniform(*ranges.contrast) * (1 + self._wander(ranges.flicker, 1.5))
        level = ranges.brightness * rng.uniform(-1, 1) + self._wander(ranges.brightness / 4, 0.5)
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        fall = 210 + rng.uniform(0, 45) * (x * np.cos(angle) + y * np.sin(angle)) / 1.42
        self._fall = np.repeat(fall.astype(np.uint8)[..., None], 3, -1)
        self._blur = rng.uniform(0, ranges.blur) * height / 128
        self._jitter = rng.integers(0, 33, (self.frames, 2))
        tile = rng.normal(128, rng.uniform(*ranges.noise), (height + 32, width + 32, 3))
        self._noise = np.clip(np.rint(tile), 0, 255).astype(np.uint8)
        self._offset = 128 * (1 - self._gain) + level - 128

    def frame(self, t):
        """Draws frame t: uint8 [height, width, 3], RGB."""
        height, width = self._size
        picture = cv2.warpAffine(
            self._canvas, self._maps[t], (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101,
        )  # fmt: skip
        for layer in self._layers:
            for corners, paint in layer[t]:
                cv2.fillConvexPoly(picture, corners, paint, cv2.LINE_AA, _FRACTION_BITS)
        if self._blur > 0.25:  # less than that changes nothing
            cv2.GaussianBlur(picture, (0, 0), self._blur, dst=picture)
        cv2.multiply(picture, self._fall, picture, 1 / 210)
        y, x = self._jitter[t]
        noise = self._noise[y : y + height, x : x + width]
        return cv2.addWeighted(picture, self._gain[t], noise, 1.0, self._offset[t])
