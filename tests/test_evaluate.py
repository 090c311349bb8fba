"""Testing of models: views and their mean, replicas and workers, the command and its errors.

Run as a script this file is the processes of the tests of replicas and workers: the number of
devices must be set before TensorFlow starts.
"""

import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d import evaluate
from i3d.data import cropping, pipeline, sampling
from i3d.evaluation import metrics, results
from i3d.inference import records as inference_records
from i3d.training import config
from i3d.training import model as training_model
from tests.helpers import datasets
from tests.helpers.processes import free_ports
from tests.helpers.records import example, write

ROOT = Path(__file__).parents[1]
CLASSES, SIZE = 7, 12
# 303 views: a video may be in two batches, and the last batch is not full.
PROTOCOL = {"frames": 2, "stride": 1, "clips": 3, "crops": 1, "size": SIZE, "batch_size": 8}


def small_model(channels=2, frames=2):
    """Not symmetric in time, place or mirror."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((frames, SIZE, SIZE, channels))
    x = keras.layers.Conv3D(8, (1, 5, 5), (1, 3, 3), activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling3D()(x) if frames is None else keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(x))


def write_many(folder, streams=("flow",)):
    """101 videos of 3 to 7 frames in 4 shards."""
    records = [example(f"video {n}", n % CLASSES, 3 + n % 5) for n in range(101)]
    shards = [records[:1], records[1:40], records[40:73], records[73:]]
    return write(folder, shards, CLASSES, streams)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return write_many(tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="module")
def scores(many):
    return inference_records.evaluate(small_model(), many, **PROTOCOL)


def test_every_video_once_in_order(scores):
    assert scores.ids == [f"video {n}" for n in range(101)]
    np.testing.assert_array_equal(scores.labels, np.arange(101) % CLASSES)
    assert scores.logits.shape == (101, CLASSES) and scores.logits.dtype == np.float32
    assert scores.labels.dtype == np.int64


@pytest.mark.long
@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_logits_are_the_mean_over_clips_and_crops(tmp_path, stream):
    records = write(tmp_path, [[example(str(n), n, 7) for n in range(3)]], streams=(stream,))
    model = small_model({"rgb": 3, "flow": 2}[stream], 3)
    found = inference_records.evaluate(
        model, records, **PROTOCOL | {"frames": 3, "stride": 2, "crops": 10}
    )
    batches = pipeline.eval_batches(
        records,
        lambda count: sampling.eval_clips_1x(count, 3, 3, 2),
        lambda frame: cropping.ten_crops(frame, SIZE),
        SIZE,
        1,
    )
    clips = np.concatenate([batch[stream] for batch in batches.as_numpy_iterator()])
    levels = clips.astype(np.float64)
    if stream == "rgb":
        inputs = levels / 127.5 - 1
    else:
        inputs = np.maximum((levels - 128) / 127, -1)
    each = model.predict_on_batch(inputs.astype(np.float32)).reshape(3, 30, CLASSES)
    assert each.std(axis=1).min() > 1e-4  # views differ
    np.testing.assert_allclose(found.logits, each.mean(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("batch_size", [1, 500])
def test_batch_size_does_not_matter(many, scores, batch_size):
    found = inference_records.evaluate(small_model(), many, **PROTOCOL | {"batch_size": batch_size})
    assert found.ids == scores.ids
    np.testing.assert_allclose(found.logits, scores.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.long
def test_progress_counts_every_video(many):
    begun = []
    inference_records.evaluate(small_model(), many, **PROTOCOL, on_batch=begun.append)
    assert sum(begun) == 101 and len(begun) == 38 and max(begun) == 3


def test_three_crops_cover_the_frame(tmp_path):
    """Of 16x24 pixels: squares of 16, made 12."""
    records = write(tmp_path, [[example("a")]], streams=("rgb",))
    inputs = keras.Input((2, SIZE, SIZE, 3))
    column = keras.layers.Lambda(lambda x: keras.ops.mean(x, (1, 2, 4)))
    model = keras.Model(inputs, column(inputs))
    found = inference_records.evaluate(model, records, **PROTOCOL | {"clips": 1, "crops": 3})
    left, right = (found.logits[0, [0, -1]] + 1) * 127.5
    # Columns 0 and 15 of crops at 0, 4 and 8 (a column is 2 levels), resized.
    np.testing.assert_allclose(right - left, 2 * 16 * 11 / 12, atol=1)
    centre = inference_records.evaluate(model, records, **PROTOCOL | {"clips": 1})
    np.testing.assert_allclose(centre.logits.mean(), found.logits.mean(), atol=0.01)


@pytest.mark.parametrize("stride, frames", [(1, 2), (2, 2), (2, 4), (1, 9)])
def test_whole_videos(tmp_path, stride, frames):
    lengths = (3, 6, 4)
    records = write(tmp_path, [[example(str(n), 0, n) for n in lengths]], streams=("rgb",))
    inputs = keras.Input((None, SIZE, SIZE, 3))
    summed = keras.layers.Lambda(lambda x: keras.ops.mean(keras.ops.sum(x + 2, 1), (1, 2)))
    options = {
        "clips": inference_records.WHOLE,
        "batch_size": 1,
        "stride": stride,
        "frames": frames,
    }
    found = inference_records.evaluate(
        keras.Model(inputs, summed(inputs)), records, **PROTOCOL | options
    )
    for row, count in zip(found.logits, lengths, strict=True):
        taken = np.arange(max(count, (frames - 1) * stride + 1))[::stride] % count
        level = 90.5 + 4 * taken.mean()  # of ramp's middle, and of its frames
        np.testing.assert_allclose(row, len(taken) * (level / 127.5 + 1), rtol=0.01)


def test_arguments_out_of_range(many):
    for wrong, told in (
        ({"crops": 2}, r"crops: expected one of \(1, 3, 10\), got 2"),
        ({"frames": 0}, "got 0, 1 and 3"),
        ({"stride": 0}, "got 2, 0 and 3"),
        ({"clips": -1}, "got 2, 1 and -1"),
        ({"clips": inference_records.WHOLE}, "expected batch_size 1 on one replica, got 8 on 1"),
        ({"batch_size": 0}, "expected size, batch_size"),
    ):
        with pytest.raises(ValueError, match=told):
            inference_records.evaluate(small_model(), many, **PROTOCOL | wrong)
    both = dataclasses.replace(many, streams=("rgb", "flow"))
    with pytest.raises(ValueError, match="expected records of one stream"):
        inference_records.evaluate(small_model(), both, **PROTOCOL)


def test_spoilt_weights_are_told(many):
    model = small_model()
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    with pytest.raises(FloatingPointError, match="101 of 101 videos are not .* 'video 0'; "):
        inference_records.evaluate(model, many, **PROTOCOL)


# Replicas and workers.


def run_script(role, folder, name, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.test_evaluate", role, folder, name],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    outputs = [process.communicate()[0] for process in processes]
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-3000:]
    return outputs


def main(role, folder, name):
    """Saves the scores of each strategy as folder/<name>-<replicas>.npz."""
    folder = Path(folder)
    if role == "replicas":
        cpu = tf.config.list_physical_devices("CPU")[0]
        three = [tf.config.LogicalDeviceConfiguration()] * 3
        tf.config.set_logical_device_configuration(cpu, three)
        names = ["CPU:0", "CPU:1", "CPU:2"]
        strategies = [tf.distribute.MirroredStrategy(names[:count]) for count in (1, 2, 3)]
    else:
        strategies = [tf.distribute.MultiWorkerMirroredStrategy()]
    own = folder / name
    own.mkdir()
    records = write_many(own)
    for strategy in strategies:
        with strategy.scope():
            model = small_model()
        found = inference_records.evaluate(model, records, **PROTOCOL, strategy=strategy)
        out = folder / f"{name}-{strategy.num_replicas_in_sync}.npz"
        np.savez(out, ids=np.array(found.ids), labels=found.labels, logits=found.logits)


def assert_same(path, scores):
    with np.load(path) as found:
        assert found["ids"].tolist() == scores.ids
        np.testing.assert_array_equal(found["labels"], scores.labels)
        np.testing.assert_allclose(found["logits"], scores.logits, rtol=1e-4, atol=1e-5)
        for k in (1, 3):
            expected = metrics.top_k_accuracy(scores.logits, scores.labels, k)
            assert metrics.top_k_accuracy(found["logits"], found["labels"], k) == expected


@pytest.mark.long
def test_one_two_and_three_replicas_agree(tmp_path, scores):
    assert 0 < metrics.top_k_accuracy(scores.logits, scores.labels) < 1
    finish(run_script("replicas", tmp_path, "r"))
    for count in (1, 2, 3):
        assert_same(tmp_path / f"r-{count}.npz", scores)


@pytest.mark.long
def test_two_workers_agree(tmp_path, scores):
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    workers = []
    for index in range(2):
        place = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        workers.append(run_script("workers", tmp_path, f"w{index}", TF_CONFIG=json.dumps(place)))
    finish(*workers)
    for index in range(2):  # each has the whole
        assert_same(tmp_path / f"w{index}-2.npz", scores)


# The command: 9 videos in 3 classes, frames of 48 pixels, an I3D of random weights.

RECIPE = """
from i3d.training import config

def get_config():
    c = config.defaults()
    c.data.records, c.data.flow_method = {records!r}, "dis"
    c.data.frames, c.data.size, c.data.stream = 10, 48, "rgb"
    c.model.width = 0.05
    return c
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with recipe.py, data and the weights of a run."""
    root = tmp_path_factory.mktemp("run")
    videos = datasets.videos(root / "videos")
    datasets.build(root / "data", videos, split="test")
    (root / "recipe.py").write_text(RECIPE.format(records=str(root / "data")))
    settings = config.defaults()
    settings.data.size, settings.model.width = 48, 0.05
    keras.utils.set_random_seed(0)
    for classes in (3, 13):
        training_model.build(settings, classes).save_weights(root / f"{classes}.weights.h5")
    return root


def words(run, *more, weights="3.weights.h5"):
    fixed = [f"--config={run}/recipe.py", f"--checkpoint={run}/{weights}", "--batch_size=4"]
    return ["evaluate", *fixed, *map(str, more)]


def error_of(run, *more, **options):
    with pytest.raises(SystemExit) as caught:
        evaluate.main(words(run, *more, **options))
    line = caught.value.code
    assert "\n" not in line and "Traceback" not in line
    return line


@pytest.mark.long
def test_the_command(run, tmp_path, capsys):
    out = tmp_path / "new" / "rgb.npz"
    assert evaluate.main(words(run, "--clips=2", "--crops=3", f"--out={out}")) == 0
    text = capsys.readouterr().out
    result = results.load(out)
    assert (result.stream, result.logits.shape) == ("rgb", (9, 3))
    assert result.class_names.tolist() == ["jump", "run", "walk"]
    assert result.protocol == (
        f"rgb, inception_i3d (width 0.05, float32), {run}/3.weights.h5; 2 clip(s) of 10 frames, "
        f"stride 1, x 3 crop(s) of 48 px, logits averaged over 6 view(s); split 'test' of "
        f"{run}/data, 9 videos"
    )
    hits = round(9 * metrics.top_k_accuracy(result.logits, result.labels))
    assert f", {hits} of 9 videos" in text and "95 % interval" in text
    assert "logits averaged over 6" in " ".join(text.split())
    assert "Accuracy of each class\njump" in text and "Confusion matrix" in text
    assert f"{out}: is there already" in error_of(run, f"--out={out}")
    process = [sys.executable, "-m", "i3d.evaluate", *words(run, "--clips=2", "--crops=3")[1:]]
    process += [f"--out={tmp_path}/two.npz", "--replicas=2"]
    done = subprocess.run(process, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    two = results.load(tmp_path / "two.npz")
    np.testing.assert_allclose(two.logits, result.logits, rtol=1e-4, atol=1e-5)
    assert done.stdout == text


@pytest.mark.long
def test_flow_of_whole_videos(run, tmp_path, capsys):
    settings = config.defaults()
    settings.data.size, settings.model.width, settings.data.stream = 48, 0.05, "flow"
    training_model.build(settings, 3).save_weights(tmp_path / "flow.weights.h5")
    process = words(run, "--whole_video", "--config.data.stream=flow", "--config.data.stride=2")
    process[2:4] = [f"--checkpoint={tmp_path}/flow.weights.h5"]
    assert evaluate.main(process) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "flow.weights.h5; whole videos, stride 2, x 1 crop(s) of 48 px" in text
    assert "averaged over 1 view(s)" in text and "of 9 videos" in text


def test_bad_calls(run, tmp_path, capsys):
    for told, *more in (
        ("expected the split 'tset', there is test", "--split=tset"),
        ("unexpected argument 'word'", "word"),
        ("flag --clips=0", "--clips=0"),
        ("flag --crops=2: value should be one of", "--crops=2"),
        ("Unknown command line flag 'clip'", "--clip=1"),
        ("--clips cannot go with --whole_video", "--whole_video", "--clips=3"),
        ("--batch_size cannot go with --whole_video", "--whole_video"),
        ("config.data.records: expected the folder of a data set", "--config.data.records="),
        ("nothere: expected a data set", "--config.data.records=nothere"),
        ("a name that ends in .npz", f"--out={tmp_path}/a.txt"),
        ("config.data.size: expected at most 48", "--config.data.size=64"),
        ("config.data.stream: expected one of", "--config.data.stream=depth"),
        ("expected flow made by tvl1, this was made by dis", "--config.data.stream=flow",
         "--config.data.flow_method=tvl1"),
    ):  # fmt: skip
        assert told in error_of(run, *more), more
    with pytest.raises(SystemExit, match="--checkpoint is needed"):
        evaluate.main(["evaluate", f"--config={run}/recipe.py"])
    assert evaluate.main(["evaluate", "--help"]) == 0
    assert "--whole_video" in capsys.readouterr().out


def test_picture(run, tmp_path):
    picture = tmp_path / "a.png"
    if importlib.util.find_spec("matplotlib") is None:
        assert "pip install 'i3d[plot]'" in error_of(run, f"--confusion_png={picture}")
    else:
        assert evaluate.main(words(run, f"--confusion_png={picture}")) == 0
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_weights_that_do_not_fit(run):
    line = error_of(run, weights="13.weights.h5")
    assert f"13.weights.h5: has 13 classes, {run}/data has 3: expected weights" in line
    assert "nothere.weights.h5: no such checkpoint" in error_of(run, weights="nothere.weights.h5")
    line = error_of(run, "--config.model.width=0.1")
    assert "not weights of inception_i3d" in line and line.endswith("as it was trained with")


def test_data_without_flow(run, tmp_path):
    recipe = dataclasses.replace(datasets.RECIPE, streams=("rgb",))
    videos = datasets.write_folder(tmp_path / "videos", ("walk",), 1)
    datasets.build(tmp_path / "rgb", videos, recipe, "test", 1)
    more = [f"--config.data.records={tmp_path}/rgb", "--config.data.stream=flow"]
    assert error_of(run, *more).endswith("holds no flow; build it with --streams=rgb,flow")


def test_empty_split(run, tmp_path):
    copy = shutil.copytree(run / "data", tmp_path / "data")
    info = json.loads((copy / "dataset_info.json").read_text())
    info["splits"][0]["shardLengths"] = ["0"] * 3
    (copy / "dataset_info.json").write_text(json.dumps(info))
    line = error_of(run, f"--config.data.records={copy}")
    assert line.endswith("the split 'test' is empty")


def test_damaged_shard(run, tmp_path):
    copy = shutil.copytree(run / "data", tmp_path / "data")
    shard = sorted(copy.glob("*-00001-of-00003"))[0]
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    shard.write_bytes(content)
    out = tmp_path / "a.npz"
    line = error_of(run, f"--config.data.records={copy}", f"--out={out}")
    assert line.startswith(f"evaluate: {shard}: damaged, gone or cut off: cannot read record ")
    assert not out.exists()


if __name__ == "__main__":
    main(*sys.argv[1:])
