"""Training of localizers from the command's work to segments, and mistakes in it."""

import json
import shutil
import signal

import numpy as np
import pytest

from i3d import train
from i3d.inference import checkpoint
from i3d.localization.localizer import Localizer
from i3d.runtime.command import UserError
from i3d.training import checkpoints, config, run, segment_records
from tests.helpers import training
from tests.helpers.points import Point
from tests.helpers.resumed import check_resumed, logged

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eag"),
]
CHANNELS, FPS = 8, 25.0
NAMES = ("jump", "kick")


def write_set(folder, videos=6, rows=60, seed=0):
    """Writes features in which actions are seen, and their annotations; returns both paths."""
    rng = np.random.default_rng(seed)
    (folder / "rows").mkdir(parents=True)
    database = {}
    for number in range(videos):
        features = 0.3 * rng.normal(size=(rows, CHANNELS))
        segments = []
        for label, begin in enumerate((5, 34) if number % 2 else (34, 5)):
            first, count = begin + rng.integers(8), 8 + rng.integers(8)
            features[first : first + count + 1, label] += 3
            times = [float((row * 4 + 8) / FPS) for row in (first, first + count)]
            segments.append({"segment": times, "label": NAMES[label]})
        np.save(folder / "rows" / f"v{number}.npy", features.astype("f4"))
        duration = ((rows - 1) * 4 + 16) / FPS
        database[f"v{number}"] = {
            "subset": "validation" if number % 3 == 2 else "train",
            "duration": duration,
            "fps": FPS,
            "annotations": segments,
        }
    file = folder / "truth.json"
    file.write_text(json.dumps({"database": database}))
    return folder / "rows", file


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("data"))


def settings_of(data, **keys):
    """Returns a configuration of a small network, for runs in this process."""
    c = config.defaults()
    c.deterministic = False
    c.steps, c.log_every, c.validate_every, c.checkpoint_every = 4, 1, 2, 2
    c.data.records, c.segments.annotations = map(str, data)
    c.segments.channels, c.segments.longest, c.segments.fps = CHANNELS, 64, FPS
    c.segments.normalizer = 10.0
    c.model.name, c.model.width, c.model.dropout = "temporalmaxer", 0.03125, 0.1
    c.batch.per_replica = 2
    c.optimizer.name, c.optimizer.learning_rate = "adamw", 0.01
    c.optimizer.ema_decay, c.optimizer.clip_norm = 0.5, 1.0
    c.optimizer.kernels_only = True
    c.update_from_flattened_dict({key.replace("__", "."): value for key, value in keys.items()})
    config.check(c)
    return c


PROPOSALS = {
    "model__name": "bmn",
    "model__width": 0.0625,
    "model__dropout": 0.0,
    "segments__rows": 16,
    "segments__longest": 16,
    "segments__crop": (1.0, 1.0),
    "optimizer__name": "adam",
    "optimizer__kernels_only": False,
}


@pytest.fixture(scope="module")
def whole(data, eager, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    run.train(settings_of(data), workdir)
    return workdir


def test_the_log_has_the_share_of_points_and_the_map(whole):
    found = [line for line in logged(whole) if "loss" in line]
    assert [line["step"] for line in found] == [1, 2, 3, 4]
    assert all(0 <= line["point_accuracy"] <= 1 and line["loss"] > 0 for line in found)
    validated = [line for line in logged(whole) if "validation/map" in line]
    assert [line["step"] for line in validated] == [2, 4]
    assert {f"validation/map_{t}" for t in (0.3, 0.7)} < validated[0].keys()
    best = max(line["validation/map"] for line in validated)
    assert checkpoints.best_info(whole)["map"] == best


def test_a_resumed_run_goes_on_as_an_unresumed_one(whole, data, tmp_path):
    names = ("loss", "gradient_norm", "point_accuracy", "validation/map")
    check_resumed(settings_of(data), whole, tmp_path, names)
    last = "step-00000004/state.json"
    one, other = (json.loads((path / last).read_text())["state"] for path in (tmp_path, whole))
    assert one == other and 1 <= one["objective"]["positives"] != 10


def test_the_best_weights_say_what_they_take(whole, data):
    kept = json.loads((whole / "config.json").read_text())
    assert kept["classes"] == ["jump", "kick"]
    assert (kept["input"]["channels"], kept["input"]["stride"]) == (CHANNELS, 4)
    card = checkpoint.card_of(None, str(whole / "best.weights.h5"), takes="features")
    localizer = Localizer(card)
    records, _ = segment_records.opened(settings_of(data))
    rows, grid = records.files.read("v2", FPS)
    found = localizer(rows, grid, video="v2")
    assert found and {one.label for one in found} <= set(NAMES)


def test_proposals_are_ranked_by_their_recall(data, eager, tmp_path):
    run.train(settings_of(data, **PROPOSALS), tmp_path)
    lines = logged(tmp_path)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 4 and np.isfinite(losses).all()
    assert 0 <= lines[-1]["validation/auc"] <= 1
    assert checkpoints.best_info(tmp_path)["auc"] >= 0
    assert "classes" not in json.loads((tmp_path / "config.json").read_text())
    card = checkpoint.card_of(None, str(tmp_path / "best.weights.h5"), takes="features")
    assert not Localizer(card).gives_classes


def test_proposals_of_a_long_video_are_of_windows(data, eager, tmp_path):
    keys = PROPOSALS | {"segments__rows": 0, "segments__longest": 32, "steps": 1}
    run.train(settings_of(data, **keys), tmp_path)
    card = checkpoint.card_of(None, str(tmp_path / "best.weights.h5"), takes="features")
    records, _ = segment_records.opened(settings_of(data, **keys))
    rows, grid = records.files.read("v2", FPS)
    found = Localizer(card)(rows, grid, video="v2")
    assert any(one.end_s > grid.seconds(40) for one in found)
    assert all(0 <= one.start_s < one.end_s <= grid.seconds(len(rows)) for one in found)


def test_one_class_makes_all_segments_alike(data, eager, tmp_path):
    """Without validation the averaged weights of the last step are kept."""
    keys = {"segments__one_class": True, "data__validation": "", "steps": 1}
    run.train(settings_of(data, **keys), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["classes"] == ["action"]
    assert checkpoints.best_info(tmp_path) == {"step": 1}


def test_a_part_of_the_videos_is_held_out(data, capsys):
    settings = settings_of(data, data__validation="train", data__validation_share=0.3)
    train, validation = segment_records.opened(settings, print)
    assert "validation: 1 of the 4 training videos are held out" in capsys.readouterr().out
    assert len(validation.videos) == 1 and not train.truth.keys() & validation.truth.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["actionformer_w7", "temporalmaxer"])
def test_actions_that_are_seen_are_found(name, tmp_path):
    data = write_set(tmp_path, videos=24)
    settings = settings_of(
        data, model__name=name, segments__longest=192, steps=150, validate_every=150,
        log_every=50, checkpoint_every=150, batch__per_replica=4, optimizer__ema_decay=0.9,
    )  # fmt: skip
    run.train(settings, tmp_path / "run")
    assert logged(tmp_path / "run")[-1]["validation/map_0.3"] > 0.9


FILE = """
from tests.test_train_localization import settings_of

def get_config():
    return settings_of({data!r}, deterministic=True)
"""


def write_config(path, data):
    path.write_text(FILE.format(data=tuple(map(str, data))))
    return path


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_weights_bit_by_bit(data, tmp_path):
    file = write_config(tmp_path / "segments.py", data)
    training.finished(training.start(training.command(file, tmp_path / "whole")))
    line = training.command(file, tmp_path / "killed")
    point = Point(tmp_path / "killed", tmp_path / "log", "line step 3 ", kind=signal.SIGKILL)
    training.finished(training.start(line, **point.environment()), -signal.SIGKILL)
    output, _ = training.finished(training.start(line))
    assert "resumes from step 2" in output
    one, other = (
        np.load(tmp_path / name / "step-00000004" / "optimizer.npz") for name in ("whole", "killed")
    )
    assert sorted(one) == sorted(other) and len(one.files) > 50
    for name in one.files:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    states = [
        json.loads((tmp_path / name / "step-00000004/state.json").read_text())["state"]
        for name in ("whole", "killed")
    ]
    assert states[0] == states[1]
    assert [line.get("loss") for line in logged(tmp_path / "whole")] == [
        line.get("loss") for line in logged(tmp_path / "killed")
    ]


@pytest.mark.slow
def test_two_devices_from_the_command(data, tmp_path):
    file = write_config(tmp_path / "segments.py", data)
    losses = []
    for devices, videos in ((1, 2), (2, 1)):
        keys = {"steps": 2, "batch.per_replica": videos, "model.dropout": 0.0}
        line = training.command(file, tmp_path / str(devices), **keys)
        training.finished(training.start([*line, f"--replicas={devices}"]))
        lines = logged(tmp_path / str(devices))
        losses.append([line["loss"] for line in lines if "loss" in line])
        assert 0 <= lines[-1]["validation/map"] <= 1
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


# Mistakes.


def line_of(settings, folder):
    with pytest.raises(UserError) as caught:
        run.train(settings, folder)
    assert "\n" not in str(caught.value) and not folder.exists()
    return str(caught.value)


def changed(data, folder, change):
    """Returns the data with other annotations: `change` takes {video: what is known of it}."""
    found = json.loads(data[1].read_text())
    change(found["database"])
    (folder / "truth.json").write_text(json.dumps(found))
    return data[0], folder / "truth.json"


def _empty(database):
    for video in database.values():
        video["annotations"] = []


def _lacking(database):
    database |= {"w1": database["v0"], "w2": database["v0"]}


def _beyond(database):
    database["v0"]["annotations"][0]["segment"] = [8.0, 99.0]


def _other_class(database):
    database["v2"]["annotations"][0]["label"] = "sit"


def _none_in_validation(database):
    database["v2"]["annotations"] = database["v5"]["annotations"] = []


CHANGES = {
    _empty: "expected segments with a start, an end and a label, got none",
    _lacking: "has no features of 2 of 6 videos of ",
    _beyond: "video 'v0', segment 1: expected an end in the video, which has 10.08 s, got 8",
    _other_class: "expected classes of the training in validation, got 'sit'",
    _none_in_validation: "expected segments in the subset 'validation', it has none",
}


@pytest.mark.parametrize("change", CHANGES)
def test_annotations_that_do_not_fit_are_one_line(change, data, tmp_path):
    given = changed(data, tmp_path, change)
    assert CHANGES[change] in line_of(settings_of(given), tmp_path / "run")


@pytest.mark.parametrize("subset", ["train", "validation"])
def test_segments_after_the_features_of_a_video_of_unknown_duration(subset, data, tmp_path):
    def beyond(database):
        for video in database.values():
            del video["duration"]
            if video["subset"] == subset:
                video["annotations"] = [{"segment": [9.0, 999.0], "label": name} for name in NAMES]

    line = line_of(settings_of(changed(data, tmp_path, beyond)), tmp_path / "run")
    assert "segment 1: expected an end in the video, which has 10.24 s, got 9 to 999 s" in line
    many = "8 of 8" if subset == "train" else "4 of 4"
    assert "truth.json: video 'v" in line and f"({many} segments; times are seconds)" in line


def test_some_videos_without_features_can_be_left_out(data, tmp_path, capsys):
    given = changed(data, tmp_path, _lacking)
    records, _ = segment_records.opened(settings_of(given, segments__most_missing=0.4), print)
    assert len(records.videos) == len(records.truth) == 4
    line = "of 2 of 6 videos of "
    assert line in (told := capsys.readouterr().out) and "'w1'; they are left out" in told


def test_what_the_features_do_not_have_is_one_line(data, tmp_path):
    for keys, expected in (
        ({"segments__channels": 12}, "expected rows [T, 12], got float32 [60, 8]"),
        ({"segments__stride": 16}, "expected rows every 16 frames at 25 per second: 60 of them"),
        ({"data__train": "training"}, "config.data.train: expected a subset of "),
        ({"data__validation": "val"}, "which has 'train', 'validation', got 'val'"),
        ({"data__records": ""}, "config.data.records: expected the folder of a data set, got ''"),
        ({"segments__annotations": ""}, "config.segments.annotations: expected a file of segments"),
        ({"segments__longest": 100}, "config.segments.longest: expected a multiple of 32, as"),
        (PROPOSALS | {"model__dropout": 0.1}, "config.model.dropout: expected 0.0, as bmn has"),
        (
            PROPOSALS | {"segments__rows": 0, "segments__longest": 400},
            "config.segments.longest: expected 2 to 200, got 400",
        ),
    ):
        assert expected in line_of(settings_of(data, **keys), tmp_path / "run")


def test_features_that_turn_out_damaged_are_one_line(data, tmp_path, capsys):
    rows = tmp_path / "rows"
    shutil.copytree(data[0], rows)
    np.save(rows / "v1.npy", np.full((60, CHANNELS), np.nan, "f4"))
    file = write_config(tmp_path / "segments.py", (rows, data[1]))
    words = [f"--config={file}", f"--workdir={tmp_path / 'run'}", "--config.deterministic=false"]
    assert train.main(["train", *words]) == 1
    line = capsys.readouterr().err.splitlines()[-1]  # a slow machine has told of progress
    assert line == (
        f"train: {rows / 'v1.npy'}: expected finite numbers, got nan in row 0 (60 "
        "of 60 rows have such)"
    )


def test_a_folder_of_videos_is_refused_before_any_work(data, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    file = write_config(tmp_path / "segments.py", (tmp_path / "empty", data[1]))
    assert train.main(["train", f"--config={file}", f"--workdir={tmp_path / 'run'}"]) == 2
    assert "expected .npz, .npy or .csv files of features, found none" in capsys.readouterr().err


def test_missing_annotations_are_a_wrong_call(data, tmp_path, capsys):
    for name, expected in (("gone.csv", "gone.csv', no such file"), ("", "', a folder")):
        file = write_config(tmp_path / "segments.py", (data[0], tmp_path / name))
        assert train.main(["train", f"--config={file}", f"--workdir={tmp_path / 'run'}"]) == 2
        line = capsys.readouterr().err
        assert "config.segments.annotations: expected a file of segments, got '" in line
        assert expected in line
    assert not (tmp_path / "run").exists()
