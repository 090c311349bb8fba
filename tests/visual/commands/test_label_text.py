"""`python -m i3d.visualize label` with classes in words, on a small ActionCLIP."""

import pytest

import i3d
from i3d.visual.commands import label
from tests.helpers import calls, clip_files
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.long
pytest.importorskip("keras_hub", reason="the extra clip is not installed")

NAME = "visualize label"
LABELS = ["falling, then lying", "sitting down", "走り幅跳び", "ไทย"]


def test_classes_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clip_files.write_actionclip(tmp_path / "a.safetensors")
    video = write_video(tmp_path / "a.mp4", texture_frames(30, seed=7))
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    given = ["--model=actionclip_tiny_8f", f"--checkpoint={tmp_path / 'a.safetensors'}"]
    given += [f"--out={tmp_path / 'out.mp4'}", str(video)]
    assert "--text is needed: labels for actionclip_tiny_8f" in calls.refused(
        label.main, NAME, *given
    )
    text = f"--text={tmp_path / 'labels.txt'}"
    line = calls.refused(label.main, NAME, text, "--true_label=sitting", *given)
    assert "expected one of the network's 4 classes, got 'sitting'; did you mean" in line
    assert label.main([NAME, text, "--true_label=Sitting down", *given]) == 0
    printed = capsys.readouterr()
    model = i3d.load("actionclip_tiny_8f", tmp_path / "a.safetensors", text=LABELS)
    ((name, score),) = model.predict(video, 1)
    assert f"out.mp4: {name} {score:.4f} (" in printed.out
    assert "letters without a font, drawn as ?: ไทย" in printed.err
