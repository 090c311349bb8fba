"""Arrows of flow, and tracks of points that agree with a known motion."""

import numpy as np

from i3d.visual.motion import Tracks, arrows
from tests.helpers.videos import MOTION, texture_frames


def test_arrows_point_along_the_flow():
    picture = np.zeros((48, 64, 3), np.uint8)
    field = np.zeros((48, 64, 2), np.float32)
    assert not arrows(picture, field).any()
    field[4, 4] = 5, 0  # where the first one begins
    found = arrows(picture, field)
    assert not picture.any()
    assert found[4, 4:19].any(axis=-1).all()
    assert not found[12:].any() and not found[:, 26:].any()


def test_tracks_follow_a_moving_texture():
    tracks, seen = Tracks(), []
    for frame in texture_frames(9, height=96, width=128):
        tracks.add(frame)
        seen.append(len(tracks.points))
        assert tracks.drawn(frame).shape == frame.shape
    assert min(seen) > 10
    motion = [np.subtract(t[-1], t[0]) / (len(t) - 1) for t in tracks._tracks if len(t) > 4]
    np.testing.assert_allclose(np.median(motion, axis=0), MOTION, atol=0.05)


def test_frames_without_corners_have_no_tracks():
    tracks = Tracks()
    for _ in range(3):
        tracks.add(np.full((40, 40, 3), 90, np.uint8))
    assert tracks.points.shape == (0, 2)
    assert (tracks.drawn(np.full((40, 40, 3), 90, np.uint8)) == 90).all()


def test_new_points_are_found_and_tails_end():
    tracks = Tracks()
    for frame in texture_frames(25, height=64, width=64):
        tracks.add(frame)
    assert 5 < len(tracks.points) <= 200
    assert max(map(len, tracks._tracks)) <= 15
