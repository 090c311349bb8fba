"""Long videos of several actions: what is when, and the files that are written."""

import csv
import itertools
import json

import numpy as np
import pytest

from i3d.runtime.command import UserError
from i3d.visual.figures import looks, render, script, untrimmed, writing
from i3d.visual.figures.long_scene import script_of
from tests.helpers import video_files

SIZE = {"height": 48, "width": 64}
MEANS = {
    "walking_left": (155.98, 139.12, 146.53),
    "kicking": (146.3, 107.68, 157.48),
    "sitting_down": (140.23, 142.45, 132.45),
}


@pytest.fixture(scope="module")
def scripts():
    """The parts of 60 videos."""
    return [script_of(np.random.default_rng(seed)) for seed in range(60)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("untrimmed")
    untrimmed.write_untrimmed(out, 1, seed=4, **SIZE)
    return out


def test_videos_are_a_function_of_their_seed():
    first, again, other = (untrimmed.long_scene(seed, **SIZE) for seed in (3, 3, 4))
    assert first.segments == again.segments != other.segments
    np.testing.assert_array_equal(first.frame(140), again.frame(140))
    assert np.abs(first.frame(140).astype(int) - other.frame(140)).mean() > 5


@pytest.mark.parametrize("action, mean", MEANS.items())
def test_videos_of_one_action_are_what_they_were(action, mean):
    """Mean colours of middle frames that were drawn before long videos shared their code."""
    frames = list(render.render(action, 5, 64, 86))
    np.testing.assert_allclose(frames[len(frames) // 2].mean((0, 1)), mean, atol=0.05)


def test_parts_follow_each_other_for_15_to_41_seconds(scripts):
    for parts in scripts:
        assert parts[0].start == 0 and not parts[0].label
        assert all(a.end == b.start for a, b in itertools.pairwise(parts))
        assert all(a.label != b.label or not a.label for a, b in itertools.pairwise(parts))
        assert 15 <= parts[-1].end / script.FPS <= 41


def test_every_class_occurs_and_a_figure_that_sits_stands_up(scripts):
    found = [part.label for parts in scripts for part in parts if part.label]
    assert {*found} == {*render.ACTIONS}
    least, most = (pick(found.count(name) for name in render.ACTIONS) for pick in (min, max))
    assert most < 4 * least
    for parts in scripts:
        seated = [part.label for part in parts if part.seated]
        assert seated in ([], ["sitting_down", "", "standing_up"])


def test_actions_last_about_one_to_five_seconds_and_pauses_are_between_most(scripts):
    actions = [p for parts in scripts for p in parts if p.label]
    seconds = np.array([(part.end - part.start) / script.FPS for part in actions])
    assert 1.0 < seconds.min() and seconds.max() < 5.1
    pauses = [p for parts in scripts for p in parts[1:] if not p.label]
    assert 0.7 * len(actions) < len(pauses) < len(actions)


def test_a_figure_moves_smoothly_from_part_to_part():
    """No joint jumps from one frame to the next by more than a quick limb moves."""
    scene = untrimmed.long_scene(7, **SIZE)
    done, stance = scene._acted(handed=1.0)
    way = np.cumsum(done.speed) / scene.fps
    points = scene._figure.points(done, stance, way)
    for name in ("hand_l", "hand_r", "pelvis", "head", "ankle_l"):
        assert np.abs(np.diff(points[name], axis=0)).max() < 0.2  # figure heights


def test_a_cup_is_in_the_hand_while_it_is_drunk_from():
    scene = next(
        scene
        for scene in (untrimmed.long_scene(seed, **SIZE) for seed in range(19))
        if {"drinking", "phoning"} & {label for label, *_ in scene.segments} == {"drinking"}
    )
    begin, end = next((a, b) for label, a, b in scene.segments if label == "drinking")
    parts = [len(layer) for layer in _figure(scene)]
    with_cup = [t for t, n in enumerate(parts) if n > min(parts)]
    assert begin * 25 - 6 < with_cup[0] < begin * 25 and end * 25 < with_cup[-1] < end * 25 + 6


def _figure(scene):
    """The layer of the figure: of as many parts as the body has, at least."""
    return next(layer for layer in scene._layers if len(layer[0]) >= len(looks.PARTS))


def test_annotations_and_video_agree(folder):
    (path,) = (folder / "videos").iterdir()
    assert path.name == "untrimmed_004.mp4"
    scene = untrimmed.long_scene(4, **SIZE)
    assert len(video_files.read(path, fps=None)) == scene.frames
    with open(folder / "annotations.csv", newline="") as file:
        rows = [(r["path"], r["label"], float(r["start_s"]), float(r["end_s"]))
                for r in csv.DictReader(file)]  # fmt: skip
    assert rows == [("videos/untrimmed_004.mp4", *segment) for segment in scene.segments]
    known = json.loads((folder / "annotations.json").read_text())["database"]["untrimmed_004"]
    assert known["subset"] == "training" and known["fps"] == 25.0
    assert known["duration"] == scene.frames / 25
    of_json = [(one["label"], *one["segment"]) for one in known["annotations"]]
    assert of_json == list(scene.segments)


def test_more_videos_may_be_asked_for_later_and_others_are_refused(folder):
    before = (folder / "videos/untrimmed_004.mp4").stat()
    untrimmed.write_untrimmed(folder, 2, seed=4, **SIZE)
    assert (folder / "videos/untrimmed_004.mp4").stat() == before
    assert len(json.loads((folder / "annotations.json").read_text())["database"]) == 2
    with pytest.raises(UserError, match=r"annotations.csv is not the file"):
        untrimmed.write_untrimmed(folder, 1, seed=6, **SIZE)
    with pytest.raises(UserError, match="is not the video"):
        untrimmed.write_untrimmed(folder, 2, seed=4, height=64, width=64)


def test_videos_for_testing_are_of_that_subset():
    assert untrimmed._known(writing.TEST_SEED)["subset"] == "test"
