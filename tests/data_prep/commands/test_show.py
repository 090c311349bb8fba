"""`python -m data_prep show`: ids, GIFs and sheets."""

import av
import cv2
import numpy as np
import pytest

from i3d.data.build_settings import BuildSettings
from i3d.video import frames as video_frames
from tests.helpers import datasets


def test_show_lists_ids(call, built):
    status, output, _ = call("show", f"--data={built}")
    assert status == 0
    assert {f"run/run{i}" for i in range(3)} < set(output.splitlines())


def test_show_writes_a_gif_of_all_segments(call, built, videos, tmp_path):
    out = tmp_path / "run2.gif"
    words = (f"--data={built}", "--id=run/run2", f"--out={out}")
    status, output, _ = call("show", *words)
    assert status == 0 and output.startswith(f"{out}: 27 frames of run/run2 (train), a full colour")
    with av.open(out) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 25
    frames = list(video_frames.read_frames(videos / "run/run2.mp4", 25, 48))
    assert len(shown) == 27 and shown[0].shape == (48, 128, 3)
    for ours, source in zip(shown, frames, strict=False):
        assert np.abs(ours[:, :64].astype(int) - source).mean() < 12  # 256 colours
    # The texture moves by 2 to the right and 1 up: a reddish violet.
    colour = shown[10][8:40, 72:120].reshape(-1, 3).mean(0)
    assert colour[0] > colour[1] + 60 and colour[2] > colour[1]
    status, _, errors = call("show", *words)
    assert status == 2 and "is there already" in errors


@pytest.mark.parametrize("name", ["a.png", "a.JPG"])
def test_show_writes_a_sheet(call, built, tmp_path, name):
    out = tmp_path / name
    status, output, _ = call(
        "show", f"--data={built}", "--id=run/run0", f"--out={out}", "--max_frames=4"
    )
    assert status == 0 and f"{out}: 4 frames" in output
    assert cv2.imread(str(out)).shape == (2 * 48, 2 * 128, 3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_show_spreads_a_sheet_over_the_video(call, videos, built, tmp_path):
    call(
        "show", f"--data={built}", "--id=run/run2", f"--out={tmp_path / 'a.png'}", "--max_frames=2"
    )
    sheet = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    frames = list(video_frames.read_frames(videos / "run/run2.mp4", 25, 48))
    tiles = [sheet[:48, :64], sheet[-48:, -128:-64]]
    for tile, frame in zip(tiles, (frames[0], frames[13]), strict=True):
        assert np.abs(tile.astype(int) - frame).mean() < 6


def test_show_without_flow(call, videos, tmp_path):
    recipe = BuildSettings(("rgb",), short_side=48)
    folder = datasets.build(tmp_path / "set", videos, recipe, num_shards=1)
    for out, shape in ((tmp_path / "a.gif", (48, 64, 3)), (tmp_path / "a.png", (48, 64, 3))):
        status, output, _ = call(
            "show", f"--data={folder}", "--id=run/run0", f"--out={out}", "--max_frames=1"
        )
        assert status == 0 and "full colour" not in output
        with av.open(out) as container:
            assert next(container.decode(video=0)).to_ndarray(format="rgb24").shape == shape


def test_show_wrong_names(call, built, tmp_path):
    words = [f"--data={built}", "--id=run/run0"]
    status, _, errors = call("show", *words, f"--out={tmp_path / 'a.mp4'}")
    assert status == 2 and "expected a name that ends in .gif, .png, .jpg or .jpeg" in errors
    status, _, errors = call("show", *words)
    assert status == 2 and "--out is needed" in errors
    status, _, errors = call(
        "show", f"--data={built}", "--id=run/run", f"--out={tmp_path / 'a.gif'}"
    )
    assert status == 1 and "no video has the id 'run/run'; the nearest is 'run/run" in errors
    assert list(tmp_path.iterdir()) == []
