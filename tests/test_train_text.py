"""Training of videos and texts from the command's work to prediction, and mistakes in it."""

import json

import h5py
import numpy as np
import pytest

import i3d
from i3d import evaluate, models, weights
from i3d.data import stored
from i3d.data.build_settings import BuildSettings
from i3d.models import actionclip
from i3d.runtime.command import UserError
from i3d.training import checkpoints, config, run, text
from i3d.training import model as training_model
from tests.helpers import clip_files, datasets, training
from tests.helpers.resumed import check_resumed, logged
from tests.helpers.train_models import spec_of
from tests.helpers.videos import write_folder

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eag"),
]

MEAN, STD = (122.771, 116.746, 104.094), (68.501, 66.632, 70.323)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set of 6 training and 3 test videos in 3 classes."""
    root = tmp_path_factory.mktemp("data")
    recipe = BuildSettings(flow_method="dis", short_side=48)
    for split, per_class in (("train", 2), ("test", 1)):
        videos = write_folder(root / split, per_class=per_class)
        datasets.build(root / "records", videos, recipe, split)
    return root / "records"


def settings_of(data, **keys):
    """Returns a configuration for the small model, for runs in this process."""
    c = config.defaults()
    c.deterministic = False
    c.steps, c.log_every, c.validate_every, c.checkpoint_every = 4, 1, 2, 2
    c.data.records, c.data.validation, c.data.flow_method = str(data), "test", "dis"
    c.data.frames, c.data.segments, c.data.size = 1, 4, 32
    c.data.mean, c.data.std = MEAN, STD
    c.model.name = "actionclip_tiny_8f"
    c.batch.per_replica = 3
    c.optimizer.name, c.optimizer.learning_rate, c.optimizer.weight_decay = "adamw", 1e-4, 0.2
    c.optimizer.fusion_factor = 10.0
    c.update_from_flattened_dict({key.replace("__", "."): value for key, value in keys.items()})
    config.check(c)
    return c


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_text("clapping hands\njumping up\nwalking away\n")
    return path


@pytest.fixture(scope="module")
def whole(data, labels, eager, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    run.train(settings_of(data, text__labels=str(labels)), workdir)
    return workdir


def test_the_log_names_its_accuracies_for_what_they_are(whole):
    found = [line for line in logged(whole) if "loss" in line]
    assert [line["step"] for line in found] == [1, 2, 3, 4]
    assert all(0 <= line["accuracy_in_batch"] <= 1 for line in found)
    assert not any("accuracy" in line for line in found)
    assert {"validation/top1", "validation/mean_class"} <= logged(whole)[-1].keys()


def test_a_resumed_run_goes_on_as_an_unresumed_one(whole, data, labels, tmp_path):
    names = ("loss", "gradient_norm", "accuracy_in_batch", "validation/top1")
    check_resumed(settings_of(data, text__labels=str(labels)), whole, tmp_path, names)
    with np.load(tmp_path / "step-00000004" / "optimizer.npz") as state:
        assert int(state["updates"]) == 4


def test_best_weights_hold_both_towers_and_give_the_validations_scores(whole, data):
    model = models.build("actionclip_tiny_8f", frames=4)
    before = model.get_weights()
    weights.load(model, whole / "best.weights.h5")
    changed = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(changed) >= len(model.trainable_variables)
    kept = json.loads((whole / "config.json").read_text())
    assert kept["classes"] == ["clapping hands", "jumping up", "walking away"]
    assert (kept["model.name"], kept["input"]["segments"]) == ("actionclip_tiny_8f", 4)
    assert kept["input"]["average"] == "prob"
    result = evaluate(checkpoint=str(whole / "best.weights.h5"), records=str(data), split="test")
    assert result.top1 == pytest.approx(checkpoints.best_info(whole)["top1"])
    assert "texts, as they are" in result.protocol
    video = next((data.parent / "test").rglob("*.*"))
    scores = i3d.load(str(whole / "best.weights.h5")).predict(video)
    assert sorted(name for name, _ in scores) == kept["classes"]
    assert sum(score for _, score in scores) == pytest.approx(1, abs=1e-5)


FILE = """
from tests.test_train_text import settings_of

def get_config():
    return settings_of({folder!r}, text__labels={labels!r})
"""


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_weights_bit_by_bit(data, labels, tmp_path):
    file = tmp_path / "text.py"
    file.write_text(FILE.format(folder=str(data), labels=str(labels)))
    for name, stops in (("whole", (4,)), ("resumed", (2, 4))):
        for steps in stops:
            keys = {"steps": steps, "deterministic": "true", "precision": "bfloat16"}
            line = training.command(file, tmp_path / name, **keys)
            training.finished(training.start(line))
    for kind in ("model.weights.h5", "optimizer.npz"):
        one, other = (
            kept(tmp_path / name / "step-00000004" / kind) for name in ("whole", "resumed")
        )
        assert one.keys() == other.keys() and len(one) > 100
        for name, array in one.items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def kept(path):
    """Returns {name: array} of a file of a checkpoint."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return dict(arrays)
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


@pytest.mark.slow
def test_two_devices_from_the_command(data, labels, tmp_path):
    file = tmp_path / "text.py"
    file.write_text(FILE.format(folder=str(data), labels=str(labels)))
    keys = {"steps": 2, "batch.per_replica": 2, "deterministic": "true"}
    line = [*training.command(file, tmp_path / "run", **keys), "--replicas=2"]
    training.finished(training.start(line))
    first, second = (line for line in logged(tmp_path / "run") if "loss" in line)
    assert np.isfinite([first["loss"], second["loss"]]).all()
    assert 0 <= logged(tmp_path / "run")[-1]["validation/top1"] <= 1


def test_a_start_from_clip_takes_the_towers_and_one_from_actionclip_the_head(data, tmp_path):
    path = tmp_path / "actionclip.safetensors"
    clip_files.write_actionclip(path, head="Transf")
    plain = clip_files.write_clip(tmp_path / "clip.safetensors")
    model = training_model.build(settings_of(data), spec_of(settings_of(data)), 3)
    first = {v.path: v.numpy() for v in model.trainable_variables}
    for file, told, groups in (
        (plain, "left out: the head over time", {"text", "visual"}),
        (path, "head over time included", {"text", "visual", "fusion"}),
    ):
        settings = settings_of(data, model__start=str(file))
        assert told in training_model.start(settings, spec_of(settings), model)
        changed = [v for v in model.trainable_variables if np.any(first[v.path] != v.numpy())]
        assert {actionclip.group_of(v) for v in changed} == groups


OTHER = {"model__name": "tsn_r50_1x1x3", "optimizer__fusion_factor": 1.0}
BAD = {
    "split": (
        OTHER | {"text__split_camel_case": True},
        "config.text.split_camel_case: read by models with a text tower only, and model.name is",
    ),
    "visual_factor": (
        OTHER | {"optimizer__visual_factor": 2.0},
        "config.optimizer.visual_factor: read by models with a text tower only",
    ),
    "dropout": ({"model__dropout": 0.3}, "model.dropout: read by models without a text tower"),
    "frames": ({"data__frames": 2}, "data.frames: expected 1, as actionclip_tiny_8f takes a"),
    "segments": ({"data__segments": 0}, "data.segments: expected the number of frames that"),
    "momentum": ({"optimizer__momentum": 0.5}, "momentum: read by the optimizer sgd only"),
    "betas": ({"optimizer__betas": (0.9, 1.0)}, "betas: expected at least 0 and below 1, got"),
    "hold": ({"schedule__hold_within": 3}, "read with a config.schedule.hold above 1 only"),
    "target": ({"text__target": "counts"}, "config.text.target: expected one of .*'normalised'"),
}


@pytest.mark.parametrize("keys, message", BAD.values(), ids=BAD)
def test_keys_that_do_not_go_together_are_one_line(data, keys, message):
    with pytest.raises(UserError, match=message) as caught:
        settings_of(data, **keys)
    assert "\n" not in str(caught.value)


def test_words_apart_are_texts_of_their_own(data, tmp_path):
    records = stored.opened(str(data), "train", ("rgb",))
    path = tmp_path / "labels.txt"
    path.write_text("ClapHands\nJump\nWalkAway\n")
    keys = {"text__labels": str(path), "text__split_camel_case": True}
    assert text.labels(settings_of(data, **keys), records) == ("Clap Hands", "Jump", "Walk Away")
    assert text.labels(settings_of(data), records) == tuple(records.class_names)


def test_labels_of_another_number_or_too_long_or_twice(data, tmp_path):
    path = tmp_path / "labels.txt"
    for lines, message in (
        (
            "a\nb\n",
            "config.text.labels: .*: expected 3 labels, as .* has classes, in their order, ",
        ),
        (f"a\nb\n{'very ' * 90}\n", "label .*very.*expected at most 77 tokens"),
        ("a\nb\nB\n", "are the same text"),
        ("", "config.text.labels: "),
    ):
        path.write_text(lines)
        with pytest.raises(UserError, match=message) as caught:
            run.train(settings_of(data, text__labels=str(path)), tmp_path / "run")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()
