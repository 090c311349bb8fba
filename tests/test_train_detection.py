"""Training of boxes from the command's work to evaluation, and mistakes in it."""

import json
import signal

import numpy as np
import pytest

from i3d import train
from i3d.data import keyframes
from i3d.data.build_settings import BuildSettings
from i3d.detection import evaluate
from i3d.inference import checkpoint, network
from i3d.runtime.command import UserError
from i3d.training import checkpoints, config, run
from tests.helpers import datasets, key_frames, training
from tests.helpers.points import Point
from tests.helpers.resumed import check_resumed, logged
from tests.helpers.videos import write_folder

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eag"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set of three key frames with two people, the last without any."""
    return key_frames.build(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A data set of two videos with classes."""
    root = tmp_path_factory.mktemp("videos")
    folder = write_folder(root / "train", per_class=1)
    datasets.build(root / "records", folder, BuildSettings(flow_method="dis", short_side=48))
    return root / "records"


def settings_of(data, **keys):
    """Returns a configuration for a narrow network, for runs in this process."""
    c = config.defaults()
    c.deterministic = False
    c.steps, c.log_every, c.validate_every, c.checkpoint_every = 4, 1, 2, 2
    c.batch_norm_momentum = 0.5
    c.data.records, c.data.validation = str(data), "train"
    c.data.frames, c.data.stride, c.data.size = 4, 8, 48
    c.data.mean, c.data.std = (120.0, 120.0, 120.0), (60.0, 60.0, 60.0)
    c.boxes.scale, c.boxes.most = (48, 64), 3
    c.model.name, c.model.width, c.model.dropout = "ava_slowonly_r50_4x16x1", 0.0625, 0.1
    c.batch.per_replica = 2
    c.optimizer.learning_rate = 0.01
    c.update_from_flattened_dict({key.replace("__", "."): value for key, value in keys.items()})
    config.check(c)
    return c


@pytest.fixture(scope="module")
def whole(data, eager, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    run.train(settings_of(data), workdir)
    return workdir


def test_the_log_has_the_share_of_boxes_and_the_map(whole):
    found = [line for line in logged(whole) if "loss" in line]
    assert [line["step"] for line in found] == [1, 2, 3, 4]
    assert all(0 <= line["box_accuracy"] <= 1 and line["loss"] > 0 for line in found)
    validated = [line for line in logged(whole) if "validation/map" in line]
    assert [line["step"] for line in validated] == [2, 4]
    assert checkpoints.best_info(whole)["map"] == max(line["validation/map"] for line in validated)


def test_a_resumed_run_goes_on_as_an_unresumed_one(whole, data, tmp_path):
    names = ("loss", "gradient_norm", "box_accuracy", "validation/map")
    check_resumed(settings_of(data), whole, tmp_path, names)


def test_the_best_weights_are_evaluated_by_their_configuration(whole, data, capsys):
    kept = json.loads((whole / "config.json").read_text())
    assert kept["classes"] == ["stand", "", "wave", "walk"]
    assert (kept["input"]["crop"], kept["input"]["fps"]) == (0, 30)
    card = checkpoint.card_of(None, str(whole / "best.weights.h5"), takes="boxes")
    assert network.load_with_boxes(card).num_classes == 5
    words = [f"--checkpoint={card.file}", f"--records={data}", "--split=train", "--task=ava"]
    assert evaluate.main(["evaluate", *words]) == 0
    mean = 100 * checkpoints.best_info(whole)["map"]
    assert f"{mean:.2f}" in capsys.readouterr().out


@pytest.mark.slow
def test_some_classes_are_learned_in_the_order_that_is_asked_for(data, eager, tmp_path):
    settings = settings_of(data, boxes__classes=(4, 1), steps=1, validate_every=1)
    run.train(settings, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["classes"] == ["walk", "stand"]
    card = checkpoint.card_of(None, str(tmp_path / "best.weights.h5"), takes="boxes")
    net = network.load_with_boxes(card)
    assert net.num_classes == 3
    found = evaluate.main(
        ["evaluate", f"--checkpoint={card.file}", f"--records={data}", "--split=train",
         "--task=ava", f"--detections_out={tmp_path / 'found.csv'}"]
    )  # fmt: skip
    assert found == 0
    actions = {line.split(",")[6] for line in (tmp_path / "found.csv").read_text().split()}
    assert actions <= {"4", "1", "action_id"}


FILE = """
from tests.test_train_detection import settings_of

def get_config():
    return settings_of({folder!r}, deterministic=True)
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_weights_bit_by_bit(data, tmp_path):
    file = tmp_path / "boxes.py"
    file.write_text(FILE.format(folder=str(data)))
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
    assert [line.get("loss") for line in logged(tmp_path / "whole")] == [
        line.get("loss") for line in logged(tmp_path / "killed")
    ]


@pytest.mark.slow
def test_two_devices_from_the_command(data, tmp_path):
    file = tmp_path / "boxes.py"
    file.write_text(FILE.format(folder=str(data)))
    keys = {"steps": 2, "batch.per_replica": 1}
    line = [*training.command(file, tmp_path / "run", **keys), "--replicas=2"]
    training.finished(training.start(line))
    losses = [line["loss"] for line in logged(tmp_path / "run") if "loss" in line]
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert 0 <= logged(tmp_path / "run")[-1]["validation/map"] <= 1


def line_of(settings, folder):
    with pytest.raises(UserError) as caught:
        run.train(settings, folder)
    assert "\n" not in str(caught.value) and not folder.exists()
    return str(caught.value)


def test_what_the_records_do_not_have_is_one_line(data, tmp_path):
    for keys, expected in (
        ({"boxes__classes": (2, 4)}, "config.boxes.classes: 2 is not in the label map of"),
        ({"data__frames": 8}, "need 32 frames on either side of a key frame, 20 are stored; build"),
        ({"data__train": "val"}, "val"),
        ({"data__validation": "val"}, "--config.data.validation= (nothing) trains without"),
        ({"data__records": ""}, "config.data.records: expected the folder of a data set, got ''"),
    ):
        assert expected in line_of(settings_of(data, **keys), tmp_path / "run")


COMMAND = """
from tests.helpers.training import tiny
from tests.test_train_detection import settings_of

def get_config():
    return {made}({folder!r})
"""


def test_data_of_the_other_kind_are_refused_before_any_work(data, videos, tmp_path, capsys):
    for made, folder, expected in (
        ("settings_of", videos, "expected key frames with boxes, this data set holds videos"),
        ("tiny", data, "expected a data set of videos, this one holds key frames with boxes"),
    ):
        file = tmp_path / f"{made}.py"
        file.write_text(COMMAND.format(made=made, folder=str(folder)))
        status = train.main(["train", f"--config={file}", f"--workdir={tmp_path / 'run'}"])
        assert status == 2 and expected in capsys.readouterr().err
    assert keyframes.opened(data, "train").num_records == 3
