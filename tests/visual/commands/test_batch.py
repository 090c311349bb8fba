"""`python -m i3d.visualize batch` as users call it, of videos and of boxes."""

import cv2
import numpy as np
import pytest

from i3d import visualize
from i3d.data.build_settings import BuildSettings
from i3d.visual.commands import batch as command
from tests.helpers import datasets, key_frames
from tests.helpers.calls import refused
from tests.helpers.videos import write_folder

pytestmark = pytest.mark.long

CONFIG = """
from i3d.training import config

def get_config():
    c = config.defaults()
    c.data.frames, c.data.size, c.batch.per_replica = 4, 32, 3
    {more}
    return c
"""
BOXES = "c.model.name, c.boxes.scale, c.data.stride = 'ava_slowonly_r50_4x16x1', (48, 64), 8"


def config_of(folder, more="c.model.name, c.data.flow_method = 'i3d', 'dis'"):
    path = folder / "own.py"
    path.write_text(CONFIG.format(more=more))
    return f"--config={path}"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    root = tmp_path_factory.mktemp("records")
    videos = write_folder(root / "clips", per_class=1)
    datasets.build(root / "set", videos, BuildSettings(flow_method="dis", short_side=48))
    return root / "set"


def call(*words):
    return visualize.main(["visualize", "batch", *map(str, words)])


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_a_batch_of_videos(records, tmp_path, capsys, stream):
    words = f"--config.data.records={records}", "--config.data.validation="
    more = f"--config.data.stream={stream}", f"--out={tmp_path / 'batch.png'}", "--clips=2"
    assert call(config_of(tmp_path), *words, *more) == 0
    lines = capsys.readouterr().out.splitlines()
    channels = {"rgb": 3, "flow": 2}[stream]
    assert lines[0].startswith(f"levels: uint8 3 x 4 x 32 x 32 x {channels}, ")
    assert lines[1].startswith(f"input of the network: float32 3 x 4 x 32 x 32 x {channels}, -")
    named = [line for line in lines if line.startswith("clip ")]
    assert len(named) == 3 and all(
        any(c in line for c in ("jump", "run", "walk")) for line in named
    )
    assert lines[-1].endswith("2 of 3 clips")
    image = cv2.imread(str(tmp_path / "batch.png"))
    assert image.shape[1] == 480 and image.shape[0] % 2 == 0
    assert np.ptp(image[-34:-2, :32]) > 50


def test_equal_steps_give_equal_pictures(records, tmp_path):
    words = config_of(tmp_path), f"--config.data.records={records}", "--config.data.validation="
    for name, step in (("a", 0), ("b", 0), ("c", 1)):
        assert call(*words, f"--out={tmp_path / name}.png", f"--step={step}") == 0
    one, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert one == same != other


def test_a_batch_of_boxes(tmp_path, capsys):
    records = key_frames.build(tmp_path)
    words = f"--config.data.records={records}", "--config.data.validation="
    out = tmp_path / "batch.png"
    assert call(config_of(tmp_path, BOXES), *words, f"--out={out}") == 0
    printed = capsys.readouterr().out
    assert "levels: uint8 3 x 4 x 32 x 32 x 3" in printed
    assert "1 stand" in printed or "1 wave" in printed or "1 walk" in printed, printed
    assert out.exists()


def test_videos_of_several_labels_name_them_all():
    labels = np.array([[True, False, True], [False] * 3])
    rows = command._rows(np.zeros((2, 1, 8, 8, 3), np.uint8), labels, ("a", "b", "c"))
    assert [row.title for row in rows] == ["clip 1: a, c", "clip 2: no class"]


def test_mistakes(records, tmp_path):
    own, out = config_of(tmp_path), f"--out={tmp_path / 'batch.png'}"
    data = f"--config.data.records={records}"

    def line(*words, status=2):
        return refused(command.main, "visualize batch", *words, status=status)

    assert "expected --config=RECIPE" in line(out)
    assert "--out is needed" in line(own, data)
    assert "ends in .png" in line(own, data, "--out=batch.gif")
    assert "config.data.records: expected the folder" in line(own, out)
    for key in ("train", "validation"):
        told = line(own, data, out, f"--config.data.{key}=nope")
        assert "expected the split 'nope', this data set has:" in told
    assert "none" in line(own, "--config.data.records=none", out)
    rows = "actionformer is trained on rows of features, which cannot be drawn"
    assert rows in line("--config=actionformer/finetune", out)
    assert "unexpected argument 'word'" in line(own, data, out, "word")
    assert "int" in line(own, data, out, "--config.data.frames=x")
