"""The figures that `python -m benchmarks.zero_shot` prints."""

import numpy as np
import pytest

from benchmarks import zero_shot
from i3d.evaluation.results import Result
from i3d.visual.figures.compositions import HELD_OUT, LEARNED


def result(names, named):
    """Returns the Result of a video of each caption {of the video: most probable one}."""
    logits = np.full((len(named), len(names)), -9, np.float32)
    for row, best in zip(logits, named.values(), strict=True):
        row[names.index(best)] = 0
    labels = np.array([names.index(caption) for caption in named])
    ids = np.array([f"{n}.mp4" for n in range(len(named))])
    return Result(ids, labels, logits, np.array(names), "rgb", "")


def test_accuracies_count_captions_and_each_word_of_those_that_say_it():
    held_out = {
        "lifting the left arm slowly": "lifting the left arm slowly",
        "waving the right leg slowly": "waving the left arm quickly",
        "walking to the left quickly": "walking to the left quickly",
        "swinging the left leg slowly": "walking to the left quickly",
    }
    both = held_out | {
        "lifting the left arm slowly": "lifting the left arm quickly",
        "waving the right leg slowly": "waving the left arm slowly",
    }
    learned = {caption: caption for caption in LEARNED}
    row = zero_shot.accuracies(
        result([*HELD_OUT], held_out), result([*HELD_OUT, *LEARNED], both | learned)
    )
    expected = {"held out": 2 / 4, "held out of all": 1 / 4, "learned of all": 1}
    expected |= {"action": 3 / 4, "side": 3 / 4, "limb": 1 / 3, "speed": 2 / 4}
    assert row == pytest.approx(expected)


def test_chances():
    row = zero_shot.chances()
    expected = {"held out": 1 / 7, "held out of all": 1 / 28, "learned of all": 1 / 28}
    expected |= {"action": 52 / 28 / 7, "side": 1 / 2, "limb": 3 / 7, "speed": 1 / 2}
    assert row == pytest.approx(expected)
