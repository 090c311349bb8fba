"""Pictures of the page: a frame beside its flow, maps of activation."""

import base64

import cv2
import numpy as np
import pytest

from i3d.video.source import VideoError
from i3d.web import pictures
from tests.helpers.videos import texture_frames, write_video


def test_maps_stand_below_their_frames():
    plain, heat = np.full((96, 48, 3), 40, np.uint8), np.full((96, 48, 3), 200, np.uint8)
    panels = [{"RGB": plain, "activation of RGB": heat}] * 3
    found = pictures.of_activation("a<", panels, "walk", empty=False)
    assert found.alt == (
        "Activation of a< for walk, in 3 frames from first to last: red is what speaks most for "
        "the class"
    )
    assert "no place" in pictures.of_activation("a", panels, "walk", empty=True).alt
    picture = decoded(found)
    assert picture.shape == (2 * 192, 3 * 96 + 2 * 4, 3)
    assert abs(picture[100, 50].mean() - 40) < 3 and abs(picture[300, 50].mean() - 200) < 3


def decoded(picture):
    data = base64.b64decode(picture.src.partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


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
