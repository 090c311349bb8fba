"""What a figure does in a long video: actions one after another, with pauses between them.

Main names: `Part`, `written` (the parts of a video, drawn from a generator), PAUSES.

    parts = written(np.random.default_rng(0), frames=750)
    [(part.label, part.start, part.end) for part in parts if part.label]
"""

from typing import NamedTuple

import numpy as np

from i3d.visual.figures.motions import CLASSES, MOTIONS, STAND, Action, Motion, from_stand

FPS = 25
_ACTION_S, _PAUSE_S = (1.6, 5.0), (0.8, 3.0)
_SEATED_S = (0.8, 2.5)
_SIT_RATE = 0.45  # cycles in a second at most: sitting down takes half a cycle
_TEMPO = (0.85, 1.2)
_STRAIGHT_ON = 0.2  # how often no pause is between two actions
_REACH = 2.5  # figure heights that a walker goes to one side
_PACE = 0.9  # about the speed of a walk, figure heights in a second


def _hips(more):
    return from_stand(upper_arm=(-8, 40), forearm=(10, -42 - more), torso=(0, more))


def _step(side):
    return from_stand(**{f"thigh_{side}": (28, 4), f"shank_{side}": (-28, 2)})


#: What belongs to no class.
PAUSES = {
    "stand": Motion((STAND, from_stand(torso=(2, 1))), (0.2, 0.4)),
    "sway": Motion((from_stand(torso=(0, 7), head=(0, -6)), from_stand(torso=(0, -7))), (0.2, 0.4)),
    "hands on hips": Motion((_hips(0), _hips(4)), (0.2, 0.4)),
    "step": Motion((STAND, _step("l"), STAND, _step("r")), (0.5, 0.8)),
}
_SEATED = "sit"  # the motion whose middle is the seated pose
_ACTS = [name for name in CLASSES if name != "standing_up"]  # it follows sitting_down


class Part(NamedTuple):
    """What is done for a while.

    Attributes:
      motion: the movement.
      label: name of the class, "" of a pause.
      start, end: the first frame, and the first after it.
      rate: cycles in a second; below 0: backwards; 0: the pose at `phase` is held.
      phase: at `start`, in cycles.
      heading: of a walker: 1 to the right, -1 to the left, else 0.
      held: "cup", "phone" or None.
      seated: whether it is part of sitting down, sitting and standing up.
    """

    motion: Motion
    label: str
    start: int
    end: int
    rate: float
    phase: float = 0.0
    heading: int = 0
    held: str | None = None
    seated: bool = False

    def phases(self, frames: int) -> np.ndarray:
        """Cycles gone by at each frame of the video, float [frames]."""
        time = np.arange(frames) - self.start
        if self.motion.once:
            time = np.clip(time, 0, self.end - self.start)
        return self.phase + self.rate * time / FPS


def written(rng: np.random.Generator, frames: int) -> list[Part]:
    """Draws the parts of a video; they follow each other without a gap from frame 0 on.

    Whole cycles of an action are performed. A figure sits down at most once, and stands up again.

    Args:
      rng: numpy Generator.
      frames: of the video; what begins is finished, so it may get a few more.
    """
    parts = [_pause(rng, 0)]
    place, sat = 0.0, False
    while parts[-1].end < frames:
        name = _ACTS[rng.integers(len(_ACTS))]
        walks, sits = name.startswith("walking"), name == "sitting_down"
        if sits and sat:
            continue
        start = parts[-1].end
        if walks:
            action = _walk(rng, start, place)
            place += action.heading * _PACE * (action.end - start) / FPS
            new = [action]
        else:
            new = _sitting(rng, start) if sits else [_action(rng, name, start)]
        straight_on = rng.random() < _STRAIGHT_ON
        if parts[-1].label == new[0].label:
            continue  # the same action again, without a pause, would be one action
        sat = sat or sits
        parts += new
        if not straight_on or parts[-1].end >= frames:
            parts.append(_pause(rng, parts[-1].end))
    return parts


def _frames(seconds):
    return max(1, round(seconds * FPS))


def _pause(rng, start):
    motion = PAUSES[[*PAUSES][rng.integers(len(PAUSES))]]
    end = start + _frames(rng.uniform(*_PAUSE_S))
    return Part(motion, "", start, end, rng.uniform(*motion.rate), rng.random())


def _action(rng, name, start):
    action: Action = CLASSES[name]
    motion = MOTIONS[action.motion]
    rate = rng.uniform(*motion.rate) * rng.uniform(*_TEMPO)
    least, most = (seconds * rate for seconds in _ACTION_S)
    cycles = rng.integers(max(1, np.ceil(least)), max(1, np.floor(most)) + 1)
    heading = (-1 if action.mirrored else 1) if motion.stride else 0
    end = start + _frames(cycles / rate)
    return Part(motion, name, start, end, rate, heading=heading, held=action.held)


def _walk(rng, start, place):
    """Returns a walk to either side; back towards the middle from far off it."""
    walk = _action(rng, "walking_right" if rng.random() < 0.5 else "walking_left", start)
    reached = place + walk.heading * _PACE * (walk.end - start) / FPS
    if abs(reached) > max(_REACH, abs(place)):
        heading = -walk.heading
        name = "walking_right" if heading > 0 else "walking_left"
        return walk._replace(heading=heading, label=name)
    return walk


def _sitting(rng, start):
    """Returns sitting down, sitting, standing up."""
    motion, parts = MOTIONS[_SEATED], []
    for label, sign, phase in (("sitting_down", 1, 0.0), ("", 0, 0.5), ("standing_up", -1, 0.5)):
        rate = min(_SIT_RATE, rng.uniform(*motion.rate) * rng.uniform(*_TEMPO))
        length = _frames(0.5 / rate if sign else rng.uniform(*_SEATED_S))
        rate = sign * 0.5 * FPS / length
        parts.append(Part(motion, label, start, start + length, rate, phase, seated=True))
        start += length
    return parts
