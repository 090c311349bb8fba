"""Several labels per video, from records to scores: build, train, evaluate, predict, fuse."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_prep import __main__ as data_prep
from i3d import evaluate, fuse, predict
from i3d.data import read, stored
from i3d.data.build_settings import BuildSettings, settings_of
from i3d.evaluation import average_precision, results
from i3d.inference import load
from i3d.inference.average import sigmoid
from i3d.runtime.command import UserError
from i3d.training import checkpoints, run
from i3d.video import inputs
from tests.helpers import calls, datasets, training
from tests.helpers.videos import texture_frames, write_video

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("tiny_model")]
NAMES = ("clap", "run", "sing", "walk")
LABELS = ((0,), (1, 3), (3,), (0, 1, 2), (2, 0), (3, 1))
ONE_LABEL = BuildSettings(streams=("rgb",), short_side=48)
SEVERAL = dataclasses.replace(ONE_LABEL, multi_label=True)


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Six videos with one label to three, by a CSV."""
    folder, lines = tmp_path_factory.mktemp("videos"), ["path,label"]
    for number, labels in enumerate(LABELS):
        write_video(folder / f"{number}.mp4", texture_frames(20 + number, seed=number))
        lines.append(f"{number}.mp4,{';'.join(NAMES[k] for k in labels)}")
    (folder / "list.csv").write_text("\n".join(lines))
    found, names = inputs.read(folder / "list.csv")
    assert tuple(names) == NAMES and tuple(item.labels for item in found) == LABELS
    return found


@pytest.fixture(scope="module")
def data(items, tmp_path_factory):
    """A data set of two splits, in the second of which every video has one label."""
    out = tmp_path_factory.mktemp("several") / "data"
    datasets.build_items(out, items, NAMES, SEVERAL, num_shards=2)
    return datasets.build_items(out, [items[0], items[2]], NAMES, SEVERAL, "test", num_shards=1)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a run."""
    settings = training.tiny(data)
    settings.deterministic, settings.label_smoothing = False, 0.1
    settings.data.flow_method, settings.data.validation = "", "train"
    workdir = tmp_path_factory.mktemp("runs") / "run"
    assert run.train(settings, workdir) == 0
    return workdir


@pytest.fixture(scope="module")
def result(trained, data, tmp_path_factory):
    """The file of results of a test of the run, by its config.json."""
    out = tmp_path_factory.mktemp("results") / "rgb.npz"
    assert evaluate.main(words(trained, data, "--split=train", f"--out={out}")) == 0
    return out


def words(trained, data, *more):
    fixed = [f"--checkpoint={trained}/best.weights.h5", f"--records={data}"]
    return ["evaluate", *fixed, *map(str, more)]


# Records.


def test_records_hold_all_labels(data, items):
    opened = read.opened(data)
    assert opened.multi_label and opened.class_names == NAMES
    assert settings_of(data).multi_label
    found = {p.id: next(read.segments(p)).labels for p in read.videos(opened, ["train", "test"])}
    assert found == {item.id: item.labels for item in items}
    records = stored.opened(data, "train", ("rgb",))
    assert records.multi_label
    for number in range(records.num_records):
        video = stored.video(records, np.int64(number))
        own = LABELS[int(video["id"].numpy())]
        assert video["label"].numpy().tolist() == [k in own for k in range(len(NAMES))]


def test_tensorflow_datasets_opens_them(data):
    builder = tfds.builder_from_directory(data)
    assert builder.info.features["labels"].names == list(NAMES)
    for example in builder.as_dataset(split="train"):
        own = LABELS[int(example["id"].numpy())]
        assert example["labels"].numpy().tolist() == list(own)


def test_they_are_whole(data, capsys):
    assert data_prep.main(["data_prep", "verify", f"--data={data}"]) == 0
    out = capsys.readouterr().out
    assert "train: 6 videos in 6 records" in out and "clap 3, run 3, sing 2, walk 3" in out


def test_data_sets_of_one_label_are_told_as_before(items):
    assert ONE_LABEL.to_json() == {
        "streams": ["rgb"],
        "flow_method": "tvl1",
        "fps": 25.0,
        "short_side": 48,
        "max_segment_s": 60.0,
    }
    assert SEVERAL.to_json() == ONE_LABEL.to_json() | {"multi_label": True}


def test_one_label_and_several_do_not_mix(items, tmp_path):
    out = datasets.build_items(tmp_path / "data", items[:1], NAMES, ONE_LABEL, num_shards=1)
    with pytest.raises(UserError, match="one label per video, of these videos some have several"):
        datasets.check(out, items, NAMES, SEVERAL, "test")


# Training.


def test_a_run_is_of_sigmoids_and_its_best_is_of_the_best_map(trained):
    made = json.loads((trained / "config.json").read_text())
    assert made["loss"] == "" and made["input"]["activation"] == "sigmoid"
    rows = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == 6 and all(0.2 < loss < 1.2 for loss in losses)  # about ln 2 at first
    found = [row for row in rows if "validation/map" in row]
    assert [row["step"] for row in found] == [3, 6] and "validation/mmit_map" in found[0]
    assert not any("top1" in name for row in rows for name in row)
    best = checkpoints.best_info(trained)
    assert best["map"] == max(row["validation/map"] for row in found)


def test_softmax_cannot_have_several_labels(data, tmp_path):
    settings = training.tiny(data)
    settings.data.flow_method, settings.loss = "", "softmax"
    with pytest.raises(UserError, match="config.loss: expected 'sigmoid' .* got 'softmax'"):
        run.train(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Tests.


def test_evaluate_prints_both_means(trained, data, result, capsys):
    assert evaluate.main(words(trained, data, "--split=train")) == 0
    out, found = capsys.readouterr().out, results.load(result)
    assert found.multi_label and found.labels.dtype == bool and found.logits.shape == (6, 4)
    own = [LABELS[int(id)] for id in found.ids]
    assert found.labels.tolist() == [[k in labels for k in range(4)] for labels in own]
    pair = found.scores, found.labels
    for name, mean, over in (
        ("mAP of classes", average_precision.mean_average_precision(*pair), "4 of 4 classes"),
        ("mAP of videos", average_precision.mmit_mean_average_precision(*pair), "6 of 6 videos"),
    ):
        (line,) = (line for line in out.splitlines() if line.startswith(name))
        assert line == f"{name:<16}{100 * mean:6.2f} %, mean over {over}"
    assert "top-1" not in out and "Confusion" not in out and "(sigmoids)" in " ".join(out.split())
    assert "Average precision of each class\nclap" in out


def test_of_one_label_each_they_are_still_several(trained, data, capsys):
    assert evaluate.main(words(trained, data, "--clips=1")) == 0
    assert "mean over 2 of 4 classes" in capsys.readouterr().out


def test_no_confusion_matrix(trained, data, result, tmp_path):
    more = words(trained, data, f"--confusion_png={tmp_path}/a.png")[1:]
    assert "expected videos of one label each" in calls.refused(evaluate.main, "evaluate", *more)
    other = results.load(result)
    results.save(tmp_path / "b.npz", other)
    more = (result, tmp_path / "b.npz", f"--confusion_png={tmp_path}/a.png")
    told = calls.refused(fuse.main, "fuse", *more, status=1)
    assert "expected videos of one label each" in told and not (tmp_path / "a.png").exists()


def test_predict_gives_sigmoids(trained, items, data, result, tmp_path, capsys):
    out = tmp_path / "a.json"
    more = [f"--checkpoint={trained}/best.weights.h5", "--format=json", "--top_k=4"]
    more += [f"--records={data}", "--split=train", f"--out={out}"]
    assert predict.main(["predict", *more]) == 0
    tested = results.load(result)
    expected = dict(zip(tested.ids.tolist(), sigmoid(tested.logits), strict=True))
    for row in json.loads(out.read_text()):
        assert [one["label"] for one in row["predictions"]] == [
            NAMES[one["index"]] for one in row["predictions"]
        ]
        scores = {one["index"]: one["score"] for one in row["predictions"]}
        found = [scores[k] for k in range(len(NAMES))]
        np.testing.assert_allclose(found, expected[row["video"]], atol=1e-4)
        assert sum(found) > 1.1


def test_a_network_of_one_label_is_not_added(trained, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "best.weights.h5").write_bytes((trained / "best.weights.h5").read_bytes())
    made = json.loads((trained / "config.json").read_text())
    del made["input"]["activation"]
    (other / "config.json").write_text(json.dumps(made))
    files = [str(folder / "best.weights.h5") for folder in (trained, other)]
    with pytest.raises(UserError, match="all of one label or of several, got .*sigmoid.*softmax"):
        load.load(None, files)
    alone = load.load(None, files[1])
    assert alone.class_names == NAMES


def test_sums_are_of_the_same_labels(result, tmp_path, capsys):
    found = results.load(result)
    order = np.arange(6)[::-1]
    kept = {name: getattr(found, name)[order] for name in ("ids", "labels", "logits")}
    other = tmp_path / "other.npz"
    results.save(other, dataclasses.replace(found, **kept))
    out = tmp_path / "sum.npz"
    assert fuse.main(["fuse", str(result), str(other), f"--out={out}"]) == 0
    both = results.load(out)
    np.testing.assert_allclose(both.logits, 2 * found.logits, rtol=1e-6)
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith("mAP of classes")]
    assert len(lines) == 3 and len(set(lines)) == 1

    kept["labels"] = ~kept["labels"]
    results.save(tmp_path / "wrong.npz", dataclasses.replace(found, **kept))
    told = calls.refused(fuse.main, "fuse", result, tmp_path / "wrong.npz", status=1)
    assert f"those of 6 videos differ; the first, {str(found.ids[0])!r}, has" in told
    one = found.labels.argmax(axis=1)
    results.save(tmp_path / "one.npz", dataclasses.replace(found, labels=one))
    told = calls.refused(fuse.main, "fuse", result, tmp_path / "one.npz", status=1)
    assert "several per video, got one" in told
