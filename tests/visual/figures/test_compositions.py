"""Captions of several words: what is held out, and that what is drawn is what they say."""

from importlib import resources

import numpy as np
import pytest

from i3d.inference.text import labels_of
from i3d.visual.figures import difficulty
from i3d.visual.figures.compositions import HELD_OUT, LEARNED, LIMB_MOTIONS, WORDS
from i3d.visual.figures.motions import BODY, in_between, skeleton
from i3d.visual.figures.render import ACTIONS, render

QUIET = difficulty.Difficulty(
    **{**vars(difficulty.PLAIN), "pan": 0, "zoom": 0, "noise": (0, 0), "roll": 0}
)


def film(caption, seed=1):
    return np.stack(list(render(caption, seed, 64, 64, QUIET))).astype(int)


def moved(frames):
    """Where pixels change: bool [H, W]."""
    return (frames.max(axis=0) - frames.min(axis=0)).max(axis=-1) > 20


def test_each_word_of_what_is_held_out_is_learned_and_decides_between_captions():
    assert (len(LEARNED), len(HELD_OUT)) == (21, 7) and not set(LEARNED) & set(HELD_OUT)
    assert WORDS["waving the left arm quickly"] == ("waving", "left", "arm", "quickly")
    learned = {WORDS[caption] for caption in LEARNED}
    for caption in HELD_OUT:
        words = WORDS[caption]
        for place in range(1 if words.limb else 0, 4):
            rest = words[:place] + words[place + 1 :]
            same = [w for w in learned if w[:place] + w[place + 1 :] == rest]
            assert same or (place in (0, 2) and not words.limb), (caption, place)
    # None is told by fewer words: among the learned ones, too, each decides.
    for action in ("lifting", "waving", "swinging"):
        own = [w[1:] for w in learned if w.action == action]
        for place in range(3):
            assert len({w[:place] + w[place + 1 :] for w in own}) < len(own)


@pytest.mark.parametrize("action", ["lifting", "waving", "swinging"])
def test_side_and_limb_are_those_of_the_caption(action):
    """A figure that faces the camera has its left on the right of the picture."""
    middles = {}
    for side in ("left", "right"):
        for limb in ("arm", "leg"):
            rows, columns = np.nonzero(moved(film(f"{action} the {side} {limb} quickly")))
            middles[side, limb] = columns.mean(), np.median(rows)
    for limb in ("arm", "leg"):
        assert middles["left", limb][0] > middles["right", limb][0] + 5
    for side in ("left", "right"):
        assert middles[side, "arm"][1] < middles[side, "leg"][1] - 5


def test_captions_that_differ_by_the_speed_share_their_scene():
    slow, quick = (film(f"lifting the left arm {speed}") for speed in ("slowly", "quickly"))
    assert len(slow) == len(quick)
    changes = [np.abs(np.diff(frames, axis=0)).mean() for frames in (slow, quick)]
    assert changes[1] > 2 * changes[0] > 0


def test_walkers_go_to_the_side_of_the_caption():
    left, right = film("walking to the left slowly"), film("walking to the right slowly")
    assert np.array_equal(left, right[:, :, ::-1])


@pytest.mark.parametrize("name", LIMB_MOTIONS)
def test_one_limb_moves(name):
    angles, jump = in_between(LIMB_MOTIONS[name].keys, np.linspace(0, 1, 20))
    joints = skeleton(angles, jump, BODY, planted=False)
    ends = {"hand": "arm", "ankle": "leg"}
    for end, limb in ends.items():
        for side in "lr":
            reach = np.ptp(joints[f"{end}_{side}"] - joints["chest"], axis=0).max()
            acts = side == "r" and name.endswith(limb)
            assert (reach > 0.15) if acts else (reach < 1e-9), (end, side)


def test_the_13_actions_have_a_caption_each_in_their_order():
    file = resources.files("i3d.weights") / "labels" / "figures_captions.txt"
    captions = labels_of(str(file))
    assert len(captions) == len(set(captions)) == len(ACTIONS)
    same = {"bowing", "clapping", "drinking", "kicking", "punching", "waving"}
    for action, caption in zip(ACTIONS, captions, strict=True):
        if action.startswith("walking"):
            assert caption.endswith(action.partition("_")[2])
        assert action not in same or caption.startswith(action)
