"""python -m i3d.evaluate --task=localization --checkpoint: what a localizer finds in features."""

import json

import numpy as np
import pytest

from i3d import evaluate, models
from i3d.data.feature_spec import FeatureSpec
from i3d.localization import annotations

pytestmark = pytest.mark.long
SPEC = FeatureSpec(channels=4, window=16, stride=4, fps=25.0)
ROWS = 48


def write_run(folder, model, labels, **fields):
    """Writes a run with random weights and the features of three videos; returns the weights."""
    (folder / "rows").mkdir(parents=True)
    database = {}
    for name, subset in (("a", "train"), ("b", "test"), ("c", "test")):
        rows = np.random.default_rng(ord(name)).normal(size=(ROWS, SPEC.channels))
        np.save(folder / "rows" / f"{name}.npy", rows.astype(np.float32))
        segments = [{"segment": [1, 3], "label": "jump"}, {"segment": [4, 6], "label": "run"}]
        own = {"subset": subset, "duration": (ROWS * 4 + 12) / 25, "fps": 25.0}
        database[name] = own | {"annotations": segments}
    (folder / "truth.json").write_text(json.dumps({"database": database}))
    settings = {
        "model.name": "temporalmaxer",
        "model.width": 0.03125,
        "input": SPEC.to_json(),
        "classes": labels,
        "data.records": str(folder / "rows"),
        "data.train": "train",
        "data.validation": "test",
        "segments.annotations": str(folder / "truth.json"),
        "segments.longest": 64,
    }
    (folder / "config.json").write_text(json.dumps(settings | fields))
    weights = folder / "best.weights.h5"
    model.save_weights(weights)
    return weights


@pytest.fixture(scope="module")
def model():
    return models.build("temporalmaxer", num_classes=2, channels=SPEC.channels, width=0.03125)


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "both", model, ["jump", "run"])


def run(*arguments):
    return evaluate.main(["evaluate", "--task=localization", *map(str, arguments)])


def figures(capsys):
    """Returns what was printed without the lines on files."""
    out = capsys.readouterr().out
    return out[out.index("protocol") :]


def test_a_run_is_tested_on_what_its_config_says(weights, tmp_path, capsys):
    kept = tmp_path / "found.json"
    assert run(f"--checkpoint={weights}", f"--found_out={kept}") == 0
    out = figures(capsys)
    assert "2 videos, 4 segments" in out and "mAP" in out
    found = annotations.read_found(kept)
    assert {one.video for one in found} == {"b", "c"}
    assert run(f"--truth={weights.parent / 'truth.json'}", f"--found={kept}") == 0
    assert figures(capsys) == out


def test_videos_of_the_training_are_told(model, tmp_path, capsys):
    own = {"data.train": "test", "data.validation": "test"}
    weights = write_run(tmp_path / "held", model, ["jump", "run"], **own)
    line = "was trained on a part of these videos"
    assert run(f"--checkpoint={weights}", "--subset=test") == 0
    assert line in capsys.readouterr().out
    truth = tmp_path / "held" / "truth.json"
    assert run(f"--checkpoint={weights}", "--subset=test", f"--truth={truth}") == 0
    assert line not in capsys.readouterr().out


def test_files_take_the_place_of_those_of_the_run(weights, tmp_path, capsys):
    (tmp_path / "rows").mkdir()
    np.save(tmp_path / "rows" / "v_a.npy", np.ones((ROWS, SPEC.channels), np.float32))
    truth = tmp_path / "truth.csv"
    truth.write_text("path,label,start_s,end_s\nvideos/b.mp4,jump,1,3\na,jump,1,3\n")
    arguments = [f"--checkpoint={weights}", f"--truth={truth}", f"--features={tmp_path / 'rows'}"]
    assert run(*arguments) == 0
    out = capsys.readouterr().out
    assert "no features of 1 video of 2, such as 'videos/b.mp4'" in out
    assert "of labels that the truth does not have, left out of mAP: run" in out
    assert run(*arguments, "--subset=test") == 2
    assert "names no subsets; leave --subset out" in capsys.readouterr().err


def test_the_class_of_one_class_is_left_aside(tmp_path, capsys):
    model = models.build("temporalmaxer", num_classes=1, channels=SPEC.channels, width=0.03125)
    weights = write_run(tmp_path / "one", model, ["action"])
    assert run(f"--checkpoint={weights}") == 0
    out = capsys.readouterr().out
    assert "of one class, action, which is left aside" in out
    assert "AUC" in out and "mAP" not in out


def test_features_of_other_videos_or_of_another_rate_are_refused(weights, tmp_path, capsys):
    rows = tmp_path / "rows"
    rows.mkdir()
    np.save(rows / "z.npy", np.ones((ROWS, SPEC.channels), np.float32))
    arguments = [f"--checkpoint={weights}", f"--features={rows}"]
    assert run(*arguments) == 2
    assert "expected features of the videos of" in capsys.readouterr().err
    kept = tmp_path / "found.json"
    np.save(rows / "b.npy", np.ones((ROWS // 4, SPEC.channels), np.float32))
    assert run(*arguments, f"--found_out={kept}") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "b.npy" in error
    assert not kept.exists()


def test_weights_without_a_run_need_truth_and_features(weights, tmp_path, capsys):
    alone = tmp_path / "weights" / "mine.weights.h5"
    alone.parent.mkdir()
    alone.write_bytes(weights.read_bytes())
    arguments = [f"--checkpoint={alone}", "--model=temporalmaxer"]
    assert run(*arguments) == 2 and "--truth is needed" in capsys.readouterr().err
    assert run(*arguments, "--truth=t.json") == 2
    assert "--features is needed" in capsys.readouterr().err


def test_networks_of_videos_are_refused(capsys):
    assert run("--checkpoint=rgb_imagenet", "--truth=t.json", "--features=rows") == 2
    assert "expected a localizer" in capsys.readouterr().err
