"""Training runs from the command to the end: killed, stopped, on two devices, on two workers."""

import json
import re
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d import models, train
from i3d.data import stored
from i3d.data.build_settings import BuildSettings
from i3d.runtime.command import UserError
from i3d.training import checkpoints as saved
from i3d.training import config, folder, run
from i3d.training import input as train_input
from tests.helpers import datasets, synthetic, torch_files, training
from tests.helpers.points import Point
from tests.helpers.processes import free_ports
from tests.helpers.train_models import build, start
from tests.helpers.videos import write_folder

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("tiny_model")]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set of 9 training and 6 test videos in 3 classes."""
    root = tmp_path_factory.mktemp("data")
    recipe = BuildSettings(flow_method="dis", short_side=48)
    for split, per_class in (("train", 3), ("test", 2)):
        videos = write_folder(root / split, per_class=per_class)
        datasets.build(root / "records", videos, recipe, split)
    return root / "records"


@pytest.fixture(scope="module")
def config_file(data, tmp_path_factory):
    return training.write_config(tmp_path_factory.mktemp("config") / "tiny.py", data)


@pytest.fixture
def settings(data):
    """The configuration, for runs in this process: determinism could not be switched off again."""
    c = training.tiny(data)
    c.deterministic = False
    return c


def best(workdir):
    model = models.build("tiny", num_classes=3, channels=3, size=32, width=0.1)
    model.load_weights(workdir / "best.weights.h5")
    return saved.best_info(workdir), model.get_weights()


# Stopped and gone on.

LONG = {
    "steps": 32,
    "checkpoint_every": 5,
    "validate_every": 8,
    "batch.accumulate": 2,
    "optimizer.ema_decay": 0.9,
    "label_smoothing": 0.1,
    "schedule.name": "cosine",
}
STOPS = (  # what the run has just told, or is about to do to a file; the signal that it gets then
    ("line step 3 ", signal.SIGKILL),
    ("rename step-00000010", signal.SIGKILL),
    ("line step 17 ", signal.SIGTERM),
    ("line step 26 ", signal.SIGKILL),
)


@pytest.fixture(scope="module")
def whole_run(config_file, tmp_path_factory):
    """The folder and the output of a run that nothing stopped."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    output = training.finished(training.start(training.command(config_file, workdir, **LONG)))
    return workdir, *output


@pytest.mark.slow
def test_killed_four_times_it_ends_with_the_weights_of_one_run(whole_run, config_file, tmp_path):
    workdir = tmp_path / "run"
    line = training.command(config_file, workdir, **LONG)
    for pattern, number in STOPS:
        point = Point(workdir, tmp_path / "log", pattern, kind=number)
        point.log.unlink(missing_ok=True)
        status = -signal.SIGKILL if number == signal.SIGKILL else 128 + number
        process = training.start(line, **point.environment())
        output, errors = training.finished(process, status)
        assert point.steps()
        if number == signal.SIGTERM:
            assert "stopping after this step" in errors and "stopped and saved at step" in output
            assert max(workdir.glob("step-*")).name >= "step-00000017"
    output, _ = training.finished(training.start(line))
    assert "resumes from step " in output and output.endswith("done, 32 steps\n")
    expected, got = training.last(whole_run[0]), training.last(workdir)
    assert expected.keys() == got.keys() and len(got) == 22
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    assert training.lines(workdir) == training.lines(whole_run[0])
    (info, weights), (expected_info, expected) = best(workdir), best(whole_run[0])
    assert info == expected_info
    assert all(map(np.array_equal, weights, expected))


def test_log_has_every_step_and_every_validation(whole_run):
    found = training.lines(whole_run[0])
    trained = [x for x in found if "loss" in x]
    assert [x["step"] for x in trained] == list(range(1, 33))
    assert trained[0]["learning_rate"] == 0.01 > trained[-1]["learning_rate"] > 0
    validated = [x for x in found if "validation/top1" in x]
    assert [x["step"] for x in validated] == [8, 16, 24, 32]
    for x in validated:
        assert x["validation/top3"] == 1.0  # of three classes
        assert x["validation/top1"] == pytest.approx(x["validation/mean_class"])  # 2 videos each
        assert x["validation/top1"] * 6 == pytest.approx(round(x["validation/top1"] * 6))
    tops = [x["validation/top1"] for x in validated]
    info = saved.best_info(whole_run[0])
    assert info["top1"] == max(tops)
    assert info["step"] == 8 * (1 + tops.index(max(tops)))  # the first of equal ones


def test_tensorboard_has_the_numbers_of_the_log(whole_run):
    scalars = {}
    for file in (whole_run[0] / "tensorboard").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                scalars[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    for line in training.lines(whole_run[0]):
        step = line.pop("step")
        for name, value in line.items():
            tag = name if "/" in name else f"train/{name}"
            assert scalars[step, tag] == pytest.approx(value, rel=1e-6)


def test_output_has_the_lines_of_the_log_and_the_end(whole_run):
    workdir, output, errors = whole_run
    told = output.splitlines()
    assert len(told) == 32 + 4 + 1 and told[-1] == f"{workdir}: done, 32 steps"
    assert all(line.startswith("step ") for line in told[:-1])
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_finished_run_is_left_alone(whole_run, config_file):
    before = {path: path.stat().st_mtime_ns for path in whole_run[0].rglob("*.h5")}
    line = training.command(config_file, whole_run[0], **LONG)
    output, _ = training.finished(training.start(line))
    assert output.endswith("already finished (32 steps)\n")
    assert {path: path.stat().st_mtime_ns for path in whole_run[0].rglob("*.h5")} == before


def test_a_folder_of_another_run_is_refused(whole_run, settings):
    settings.data.stream = "flow"
    assert "whole: holds a run with config.batch.accumulate=2, this one has 1" in line_of(
        settings, whole_run[0]
    )
    settings.update_from_flattened_dict(LONG)
    settings.deterministic = True
    settings.data.stream = "flow"
    assert "config.data.stream='rgb', this one has 'flow'; take another" in line_of(
        settings, whole_run[0]
    )
    settings.data.stream = "rgb"
    settings.steps = 40  # of a cosine
    assert "config.steps=32, this one has 40" in line_of(settings, whole_run[0])


# Two devices, two workers.


@pytest.mark.slow  # test_train_step.py has it for a step
def test_two_replicas_and_two_workers_end_alike(config_file, tmp_path):
    """With a clip on each at a time, as input pipelines take the clips of a step by turns."""
    keys = {"steps": 4, "validate_every": 2, "optimizer.ema_decay": 0.5, "batch.accumulate": 2}
    keys |= {"batch.per_replica": 1}
    line = training.command(config_file, tmp_path / "replicas", **keys)
    replicas = training.start([*line, "--replicas=2"])
    output, _ = training.finished(replicas)
    assert output.endswith("done, 4 steps\n")
    line = training.command(config_file, tmp_path / "workers", **keys)
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    workers = [
        training.start(
            line,
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]
    outputs = [training.finished(worker)[0] for worker in workers]
    assert outputs[0].endswith("done, 4 steps\n") and outputs[1] == ""
    pairs = zip(
        training.lines(tmp_path / "replicas"), training.lines(tmp_path / "workers"), strict=True
    )
    for one, other in pairs:
        assert one == pytest.approx(other, rel=1e-4)
    one, other = training.last(tmp_path / "replicas"), training.last(tmp_path / "workers")
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-3, atol=1e-6, err_msg=name)


# What the keys mean, in this process.


def trained(settings, workdir, **keys):
    """Makes a run; returns its log."""
    settings.update_from_flattened_dict(keys)
    config.check(settings)
    assert run.train(settings, workdir) == 0
    return training.lines(workdir)


@pytest.mark.slow
def test_flow_is_trained_on_too(settings, tmp_path):
    log = trained(settings, tmp_path, **{"data.stream": "flow", "data.crop": "multi_scale"})
    assert len([x for x in log if "loss" in x]) == 6


@pytest.mark.slow
def test_bfloat16(settings, tmp_path):
    settings.model.dropout = 0.0  # draws other numbers in another type
    expected = trained(settings, tmp_path / "32", steps=1)
    got = trained(settings, tmp_path / "16", precision="bfloat16")
    assert got[0]["loss"] == pytest.approx(expected[0]["loss"], rel=0.02)
    assert got[0]["loss"] != expected[0]["loss"]
    assert keras.config.dtype_policy().name == "float32"


def test_validation_on_held_out_training_videos(settings, tmp_path, capsys):
    """None of them is trained on, and a run that resumes holds out the same."""
    settings.data.validation, settings.data.validation_share = "train", 0.3
    trained, validated = train_input.opened(settings)
    ids = [{id for id, _ in stored.labels(found)} for found in (trained, validated)]
    numbers = [set(found.chosen) for found in (trained, validated)]
    assert not numbers[0] & numbers[1] and len(numbers[1]) == 3 and ids[0] == ids[1]
    assert run.train(settings, tmp_path) == 0
    assert "validation: 3 of the 9 training videos are held out" in capsys.readouterr().out
    settings.steps = 9
    assert run.train(settings, tmp_path) == 0
    found = [line for line in training.lines(tmp_path) if "validation/top1" in line]
    assert [line["step"] for line in found] == [3, 6, 9]
    assert {round(3 * line["validation/top1"]) / 3 - line["validation/top1"] for line in found} == {
        0
    }
    settings.data.validation_share = 0.2
    with pytest.raises(UserError, match=r"a run with config.data.validation_share=0\.3"):
        run.train(settings, tmp_path)


def test_validation_sees_the_average(settings, tmp_path):
    """With an average that hardly moves, the best weights are nearly those of the beginning."""
    keys = {"steps": 3, "optimizer.ema_decay": 0.999, "model.dropout": 0.0}
    trained(settings, tmp_path, **keys)
    _, kept = best(tmp_path)
    state = training.last(tmp_path)
    keras.utils.set_random_seed(settings.seed)
    first = build(settings, 3)
    for v, value in zip(first.weights, kept, strict=True):
        if v.name == "kernel":
            moved = np.abs(state[v.path] - v.numpy()).max()
            assert 0 < np.abs(value - v.numpy()).max() < 0.01 * moved


def test_average_begins_at_the_weights_that_are_started_from(settings, tmp_path):
    source = build(settings, 3)
    source.set_weights([np.full(w.shape, 0.5, "float32") for w in source.get_weights()])
    source.save_weights(tmp_path / "first.weights.h5")
    settings.model.start = str(tmp_path / "first.weights.h5")
    trained(settings, tmp_path / "run", steps=1, **{"optimizer.ema_decay": 0.999})
    kernels = [w for w in best(tmp_path / "run")[1] if w.ndim > 1]
    assert all(np.allclose(w, 0.5, atol=1e-3) for w in kernels)


# What a run starts from.


def i3d(settings, **keys):
    settings.update_from_flattened_dict(
        {"model.name": "inception_i3d", "data.size": 224, "data.frames": 9, **keys}
    )
    return build(settings, 3)


@pytest.mark.slow
def test_start_from_a_published_checkpoint_leaves_the_head_out(settings, checkpoints):
    path = checkpoints / "flow_scratch" / "model.ckpt"
    model = i3d(settings, **{"model.width": 1.0, "model.start": str(path), "data.stream": "flow"})
    head = model.get_layer("Logits").get_weights()
    told = start(settings, model)
    assert told == f"initialised from {path}; left out: the head of 400 classes, a new one has 3"
    values = synthetic.variables("flow")
    scope = "Flow/inception_i3d/"
    kernel = model.get_layer("Conv3d_1a_7x7-conv_3d").kernel.numpy()
    np.testing.assert_array_equal(kernel, values[f"{scope}Conv3d_1a_7x7/conv_3d/w"])
    assert all(map(np.array_equal, model.get_layer("Logits").get_weights(), head))


def test_start_from_the_two_dimensional_twin(settings, tmp_path):
    twin = models.build("inception_v1", num_classes=5, size=224, width=0.1)
    twin.save_weights(tmp_path / "twin.weights.h5")
    keys = {"model.start": str(tmp_path / "twin.weights.h5"), "model.inflate": True}
    model = i3d(settings, **keys, **{"data.stream": "flow"})
    assert "left out: the head of 5 classes" in start(settings, model)
    image = twin.get_layer("Conv3d_1a_7x7-conv_3d").kernel.numpy()  # 7 x 7 x 3
    video = model.get_layer("Conv3d_1a_7x7-conv_3d").kernel.numpy()  # 7 x 7 x 7 x 2
    np.testing.assert_allclose(video.sum(axis=0)[:, :, 0], image.mean(axis=2), atol=1e-6)
    settings.model.name = "tiny"
    with pytest.raises(ValueError, match="config.model.inflate: expected one of inception_i3d"):
        start(settings, model)


def test_what_is_wrong_with_a_start_is_told(settings, tmp_path):
    twin = models.build("inception_i3d", num_classes=5, size=224, width=0.2, frames=9)
    twin.save_weights(tmp_path / "wide.weights.h5")
    whole = (tmp_path / "wide.weights.h5").read_bytes()
    (tmp_path / "cut.weights.h5").write_bytes(whole[: len(whole) // 2])
    for name, kind, line in (
        ("wide", ValueError, "not weights of inception_i3d.*; expected config.model"),
        ("cut", ValueError, "cut.weights.h5: not a Keras .weights.h5 or .* one: [^;]*$"),
        ("none", ValueError, "no such checkpoint; put it there, or name other weights in"),
    ):
        keys = {"model.start": str(tmp_path / f"{name}.weights.h5"), "model.width": 0.1}
        model = i3d(settings, **keys)
        with pytest.raises(kind, match=line):
            start(settings, model)


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_start_from_googlenet(stream, settings, tmp_path):
    twin = models.build("inception_v1", num_classes=1000, size=224, width=0.1)
    state = torch_files.googlenet(twin)
    torch_files.write_safetensors(tmp_path / "googlenet.safetensors", state)
    file = str(tmp_path / "googlenet.safetensors")
    keys = {"model.start": file, "model.inflate": True, "model.width": 0.1, "data.stream": stream}
    model = i3d(settings, **keys)
    head = model.get_layer("Logits").get_weights()
    assert start(settings, model).endswith("safetensors; left out: the head")
    video = model.get_layer("Conv3d_1a_7x7-conv_3d").kernel.numpy().sum(axis=0)
    image = (state["conv1.conv.weight"].T * state["conv1.bn.weight"]).T.transpose(2, 3, 1, 0)
    expected = image if stream == "rgb" else image.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(video, np.broadcast_to(expected, video.shape), atol=1e-5)
    assert all(map(np.array_equal, model.get_layer("Logits").get_weights(), head))


def test_start_from_another_run(settings, tmp_path, capsys):
    trained(settings, tmp_path / "first")
    settings.model.start = str(tmp_path / "first" / "best.weights.h5")
    capsys.readouterr()
    trained(settings, tmp_path / "second", steps=1, **{"optimizer.learning_rate": 0.0})
    told = capsys.readouterr().out.splitlines()[0]
    assert told == f"initialised from {settings.model.start}, head included"
    started = training.last(tmp_path / "second")
    names = [v.path for v in build(settings, 3).weights]
    for name, value in zip(names, best(tmp_path / "first")[1], strict=True):
        if "moving" not in name:
            np.testing.assert_array_equal(started[name], value)


# Mistakes: one line each.


def line_of(settings, workdir):
    """Returns the line that a run ends with at once."""
    config.check(settings)
    with pytest.raises((UserError, OSError, tf.errors.OpError)) as caught:
        run.train(settings, workdir)
    error = caught.value
    line = train.told(error, settings) if isinstance(error, tf.errors.OpError) else str(error)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    "key, value, expected",
    [
        ("data.records", "", "config.data.records: expected the folder of a data set, got ''"),
        ("data.records", "/absent", "/absent: expected a data set as `python -m data_prep"),
        ("data.train", "", "config.data.train: expected the name of a split, got ''"),
        ("data.train", "traim", "expected the split 'traim', this data set has: test, train"),
        ("data.validation", "val", "validation: .*expected the split 'val', .* trains without$"),
        ("data.flow_method", "tvl1", "expected flow made by tvl1, this was made by dis; build it"),
        ("data.size", 64, "config.data.size: expected at most 48, the shorter side of the frames"),
        ("model.name", "tny", "model: expected one of .* got 'tny'; did you mean 'tiny'"),
        ("model.name", "inception_v1", "expected a model of clips, inception_v1 takes pictures"),
        ("model.name", "inception_i3d", "inception_i3d takes no clips of 4 frames of 32 pixels"),
        ("model.start", "/absent", "/absent: no such checkpoint; expected a TF1 prefix"),
    ],
)
def test_mistakes_in_the_configuration(settings, tmp_path, key, value, expected):
    settings.data.stream = "flow"
    settings.update_from_flattened_dict({key: value})
    assert re.search(expected, line_of(settings, tmp_path))


def test_a_data_set_without_flow(settings, tmp_path):
    recipe = BuildSettings(streams=("rgb",), short_side=48)
    videos = write_folder(tmp_path / "videos", ("walk",), 1)
    folder = datasets.build(tmp_path / "records", videos, recipe, num_shards=1)
    settings.data.records, settings.data.stream = str(folder), "flow"
    line = line_of(settings, tmp_path / "run")
    assert line == f"{folder}: holds no flow; build it with --streams=rgb,flow"


def test_an_empty_split(settings, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "copy")
    info = json.loads((copy / "dataset_info.json").read_text())
    for split in info["splits"]:
        if split["name"] == "train":
            split["shardLengths"] = ["0"] * len(split["shardLengths"])
    (copy / "dataset_info.json").write_text(json.dumps(info))
    (copy / "build.json").unlink()  # which says how many there were
    settings.data.records = str(copy)
    assert line_of(settings, tmp_path / "run") == f"{copy}: the split 'train' is empty"


def test_a_shard_that_cannot_be_read(config_file, data, tmp_path):
    """Met by the command while it trains, on two devices."""
    copy = shutil.copytree(data, tmp_path / "copy")
    shard = sorted(copy.glob("*train*"))[1]
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    shard.write_bytes(content)
    line = training.command(config_file, tmp_path / "run", **{"data.records": copy})
    _, errors = training.finished(training.start([*line, "--replicas=2"]), 1)
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith(f"train: {shard}: damaged, gone or cut off: cannot")


def test_loss_that_is_no_number(settings, tmp_path):
    settings.optimizer.learning_rate = 1e12
    line = line_of(settings, tmp_path)
    assert "expected a finite number; begin again in another --workdir" in line
    assert not list(tmp_path.glob("step-*"))


def test_a_folder_that_cannot_be_written_to(settings, tmp_path):
    (tmp_path / "file").touch()
    line = line_of(settings, tmp_path / "file" / "run")
    assert line.endswith("file/run: cannot be written to: Not a directory")


def test_a_second_run_in_the_folder_is_refused(settings, tmp_path):
    with folder.alone(tmp_path / "run"):
        assert "run: another run is training there; wait" in line_of(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_without_checkpoints_is_taken_over(settings, tmp_path):
    settings.optimizer.learning_rate = 1e12
    line_of(settings, tmp_path)
    trained(settings, tmp_path, **{"optimizer.learning_rate": 0.01})
    assert json.loads((tmp_path / "config.json").read_text())["optimizer.learning_rate"] == 0.01


def test_out_of_memory_tells_which_keys_help(settings):
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nmore")
    line = train.told(error, settings)
    assert line.startswith("out of memory; lower config.batch.per_replica (now 2) and raise")
    assert line.endswith("OOM when allocating tensor")


def test_what_a_device_cannot_do_deterministically(settings):
    text = "A deterministic GPU implementation of X is not currently available."
    line = train.told(tf.errors.UnimplementedError(None, None, text), settings)
    assert line == f"{text}; --config.deterministic=false does without"


def test_wrong_flags_are_told_before_tensorflow_is_there(config_file, tmp_path):
    for flags, expected in (
        (["--config.batch.per_replca=3"], "did you mean config.batch.per_replica?"),
        (["word"], "unexpected argument 'word'; flags are written --name=value"),
    ):
        line = [*training.command(training.ROOT / "configs/i3d/figures.py", tmp_path), *flags]
        _, errors = training.finished(training.start(line), 2)
        assert expected in errors and errors.count("\n") == 1


def test_a_worker_that_is_gone(settings):
    line = train.told(tf.errors.UnavailableError(None, None, "Graph execution error"), settings)
    assert line.startswith("another worker of the run is gone; the same command on all of them")
