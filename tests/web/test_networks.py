"""Names of networks, parts of a timeline, pictures; predictions themselves: tests/test_serve.py."""

import dataclasses

import numpy as np
import pytest

from i3d.inference import options
from i3d.inference.timeline import Timeline
from i3d.runtime.command import UserError
from i3d.video.source import VideoError
from i3d.web import networks, pictures
from i3d.weights.cards import DEMO_CARDS
from tests.helpers.videos import texture_frames, write_video


def test_names_are_no_paths_and_differ():
    card = DEMO_CARDS["demo_rgb"]
    paths = (
        "/home/me/runs/rgb/best.weights.h5",
        "/b/rgb/best.weights.h5",
        "/c/rgb/best.weights.h5",
    )
    cards = [card, *(dataclasses.replace(card, name=path) for path in paths)]
    found = networks.Networks(cards)
    best = "rgb/best.weights.h5"
    assert found.names == ("demo_rgb", best, f"{best} #2", f"{best} #3")
    assert found.described("demo_rgb") == "inception_i3d, RGB"
    with pytest.raises(UserError, match="expected demo_rgb, .*got 'other'"):
        found.check(["demo_rgb", "other"])


def test_parts_of_a_timeline():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]], np.float32)
    times = np.arange(4.0)
    found = Timeline(times[:3], times[1:], probabilities, None)
    assert networks._spans(found, ["walk", "run"]) == [
        networks.Span(0.0, 2.0, "walk", 0.8),
        networks.Span(2.0, 3.0, "run", 0.8),
    ]


def test_a_list_of_other_files_is_refused(tmp_path):
    write_video(tmp_path / "a.mp4", texture_frames(10))
    (tmp_path / "video").write_text("ffconcat version 1.0\nfile a.mp4\n")
    found = networks.Networks([DEMO_CARDS["demo_rgb"]])
    with pytest.raises(UserError, match="list of other files"):
        found.predict(str(tmp_path / "video"), ["demo_rgb"], 5, lambda: None)


@pytest.mark.long
def test_a_video_may_take_so_long(tmp_path):
    video = str(write_video(tmp_path / "a.mp4", texture_frames(20, height=96, width=96)))
    found = networks.Networks(options.cards_of(["demo_rgb"]), longest_s=1e-6)
    with pytest.raises(UserError, match="took more than 1e-06 s"):
        found.predict(video, ["demo_rgb"], 5, lambda: None)


@pytest.mark.long
def test_a_frame_beside_its_flow(tmp_path):
    video = write_video(tmp_path / "a.mp4", texture_frames(20))
    frame, flow = pictures.beside_flow(str(video))
    assert frame.alt == "Frame at 0.4 seconds" and "pixels per frame" in flow.alt
    assert all(each.src.startswith("data:image/jpeg;base64,") for each in (frame, flow))
    video = write_video(tmp_path / "b.mp4", texture_frames(1))
    assert pictures.beside_flow(str(video)) == []
    with pytest.raises(VideoError):
        pictures.beside_flow(str(tmp_path / "none.mp4"))
