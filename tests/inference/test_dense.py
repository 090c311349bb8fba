"""Feature rows of overlapping windows: equal to windows that are computed apart."""

import numpy as np
import pytest

from i3d.flow import methods
from i3d.inference import dense
from i3d.inference.pixels import levels, resized
from i3d.video import frames as video_frames
from tests.helpers.dense_networks import built, i3d_card
from tests.helpers.videos import texture_frames, write_video

COUNT, WINDOW, STRIDE = 41, 16, 4


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dense")
    return str(write_video(folder / "a.mp4", texture_frames(COUNT, 48, 64), rate=30))


@pytest.fixture(scope="module")
def both():
    return [built(i3d_card()), built(i3d_card("flow"), seed=1)]


def pictures(video, flow):
    """uint8 [T, 32, 32, C]: every frame, or the levels between them and the last again."""
    found = [resized(frame, 40) for frame in video_frames.read_frames(video, None, None)]
    if flow:
        found = [levels(field) for field in methods.flow_fields(found, "farneback")]
        found.append(found[-1])
    height, width = found[0].shape[:2]
    top, left = (height - 32) // 2, (width - 32) // 2
    return np.stack(found)[:, top : top + 32, left : left + 32]


def apart(net, video, first):
    """float32 [C] of one window."""
    seen = pictures(video, net.spec.stream == "flow")[first : first + WINDOW]
    return np.asarray(net(seen[None]))[0]


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.std(expected))


@pytest.mark.long
def test_rows_of_two_streams_are_those_of_windows_apart(both, video):
    rows = dense.DenseRows(both, WINDOW, STRIDE)
    found = rows.of_video(video)
    count = (COUNT - WINDOW) // STRIDE + 1
    assert found.features.dtype == np.float32 and found.features.shape == (count, 256)
    starts = np.arange(count) * STRIDE
    np.testing.assert_allclose(found.start_s, starts / 30, atol=1e-9)
    np.testing.assert_allclose(found.end_s, (starts + WINDOW) / 30, atol=1e-9)
    assert found.fps == 30
    for row in (0, 3, count - 1):
        expected = [apart(net, video, row * STRIDE) for net in both]
        assert_close(found.features[row], np.concatenate(expected))
    grid = rows.spec.grid(found.fps, count)
    middles = (found.start_s + found.end_s) / 2
    np.testing.assert_allclose(grid.seconds(np.arange(count)), middles, atol=1e-9)
