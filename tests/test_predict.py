"""Naming videos: golden scores, averages, `python -m i3d.predict` as a process, its errors."""

import csv
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import i3d
from i3d import models, predict
from i3d.data import read
from i3d.inference import clips as inference_clips
from i3d.inference import decoding, load, predictor
from i3d.inference import views as inference_views
from i3d.inference.average import softmax
from i3d.weights.cards import Card
from i3d.weights.zoo import default_spec
from tests.golden import mmaction_models as golden
from tests.helpers import calls, datasets, training
from tests.helpers.golden_views import E2E, golden_spec, golden_video
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "checkpoints/demo"
TSN = "tsn_r50_1x1x3"
QUICK = ("--clips=2", "--crops=1", "--batch_size=3")


def run(*arguments, status=0):
    """Runs the command in a process of its own; returns its output and errors."""
    command = [sys.executable, "-m", "i3d.predict", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.stderr


def refused(*arguments, status=2):
    """Returns the line with which the command ends."""
    return calls.refused(predict.main, "predict", *arguments, status=status)


@pytest.fixture(scope="module")
def torch_file(tmp_path_factory):
    """Returns a function from a model's name to a file of torch.save with its golden weights."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no .pth to write")
    folder = tmp_path_factory.mktemp("torch")

    def written(name):
        path = folder / f"{name}.pth"
        if not path.exists():
            state = golden.state_dict(name)
            tensors = {key: torch.from_numpy(np.array(value)) for key, value in state.items()}
            torch.save({"meta": {}, "state_dict": tensors}, path)
        return path

    return written


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos, and between them a file that is none."""
    folder = tmp_path_factory.mktemp("videos")
    paths = [folder / name for name in ("a.mp4", "bad.mp4", "b.mp4")]
    for seed in (0, 2):
        write_video(paths[seed], texture_frames(20 + seed, seed=seed))
    paths[1].write_bytes(b"not a video")
    return paths


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A training run: a small model's weights, config.json, and the data set it is of."""
    folder = tmp_path_factory.mktemp("run")
    data = datasets.build(folder / "data", datasets.videos(folder / "videos"))
    settings = training.config.flat(training.tiny(data)) | {
        "model.name": TSN,
        "model.width": 0.0625,
        "data.stride": 2,
    }
    keras.utils.set_random_seed(0)
    model = models.build(TSN, num_classes=3, channels=3, frames=4, size=32, width=0.0625)
    model.save_weights(folder / "best.weights.h5")
    (folder / "config.json").write_text(json.dumps(settings | {"replicas": 1}))
    return folder


def pieces(*views):
    """Yields what decoding yields of one video for each network, whose uint8 views are given."""
    keyed = [[(inference_views.WHOLE_VIDEO, view) for view in each] for each in views]
    return decoding.decoded_here(iter, keyed)


@pytest.mark.parametrize("name", [TSN, "slowonly_r50_4x16x1"])
def test_scores_are_those_of_the_published_pipelines(torch_file, name):
    file = str(torch_file(name))
    found = load.of_cards([Card(file, file, name, golden_spec(name))], batch_size=4)
    (network,) = found._networks
    views = list(inference_clips.of_frames(golden_video(), network.spec))
    batches = [np.stack(views[i : i + 4]) for i in range(0, len(views), 4)]
    logits = np.concatenate([np.asarray(network(batch)) for batch in batches])
    expected = E2E[f"{name}/logits_per_view"]
    if name == TSN:  # one view there is all crops
        logits = logits.mean(axis=0, keepdims=True)
    error = np.abs(logits - expected).max() / expected.std()
    print(f"{name}: {error:.1e} of the deviation of the logits")
    assert error <= 1e-4
    ((_, scores),) = found.scores(pieces(views))
    np.testing.assert_allclose(scores.probabilities, E2E[f"{name}/pred_score"], rtol=1e-3)
    np.testing.assert_allclose(scores.logits, logits.mean(axis=0), rtol=1e-4, atol=1e-5)


class Fixed:
    """A network whose logits are known: those of the number that the pixels of a view have."""

    def __init__(self, logits, average):
        self.spec = dataclasses.replace(default_spec(TSN), average=average)
        self._logits = np.float32(logits)

    def __call__(self, views):
        return keras.ops.take(self._logits, keras.ops.cast(views[:, 0], "int32"), axis=0)

    def views(self):
        return np.arange(len(self._logits), dtype=np.uint8)[:, None]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_views_are_averaged_as_the_spec_says_and_models_added(batch_size):
    one, two = [[0.0, 2.0], [4.0, 0.0]], [[1.0, 0.0]]

    def scores(*networks):
        found = predictor.Predictor(networks, ["a", "b"], batch_size)
        ((place, of_video),) = found.scores(pieces(*(n.views() for n in networks)))
        assert place == 0 and of_video.probabilities.dtype == np.float32
        return of_video

    def assert_scores(found, probabilities, logits):
        np.testing.assert_allclose(found.probabilities, probabilities, rtol=1e-6)
        np.testing.assert_allclose(found.logits, logits, rtol=1e-6)

    prob = np.mean([[1, np.e**2], [np.e**4, 1]] / np.array([[1 + np.e**2], [1 + np.e**4]]), axis=0)
    assert_scores(scores(Fixed(one, "prob")), prob, [2, 1])
    assert_scores(scores(Fixed(one, "logits")), softmax(np.array([2.0, 1])), [2, 1])
    both = scores(Fixed(one, "prob"), Fixed(two, "logits"))
    assert_scores(both, softmax(np.array([3.0, 1.0])), [3, 1])
    with pytest.raises(ValueError, match="not finite; are the weights spoilt"):
        scores(Fixed([[np.nan, 1.0]], "prob"))


def test_a_bad_video_has_a_reason_in_place_of_scores():
    networks = Fixed([[1.0, 2.0]], "logits"), Fixed([[0.0, 5.0]], "logits")
    problems = ["", "cut off", "", ""]  # of the two tasks of each of two videos
    came = []
    for task, problem in enumerate(problems):
        came.append(decoding.View(task, inference_views.WHOLE_VIDEO, np.zeros(1, np.uint8)))
        came.append(decoding.End(task, problem))
    found = dict(predictor.Predictor(networks, ["a", "b"]).scores(iter(came)))
    assert found[0] == "cut off" and found[1].logits.tolist() == [1, 7]


def test_command_and_python_agree_and_a_bad_video_is_told(torch_file, videos, tmp_path):
    checkpoint, out = torch_file(TSN), tmp_path / "out.json"
    flags = ("--model", TSN, "--checkpoint", checkpoint, *QUICK)
    output, errors = run(*flags, "--format=json", "--top_k=3", f"--out={out}", *videos, status=1)
    assert not output and [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert f"{videos[1]}: not a readable video" in errors and "1 of 3 videos failed" in errors
    assert f"{checkpoint}: not a published name" in errors.splitlines()[0]
    assert "2 segment(s) x 1 crop(s) of 224 px, own frame rate; mean of logits" in errors
    found = json.loads(out.read_text())
    assert [entry["video"] for entry in found] == [str(videos[0]), str(videos[2])]
    loaded = i3d.load(TSN, checkpoint, clips=2, crops=1)
    for entry in found:
        best = loaded.predict(entry["video"], top_k=3)
        assert [row["label"] for row in entry["predictions"]] == [label for label, _ in best]
        assert [row["label"] for row in entry["predictions"]] == [
            str(row["index"]) for row in entry["predictions"]
        ]
        scores = [row["score"] for row in entry["predictions"]]
        np.testing.assert_allclose(scores, [score for _, score in best], rtol=1e-3)
    with pytest.raises(ValueError, match="no such file"):
        loaded.predict("none.mp4")
    assert "is there already" in refused(*flags, f"--out={out}", videos[0])


def test_published_names_bring_their_labels(torch_file, videos, tmp_path):
    name = "tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb_20220906-cd10898e.pth"
    (tmp_path / name).symlink_to(torch_file(TSN))
    loaded = i3d.load(None, tmp_path / name, clips=1, crops=1)
    assert (
        loaded.class_names[:2] == ("abseiling", "air drumming") and len(loaded.class_names) == 400
    )
    both = predictor.Predictor(loaded._networks * 2, loaded.class_names)
    one, two = (dict(p.predict(videos[0], top_k=400)) for p in (loaded, both))
    squares = np.array([one[label] ** 2 for label in two])
    np.testing.assert_allclose(list(two.values()), squares / squares.sum(), rtol=1e-3, atol=1e-9)


def test_weights_of_a_training_run(run_folder, videos, capsys):
    checkpoint = run_folder / "best.weights.h5"
    output, errors = run(f"--checkpoint={checkpoint}", "--format=csv", videos[0], videos[2])
    rows = list(csv.DictReader(io.StringIO(output)))
    assert len(rows) == 6 and {row["label"] for row in rows} == {"jump", "run", "walk"}
    assert "10 clip(s) of 4 frames, stride 2 x 1 crop(s) of 32 px, 25 fps; mean" in errors
    loaded = i3d.load(None, checkpoint)
    assert [row["label"] for row in rows[:3]] == [label for label, _ in loaded.predict(videos[0])]
    file = training.write_config(run_folder / "config.py", run_folder / "data")
    keys = {"model.name": TSN, "model.width": 0.0625, "data.stride": 2}
    flags = [f"--config={file}", *(f"--config.{key}={value}" for key, value in keys.items())]
    flags += [f"--checkpoint={checkpoint}", "--format=csv", str(videos[0]), str(videos[2])]
    assert predict.main(["predict", *flags]) == 0
    assert capsys.readouterr().out == output


def test_records_are_named(run_folder, capsys):
    folder, checkpoint = run_folder / "data", run_folder / "best.weights.h5"
    flags = [f"--checkpoint={checkpoint}", f"--records={folder}", "--split=train", "--top_k=1"]
    assert predict.main(["predict", *flags, "--format=json"]) == 0
    found = json.loads(capsys.readouterr().out)
    ids = [place.id for place in read.videos(read.opened(folder), ["train"])]
    assert [entry["video"] for entry in found] == ids and len(ids) == 9
    assert "this data set has: train; got 'test'" in refused(*flags[:2])


@pytest.mark.skipif(not DEMO.is_dir(), reason="checkpoints/demo is not there")
def test_demo_weights_together(tmp_path, capsys):
    from i3d.visual.figures import render

    path, *_ = render.write_videos(tmp_path, 1, render.TEST_SEED + 300, actions=["kicking"])
    flags = [f"--checkpoint={DEMO / name}.weights.h5" for name in ("rgb", "flow")]
    assert predict.main(["predict", *flags, "--top_k=1", "--clips=3", str(path)]) == 0
    output, errors = capsys.readouterr()
    name, best = output.splitlines()
    assert name == str(path) and best.split()[1] == "kicking" and float(best.split()[0]) > 0.8
    assert "mean logits are added" in errors and "3 clip(s) of 16 fields" in errors


def test_mistakes_are_one_line(run_folder, videos, tmp_path):
    checkpoint = run_folder / "best.weights.h5"
    lone = tmp_path / "lone.weights.h5"
    lone.symlink_to(checkpoint)
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "bad.json").write_text("{")
    given = (f"--checkpoint={checkpoint}", videos[0])
    for arguments, words in (
        ((videos[0],), "--checkpoint is needed"),
        ((f"--checkpoint={checkpoint}",), "expected videos, or --records=FOLDER.* got neither"),
        ((*given, "--records=data"), "expected videos, or --records=FOLDER.* got both"),
        (("--model=slowony_r50_4x16x1", *given), "did you mean 'slowonly_r50_4x16x1'"),
        ((f"--checkpoint={lone}", videos[0]), "which model. expected --model=NAME"),
        ((f"--checkpoint={tmp_path}/no.pth", "--model=tv_r3d_18", videos[0]), "no such checkpoint"),
        ((f"--labels={tmp_path}/bad.json", *given), "bad.json: not JSON"),
        ((f"--labels={tmp_path}/no.txt", *given), "no.txt"),
        (("--format=xml", *given), "xml"),
        (("--modle=x", *given), "Unknown command line flag 'modle'"),
        (("--model=tv_r3d_18", "--model=tv_s3d", *given), "a --checkpoint for each --model"),
        (("--model=tsm_r50_1x1x8", "--clips=4", *given), "take 8 segments, no others"),
    ):
        line = refused(*arguments)
        assert re.search(words, line), line
    for arguments, words in (
        (("--model=tv_r3d_18", *given), "not weights of tv_r3d_18.*expected a checkpoint of tv_r3"),
        ((f"--labels={tmp_path}/two.txt", *given), "two.txt: expected 3 names.*got 2"),
    ):
        line = refused(*arguments, status=1)
        assert re.search(words, line), line


def test_where_no_video_can_be_read_nothing_is_written(run_folder, tmp_path):
    (tmp_path / "a.mp4").touch()
    flags = f"--checkpoint={run_folder / 'best.weights.h5'}", f"--out={tmp_path / 'out.json'}"
    line = refused(*flags, "--format=json", tmp_path / "a.mp4", status=1)
    assert "none of 1 videos could be read" in line
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
