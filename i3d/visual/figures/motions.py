"""How the drawn figure moves: key poses, in-betweens, and forward kinematics in three dimensions.

Main names: CLASSES (what each class is made of), MOTIONS (key poses), `in_between`, `skeleton`.
Body frame: x to the figure's left, y up, z forward; unit of length: the figure's height.

    angles, jump = in_between(MOTIONS["wave"].keys, phase=np.linspace(0, 3, 75))
    joints = skeleton(angles, jump, BODY)                   # {"hand_r": [75, 3], ...}
"""

from dataclasses import dataclass

import numpy as np

BONES = (
    "torso", "head", "upper_arm_l", "upper_arm_r", "forearm_l", "forearm_r",
    "thigh_l", "thigh_r", "shank_l", "shank_r",
)  # fmt: skip

#: Lengths in figure heights. `shoulder` and `hip` are half widths.
BODY = {
    "torso": 0.29, "head": 0.15, "shoulder": 0.098, "hip": 0.055, "upper_arm": 0.16,
    "forearm": 0.165, "thigh": 0.245, "shank": 0.24, "foot": 0.055, "skull": 0.074,
}  # fmt: skip


def _pose(jump=0.0, base=None, **bones):
    """A pose as a vector: (forward, outward) degrees of each bone, then the height of the jump.

    Arms and legs are measured from hanging straight down, torso and head from straight up.
    A name without `_l` or `_r` sets both sides; what is not named stays as in `base`.
    """
    pose = np.zeros(2 * len(BONES) + 1) if base is None else base.copy()
    for name, angles in bones.items():
        slots = [i for i, bone in enumerate(BONES) if bone in (name, name + "_l", name + "_r")]
        for i in slots:
            pose[2 * i : 2 * i + 2] = angles
    pose[-1] = jump
    return pose


# No bone of the standing pose leans forward: facing left and facing right look the same.
STAND = _pose(upper_arm=(0, 9), forearm=(0, 5), thigh=(0, 4), shank=(0, 2))


def from_stand(jump=0.0, **bones):
    """The standing pose with the angles of some bones, (forward, outward) degrees of each."""
    return _pose(jump, STAND, **bones)


@dataclass(frozen=True)
class Motion:
    """One cycle of movement.

    Attributes:
      keys: the poses, evenly spaced over the cycle.
      rate: least and greatest number of cycles in a second.
      yaw: least and greatest turn from the camera, degrees; either side is as likely.
      once: the first half of the cycle is played once instead of whole cycles over and over.
      stride: greatest angle of the legs, degrees, of a figure that walks; 0 if it stays. A walker's
        face and toes are turned to the camera.
    """

    keys: tuple
    rate: tuple[float, float]
    yaw: tuple[float, float] = (0, 40)
    once: bool = False
    stride: float = 0.0


def _wave():
    raised = {"upper_arm_r": (15, 100), "head": (0, 4)}
    return (
        from_stand(forearm_r=(10, 145), **raised),
        from_stand(forearm_r=(10, 212), **raised),
    )


def _jumping_jack():
    star = from_stand(upper_arm=(0, 160), forearm=(0, 172), thigh=(0, 26), shank=(0, 24))
    halfway = (STAND + star) / 2
    halfway[-1] = 0.07
    return STAND, halfway, star, halfway


def _squat():
    low = from_stand(
        torso=(38, 0), head=(10, 0), thigh=(84, 16), shank=(-28, -2), upper_arm=(88, 4),
        forearm=(90, 0),
    )  # fmt: skip
    return STAND, low


_STRIDE = 27.0


def _walk():
    """Mirrored, the pose at phase p is the pose at 1/2 - p: no single frame shows the direction.

    Hence the swinging leg is lifted towards the camera (outward), where a real knee goes forward.
    """

    def key(left, lifted=None):
        bones = {}
        for side, sign in (("l", 1), ("r", -1)):
            out = 38 if side == lifted else 0
            bones["thigh_" + side] = (sign * left * _STRIDE, out)
            bones["shank_" + side] = (sign * left * _STRIDE, -out)
            bones["upper_arm_" + side] = (-sign * left * 30, 6)
            bones["forearm_" + side] = (-sign * left * 35, 0)
        return from_stand(**bones)

    return key(1), key(0, lifted="r"), key(-1), key(0, lifted="l")


def _clap():
    apart = from_stand(upper_arm=(42, 32), forearm=(78, 38))
    together = from_stand(upper_arm=(42, 6), forearm=(84, -44))
    return apart, together


def _kick():
    back = {"upper_arm_l": (25, 14), "forearm_l": (60, 0), "upper_arm_r": (-25, 16)}
    wind_up = from_stand(thigh_r=(-18, 4), shank_r=(-55, 2), torso=(6, 0))
    chamber = from_stand(thigh_r=(72, 4), shank_r=(-20, 2), torso=(-6, 0), **back)
    kick = from_stand(thigh_r=(92, 4), shank_r=(90, 4), torso=(-16, 0), head=(4, 0), **back)
    return STAND, wind_up, chamber, kick, chamber, STAND


def _bow():
    low = from_stand(torso=(82, 0), head=(96, 0), thigh=(9, 4), upper_arm=(14, 6), forearm=(10, 3))
    return STAND, low, low, STAND


def _sit():
    lean = from_stand(
        torso=(38, 0), head=(24, 0), thigh=(48, 5), shank=(-14, 2), upper_arm=(18, 8),
        forearm=(42, 2),
    )  # fmt: skip
    seated = from_stand(
        torso=(3, 0), thigh=(84, 7), shank=(4, 3), upper_arm=(16, 9), forearm=(62, -4)
    )
    return STAND, lean, seated, lean


def _punch():
    guard = from_stand(
        upper_arm=(24, 10), forearm=(128, -14), thigh_l=(16, 8), shank_l=(-4, 4),
        thigh_r=(-14, 8), shank_r=(-18, 4), torso=(6, 0),
    )  # fmt: skip
    strike = {side: _pose(0, guard, **{f"upper_arm_{side}": (92, -6), f"forearm_{side}": (92, -10),
                                       "torso": (14, 0)}) for side in "lr"}  # fmt: skip
    return guard, strike["r"], guard, strike["l"]


def _raise():
    low = from_stand(upper_arm_r=(4, 12), forearm_r=(72, -8))
    face = from_stand(upper_arm_r=(66, 34), forearm_r=(172, -44), head=(-8, 0))
    return low, face, face, low


MOTIONS = {
    "wave": Motion(_wave(), (1.3, 2.6)),
    "jumping_jack": Motion(_jumping_jack(), (0.8, 1.5)),
    "squat": Motion(_squat(), (0.4, 0.9), (15, 75)),
    "walk": Motion(_walk(), (0.8, 1.4), (80, 100), stride=_STRIDE),
    "clap": Motion(_clap(), (1.2, 2.6), (0, 50)),
    "kick": Motion(_kick(), (0.6, 1.1), (35, 90)),
    "bow": Motion(_bow(), (0.3, 0.6), (35, 90)),
    "sit": Motion(_sit(), (0.35, 0.7), (25, 85), once=True),
    "punch": Motion(_punch(), (0.8, 1.6), (30, 80)),
    "raise": Motion(_raise(), (0.3, 0.55), (0, 45)),
}


@dataclass(frozen=True)
class Action:
    """What a class is made of: a motion, perhaps mirrored or played backwards, perhaps an object.

    Actions of one motion and one seed share the whole scene: they differ by nothing else.

    Attributes:
      motion: name of a Motion.
      mirrored: left and right of the picture are exchanged.
      backwards: the last frame comes first.
      held: "cup", "phone" or None.
      left: whether it is the figure's left limb that acts; None: either, as the seed has it.
      rate: cycles in a second, before the tempo of the scene; None: as of the motion.
    """

    motion: str
    mirrored: bool = False
    backwards: bool = False
    held: str | None = None
    left: bool | None = None
    rate: float | None = None


CLASSES = {
    "bowing": Action("bow"),
    "clapping": Action("clap"),
    "drinking": Action("raise", held="cup"),
    "jumping_jacks": Action("jumping_jack"),
    "kicking": Action("kick"),
    "phoning": Action("raise", held="phone"),
    "punching": Action("punch"),
    "sitting_down": Action("sit"),
    "squats": Action("squat"),
    "standing_up": Action("sit", backwards=True),
    "walking_left": Action("walk", mirrored=True),
    "walking_right": Action("walk"),
    "waving": Action("wave"),
}


def in_between(keys, phase, amplitude=1.0):
    """Poses between the keys of a cycle, by a monotone cubic: holds hold, no key is overshot.

    Slopes are harmonic means (Fritsch and Butland, "A method for constructing local monotone
    piecewise cubic interpolants", 1984).

    Args:
      keys: K poses of the cycle.
      phase: cycles gone by, float [T].
      amplitude: how far from STAND to the pose, float or [T]; 1 is the pose itself.

    Returns:
      (angles, jump): float [T, 10, 2], radians, in the order of BONES; float [T], figure heights.
    """
    keys = np.asarray(keys)
    step = np.roll(keys, -1, axis=0) - keys
    before = np.roll(step, 1, axis=0)
    agree = before * step > 0
    slope = np.where(agree, 2 * before * step / np.where(agree, before + step, 1), 0)
    place = (np.asarray(phase) % 1.0) * len(keys)
    k = np.minimum(place.astype(int), len(keys) - 1)
    u = (place - k)[:, None]
    rise = u * u * (3 - 2 * u)
    pose = keys[k] + rise * step[k]
    pose += u * (1 - u) * ((1 - u) * slope[k] - u * slope[(k + 1) % len(keys)])
    pose = STAND + np.reshape(amplitude, (-1, 1)) * (pose - STAND)
    return np.radians(pose[:, :-1]).reshape(-1, len(BONES), 2), pose[:, -1]


def skeleton(angles, jump, body, planted=True):
    """Joint positions from bone angles.

    Args:
      angles: float [T, 10, 2], radians (see `in_between`).
      jump: float [T], height of the lower foot over the ground.
      body: lengths, as BODY.
      planted: the foot or feet on the ground stay where they are, not the pelvis; bool, or from 0
        to 1, float [T].

    Returns:
      {joint: float [T, 3]} with pelvis, chest, head, and shoulder, elbow, hand, hip, knee, ankle
      each with `_l` and `_r`.
    """
    forward, outward = angles[..., 0], angles[..., 1]
    side = np.array([-1.0 if bone.endswith("_r") else 1.0 for bone in BONES])
    down = np.array([1.0 if bone in ("torso", "head") else -1.0 for bone in BONES])
    direction = np.stack(
        [side * np.sin(outward), down * np.cos(outward) * np.cos(forward),
         np.cos(outward) * np.sin(forward)], axis=-1
    )  # fmt: skip
    bone = {
        name: direction[:, i] * body[name.removesuffix("_l").removesuffix("_r")]
        for i, name in enumerate(BONES)
    }
    joints = {"pelvis": np.zeros_like(bone["torso"]), "chest": bone["torso"]}
    joints["head"] = joints["chest"] + bone["head"]
    for s, sign in (("_l", 1.0), ("_r", -1.0)):
        across = np.array([sign, 0.0, 0.0])
        joints["shoulder" + s] = joints["chest"] + body["shoulder"] * across
        joints["elbow" + s] = joints["shoulder" + s] + bone["upper_arm" + s]
        joints["hand" + s] = joints["elbow" + s] + bone["forearm" + s]
        joints["hip" + s] = joints["pelvis"] + body["hip"] * across
        joints["knee" + s] = joints["hip" + s] + bone["thigh" + s]
        joints["ankle" + s] = joints["knee" + s] + bone["shank" + s]
    return _on_the_ground(joints, jump, planted)


def _on_the_ground(joints, jump, planted):
    left, right = joints["ankle_l"], joints["ankle_r"]
    shift = np.zeros_like(left)
    if np.any(planted):  # the weight moves smoothly to the lower foot
        share = 1 / (1 + np.exp(np.clip((left - right)[:, 1:2] / 0.02, -50, 50)))
        shift = -(share * left + (1 - share) * right) * np.reshape(planted, (-1, 1))
    shift[:, 1] = jump - np.minimum(left[:, 1], right[:, 1])
    return {name: joint + shift for name, joint in joints.items()}
