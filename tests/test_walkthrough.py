"""README's way from one's own videos to a tested model, followed word by word on drawn figures.

Only sizes differ: small videos, a narrow network, and weights of random numbers in the layout of
the published file.
"""

import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from i3d import models
from i3d.visual.figures import render
from tests.helpers import training
from tests.helpers.torch_files import published

TITLE = "### Your own data set, from the first video to the test"
ACTIONS = ("jumping_jacks", "squats")
NARROW = 0.0625
SMALL = {
    "train": ("--config.data.size=40", f"--config.model.width={NARROW}"),
    "evaluate": ("--config.data.size=40", f"--config.model.width={NARROW}"),
    "build": ("--short_side=48", "--flow_method=dis", "--workers=1"),
}


@pytest.fixture(scope="module")
def section():
    """The text of the section."""
    text = (training.ROOT / "README.md").read_text()
    assert TITLE in text
    return re.split(r"\n##+ ", text.partition(TITLE)[2])[0]


def commands(section, module):
    """Returns the indented command lines of a module, as lists of words."""
    text = re.sub(r" *\\\n *", " ", section)
    found = re.findall(rf"^    python -m {module} .*", text, re.MULTILINE)
    return [shlex.split(line)[3:] for line in found]


def run(folder, module, words):
    """Runs a command of the section in `folder`, made small; returns what it printed."""
    command = next(name for name in SMALL if module.endswith(name) or words[0] == name)
    line = [sys.executable, "-m", module, *words, *SMALL[command]]
    path = {"PYTHONPATH": str(training.ROOT)}
    process = subprocess.run(
        line, cwd=folder, env=os.environ | path, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def start_weights(section, folder):
    """Writes a checkpoint of 400 classes where the section puts the published one."""
    name = re.search(r"`(tsn_\S+\.pth)`", section)[1]
    (folder / "checkpoints").mkdir()
    model = models.build("tsn_r50_1x1x3", num_classes=400, width=NARROW)
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no .pth can be written")
    tensors = {key: torch.from_numpy(array) for key, array in published(model).items()}
    torch.save({"meta": {}, "state_dict": tensors}, folder / "checkpoints" / name)


@pytest.mark.slow
def test_from_videos_to_a_tested_model(section, tmp_path):
    for split, count, seed in (("train", 15, 0), ("test", 5, render.TEST_SEED)):
        folder = tmp_path / "videos" / split
        size = {"height": 48, "width": 64}
        written = render.write_videos(folder, count, seed, actions=ACTIONS, **size, workers=1)
        assert len(list(written)) == 2 * count
    start_weights(section, tmp_path)
    builds = commands(section, "data_prep")
    assert len(builds) == 2
    for words in builds:
        run(tmp_path, "data_prep", words)
    python = re.search(r"```python\n# (mine\.py)\n(.*?)```", section, re.DOTALL)
    (tmp_path / python[1]).write_text(python[2])
    (train,), (test,) = commands(section, "i3d.train"), commands(section, "i3d.evaluate")
    told = run(tmp_path, "i3d.train", train)
    assert "left out: the head of 400 classes, a new one has 2" in told.splitlines()[0]
    log = [json.loads(x) for x in (tmp_path / "runs/mine/log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log if "loss" in line]
    assert log[-1]["step"] == 112 and np.isfinite(losses).all()
    assert len([line for line in log if "validation/top1" in line]) == 4
    told = " ".join(run(tmp_path, "i3d.evaluate", test).split())
    assert "25 segment(s) x" in told and "10 videos" in told
