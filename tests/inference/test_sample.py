"""Samples as clips: of arrays, of videos, and saved on their way."""

import dataclasses

import av
import numpy as np
import pytest

from i3d.data import schema
from i3d.flow import methods
from i3d.inference import sample
from i3d.inference.pixels import levels
from i3d.runtime.command import UserError
from i3d.runtime.npy import NpyWriter
from i3d.video import frames as video_frames
from i3d.visual.save import beside, saving
from i3d.weights.cards import i3d_spec
from tests.helpers.videos import texture_frames, write_video

SPECS = {
    stream: dataclasses.replace(i3d_spec(stream), longest=20, resize=40, crop=32, flow_method="dis")
    for stream in ("rgb", "flow")
}


def steps(count, size=4):
    random = np.random.default_rng(count)
    for index in range(count):
        rgb = random.uniform(-1, 1, (size, size, 3)).astype(np.float32)
        yield {"rgb": rgb, "flow": np.full((size, size, 2), index / count, np.float32)}


def write_arrays(folder, count, size=8):
    """Writes rgb.npy and flow.npy of steps; returns their paths and the arrays."""
    made = {s: np.stack([step[s] for step in steps(count, size)]) for s in ("rgb", "flow")}
    paths = {stream: folder / f"{stream}.npy" for stream in made}
    for stream, array in made.items():
        np.save(paths[stream], array[None].astype(np.float16 if stream == "rgb" else np.float32))
    return paths, made


@pytest.mark.parametrize(
    ("count", "stride", "lengths"),
    [
        (9, 1, [9]),
        (20, 1, [20]),
        (21, 1, [10, 11]),
        (29, 1, [14, 15]),
        (60, 1, [20, 20, 20]),
        (61, 1, [15, 15, 15, 16]),
        (40, 2, [20]),
        (61, 3, [10, 11]),
    ],
)
def test_arrays_are_cut_into_equal_clips(count, stride, lengths, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SIZE", 8)
    paths, made = write_arrays(tmp_path, count)
    specs = {s: dataclasses.replace(spec, stride=stride) for s, spec in SPECS.items()}
    clips = sample.from_arrays(paths, specs)
    for stream, found in clips.items():
        found = list(found)
        assert [clip.shape for clip in found] == [(n, *made[stream].shape[1:]) for n in lengths]
        assert {clip.dtype for clip in found} == {np.dtype(np.float32)}
        np.testing.assert_allclose(np.concatenate(found), made[stream][::stride], atol=1e-3)


@pytest.mark.parametrize(("count", "stride"), [(1, 1), (8, 1), (16, 2)])
def test_arrays_of_too_few_steps_are_told(count, stride, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SIZE", 8)
    paths, _ = write_arrays(tmp_path, count)
    spec = dataclasses.replace(SPECS["rgb"], stride=stride)
    told = f"rgb.npy: too short for I3D: {min(count, 8)} steps, needs at least 9"
    with pytest.raises(sample.SampleError, match=told):
        sample.from_arrays({"rgb": paths["rgb"]}, {"rgb": spec})


def test_arrays_of_both_streams_are_as_long(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SIZE", 8)
    paths, made = write_arrays(tmp_path, 12)
    np.save(paths["flow"], made["flow"][None, :11])
    with pytest.raises(sample.SampleError, match=r"as many flow fields as RGB frames \(12\), got"):
        sample.from_arrays(paths, SPECS)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A path and its frames: 45 at 25 per second, 64x48."""
    path = write_video(tmp_path_factory.mktemp("video") / "a.mp4", texture_frames(45))
    return path, list(video_frames.read_frames(path, 25.0, 40))


def test_a_video_gives_pictures_and_the_levels_of_records(video):
    path, frames = video
    clips = sample.from_video(path, SPECS, flow_method="dis")
    found = {stream: list(each) for stream, each in clips.items()}
    assert [len(clip) for clip in found["rgb"]] == [15, 15, 15]
    assert [len(clip) for clip in found["flow"]] == [14, 15, 15]
    fields = [levels(field) for field in methods.flow_fields(iter(frames), "dis")]
    for stream, pictures in (("rgb", frames), ("flow", fields)):
        joined = np.concatenate(found[stream])
        assert joined.dtype == np.uint8
        expected = np.stack([sample.cropped(picture, 32) for picture in pictures])
        np.testing.assert_array_equal(joined, expected)
    assert np.ptp(joined) > 10


def test_a_part_of_a_video_that_is_short_is_looped(video):
    path, frames = video
    (clip,) = sample.from_video(path, {"rgb": SPECS["rgb"]}, 0.4, 0.56)["rgb"]
    expected = [sample.cropped(frames[10 + i % 4], 32) for i in range(9)]
    np.testing.assert_array_equal(clip, expected)
    (clip,) = sample.from_video(path, {"flow": SPECS["flow"]}, 0.4, 0.56, "dis")["flow"]
    assert len(clip) == 9
    np.testing.assert_array_equal(clip[3:6], clip[:3])
    with pytest.raises(UserError, match="a.mp4: 1 frame; flow needs 2"):
        list(sample.from_video(path, {"flow": SPECS["flow"]}, 0.4, 0.44, "dis")["flow"])


@pytest.mark.parametrize("streams", [("rgb",), ("flow",), ("rgb", "flow")])
def test_every_frame_is_saved_beside_its_flow(video, streams):
    path, frames = video
    kept = []
    clips = sample.from_video(
        path,
        {stream: SPECS[stream] for stream in streams},
        flow_method="dis",
        save=lambda *step: kept.append(step),
    )
    for _ in map(list, clips.values()):
        pass
    assert len(kept) == len(frames) - 1
    np.testing.assert_array_equal([frame for frame, _ in kept], frames[:-1])
    fields = [levels(field) for field in methods.flow_fields(iter(frames), "dis")]
    np.testing.assert_array_equal([field for _, field in kept], fields)


def test_a_step_of_the_published_arrays_is_in_their_range():
    frame = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    field = np.array([[1, 128], [255, 129]], np.uint8)[None].repeat(6, 0).repeat(4, 1)[:, :7]
    step = sample.unit_step(frame, field, 4)
    np.testing.assert_array_equal(step["rgb"], schema.rgb_to_unit(frame[1:5, 1:5]))
    assert step["flow"].shape == (4, 4, 2) and step["flow"].dtype == np.float32
    np.testing.assert_allclose(np.unique(step["flow"]), [-1, 0, 1 / 127, 1], atol=1e-7)


def test_saved_arrays_and_gif_hold_what_passed(tmp_path):
    given = list(steps(12, size=32))
    with saving(tmp_path / "new", tmp_path / "clip.gif", fps=25) as save:
        for step in given:
            save(step)
        assert not (tmp_path / "clip.gif").exists()
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
    with (
        pytest.raises(ValueError, match="broken"),
        saving(tmp_path, tmp_path / "clip.gif") as save,
    ):
        for step in steps(3):
            save(step)
        raise ValueError("broken")
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
        with (
            pytest.raises(UserError, match=f"{name}: is there already"),
            saving(tmp_path, tmp_path / "clip.gif") as save,
        ):
            for step in steps(3):
                save(step)
        assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]
        (tmp_path / name).unlink()
