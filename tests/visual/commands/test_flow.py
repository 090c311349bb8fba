"""`python -m i3d.visualize flow` as users call it."""

import cv2
import numpy as np
import pytest

from i3d import visualize
from i3d.visual.commands import flow as command
from tests.helpers import video_files
from tests.helpers.calls import refused
from tests.helpers.videos import texture_frames, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A texture that moves by 2 pixels to the right and 1 up, 6 frames."""
    folder = tmp_path_factory.mktemp("flow")
    return write_video(folder / "a.mp4", texture_frames(6, height=256, width=256))


def call(*words):
    return visualize.main(["visualize", "flow", *map(str, words)])


def test_colour_is_the_direction(video, tmp_path, capsys):
    out = tmp_path / "flow.mp4"
    assert call(video, f"--out={out}", "--full_px=2.25") == 0
    assert "5 frames, a full colour is 2.2 px per frame" in capsys.readouterr().out
    pictures = video_files.read(out, fps=None)
    assert len(pictures) == 5
    middle = np.median(pictures[2][100:180, 320:400].reshape(-1, 3), axis=0)
    assert middle[0] > 230 and middle[2] > middle[1] and middle[1] < 30  # right and up: magenta


def test_all_panels_in_a_picture(video, tmp_path):
    out = tmp_path / "flow.png"
    assert call(video, f"--out={out}", "--arrows", "--tracks") == 0
    across = 4 * 256 + 3 * 4 + 17  # and a gap between frames
    assert cv2.imread(str(out)).shape[1] % across == 0


def test_mistakes(video, tmp_path):
    def line(*words, status=2):
        return refused(command.main, "visualize flow", *words, status=status)

    out = f"--out={tmp_path / 'a.gif'}"
    assert "expected one video, got 0" in line(out)
    assert "--out is needed" in line(video)
    assert "ends in .mp4" in line(video, f"--out={tmp_path / 'a.avi'}")
    assert "no such file" in line(tmp_path / "none.mp4", out).lower()
    one = write_video(tmp_path / "one.mp4", texture_frames(1))
    assert "1 frame; flow needs 2" in line(one, out, status=1)
    assert "1 frame; flow needs 2" in line(one, out, "--full_px=3", status=1)
    assert not (tmp_path / "a.gif").exists()
