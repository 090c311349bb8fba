"""Key frames, windows and shown frames against MMAction2's demo."""

import numpy as np
import pytest

from i3d.detection.windows import Windows, clamped
from i3d.runtime.command import UserError
from tests.golden import mmaction

CASES = mmaction.read("stdet_windows.json.gz")["cases"]


def of(case):
    steps = case["predict_stepsize"], case["output_stepsize"]
    return Windows(case["clip_len"], case["frame_interval"], *steps)


def test_windows_are_those_of_the_demo():
    assert len(CASES) == 96
    for case in CASES:
        windows, count = of(case), case["num_frame"]
        expected = [stamp - 1 for stamp in case["timestamps_1based"]]
        keys = windows.keys(count)
        assert keys == (expected or [(count - 1) // 2]), case
        each = [windows.seen(key) for key in keys]
        if case["windows_are"] == "first two and last":
            each = [*each[:2], each[-1]]
        if expected:
            assert each == case["windows_0based"], case
            np.testing.assert_array_equal(np.clip(each, 0, count - 1), each)
        assert [n for n in range(max(keys) + 1) if windows.is_key(n)] == expected, case


def test_shown_frames_are_those_of_the_demo():
    seen = 0
    for case in CASES:
        windows, count = of(case), case["num_frame"]
        shown = [number for key in windows.keys(count) for number in windows.shown(key)]
        if isinstance(case["shown_frames_0based"], list):  # else it fails there
            assert shown == case["shown_frames_0based"], case
            seen += 1
    assert seen == 52


def test_every_length_has_a_key_frame():
    windows = Windows(4, 16)
    for count in range(1, 140):
        keys = windows.keys(count)
        assert keys and all(0 <= key < count for key in keys)
        assert keys[0] + windows.span // 2 < count or count < windows.span
    assert [windows.keys(n) for n in (1, 2, 3, 63, 64)] == [[0], [0], [1], [31], [31]]
    assert [clamped(n, 5) for n in (-3, 0, 4, 9)] == [0, 0, 4, 4]


def test_nothing_later_is_needed():
    for windows in (Windows(4, 16), Windows(2, 1, 80, 4)):
        key = windows.keys(1000)[3]
        assert windows.last(key) == max([*windows.seen(key), *windows.shown(key)])


def test_numbers_that_do_not_fit():
    with pytest.raises(UserError, match="a multiple of --output_stepsize=3, got 8"):
        Windows(8, 8, 8, 3)
    with pytest.raises(UserError, match="an even number of frames, got 5"):
        Windows(5, 8)
