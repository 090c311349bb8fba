"""Scores of windows beside those of the whole video."""

import dataclasses

import numpy as np
import pytest

import i3d
from i3d.flow import methods
from i3d.inference import timeline
from i3d.inference.average import Scores, Sums
from i3d.inference.clips import windows
from i3d.inference.views import Key, views_of
from i3d.runtime.command import UserError
from i3d.spec import asked
from tests.helpers import runs
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.usefixtures("tiny_model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model):
    """Two networks, of RGB and flow, and a video of 2 seconds."""
    folder = tmp_path_factory.mktemp("timeline")
    runs.write(folder / "rgb")
    runs.write(folder / "flow", "flow", seed=1)
    write_video(folder / "a.mp4", texture_frames(50))
    return folder


def test_windows_are_those_of_the_network(folder):
    """Each row is the softmax of the logits of the window's own views; the whole is predict's."""
    network = i3d.load(folder / "rgb/best.weights.h5")
    found = network.timeline(folder / "a.mp4", window_s=0.6)
    np.testing.assert_allclose(found.start_s, [0, 0.6, 1.2])  # the rest of 0.2 s belongs to none
    np.testing.assert_allclose(found.end_s, [0.6, 1.2, 1.8])
    spec = dataclasses.replace(network.spec, clips=1)
    net = network._networks[0]
    for row, (_, _, views) in zip(
        found.probabilities, windows(str(folder / "a.mp4"), spec, 0.6), strict=True
    ):
        logits = np.asarray(net(np.stack(list(views))))
        expected = np.exp(logits[0]) / np.exp(logits[0]).sum()
        np.testing.assert_allclose(row, expected, atol=1e-5)
    scores = dict(network.predict(folder / "a.mp4"))
    for name, p in zip(network.class_names, found.whole.probabilities, strict=True):
        assert scores[name] == pytest.approx(float(p), abs=1e-6)


def test_logits_of_networks_are_added(folder):
    both = i3d.load([folder / "rgb/best.weights.h5", folder / "flow/best.weights.h5"])
    found = both.timeline(folder / "a.mp4", window_s=1)
    assert found.probabilities.shape == (2, 4)
    each = [i3d.load(folder / f"{s}/best.weights.h5").timeline(folder / "a.mp4", 1)
            for s in ("rgb", "flow")]  # fmt: skip
    logs = np.log(each[0].probabilities) + np.log(each[1].probabilities)
    expected = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    scores = dict(both.predict(folder / "a.mp4"))
    assert scores["walk"] == pytest.approx(float(found.whole.probabilities[0]), abs=1e-6)


def test_a_bad_video(folder):
    (folder / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match="bad.mp4: not a readable video"):
        i3d.load(folder / "rgb/best.weights.h5").timeline(folder / "bad.mp4")


@pytest.mark.parametrize("seconds", [0, -1, 1e6, np.nan])
def test_windows_out_of_range(seconds):
    with pytest.raises(UserError, match="^window_s: expected seconds above 0 and below 1,000,000"):
        timeline.tasks_of([runs.spec()], ["a.mp4"], seconds)


def test_window_seconds(folder):
    video = str(folder / "a.mp4")
    assert timeline.window_seconds([runs.spec(stride=5)], video) == 0.8
    assert timeline.window_seconds([runs.spec(), runs.spec(frames=8)], video) == 0.32
    assert timeline.window_seconds([runs.spec(fps=0.0, frames=50)], video) == 2
    assert timeline.window_seconds([runs.spec(segments=8, frames=1)], video) == 2


def test_window_at_a_time():
    starts = np.array([0.0, 0.5, 1.0])
    found = timeline.Timeline(starts, starts + 0.5, np.zeros((3, 2)), Scores(*np.zeros((2, 2))))
    assert [found.window_at(s) for s in (0, 0.49, 0.5, 0.99, 1, 7)] == [0, 0, 1, 1, 2, 2]


def test_one_window_has_the_scores_of_the_whole_video(folder):
    """A clip would loop the 6 frames to 16, every third; the whole video is seen as it is."""
    fields = {"frames": 16, "stride": 3, "clips": 0, "min_frames": 9}
    network = i3d.load(runs.write(folder / "whole", **fields))
    write_video(folder / "short.mp4", texture_frames(6))
    for window_s in (None, 0.2):
        found = network.timeline(folder / "short.mp4", window_s)
        np.testing.assert_array_equal(found.probabilities, found.whole.probabilities[None])
        assert len(found.start_s) == 1
    assert len(network.timeline(folder / "short.mp4", 0.08).start_s) == 3
    scores = dict(network.predict(folder / "short.mp4"))
    assert scores["walk"] == pytest.approx(float(found.probabilities[0, 0]), abs=1e-6)


def test_flow_may_lack_the_last_window():
    """One frame is a window of RGB and none of flow."""

    def sums(count):
        found = Sums("logits")
        for n in range(count):
            found.add(np.array([1.0, n]), Key(n, n, n + 1.0))
        return found

    found = timeline.joined([sums(1), sums(1), sums(3), sums(2)], "softmax")
    assert found.probabilities.shape == (2, 2) and list(found.end_s) == [1, 2]
    assert found.probabilities[1, 1] == pytest.approx(0.5)  # 2 against 2
    assert found.whole.logits.tolist() == [2, 0]


def test_probabilities_are_averaged_in_each_window():
    found = Sums("prob", "softmax")
    for window, row in ((0, [3, 0]), (0, [0, 0]), (1, [0, 5])):
        found.add(np.array(row, np.float64), Key(window, window, window + 1.0))
    three, five = (1 / (1 + np.exp(-x)) for x in (3, 5))
    expected = [(three + 0.5) / 2, 1 - five]
    np.testing.assert_allclose(found.windows().probabilities[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 3])
def test_flow_of_two_frames_is_computed_once(folder, monkeypatch, stride):
    """Of the windows and the whole video together; the views are those of each alone."""
    spec = runs.spec("flow", clips=0, longest=6, stride=stride)
    video = str(folder / "a.mp4")
    alone = [(0, view) for view in views_of(video, spec)]
    alone += [
        (number + 1, view)
        for number, (*_, views) in enumerate(windows(video, asked(spec, clips=1), 0.48))
        for view in views
    ]
    pairs, fields = [], methods.flow_fields

    def counted(frames, method):
        pair = list(frames)
        pairs.append(b"".join(frame.tobytes() for frame in pair))
        return fields(iter(pair), method)

    monkeypatch.setattr(methods, "flow_fields", counted)
    (task,) = timeline.tasks_of([spec], [video], 0.48)
    found = [
        (0 if np.isnan(key.end_s) else key.window + 1, view.copy())
        for key, view in timeline.of_task(task)
    ]
    assert len(pairs) == len(set(pairs)) == 49
    assert [n for n, _ in found] != sorted(n for n, _ in found)  # by turns: few fields are kept
    for (number, view), (other, expected) in zip(
        sorted(found, key=lambda each: each[0]), alone, strict=True
    ):
        assert number == other
        np.testing.assert_array_equal(view, expected)
