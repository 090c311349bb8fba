"""`python -m data_prep export_npy`: the published arrays."""

import numpy as np
import pytest

from i3d.data import schema
from i3d.data.build_settings import BuildSettings
from i3d.flow import methods
from i3d.inference import sample
from i3d.video import frames as video_frames
from i3d.weights.cards import i3d_spec
from tests.helpers import datasets
from tests.helpers.videos import texture_frames, write_video


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Returns (videos, data set) of pictures large enough for the network."""
    videos = tmp_path_factory.mktemp("large")
    write_video(videos / "walk/a.mp4", texture_frames(26, height=240, width=320))
    recipe = BuildSettings(flow_method="dis", max_segment_s=0.4)
    return videos, datasets.build(tmp_path_factory.mktemp("data") / "set", videos, recipe)


def test_export_writes_the_published_arrays(call, large, tmp_path):
    videos, folder = large
    words = (f"--data={folder}", "--id=walk/a", f"--out={tmp_path / 'npy'}")
    status, output, _ = call("export_npy", *words)
    assert status == 0 and "rgb.npy and flow.npy, 25 frames of walk/a (train)" in output
    paths = {name: tmp_path / "npy" / f"{name}.npy" for name in ("rgb", "flow")}
    arrays = {name: np.load(path) for name, path in paths.items()}
    assert arrays["rgb"].shape == (1, 25, 224, 224, 3)
    assert arrays["flow"].shape == (1, 25, 224, 224, 2)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    specs = {"rgb": i3d_spec("rgb"), "flow": i3d_spec("flow")}
    clips = sample.from_arrays(paths, specs)  # evaluate_sample takes them
    assert [len(next(clips[stream])) for stream in specs] == [25, 25]
    frames = list(video_frames.read_frames(videos / "walk/a.mp4"))
    fields = list(methods.flow_fields(frames, "dis"))
    for t in (0, 9, 10, 24):  # the second segment begins at 10
        rgb = schema.rgb_to_unit(sample.cropped(frames[t], 224))
        assert np.abs(arrays["rgb"][0, t] - rgb).mean() < 0.03
        motion = schema.flow_to_unit(sample.cropped(fields[t], 224))
        assert np.abs(arrays["flow"][0, t] - motion).mean() < 0.005
    status, _, errors = call("export_npy", *words)
    assert status == 2 and f"{paths['rgb']}: is there already" in errors


def test_export_needs_large_pictures(call, built, tmp_path):
    status, _, errors = call(
        "export_npy", f"--data={built}", "--id=run/run0", f"--out={tmp_path / 'npy'}"
    )
    assert status == 1 and errors == (
        "data_prep export_npy: run/run0: expected at least 224 pixels a side, got 48 x 64; build "
        "the data set with --short_side=256\n"
    )
    assert list((tmp_path / "npy").iterdir()) == []


def test_export_without_flow(call, large, tmp_path):
    folder = datasets.build(tmp_path / "set", large[0], BuildSettings(("rgb",)))
    status, output, _ = call(
        "export_npy", f"--data={folder}", "--id=walk/a", f"--out={tmp_path / 'npy'}"
    )
    assert status == 0 and "rgb.npy, 26 frames of walk/a" in output
    assert [path.name for path in (tmp_path / "npy").iterdir()] == ["rgb.npy"]
    assert np.load(tmp_path / "npy/rgb.npy").shape == (1, 26, 224, 224, 3)
