"""What is told of windows of frames."""

import dataclasses

import pytest

from i3d.features.job import Job
from i3d.features.presets import PRESETS, Windows
from i3d.inference import clips
from tests.helpers.dense_networks import i3d_card, tsn_card

APART = "; each window is computed by itself, as padding at its ends reaches all of it"


def described(cards, windows):
    places = {field.name: None for field in dataclasses.fields(Job)}
    job = Job(**places | {"cards": cards, "windows": windows, "endpoint": "features"})
    return job.described()


def test_a_reason_that_both_networks_share_is_told_once():
    preset = PRESETS["thumos_i3d"]
    cards = preset.cards([i3d_card(), i3d_card("flow")], None, "thumos_i3d")
    of = "1 crop(s) of 32 px of frames squeezed to 53 x 40"
    assert described(cards, preset.windows) == (
        f"small_rgb (inception_i3d): 16 frames, {of} + small_flow (inception_i3d): 16 fields, "
        f"{of}; features of windows of 16 frames, stride 4, at the video's own rate{APART}"
    )


@pytest.mark.parametrize("stride, end", [(4, APART), (16, "")])
def test_frames_of_other_windows_keep_their_shape(stride, end):
    assert described([i3d_card()], Windows(16, stride, 25.0)) == (
        "small_rgb (inception_i3d): 16 frames, 1 crop(s) of 32 px of frames resized to a short "
        f"side of 40; features of windows of 16 frames, stride {stride}, at 25 fps{end}"
    )


def test_snippets_are_shared():
    found = described([tsn_card()], Windows(16, 4))
    assert "4 snippet(s) of 1 frames, each computed once, 1 crop(s) of 32 px" in found
    assert APART not in found


@pytest.mark.parametrize("what", ["clip", "window"])
def test_a_looped_video_is_told_in_the_words_of_what_is_asked(what, monkeypatch, capsys):
    monkeypatch.setattr("i3d.runtime.once._told", bytearray(2))
    clips.say_looped("s.mp4", 5, 16, what)
    assert f"5 frames, fewer than the 16 that a {what} spans: " in capsys.readouterr().err
