"""The folder in which the commands and snippets of the documentation are run, all of it synthetic.

DeepMind's rgb_scratch is the genuine one where I3D_TEST_CHECKPOINTS names its folder.
"""

import os
import shutil
from pathlib import Path

import cv2

from i3d import models
from i3d.localization import annotations
from i3d.localization.segments import Annotated, Segment
from i3d.video.frames import read_frames
from i3d.visual.figures import render
from tests.helpers import documents
from tests.helpers.torch_files import published

ACTIONS = ("jumping_jacks", "squats")
SMALL = {"height": 48, "width": 64}
NARROW = 0.0625  # multiplier of TSN's filter counts
TSN = "tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb_20220906-cd10898e.pth"
# A multi-label data set wants a video of several labels in each split.
SEVERAL = """path,label
my.mp4,running
other.avi,walking;waving
beach.mp4,waving
v_Archery_g16_c05.avi,running
"""
JUMP = Segment("a", 1.5, 4.0, "jump")


def written(folder, checkpoints):
    """Writes the files that pages speak of; `checkpoints` holds the published layouts."""
    os.symlink(checkpoints, folder / "checkpoints")
    documents.write_files(folder)
    render.write_videos(folder / "clips", 5, actions=ACTIONS)
    render.write_videos(folder / "clips_test", 2, render.TEST_SEED, actions=ACTIONS)
    render.write_videos(folder / "videos/train", 15, actions=ACTIONS, **SMALL)
    render.write_videos(folder / "videos/test", 5, render.TEST_SEED, actions=ACTIONS, **SMALL)
    new = render.write_videos(folder / "new", 2, render.TEST_SEED + 9, actions=ACTIONS)
    names = ("my.mp4", "other.avi", "beach.mp4", "v_Archery_g16_c05.avi")
    for source, name in zip(new, names, strict=True):
        shutil.copyfile(source, folder / name)
    lines = sorted(str(path.relative_to(folder / "clips")) for path in folder.glob("clips/*/*"))
    (folder / "three.txt").write_text("my.mp4\nother.avi\nbeach.mp4\n")
    (folder / "videos.txt").write_text("\n".join(lines[:3]) + "\n")
    for name in ("train.csv", "test.csv"):
        (folder / name).write_text(SEVERAL)
    annotations.write(folder / "thumos14.json", {"a": Annotated("test", 9.0, 25.0, (JUMP,))})
    annotations.write_found(folder / "result.json", [JUMP._replace(start_s=1.4, score=0.9)])
    frame = next(read_frames(str(folder / "my.mp4")))
    (folder / "photo.jpg").write_bytes(cv2.imencode(".jpg", frame)[1].tobytes())
    return folder


def merged(checkpoints, folder):
    """Returns a folder of checkpoints, the genuine rgb_scratch in it where it is at hand."""
    folder.mkdir()
    for path in checkpoints.iterdir():
        os.symlink(path, folder / path.name)
    genuine = os.environ.get("I3D_TEST_CHECKPOINTS")
    if genuine and Path(genuine, "i3d/rgb_scratch/model.ckpt.index").exists():
        (folder / "rgb_scratch").unlink()
        os.symlink(Path(genuine, "i3d/rgb_scratch"), folder / "rgb_scratch")
    return folder


def write_tsn(folder):
    """Writes a narrow TSN of 400 classes and random numbers in the layout of MMAction2's files."""
    import torch

    model = models.build("tsn_r50_1x1x3", num_classes=400, width=NARROW)
    tensors = {key: torch.from_numpy(array) for key, array in published(model).items()}
    torch.save({"meta": {}, "state_dict": tensors}, folder / "checkpoints" / TSN)
