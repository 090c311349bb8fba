"""What the figures of a scene with several people do, and the labels of it.

Main names: LABELS (names in the order of their ids, from 1 on), ACTS, `Act`.
As in AVA, a person has one label of the body (stand, walk, ...) and perhaps one of the arms.

    ACTS["walk and wave"].labels        # ("walk", "wave")
"""

import dataclasses
from typing import NamedTuple

from i3d.visual.figures.motions import MOTIONS, STAND, Motion, from_stand

#: Names of the labels; the id of a label is its place, counted from 1.
LABELS = ("stand", "walk", "squat", "jumping jack", "kick", "wave", "clap", "drink")


def _at(motion, least, greatest):
    """The motion at other rates, cycles in a second: at least one in a window of two seconds."""
    return dataclasses.replace(MOTIONS[motion], rate=(least, greatest))


_STAND = Motion((STAND, from_stand(torso=(2, 1))), (0.2, 0.4), (0, 40))
_WALK = _at("walk", 0.8, 1.2)
_WAVE, _CLAP, _DRINK = _at("wave", 1.3, 2.2), _at("clap", 1.3, 2.2), _at("raise", 0.5, 0.65)


class Act(NamedTuple):
    """What a figure does.

    Attributes:
      body: the motion of the whole figure.
      arms: another motion, of which the arms and the head are taken; None: those of `body`.
      labels: names out of LABELS.
      held: "cup" or None.
      weight: how often it is drawn, beside the others.
    """

    body: Motion
    arms: Motion | None
    labels: tuple[str, ...]
    held: str | None = None
    weight: float = 1.0

    @property
    def yaw(self) -> tuple[float, float]:
        """Least and greatest turn from the camera where the figure stands, degrees."""
        return (self.arms or self.body).yaw


ACTS = {
    "stand": Act(_STAND, None, ("stand",), weight=2.0),
    "walk": Act(_WALK, None, ("walk",), weight=2.0),
    "squat": Act(_at("squat", 0.55, 0.9), None, ("squat",), weight=2.5),
    "jumping jack": Act(_at("jumping_jack", 0.8, 1.4), None, ("jumping jack",), weight=2.5),
    "kick": Act(_at("kick", 0.6, 1.0), None, ("kick",), weight=3.0),
    "wave": Act(_STAND, _WAVE, ("stand", "wave"), weight=1.5),
    "clap": Act(_STAND, _CLAP, ("stand", "clap"), weight=1.5),
    "drink": Act(_STAND, _DRINK, ("stand", "drink"), "cup", weight=1.5),
    "walk and wave": Act(_WALK, _WAVE, ("walk", "wave")),
    "walk and clap": Act(_WALK, _CLAP, ("walk", "clap")),
    "walk and drink": Act(_WALK, _DRINK, ("walk", "drink"), "cup"),
}
