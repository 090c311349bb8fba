"""The ranges that make the drawn data set harder or easier.

Main names: `Difficulty`, DIFFICULTY (13 actions), PLAIN (small pictures for quick networks),
SEVERAL (scenes with several figures).

    ranges = dataclasses.replace(DIFFICULTY, clutter=0)
"""

import dataclasses
from dataclasses import dataclass, field


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

#: Two or three figures before a plain wall, upright and clear of each other most of the time.
SEVERAL = dataclasses.replace(
    PLAIN,
    seconds=(6.0, 8.0),
    height=(0.56, 0.68),
    place=0.0,
    body=0.08,
    turn=10,
    contrast=(0.85, 1.0),
)
