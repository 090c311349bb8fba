"""What version 0.1.0 wrote is read and gone on with; tests/data/version_0_1/README.md tells of it.

Where the code of today computes in another order, numbers agree to a few units of the last digit.
"""

import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from i3d import evaluate, extract_features, fuse, models, predict
from i3d.data import read, stored
from i3d.evaluation import results

ROOT = Path(__file__).parents[1]
PLACE = Path("tests/data/version_0_1")  # below the root of the checkout, as paths in the files are
BEST = PLACE / "run" / "best.weights.h5"
VIDEOS = [PLACE / "videos" / f"{name}.mp4" for name in ("one", "two", "three")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the files where they were made: below the current directory."""
    folder = tmp_path / PLACE
    shutil.copytree(ROOT / PLACE, folder)
    for packed in folder.rglob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    shutil.copytree(ROOT / "configs" / "i3d", tmp_path / "configs" / "i3d")
    monkeypatch.chdir(tmp_path)
    return folder


def trained_with():
    """Returns the flags of the run, from the README."""
    text = (ROOT / PLACE / "README.md").read_text()
    flags = text.partition('TRAINED="')[2].partition('"')[0].replace("$F", str(PLACE))
    return shlex.split(flags.replace("\\\n", " "))


def process(*words):
    """Runs `python -m WORDS` in the current directory; returns the CompletedProcess."""
    line = [sys.executable, "-m", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, env=environment, capture_output=True, text=True)


def arrays(path):
    with np.load(path) as found:
        return dict(found)


def weights(path):
    """Returns {path: array} of a file of weights of the run."""
    model = models.build("inception_i3d", num_classes=2, channels=3, size=40, width=0.03)
    model.load_weights(path)
    return {weight.path: np.asarray(weight) for weight in model.weights}


def difference(found, expected):
    """Returns the largest difference, as a part of the largest number expected."""
    assert found.keys() == expected.keys()
    largest = max(np.abs(array).max() for array in expected.values())
    return max(np.abs(found[name] - expected[name]).max() for name in expected) / largest


def test_the_data_set_is_read(folder):
    data = read.opened(PLACE / "data")
    assert data.class_names == ("jumping_jacks", "kicking") and data.with_flow
    assert (data.recipe.short_side, data.recipe.fps) == (48, 10.0)
    lengths = {split: [shard.length for shard in shards] for split, shards in data.shards.items()}
    assert lengths == {"train": [1, 2], "test": [2]}
    places = list(read.videos(data, ["train", "test"]))
    assert len({place.id for place in places}) == 5
    for place in places:
        steps = list(read.steps(read.segments(place)))
        assert read.rgb(steps[-1][0]).shape == (48, 64, 3)
        assert read.flow(steps[0][1]).shape == (48, 64, 2)

    records = stored.opened(PLACE / "data", "train", ("rgb", "flow"), "tvl1")
    videos = [stored.video(records, np.int64(number)) for number in range(records.num_records)]
    assert sorted(int(video["label"]) for video in videos) == [0, 0, 1]
    assert all(len(video["frames"]) == len(video["flow"]) + 1 for video in videos)

    builder = tfds.builder_from_directory(PLACE / "data")
    examples = list(builder.as_dataset(split="test"))
    assert sorted(int(example["label"]) for example in examples) == [0, 1]
    assert examples[0]["frames"].shape[1:] == (48, 64, 3)


def test_the_data_set_is_whole(folder):
    done = process("data_prep", "verify", f"--data={PLACE / 'data'}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{PLACE / 'data'}: all is well"


@pytest.mark.slow
def test_the_run_goes_on(folder):
    """Not bit by bit: the compiled step rounds the gradient of the first layer otherwise."""
    run = PLACE / "run"
    before = weights(run / "step-00000002" / "model.weights.h5")
    done = process("i3d.train", *trained_with(), "--config.steps=4", f"--workdir={run}")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{run}: resumes from step 2" and lines[-1] == f"{run}: done, 4 steps"
    end = arrays(PLACE / "run_end.npz")
    assert difference(before, end) > 1e-3
    assert difference(weights(run / "step-00000004" / "model.weights.h5"), end) < 1e-5
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]


@pytest.mark.long
def test_predictions_are_the_same(folder):
    """The model and its views are those of the config.json beside the weights."""
    words = [f"--checkpoint={BEST}", "--format=json", "--out=new.json", *map(str, VIDEOS)]
    assert predict.main(["predict", *words]) == 0
    found, expected = (
        json.loads(p.read_text()) for p in (Path("new.json"), PLACE / "predict.json")
    )
    assert [row["video"] for row in found] == [row["video"] for row in expected]
    for row, other in zip(found, expected, strict=True):
        for one, two in zip(row["predictions"], other["predictions"], strict=True):
            assert (one["index"], one["label"]) == (two["index"], two["label"])
            assert one["score"] == pytest.approx(two["score"], abs=1e-4)
    assert len({row["predictions"][0]["score"] for row in expected}) == 3


@pytest.mark.long
def test_the_test_gives_the_same_logits(folder, capsys):
    words = [*trained_with(), f"--checkpoint={BEST}", "--clips=3", "--out=new.npz"]
    assert evaluate.main(["evaluate", *words]) == 0
    # All but the lines on the protocol.
    tables = [text[text.index("top-1 ") :] for text in (
        capsys.readouterr().out, (PLACE / "evaluate.txt").read_text()
    )]  # fmt: skip
    assert tables[0] == tables[1]
    found, expected = results.load("new.npz"), results.load(PLACE / "result.npz")
    for name in ("ids", "labels", "class_names"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert difference({"": found.logits}, {"": expected.logits}) < 1e-4

    assert fuse.main(["fuse", str(PLACE / "result.npz"), "new.npz", "--out=sum.npz"]) == 0
    both = results.load("sum.npz").logits
    assert difference({"": both}, {"": 2 * expected.logits}) < 1e-4


@pytest.mark.long
def test_features_go_on(folder, capsys):
    work = PLACE / "features.npz.work"
    assert sorted(path.name for path in work.iterdir()) == ["0000000.npz", "plan.json"]
    words = [
        f"--checkpoint={BEST}",
        f"--video_list={PLACE / 'videos.txt'}",
        f"--video_root={PLACE / 'videos'}",
        f"--out={PLACE / 'features.npz'}",
        "--window_s=1",
        "--stride_s=0.5",
        "--workers=1",
    ]
    other = [word.replace("stride_s=0.5", "stride_s=0.25") for word in words]
    assert extract_features.main(["extract_features", *other]) == 1
    assert "holds work with stride_s 0.5, this run has 0.25" in capsys.readouterr().err
    assert extract_features.main(["extract_features", *words]) == 0
    assert "1 of 3 videos are done\n" in capsys.readouterr().err
    assert not work.exists()
    found = arrays(PLACE / "features.npz")
    expected = arrays(PLACE / "features_expected.npz")
    assert found.keys() == expected.keys()
    for name in expected.keys() - {"features"}:
        assert found[name].tolist() == expected[name].tolist()
    assert difference({"": found["features"]}, {"": expected["features"]}) < 1e-5
