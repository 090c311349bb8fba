"""Feature rows of overlapping windows: equal to windows that are computed apart."""

import tracemalloc

import numpy as np
import pytest

from i3d.data import cropping, read
from i3d.flow import methods
from i3d.inference import dense, dense_views
from i3d.inference.pixels import cut, levels, resized
from i3d.runtime.command import UserError
from i3d.video import frames as video_frames
from tests.helpers import datasets
from tests.helpers.dense_networks import Sums, built, i3d_card, sums, tsn_card
from tests.helpers.videos import texture_frames, write_video

COUNT, WINDOW, STRIDE = 41, 16, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dense")


@pytest.fixture(scope="module")
def video(folder):
    return str(write_video(folder / "a.mp4", texture_frames(COUNT, 48, 64), rate=30))


def pictures(video, flow, fps=None):
    """Uint8 [T, 40, 53, C]: frames, or levels of the flow between them and the last again."""
    found = [resized(frame, 40) for frame in video_frames.read_frames(video, fps, None)]
    if flow:
        found = [levels(field) for field in methods.flow_fields(found, "farneback")]
        found.append(found[-1])
    return np.stack(found)


def views(pictures, indices, spec):
    """Uint8 [crops, N, 32, 32, C] of the pictures of these numbers."""
    crops = cropping.of_spec(spec)(pictures.shape[1:3])
    return np.stack([[cut(pictures[i], crop) for i in indices] for crop in crops])


def window(row, stride=STRIDE):
    return range(row * stride, row * stride + WINDOW)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4 * np.std(expected))


def test_rows_of_two_streams_and_their_times(video):
    nets = [Sums(i3d_card()), Sums(i3d_card("flow"))]
    rows = dense.DenseRows(nets, WINDOW, STRIDE, batch_size=3)
    found = rows.of_video(video)
    count = (COUNT - WINDOW) // STRIDE + 1
    assert rows.views_of.rows(COUNT) == count == 7
    expected = [
        np.concatenate(
            [
                sums(views(pictures(video, net.spec.stream == "flow"), window(row), net.spec)[0])
                for net in nets
            ]
        )
        for row in range(count)
    ]
    assert found.features.dtype == np.float32
    assert_close(found.features, expected)
    starts = np.arange(count) * STRIDE
    np.testing.assert_allclose(found.start_s, starts / 30, atol=1e-9)
    np.testing.assert_allclose(found.end_s, (starts + WINDOW) / 30, atol=1e-9)
    assert found.fps == 30
    grid = rows.spec.grid(found.fps, count)
    middles = (found.start_s + found.end_s) / 2
    np.testing.assert_allclose(grid.seconds(np.arange(count)), middles, atol=1e-9)
    assert rows.spec.channels == 10 and rows.spec.extractors == ("small_rgb", "small_flow")
    parts = list(rows.rows(video))
    assert [first for first, _ in parts] == [0, 3, 6]
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), found.features)


def test_crops_apart_and_averaged(video):
    net = Sums(i3d_card(), crops=10)
    apart = dense.DenseRows([net], WINDOW, WINDOW, keep_crops=True).of_video(video).features
    expected = [sums(view) for view in views(pictures(video, False), window(1, 16), net.spec)]
    assert apart.shape == (2, 10, 6)
    assert_close(apart[1], expected)
    mean = dense.DenseRows([net], WINDOW, WINDOW).of_video(video).features
    assert_close(mean, apart.mean(axis=1))


@pytest.mark.parametrize("stride, fps", [(20, 0.0), (5, 12.0)])
def test_gaps_between_windows_and_another_rate(video, stride, fps):
    nets = [Sums(i3d_card("flow"))]
    found = dense.DenseRows(nets, WINDOW, stride, fps).of_video(video)
    seen = pictures(video, True, fps or None)
    count = (len(seen) - WINDOW) // stride + 1
    each = [views(seen, window(row, stride), nets[0].spec)[0] for row in range(count)]
    assert_close(found.features, [sums(view) for view in each])
    assert found.fps == (fps or 30)


def test_flow_is_computed_once_for_a_pair(video, monkeypatch):
    calls = []

    def method():
        own = methods.METHODS["dis"]()
        return lambda *pair: calls.append(0) or own(*pair)

    monkeypatch.setitem(methods.METHODS, "counted", method)
    net = Sums(i3d_card("flow", flow_method="counted"))
    net.card.spec.__dict__["flow_method"] = "counted"
    dense.DenseRows([net], WINDOW, STRIDE).of_video(video)
    assert len(calls) == COUNT - 1


def test_a_short_video_is_looped_to_one_row(folder, capsys):
    video = str(write_video(folder / "short.mp4", texture_frames(6, 48, 64), rate=30))
    nets = [Sums(i3d_card()), Sums(i3d_card("flow"))]
    found = dense.DenseRows(nets, WINDOW, STRIDE).of_video(video)
    assert found.features.shape == (1, 10)
    looped = [i % 6 for i in range(WINDOW)]
    seen = [views(pictures(video, flow), looped, nets[0].spec)[0] for flow in (False, True)]
    assert_close(found.features[0], np.concatenate([sums(one) for one in seen]))
    assert found.start_s == [0] and found.end_s == pytest.approx([0.2]) and found.fps == 30
    one = str(write_video(folder / "one.mp4", texture_frames(1, 48, 64), rate=30))
    assert dense.DenseRows(nets[:1], WINDOW, STRIDE).of_video(one).features.shape == (1, 6)
    with pytest.raises(UserError, match="one.mp4: 1 frame; flow needs 2"):
        dense.DenseRows(nets, WINDOW, STRIDE).of_video(one)


@pytest.mark.long
def test_stored_frames_and_flow(folder, video):
    videos = datasets.videos(folder / "videos")
    data = read.opened(datasets.build(folder / "data", videos))
    place = read.find(read.videos(data, ["train"]), "jump/jump0")
    nets = [Sums(i3d_card()), Sums(i3d_card("flow"))]
    rows = dense.DenseRows(nets, WINDOW, STRIDE, fps=25.0)
    found, own = rows.of_video(place), rows.of_video(str(videos / "jump" / "jump0.mp4"))
    np.testing.assert_array_equal(found.start_s, own.start_s)
    np.testing.assert_allclose(found.features[:, :6], own.features[:, :6], rtol=0.02, atol=0.5)
    with pytest.raises(UserError, match="expected frames stored at 30 per second, got 25"):
        dense.DenseRows(nets, WINDOW, STRIDE, fps=30.0).of_video(place)


@pytest.mark.long
def test_memory_does_not_grow_with_the_video(folder):
    nets = [Sums(i3d_card()), Sums(i3d_card("flow"))]
    peaks = []
    for count in (40, 200, 1200):
        video = str(write_video(folder / f"{count}.mp4", texture_frames(count, 48, 64), rate=30))
        rows = dense.DenseRows(nets, WINDOW, STRIDE, batch_size=1)
        tracemalloc.start()
        found = sum(len(part) for _, part in rows.rows(video))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == (count - WINDOW) // STRIDE + 1
    assert peaks[2] < 1.2 * peaks[1], peaks


@pytest.mark.long
def test_an_i3d_is_given_windows_apart(video):
    net = built(i3d_card())
    found = dense.DenseRows([net], WINDOW, STRIDE).of_video(video).features
    seen = pictures(video, False)
    apart = np.concatenate([views(seen, window(row), net.spec) for row in range(len(found))])
    assert_close(found, np.asarray(net(apart)))


@pytest.mark.long
@pytest.mark.parametrize("stream, places", [("rgb", (2, 6, 10, 14)), ("flow", (0, 4, 8))])
def test_snippets_of_a_tsn_are_shared(video, stream, places):
    """Each is computed once; rows are those of networks that see all snippets of a window."""
    net = built(tsn_card(stream))
    rows = dense.DenseRows([net], WINDOW, STRIDE)
    assert rows.views_of.layouts[0].views == len(places)
    found = rows.of_video(video).features
    assert sum(1 for _ in rows.views_of(video)) == len(found) + len(places) - 1
    whole = built(tsn_card(stream, len(places)), apart=False)
    whole.model.set_weights(net.model.get_weights())
    seen, frames = pictures(video, stream == "flow"), net.spec.frames
    indices = [
        [row * STRIDE + place + i for place in places for i in range(frames)]
        for row in range(len(found))
    ]
    together = np.concatenate([views(seen, each, net.spec) for each in indices])
    assert_close(found, np.asarray(whole(together)))


def test_layouts():
    whole = i3d_card(stride=3)
    assert dense_views.layout_of(i3d_card(), 16, 4).offsets == tuple(range(16))
    assert dense_views.layout_of(whole, 48, 12).offsets == tuple(range(0, 48, 3))
    assert dense_views.layout_of(whole, 16, 4).offsets == tuple(range(16))  # of every third, six
    clip = i3d_card(clips=10, frames=8)
    assert dense_views.layout_of(clip, 64, 64).offsets == tuple(range(0, 64, 8))
    assert dense_views.layout_of(tsn_card(), 16, 16) == ((8,), 1)
    assert dense_views.layout_of(tsn_card("flow"), 16, 16) == ((6, 7, 8, 9, 10), 1)
    assert dense_views.layout_of(tsn_card(), 16, 40) == ((8,), 1)
    for card, least in ((i3d_card(), 9), (clip, 8), (tsn_card("flow"), 5)):
        with pytest.raises(UserError, match=f"--window: .* at least {least} frames, got 4"):
            dense_views.layout_of(card, 4, 4)
