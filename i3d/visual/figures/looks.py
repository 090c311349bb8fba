"""What the figure and its surroundings are made of: parts, clothes, backdrops.

Main names: `PARTS` and `landmarks` (the drawn body), `capsules` (outlines), `wardrobe` (colours),
`backdrop` (a textured wall and floor). Every part is a capsule: two circles and their hull.

    wall = backdrop(np.random.default_rng(0), width=512, height=256, horizon=180)
"""

import colorsys

import cv2
import numpy as np

#: (from joint, to joint, radius there, radius here, colour, bias of the drawing order).
#: Lengths are in figure heights. A greater bias is drawn later.
PARTS = [
    ("shoulder_l", "shoulder_r", 0.046, 0.046, "shirt", 0.03),
    ("waist", "chest", 0.062, 0.062, "shirt", 0.03),
    ("hip_l", "hip_r", 0.056, 0.056, "trousers", 0.09),
    ("chest", "head", 0.03, 0.03, "skin", 0.032),
    ("crown", "nape", 0.076, 0.062, "hair", 0.04),
    ("head", "head", 0.07, 0.07, "skin", 0.045),
    ("fringe_l", "fringe_r", 0.026, 0.026, "hair", 0.046),
    ("mouth_l", "mouth_r", 0.007, 0.007, "mouth", 0.045),
]
for _s in ("_l", "_r"):
    PARTS += [
        ("waist", "shoulder" + _s, 0.066, 0.046, "shirt", 0.03),
        ("hip" + _s, "knee" + _s, 0.055, 0.042, "trousers", 0.0),
        ("knee" + _s, "ankle" + _s, 0.04, 0.028, "shins", -0.01),
        ("ankle" + _s, "toes" + _s, 0.034, 0.026, "shoes", 0.0),
        ("shoulder" + _s, "elbow" + _s, 0.042, 0.034, "shirt", 0.01),
        ("elbow" + _s, "hand" + _s, 0.032, 0.025, "sleeves", 0.02),
        ("hand" + _s, "hand" + _s, 0.034, 0.034, "skin", 0.03),
        ("eye" + _s, "eye" + _s, 0.009, 0.009, "eyes", 0.045),
    ]
#: Cup and telephone have one outline and one inner mark: only the colours tell them apart.
OBJECT = [
    ("object_low", "object_high", 0.038, 0.038, "object", 0.06),
    ("mark_low", "mark_high", 0.016, 0.016, "mark", 0.061),
]
STOOL = [("foot_" + end, "seat_" + end, 0.014, 0.016, "wood", 0.0) for end in "nwes"] + [
    ("seat_w", "seat_e", 0.028, 0.028, "wood", 0.5),
    ("seat_n", "seat_s", 0.028, 0.028, "wood", 0.5),
]

_SKIN = np.array([(255, 219, 186), (224, 172, 125), (176, 120, 76), (98, 62, 42)], float)
_HAIR = [(28, 22, 20), (74, 46, 28), (140, 96, 48), (206, 170, 96), (150, 60, 30), (170, 170, 170)]
_ARC = np.linspace(np.pi / 2, 3 * np.pi / 2, 9)


def colour(rng, saturation=(0.2, 0.9), value=(0.25, 0.95)):
    """A random colour: (red, green, blue), 0 to 255."""
    hsv = rng.uniform(0, 1), rng.uniform(*saturation), rng.uniform(*value)
    return 255 * np.array(colorsys.hsv_to_rgb(*hsv))


def wardrobe(rng, held, camouflage, surroundings):
    """Colours by name for one figure.

    Args:
      held: "cup", "phone" or None; the draws are the same for each.
      camouflage: chance that shirt or trousers take a colour of the surroundings.
      surroundings: uint8 [H, W, 3].

    Returns:
      {name: float [3]}, 0 to 255.
    """
    tone = rng.uniform(0, len(_SKIN) - 1)
    skin = np.array([np.interp(tone, range(len(_SKIN)), _SKIN[:, c]) for c in range(3)])
    clothes = {"shirt": colour(rng), "trousers": colour(rng, value=(0.15, 0.8))}
    for name in clothes:
        row, column = (int(rng.random() * size) for size in surroundings.shape[:2])
        if rng.random() < camouflage:
            clothes[name] = surroundings[row, column] * 0.9
    bare_arms, bare_shins = rng.random() < 0.5, rng.random() < 0.25
    warm = 255 * np.array(colorsys.hsv_to_rgb(rng.uniform(0, 0.16), rng.uniform(0.1, 0.8), 0.97))
    dark, screen = colour(rng, (0, 0.5), (0.05, 0.22)), colour(rng, (0.1, 0.5), (0.75, 1.0))
    band = colour(rng, (0.6, 1.0), (0.4, 0.8))
    return clothes | {
        "skin": skin,
        "hair": np.array(_HAIR[rng.integers(len(_HAIR))], float),
        "eyes": np.array((25.0, 20.0, 20.0)),
        "mouth": skin * (0.72, 0.45, 0.45),
        "sleeves": skin if bare_arms else clothes["shirt"] * 0.97,
        "shins": skin if bare_shins else clothes["trousers"] * 0.97,
        "shoes": colour(rng, (0, 0.6), (0.1, 0.9)),
        "wood": colour(rng, (0.3, 0.7), (0.3, 0.7)),
        "object": dark if held == "phone" else warm,
        "mark": screen if held == "phone" else band,
    }


def darkened(colours):
    """The same wardrobe in darker colours."""
    return {name: 0.6 * value for name, value in colours.items()}


def landmarks(joints, body, nod, turn, facing):
    """Joints turned to the camera, with the points that faces, feet and hands add.

    Args:
      joints: {name: float [T, 3]} in the body's frame.
      body: lengths, as BODY.
      nod: forward angle of the head, radians, [T].
      turn, facing: angle between the camera and the body, and the face and toes; radians.

    Returns:
      {name: float [T, 3]}: x to the right of the picture, y up, z to the camera.
    """
    points = {name: turned(joint, turn) for name, joint in joints.items()}
    zero, r = np.zeros_like(nod), body["skull"]
    ahead = turned(np.stack([zero, -np.sin(nod), np.cos(nod)], -1), facing)
    across = turned(np.array([1.0, 0.0, 0.0]), facing)
    points["waist"] = points["pelvis"] + 0.25 * (points["chest"] - points["pelvis"])
    up = points["head"] - points["chest"]
    up = up / np.linalg.norm(up, axis=-1, keepdims=True)
    head = points["head"]
    points["crown"] = head + r * (0.24 * up - 0.22 * ahead)
    points["nape"] = head - r * (0.2 * up + 0.4 * ahead)
    for s, sign in (("_l", 1.0), ("_r", -1.0)):
        points["fringe" + s] = head + r * (0.72 * up + 0.45 * ahead + 0.42 * sign * across)
        points["eye" + s] = head + r * (0.05 * up + 0.8 * ahead + 0.4 * sign * across)
        points["mouth" + s] = head + r * (-0.42 * up + 0.75 * ahead + 0.24 * sign * across)
        toe = turned(np.array([0.15 * sign, -0.1, 1.0]) * body["foot"], facing)
        points["toes" + s] = points["ankle" + s] + toe
    hand, front = points["hand_r"], turned(np.array([0.0, 0.0, 0.03]), turn)
    for name, low, high in (("object", -0.03, 0.075), ("mark", -0.02, 0.065)):
        points[name + "_low"] = hand + front + (0.0, low, 0.0)
        points[name + "_high"] = hand + front + (0.0, high, 0.0)
    return points


def turned(point, angle):
    """Points float [..., 3] turned by an angle in radians, or angles [...], about the vertical."""
    x, y, z = point[..., 0], point[..., 1], point[..., 2]
    c, s = np.cos(angle), np.sin(angle)
    return np.stack(np.broadcast_arrays(x * c + z * s, y, z * c - x * s), -1)


def stool(pelvis):
    """The points of STOOL, for a seat under the pelvis (float [3], body frame): {name: [1, 3]}."""
    points, top = {}, pelvis[1] - 0.085
    for end, x, z in (("n", 0, -0.09), ("s", 0, 0.09), ("w", -0.09, 0), ("e", 0.09, 0)):
        points["seat_" + end] = np.array([[pelvis[0] + x, top, pelvis[2] + z]])
        points["foot_" + end] = np.array([[pelvis[0] + 1.15 * x, 0.0, pelvis[2] + 1.15 * z]])
    return points


def capsules(start, end, start_radius, end_radius):
    """Outlines of capsules.

    Args:
      start, end: float [..., 2], pixels.
      start_radius, end_radius: float, broadcast to [...].

    Returns:
      float [..., 18, 2], the corners in order.
    """
    along = end - start
    heading = np.arctan2(along[..., 1], along[..., 0])[..., None]
    corners = []
    for centre, radius, angle in (
        (start, start_radius, heading + _ARC),
        (end, end_radius, heading + _ARC + np.pi),
    ):
        circle = np.stack([np.cos(angle), np.sin(angle)], -1)
        corners.append(centre[..., None, :] + np.asarray(radius)[..., None, None] * circle)
    return np.concatenate(corners, axis=-2)


def backdrop(rng, width, height, horizon):
    """A wall of one of six textures over a floor of another, with things standing about.

    Args:
      horizon: the row where the floor begins.

    Returns:
      uint8 [height, width, 3].
    """
    # Apart, so that pictures of another size, which need more random numbers, look much the same.
    rng, for_wall, for_floor = rng.spawn(3)
    canvas = _texture(for_wall, width, height)
    floor = _texture(for_floor, width, height)
    canvas[horizon:] = 0.25 * canvas[horizon:] + 0.75 * floor[horizon:]
    for _ in range(rng.integers(0, 12)):  # pictures, cupboards, doors
        x, w, h = rng.uniform(0, width), *rng.uniform(0.06, 0.3, 2) * height
        foot = horizon if rng.random() < 0.5 else rng.uniform(0.2, 0.95) * horizon
        corners = np.array([(x, foot - h), (x + w, foot)]).astype(int).tolist()
        cv2.rectangle(canvas, *corners, colour(rng, (0, 0.7), (0.15, 0.9)).tolist(), -1)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def plain_wall(rng, width, height, horizon):
    """A light grey wall over a darker floor, as `backdrop`."""
    canvas = np.full((height, width, 3), round(rng.uniform(180, 225)), np.uint8)
    canvas[horizon:] = (0.85 * canvas[horizon:]).astype(np.uint8)
    return canvas


def _texture(rng, width, height):
    """float32 [height, width, 3]: two or more colours spread by a pattern."""
    first = colour(rng, (0.0, 0.6), (0.2, 0.9))
    second = np.clip(first + rng.normal(0, 55, 3), 0, 255)
    pattern = _PATTERNS[rng.integers(len(_PATTERNS))](rng, width, height)
    grain = 0.25 * _noise(rng, width, height, finest=3) - 0.12
    mix = np.clip(pattern + grain, 0, 1)[..., None]
    return ((1 - mix) * first + mix * second).astype(np.float32)


def _noise(rng, width, height, finest=5):
    """Noise of several scales, 0 to 1; `finest` is the smallest, in 256ths of the height."""
    total, weight = np.zeros((height, width), np.float32), 0.0
    for octave in range(4):
        cell = max(1, round(finest * 2**octave * height / 256))
        cells = rng.random((height // cell + 2, width // cell + 2), dtype=np.float32)
        total += 2.0**octave * cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
        weight += 2.0**octave
    return np.clip((total / weight - 0.5) * 2 + 0.5, 0, 1)


def _gradient(rng, width, height):
    angle, waves = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
    y, x = np.mgrid[0:height, 0:width] / height
    return 0.5 + 0.5 * np.sin(waves * np.pi * (x * np.cos(angle) + y * np.sin(angle)))


def _stripes(rng, width, height):
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.05, 0.25) * height
    y, x = np.mgrid[0:height, 0:width]
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    return 0.5 + rng.uniform(1, 4) * wave


def _blocks(rng, width, height):
    cell = int(rng.uniform(0.06, 0.3) * height)
    cells = rng.random((height // cell + 1, width // cell + 1), dtype=np.float32)
    return np.kron(cells, np.ones((cell, cell), np.float32))[:height, :width]


def _bricks(rng, width, height):
    row = max(4, int(rng.uniform(0.05, 0.12) * height))
    y, x = np.mgrid[0:height, 0:width]
    along = x + (y // row % 2) * row
    return np.where((y % row < 1 + row // 8) | (along % (2 * row) < 1 + row // 8), 1.0, 0.1)


def _speckles(rng, width, height):
    picture = np.zeros((height, width), np.float32)
    for _ in range(int(rng.uniform(60, 250))):
        x, y = int(rng.random() * width), int(rng.random() * height)
        radius = int(rng.uniform(0.008, 0.05) * height) + 1
        cv2.circle(picture, (x, y), radius, rng.uniform(0.4, 1.0), -1, cv2.LINE_AA)
    return picture


_PATTERNS = (_noise, _gradient, _stripes, _blocks, _bricks, _speckles)
