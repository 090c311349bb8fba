"""Videos without classes: built, verified, shown and labelled; training and a test refuse them."""

import json
from pathlib import Path

import pytest

from data_prep import __main__ as data_prep
from i3d import evaluate, predict, train
from tests.helpers import calls
from tests.helpers.videos import texture_frames, write_video

DEMO = Path(__file__).parents[2] / "i3d/weights/demo/rgb.weights.h5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of two videos, built by the command from a folder without classes."""
    root = tmp_path_factory.mktemp("unlabelled")
    for name in ("a", "b"):
        write_video(root / "clips" / f"{name}.mp4", texture_frames(30, 100, 120))
    flags = [f"--videos={root / 'clips'}", f"--out={root / 'set'}", "--streams=rgb", "--workers=1"]
    assert data_prep.main(["data_prep", "build", *flags, "--short_side=96"]) == 0
    return root / "set"


@pytest.mark.long
def test_a_folder_without_classes_is_built_and_looked_at(folder, tmp_path, capsys):
    clips = f"--videos={folder.parent / 'clips'}"
    check = ["verify", f"--data={folder}", clips, "--split=train"]
    assert data_prep.main(["data_prep", *check]) == 0
    assert "videos by class: unlabelled 2" in capsys.readouterr().out
    show = ["show", f"--data={folder}", "--id=a", f"--out={tmp_path / 'a.gif'}"]
    assert data_prep.main(["data_prep", *show]) == 0


@pytest.mark.long
def test_it_is_labelled(folder, tmp_path):
    flags = [f"--checkpoint={DEMO}", "--format=json", f"--out={tmp_path / 'a.json'}"]
    assert predict.main(["predict", *flags, f"--records={folder}", "--split=train"]) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert {video["video"] for video in found} == {"a", "b"}


def test_training_and_a_test_refuse_it(folder, tmp_path):
    message = f"{folder}: was built without classes; build it from folders of classes"
    config = ["--config=i3d/figures", f"--config.data.records={folder}"]
    assert message in calls.refused(train.main, "train", *config, f"--workdir={tmp_path}")
    test = [f"--checkpoint={DEMO}", f"--records={folder}", "--split=train"]
    assert message in calls.refused(evaluate.main, "evaluate", *test)
