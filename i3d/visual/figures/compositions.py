"""Actions named in several words, for networks that take text: limb, side or direction, speed.

Main names: COMPOSITIONS (what is drawn, by its caption), WORDS (the words of each), LEARNED and
HELD_OUT (21 and 7 of them). Whatever word of a caption that is held out is exchanged, there is a
learned caption of the others: each word has been learned, the caption as a whole is new.

    COMPOSITIONS["waving the left arm slowly"]  # Action("wave_arm", ..., left=True, rate=0.3)
"""

from itertools import product
from typing import NamedTuple

from i3d.visual.figures.motions import Action, Motion, from_stand

_YAW = (0, 15)  # towards the camera, so that left and right differ
_RATES = {"slowly": 0.3, "quickly": 1.0}  # cycles in a second


class Words(NamedTuple):
    """What a caption says; a walker has no limb, and its side is where it goes."""

    action: str
    side: str
    limb: str
    speed: str

    @property
    def caption(self) -> str:
        """The words as one text."""
        if self.limb:
            return f"{self.action} the {self.side} {self.limb} {self.speed}"
        return f"{self.action} to the {self.side} {self.speed}"


def _limb(upper, lower, *poses):
    """Returns the motion between poses of the right limb: (outward degrees of upper, of lower)."""
    keys = (from_stand(**{upper: (0, first), lower: (0, second)}) for first, second in poses)
    return Motion((*keys,), (1, 1), _YAW)


def _arm(*poses):
    return _limb("upper_arm_r", "forearm_r", *poses)


def _leg(*poses):
    return _limb("thigh_r", "shank_r", *poses)


#: Arms and legs do the same: they go up to the side and down, their outer half goes to and fro, or
#: the whole limb swings across the body.
LIMB_MOTIONS = {
    "lift_arm": _arm((9, 5), (150, 160)),
    "lift_leg": _leg((4, 2), (65, 65)),
    "wave_arm": _arm((95, 40), (95, 165)),
    "wave_leg": _leg((45, -10), (45, 80)),
    "swing_arm": _arm((75, 75), (-35, -45)),
    "swing_leg": _leg((45, 45), (-30, -30)),
}
_VERBS = {"lifting": "lift", "waving": "wave", "swinging": "swing"}


#: What is held out of the places (side, limb, speed) of each action: one corner of the cube and the
#: one across from it, so that each word alone tells two learned captions apart.
_CORNERS = {"lifting": (0, 0, 0), "waving": (0, 0, 1), "swinging": (0, 1, 0)}
_SIDES, _LIMBS, _SPEEDS = ("left", "right"), ("arm", "leg"), tuple(_RATES)


def _all_words():
    """Returns two lists of Words: those to learn from, and those to hold out."""
    learned, held_out = [], []
    for action, corner in _CORNERS.items():
        across = tuple(1 - place for place in corner)
        for places in product(range(2), repeat=3):
            side, limb, speed = places
            words = Words(action, _SIDES[side], _LIMBS[limb], _SPEEDS[speed])
            (held_out if places in (corner, across) else learned).append(words)
    walks = [Words("walking", side, "", speed) for side in _SIDES for speed in _SPEEDS]
    return [*learned, walks[0], *walks[2:]], [*held_out, walks[1]]


def _action(words):
    rate = _RATES[words.speed]
    if not words.limb:
        return Action("walk", mirrored=words.side == "left", rate=rate)
    motion = f"{_VERBS[words.action]}_{words.limb}"
    return Action(motion, left=words.side == "left", rate=rate)


_LEARNED, _HELD_OUT = _all_words()
WORDS = {words.caption: words for words in (*_LEARNED, *_HELD_OUT)}
COMPOSITIONS = {caption: _action(words) for caption, words in WORDS.items()}
LEARNED = tuple(words.caption for words in _LEARNED)
HELD_OUT = tuple(words.caption for words in _HELD_OUT)
