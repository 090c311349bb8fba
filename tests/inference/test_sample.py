"""Samples cut into windows, and saved on their way."""

import numpy as np
import pytest

from i3d.inference import sample
from i3d.runtime.command import UserError
from i3d.runtime.npy import NpyWriter
from i3d.visual.save import beside, saved


def steps(count, size=4):
    random = np.random.default_rng(count)
    for index in range(count):
        rgb = random.uniform(-1, 1, (size, size, 3)).astype(np.float32)
        yield {"rgb": rgb, "flow": np.full((size, size, 2), index / count, np.float32)}


@pytest.mark.parametrize(
    ("count", "lengths"),
    [
        (9, [9]),
        (20, [20]),
        (21, [21]),  # one step left over is joined
        (28, [28]),
        (29, [20, 9]),
        (48, [20, 28]),
        (60, [20, 20, 20]),
    ],
)
def test_windows_cover_every_step_once(count, lengths):
    parts = list(sample.windows(steps(count), "x", max_frames=20))
    assert [part["rgb"].shape for part in parts] == [(1, n, 4, 4, 3) for n in lengths]
    joined = np.concatenate([part["flow"][0, :, 0, 0, 0] for part in parts])
    np.testing.assert_allclose(joined, np.arange(count) / count, rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 8])
def test_too_few_steps_are_told(count):
    with pytest.raises(sample.SampleError, match=f"x: too short for I3D: {count} steps"):
        list(sample.windows(steps(count), "x"))


def test_saved_arrays_and_gif_hold_what_passed(tmp_path):
    import av

    given = list(steps(12, size=32))
    passed = list(saved(iter(given), tmp_path / "new", tmp_path / "clip.gif", fps=25))
    assert all(a is b for a, b in zip(given, passed, strict=True))
    for stream, channels in (("rgb", 3), ("flow", 2)):
        array = np.load(tmp_path / "new" / f"{stream}.npy")
        assert array.shape == (1, 12, 32, 32, channels) and array.dtype == np.float32
        np.testing.assert_array_equal(array[0], np.stack([s[stream] for s in given]))
    with av.open(tmp_path / "clip.gif") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 25
    assert len(frames) == 12 and frames[0].shape == (32, 64, 3)
    # 256 colours are enough for a flat half: it is exact.
    np.testing.assert_allclose(frames[6][:, 32:], beside(**given[6])[:, 32:], atol=6)


def test_nothing_is_left_of_what_broke_off(tmp_path):
    def broken():
        yield from steps(3)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(saved(broken(), tmp_path, tmp_path / "clip.gif"))
    assert list(tmp_path.iterdir()) == []
    with NpyWriter(tmp_path / "empty.npy"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_flow_picture_has_x_as_red_and_y_as_green():
    flow = np.zeros((2, 2, 2), np.float32)
    flow[0, 0] = 0.25, -0.25
    picture = beside(np.zeros((2, 2, 3), np.float32), flow)[:, 2:]
    assert picture[0, 0].tolist() == [191, 64, 128] and picture[1, 1].tolist() == [128] * 3


def test_what_exists_is_not_replaced(tmp_path):
    for name in ("rgb.npy", "clip.gif"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match=f"{name}: is there already"):
            list(saved(steps(3), tmp_path, tmp_path / "clip.gif"))
        assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]
        (tmp_path / name).unlink()
