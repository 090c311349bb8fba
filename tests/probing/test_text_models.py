"""A probe on the video features of a network with a text tower."""

import pytest

import i3d
from i3d import probe
from i3d.runtime.command import UserError
from tests.helpers import calls, clip_files
from tests.helpers.videos import write_folder

pytestmark = pytest.mark.long
pytest.importorskip("keras_hub", reason="the extra clip is not installed")

TINY = "actionclip_tiny_8f"


def test_predictions_but_no_checkpoint(tmp_path):
    checkpoint = str(clip_files.write_actionclip(tmp_path / "a.safetensors"))
    videos = write_folder(tmp_path / "videos", ("walk", "jump"), 2)
    common = {"model": TINY, "folds": 2, "cache": tmp_path / "cache"}
    result = i3d.probe(videos, checkpoint, **common)
    found = result.predict(next(videos.rglob("*.mp4")))
    assert {name for name, _ in found} == {"walk", "jump"}
    assert sum(score for _, score in found) == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match=f"--out: the classes of {TINY} are texts"):
        i3d.probe(videos, checkpoint, out=tmp_path / "out", **common)
    line = [f"--videos={videos}", f"--model={TINY}", f"--checkpoint={checkpoint}"]
    told = calls.refused(probe.main, "probe", *line, f"--out={tmp_path}/out")
    assert "has no head of classes" in told and not (tmp_path / "out").exists()
