"""DeepMind's genuine weights on a real video: whole, in equal clips, saved or not."""

import os
from pathlib import Path

import pytest

import i3d
from tests.helpers.sample_command import evaluate, parsed

pytestmark = pytest.mark.long
CHECKPOINTS = os.environ.get("I3D_TEST_CHECKPOINTS", "")


@pytest.fixture(scope="module")
def checkpoints():
    folder = Path(CHECKPOINTS, "i3d")
    if not CHECKPOINTS or not (folder / "rgb_scratch/model.ckpt.index").exists():
        pytest.skip("I3D_TEST_CHECKPOINTS is not set to a folder with i3d/rgb_scratch")
    return folder


def test_a_video_of_262_frames_is_two_equal_clips(checkpoints, clips, tmp_path):
    video = clips / "ucf101/Archery/v_Archery_g16_c05.avi"
    flags = ["--eval_type=rgb", "--noimagenet_pretrained", f"--checkpoint_dir={checkpoints}"]
    plain = evaluate(*flags, f"--video={video}", "--top_k=3")
    norm, classes = parsed(plain)
    assert next(iter(classes)) == "archery"
    assert classes["archery"][0] == pytest.approx(0.8211, abs=1e-3)
    assert norm == pytest.approx(69.3569, abs=1e-2)
    saved = evaluate(*flags, f"--video={video}", "--top_k=3", f"--save_arrays={tmp_path}")
    assert saved == plain
    (best, score), *_ = i3d.load(None, checkpoints / "rgb_scratch/model.ckpt").predict(str(video))
    assert best == "archery" and score == pytest.approx(classes["archery"][0], rel=1e-3)
