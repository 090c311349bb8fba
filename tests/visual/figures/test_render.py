"""The drawn data set: what the classes promise of each other, and the files that are written."""

import dataclasses
import os
import signal
import subprocess
import sys

import av
import numpy as np
import pytest

from i3d.runtime import progress
from i3d.visual.figures import render as figures_render
from i3d.visual.figures import writing
from i3d.visual.figures.difficulty import DIFFICULTY
from i3d.visual.figures.motions import BODY, BONES, MOTIONS, in_between, skeleton
from i3d.visual.figures.render import ACTIONS, TEST_SEED, render, write_videos
from tests.helpers.points import Point
from tests.helpers.processes import ROOT

SIZE = {"height": 64, "width": 86}
#: Nothing moves but the figure, and nothing hides it.
STILL = dataclasses.replace(
    DIFFICULTY, tracking=(0, 0), pan=0, shake=0, zoom=0, roll=0, flicker=0, brightness=0,
    noise=(0, 0), blur=0, clutter=0, occluder=0, furniture=0, camouflage=0, rest_chance=0,
    contrast=(1, 1), place=0,
)  # fmt: skip


def film(action, seed, **keywords):
    return np.stack(list(render(action, seed, **{**SIZE, **keywords})))


def read(path):
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        return rate, np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def figure_mask(frames):
    """Where a picture differs from the median of all: the figure, if nothing else moves."""
    return np.abs(frames.astype(int) - np.median(frames, axis=0)).max(axis=-1) > 25


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_renders_frames_that_move(action):
    frames = film(action, 3)
    assert frames.dtype == np.uint8 and frames.shape[1:] == (64, 86, 3)
    assert 60 <= len(frames) <= 120
    quiet = film(action, 3, difficulty=STILL).astype(int)
    assert (quiet.max(axis=0) - quiet.min(axis=0)).max() > 40
    assert frames.std() > 5


def test_equal_arguments_give_equal_frames_and_other_seeds_other_frames():
    first = film("waving", 5)
    assert np.array_equal(first, film("waving", 5))
    other = film("waving", 6)
    shared = min(len(first), len(other))
    assert np.abs(first[:shared].astype(int) - other[:shared]).mean() > 5


def test_frames_are_the_same_in_another_process(tmp_path):
    code = (
        "import numpy as np; from i3d.visual.figures.render import render;"
        f"np.save({str(tmp_path / 'x.npy')!r}, np.stack(list(render('kicking', 9, 64, 86))))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert np.array_equal(np.load(tmp_path / "x.npy"), film("kicking", 9))


def test_walking_left_is_walking_right_mirrored():
    left, right = film("walking_left", 4), film("walking_right", 4)
    assert np.array_equal(left, right[:, :, ::-1])
    assert not np.array_equal(left, right)


def test_standing_up_is_sitting_down_backwards():
    up, down = film("standing_up", 4), film("sitting_down", 4)
    assert np.array_equal(up, down[::-1])
    assert not np.array_equal(up, down)


def test_drinking_and_phoning_differ_by_the_look_of_the_object_only():
    cup = film("drinking", 4, difficulty=STILL).astype(int)
    phone = film("phoning", 4, difficulty=STILL).astype(int)
    share = (np.abs(cup - phone).max(axis=-1) > 12).mean(axis=(1, 2))
    assert (share > 0.001).all()  # some twenty pixels or more, in every frame
    assert (share < 0.02).all()


@pytest.mark.parametrize("action, sign", [("walking_left", -1), ("walking_right", 1)])
def test_walkers_go_where_they_are_said_to(action, sign):
    frames = film(action, 2, difficulty=STILL)
    middle = len(frames) // 2
    columns = np.arange(86)
    places = []
    for mask in figure_mask(frames)[[middle - 12, middle + 12]]:
        places.append((mask.sum(axis=0) * columns).sum() / mask.sum())
    assert sign * (places[1] - places[0]) > 10


def test_the_head_sinks_in_sitting_down():
    frames = film("sitting_down", 2, difficulty=STILL)
    mask = np.abs(frames[0].astype(int) - frames[-1]).max(axis=-1) > 25
    moved = np.flatnonzero(mask.any(axis=1))  # the first row is the standing figure's head
    lowest = np.flatnonzero((frames[-1].astype(int) != frames[0]).any(axis=(1, 2)))[-1]
    assert moved[0] < lowest - 20


@pytest.mark.parametrize("phase", np.linspace(0, 1, 13))
def test_no_single_pose_of_the_walk_tells_the_direction(phase):
    keys = MOTIONS["walk"].keys
    angles, jump = in_between(keys, [phase, 0.5 - phase], 0.9)
    joints = skeleton(angles, jump, BODY, planted=False)
    for joint in joints.values():  # seen from the side, z runs across the picture
        np.testing.assert_allclose(joint[0] * (1, 1, -1), joint[1], atol=1e-9)


@pytest.mark.parametrize("name", MOTIONS)
def test_bones_keep_their_lengths_and_feet_the_floor(name):
    angles, jump = in_between(MOTIONS[name].keys, np.linspace(0, 2, 101))
    joints = skeleton(angles, jump, BODY, planted=True)
    for start, end, bone in (("hip_l", "knee_l", "thigh"), ("elbow_r", "hand_r", "forearm")):
        length = np.linalg.norm(joints[end] - joints[start], axis=-1)
        np.testing.assert_allclose(length, BODY[bone], rtol=1e-9)
    lower = np.minimum(joints["ankle_l"][:, 1], joints["ankle_r"][:, 1])
    np.testing.assert_allclose(lower, jump, atol=1e-9)


def test_in_betweens_pass_through_the_keys_and_never_beyond():
    keys = np.array(MOTIONS["kick"].keys)
    angles, jump = in_between(keys, np.arange(len(keys)) / len(keys))
    np.testing.assert_allclose(
        np.degrees(angles).reshape(len(keys), 2 * len(BONES)), keys[:, :-1], atol=1e-9
    )
    dense = np.degrees(in_between(keys, np.linspace(0, 1, 500))[0]).reshape(500, -1)
    assert (dense <= keys[:, :-1].max(axis=0) + 1e-9).all()
    assert (dense >= keys[:, :-1].min(axis=0) - 1e-9).all()


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_written_video_reads_back(tmp_path, monkeypatch, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"this libav has no {codec}")
    monkeypatch.setattr(writing.av, "codecs_available", {codec})
    (path,) = write_videos(tmp_path, 1, seed=7, actions=["punching"], **SIZE)
    assert path == tmp_path / "punching" / "punching_7.mp4"
    rate, decoded = read(path)
    drawn = film("punching", 7)
    assert rate in (24, 25, 30) and decoded.shape == drawn.shape
    error = ((decoded.astype(float) - drawn) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 28


def test_files_do_not_depend_on_the_number_of_workers(tmp_path):
    asked = {"videos_per_class": 2, "seed": 3, "actions": ["bowing", "squats"], **SIZE}
    one = write_videos(tmp_path / "one", **asked)
    two = write_videos(tmp_path / "two", workers=2, **asked)
    assert [p.name for p in one] == [p.name for p in two] and len(one) == 4
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_a_second_run_writes_what_is_missing_only(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0)
    asked = {"videos_per_class": 2, "actions": ["waving", "bowing"], **SIZE}
    paths = write_videos(tmp_path, **asked)
    assert "figures: 100% 4/4" in capsys.readouterr().err  # plain lines: this is no terminal
    before = [p.stat().st_mtime_ns for p in paths]
    paths[2].unlink()
    assert write_videos(tmp_path, **asked) == paths
    after = [p.stat().st_mtime_ns for p in paths]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True]
    assert "3 of 4 videos are there" in capsys.readouterr().err


@pytest.mark.long
def test_a_killed_run_leaves_whole_videos_and_is_taken_up_again(tmp_path):
    """Killed when its third video is about to get its name."""
    out = tmp_path / "out"
    point = Point(out, tmp_path / "log", "rename .*mp4", number=3)
    code = f"from i3d.visual.figures import render; render.write_videos({str(out)!r}, 4, "
    code += "actions=['squats'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | point.environment(),
        stderr=subprocess.DEVNULL,
    )
    assert process.wait() == -signal.SIGKILL
    finished = sorted((out / "squats").glob("*.mp4"))
    for path in finished:
        assert len(read(path)[1]) == len(film("squats", int(path.stem[7:]), height=128, width=170))
    assert len(finished) == 2 and len(list((out / "squats").iterdir())) == 3
    write_videos(out, 4, actions=["squats"])
    assert len(list((out / "squats").iterdir())) == 4


def test_an_error_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(figures_render, "_draw", broken)
    with pytest.raises(OSError, match="no space left"):
        write_videos(tmp_path, 1, actions=["waving"], **SIZE)
    assert list((tmp_path / "waving").iterdir()) == []


def test_videos_of_another_recipe_are_not_taken_for_these(tmp_path):
    write_videos(tmp_path, 1, actions=["waving"], **SIZE)
    with pytest.raises(ValueError, match="waving_0.mp4 is not the video that would be written"):
        write_videos(tmp_path, 1, actions=["waving"], difficulty=STILL, **SIZE)
    (tmp_path / "waving" / "waving_0.mp4").write_bytes(b"not a video")
    with pytest.raises(ValueError, match="give another folder or delete it"):
        write_videos(tmp_path, 1, actions=["waving"], **SIZE)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"actions": ["flying"]}, "unknown action 'flying': choose from bowing, "),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"height": 63}, "height and width of a video must be even, not 63 x 86"),
        ({"width": 16}, "height and width must be 32 or more, not 64 x 16"),
        ({"videos_per_class": 0}, "videos_per_class must be 1 or more, not 0"),
        ({"workers": 0}, "workers must be 1 or more, not 0"),
        ({"seed": TEST_SEED - 1}, "run into the test seeds"),
    ],
)
def test_bad_arguments_are_one_clear_line(tmp_path, change, message):
    asked = {"videos_per_class": 2, "actions": ["waving"], **SIZE, **change}
    with pytest.raises(ValueError, match=message) as caught:
        write_videos(tmp_path / "out", **asked)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_out_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ValueError, match="is a file: give a folder"):
        write_videos(tmp_path / "out", 1, actions=["waving"], **SIZE)


@pytest.mark.parametrize("arguments", [("flying", 0), ("waving", -3), ("waving", 0, 8, 8)])
def test_render_refuses_at_once(arguments):
    with pytest.raises(ValueError):
        render(*arguments)
