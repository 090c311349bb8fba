"""`python -m i3d.visualize activation` as users call it."""

import cv2
import numpy as np
import pytest

from i3d.video import frames
from i3d.visual.commands import activation as command
from tests.helpers import calls, clip_files, runs
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.usefixtures("tiny_model")
NAME = "visualize activation"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model):
    """Networks of RGB and flow, and a video."""
    folder = tmp_path_factory.mktemp("activation")
    runs.write(folder / "rgb")
    runs.write(folder / "flow", "flow", seed=1)
    write_video(folder / "a.mp4", texture_frames(30))
    return folder


def drawn(folder, *words):
    assert command.main([NAME, str(folder / "a.mp4"), *map(str, words)]) == 0


def of(folder, name):
    return f"--checkpoint={folder / name / 'best.weights.h5'}"


def line(folder, *words, status=2):
    return calls.refused(command.main, NAME, folder / "a.mp4", *words, status=status)


def test_two_streams(folder, tmp_path, capsys):
    out = tmp_path / "a.mp4"
    drawn(folder, of(folder, "rgb"), of(folder, "flow"), f"--out={out}", "--clips=2")
    printed = capsys.readouterr().out
    assert printed.startswith(f"{out}: ") and printed.endswith("; 8 frames\n")
    info = frames.probe(out)
    assert (info.frames, info.fps) == (8, 25)
    assert info.width == 3 * 192 + 2 * 4


@pytest.mark.parametrize(("name", "word"), [("rgb", "2"), ("flow", "Jump_High")])
def test_one_stream_and_class(folder, tmp_path, capsys, name, word):
    out = tmp_path / "a.png"
    drawn(folder, of(folder, name), f"--out={out}", f"--class={word}")
    printed = capsys.readouterr().out
    assert printed.startswith(f"{out}: {runs.NAMES[2 if word == '2' else 1]} ")
    assert printed.endswith("; 4 frames\n")
    across = 2 * 192 + 4 + 14  # and a gap between frames
    assert cv2.imread(str(out)).shape[1] % across == 0


@pytest.mark.long
def test_text_model(folder, tmp_path, capsys):
    clip_files.write_clip(tmp_path / "clip.safetensors")
    network = ["--model=clip_tiny", f"--checkpoint={tmp_path / 'clip.safetensors'}"]
    out = tmp_path / "a.gif"
    drawn(folder, *network, "--text=falling,sitting down", "--class=falling", f"--out={out}")
    assert "visual_encoder_block_1; 8 frames" in capsys.readouterr().out
    assert "--text is needed" in line(folder, *network, f"--out={tmp_path / 'b.gif'}")


def test_mistakes(folder, tmp_path):
    rgb, flow, out = of(folder, "rgb"), of(folder, "flow"), f"--out={tmp_path / 'a.gif'}"
    assert "--out is needed" in line(folder, rgb)
    assert "ends in .mp4" in line(folder, rgb, f"--out={tmp_path / 'a.avi'}")
    assert "such as rgb_imagenet or demo_rgb, or two, of RGB and of flow; got 0" in line(
        folder, out
    )
    assert "expected one video, got 2" in line(folder, rgb, out, "b.mp4")
    assert "is given twice; leave one out" in line(folder, rgb, rgb, out)
    again = f"--checkpoint={runs.write(tmp_path / 'again')}"
    assert "one of flow, got rgb and rgb" in line(folder, rgb, again, out)
    other = f"--checkpoint={runs.write(tmp_path / 'other', 'flow', stride=2)}"
    assert "that see the same frames" in line(folder, rgb, other, out)
    assert "--text: tiny has no text tower" in line(folder, rgb, out, "--text=a,b")
    assert "--class: expected a name, or 0 to 3, got 4" in line(folder, rgb, out, "--class=4")
    assert "--class: expected a name, or 0 to 3, got -1" in line(folder, rgb, out, "--class=-1")
    assert "--class: expected one of" in line(folder, flow, out, "--class=runing")
    found = line(folder, rgb, out, "--layer=Logits", status=1)
    assert "with maps in time and space, such as two, one; got 'Logits'" in found
    assert not (tmp_path / "a.gif").exists()


def test_a_map_of_nothing_is_told(folder, tmp_path, capsys, monkeypatch):
    nothing = lambda self, view, number: np.zeros(view.shape[:3], np.float32)  # noqa: E731
    monkeypatch.setattr(command.activation.GradCam, "__call__", nothing)
    drawn(folder, of(folder, "rgb"), f"--out={tmp_path / 'a.png'}")
    assert "rgb: no place speaks for the class" in capsys.readouterr().err
