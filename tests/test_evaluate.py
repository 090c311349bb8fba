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
from i3d.data import pipeline
from i3d.evaluation import metrics, results
from i3d.inference import records as inference_records
from i3d.inference.average import softmax
from i3d.inference.network import Network
from i3d.inference.whole import equal_lengths
from i3d.runtime.command import UserError
from i3d.spec import WHOLE, InputSpec, asked, of_settings
from i3d.training import config
from i3d.training import model as training_model
from tests.helpers import calls, datasets
from tests.helpers.processes import free_ports
from tests.helpers.records import example, write

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[1]
CLASSES, SIZE = 7, 12
# 303 views: a video may be in two batches, and the last batch is not full.
SPEC = InputSpec("flow", frames=2, clips=3, resize=16, crop=SIZE, range=(-1.0, 1.0))


def small_model(channels=2, frames=2):
    """Not symmetric in time, place or mirror."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((frames, SIZE, SIZE, channels))
    x = keras.layers.Conv3D(8, (1, 5, 5), (1, 3, 3), activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling3D()(x) if frames is None else keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(x))


def evaluated(records, model=None, strategy=None, batch_size=8, classes=CLASSES, **keywords):
    """Returns the SplitScores of a model; `on_batch` aside, keywords are changes of SPEC."""
    own = {"on_batch": keywords.pop("on_batch", None)}
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        spec = dataclasses.replace(SPEC, **keywords)
        network = Network(model or small_model(), spec, classes)
    own |= {"batch_size": batch_size, "num_classes": classes, "strategy": strategy}
    return inference_records.evaluate(network, spec, records, **own)


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
    return evaluated(many)


def test_every_video_once_in_order(scores):
    assert scores.ids == [f"video {n}" for n in range(101)]
    np.testing.assert_array_equal(scores.labels, np.arange(101) % CLASSES)
    assert scores.logits.shape == (101, CLASSES) and scores.logits.dtype == np.float32
    assert scores.labels.dtype == np.int64


@pytest.mark.long
@pytest.mark.parametrize("stream, average", [("rgb", "prob"), ("flow", "logits")])
def test_scores_are_the_mean_over_clips_and_crops(tmp_path, stream, average):
    records = write(tmp_path, [[example(str(n), n, 7) for n in range(3)]], streams=(stream,))
    model = small_model({"rgb": 3, "flow": 2}[stream], 3)
    changes = {"stream": stream, "frames": 3, "stride": 2, "crops": 10, "average": average}
    found = evaluated(records, model, **changes)
    batches = pipeline.eval_batches(records, dataclasses.replace(SPEC, **changes), 1)
    clips = np.concatenate([batch[stream] for batch in batches.as_numpy_iterator()])
    levels = clips.astype(np.float64)
    if stream == "rgb":
        inputs = levels / 127.5 - 1
    else:
        inputs = np.maximum((levels - 128) / 127, -1)
    each = model.predict_on_batch(inputs.astype(np.float32)).reshape(3, 30, CLASSES)
    assert each.std(axis=1).min() > 1e-4  # views differ
    mean = each.mean(axis=1)
    np.testing.assert_allclose(found.logits, mean, rtol=1e-4, atol=1e-5)
    expected = softmax(each).mean(axis=1) if average == "prob" else softmax(mean)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-4)
    assert np.abs(softmax(each).mean(axis=1) - softmax(mean)).max() > 1e-3  # they differ


def test_clips_at_two_sets_of_places(tmp_path):
    """With `twice` set, a video of segments is seen at the middles and at the beginnings."""
    records = write(tmp_path, [[example("a", 0, 8)]], streams=("rgb",))
    views = {"stream": "rgb", "segments": 2, "frames": 1, "twice": True, "average": "logits"}
    inputs = keras.Input((2, SIZE, SIZE, 3))
    model = keras.Model(inputs, keras.ops.mean(inputs, (2, 3, 4)))
    found = evaluated(records, model, classes=2, **views)
    places = np.mean([[2, 6], [0, 4]], axis=0)  # levels rise by 4 a frame
    both = (found.logits[0] + 1) * 127.5
    once = (evaluated(records, model, classes=2, **views | {"twice": False}).logits[0] + 1) * 127.5
    np.testing.assert_allclose(both - once, 4 * (places - [2, 6]), atol=0.2)


@pytest.mark.long
@pytest.mark.parametrize("batch_size", [1, 500])
def test_batch_size_does_not_matter(many, scores, batch_size):
    found = evaluated(many, batch_size=batch_size)
    assert found.ids == scores.ids
    np.testing.assert_allclose(found.logits, scores.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.probabilities, scores.probabilities, rtol=1e-4, atol=1e-5)


@pytest.mark.long
def test_progress_counts_every_video(many):
    begun = []
    evaluated(many, on_batch=begun.append)
    assert sum(begun) == 101 and len(begun) == 38 and max(begun) == 3


def test_three_crops_cover_the_frame(tmp_path):
    """Frames of 16x24 pixels are made 12x18, of which squares of 12 are taken."""
    records = write(tmp_path, [[example("a")]], streams=("rgb",))
    inputs = keras.Input((2, SIZE, SIZE, 3))
    column = keras.layers.Lambda(lambda x: keras.ops.mean(x, (1, 2, 4)))
    model = keras.Model(inputs, column(inputs))
    views = {"stream": "rgb", "clips": 1, "classes": SIZE}
    found = evaluated(records, model, crops=3, **views)
    left, right = (found.logits[0, [0, -1]] + 1) * 127.5
    # A column is 2 levels, and 16 / 12 columns after the frames are resized.
    np.testing.assert_allclose(right - left, 2 * 16 * 11 / 12, atol=1)
    centre = evaluated(records, model, **views)
    np.testing.assert_allclose(centre.logits.mean(), found.logits.mean(), atol=0.01)


@pytest.mark.parametrize(
    "stride, shortest, longest",
    [(1, 2, 0), (2, 2, 0), (2, 4, 0), (1, 9, 0), (1, 1, 4), (2, 1, 2), (1, 4, 4)],
)
def test_whole_videos(tmp_path, stride, shortest, longest):
    lengths = (3, 6, 4, 9)
    records = write(tmp_path, [[example(str(n), 0, n) for n in lengths]], streams=("rgb",))
    inputs = keras.Input((None, SIZE, SIZE, 3))
    summed = keras.layers.Lambda(lambda x: keras.ops.mean(keras.ops.sum(x + 2, 1), (1, 2)))
    views = {"stream": "rgb", "clips": WHOLE, "stride": stride, "longest": longest}
    model = keras.Model(inputs, summed(inputs))
    found = evaluated(records, model, batch_size=1, classes=3, min_frames=shortest, **views)
    for row, count in zip(found.logits, lengths, strict=True):
        steps = np.arange(count)[::stride]
        taken = np.resize(steps, max(len(steps), shortest))  # looped
        parts = equal_lengths(len(taken), longest)
        assert len(parts) == (-(-len(taken) // longest) if longest else 1)
        level = 90.5 + 4 * taken  # of ramp's middle, and of its frames
        clips = np.split(level / 127.5 + 1, np.cumsum(parts)[:-1])
        np.testing.assert_allclose(row, np.mean([clip.sum() for clip in clips]), rtol=0.01)


def test_arguments_out_of_range(many):
    for wrong, told in (
        ({"clips": WHOLE}, "expected batch_size 1 on one replica, got 8 on 1"),
        ({"batch_size": 0}, "expected size, batch_size"),
    ):
        with pytest.raises(ValueError, match=told):
            evaluated(many, **wrong)
    both = dataclasses.replace(many, streams=("rgb", "flow"))
    with pytest.raises(ValueError, match=r"expected records of flow, got \('rgb', 'flow'\)"):
        evaluated(both)
    other = dataclasses.replace(many, streams=("rgb",))
    with pytest.raises(ValueError, match="expected records of flow, got"):
        evaluated(other)


def test_spoilt_weights_are_told(many):
    model = small_model()
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    with pytest.raises(ValueError, match="101 of 101 videos are not .* 'video 0'; "):
        evaluated(many, model)


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
        found = evaluated(records, model, strategy)
        out = folder / f"{name}-{strategy.num_replicas_in_sync}.npz"
        arrays = {name: np.asarray(value) for name, value in dataclasses.asdict(found).items()}
        np.savez(out, **arrays)


def assert_same(path, scores):
    with np.load(path) as found:
        assert found["ids"].tolist() == scores.ids
        np.testing.assert_array_equal(found["labels"], scores.labels)
        for name in ("logits", "probabilities"):
            np.testing.assert_allclose(found[name], getattr(scores, name), rtol=1e-4, atol=1e-5)
        for k in (1, 3):
            expected = metrics.top_k_accuracy(scores.logits, scores.labels, k)
            assert metrics.top_k_accuracy(found["logits"], found["labels"], k) == expected


@pytest.mark.slow
def test_one_two_and_three_replicas_agree(tmp_path, scores):
    assert 0 < metrics.top_k_accuracy(scores.logits, scores.labels) < 1
    finish(run_script("replicas", tmp_path, "r"))
    for count in (1, 2, 3):
        assert_same(tmp_path / f"r-{count}.npz", scores)


@pytest.mark.slow
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
    keras.utils.set_random_seed(0)
    for classes in (3, 13):
        save_weights(root / f"{classes}.weights.h5", classes)
    return root


def save_weights(path, classes, **keys):
    """Writes random weights of the small I3D; returns the settings of its run and its InputSpec."""
    settings = config.defaults()
    own = {"data.size": 48, "data.frames": 10, "model.width": 0.05, "data.flow_method": "dis"}
    settings.update_from_flattened_dict(own | keys)
    spec = of_settings(config.flat(settings), short_side=48, fps=25.0)
    training_model.build(settings, spec, classes).save_weights(path)
    return settings, spec


def words(run, *more, weights="3.weights.h5"):
    fixed = [f"--config={run}/recipe.py", f"--checkpoint={run}/{weights}", "--batch_size=4"]
    return ["evaluate", *fixed, *map(str, more)]


def error_of(run, *more, status=1, **options):
    return calls.refused(evaluate.main, *words(run, *more, **options), status=status)


@pytest.mark.long
def test_the_command(run, tmp_path, capsys):
    out = tmp_path / "new" / "rgb.npz"
    assert evaluate.main(words(run, "--clips=2", "--crops=3", f"--out={out}")) == 0
    text = capsys.readouterr().out
    result = results.load(out)
    assert (result.stream, result.logits.shape) == ("rgb", (9, 3))
    assert result.class_names.tolist() == ["jump", "run", "walk"]
    assert result.protocol == (
        f"inception_i3d (width 0.05) rgb, {run}/3.weights.h5: 2 clip(s) of 10 frames x 3 crop(s) "
        f"of 48 px, 25 fps; mean of logits over 6 view(s) (float32); split 'test' of {run}/data, "
        "9 videos"
    )
    assert result.average == "logits" and result.probabilities is None
    hits = round(9 * metrics.top_k_accuracy(result.logits, result.labels))
    assert f", {hits} of 9 videos" in text and "95 % interval" in text
    assert "mean of logits over 6" in " ".join(text.split())
    assert "Accuracy of each class\njump" in text and "Confusion matrix" in text
    assert f"{out}: is there already" in error_of(run, f"--out={out}", status=2)
    process = [sys.executable, "-m", "i3d.evaluate", *words(run, "--clips=2", "--crops=3")[1:]]
    process += [f"--out={tmp_path}/two.npz", "--replicas=2"]
    done = subprocess.run(process, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    two = results.load(tmp_path / "two.npz")
    np.testing.assert_allclose(two.logits, result.logits, rtol=1e-4, atol=1e-5)
    assert done.stdout == text


@pytest.mark.long
def test_a_run_is_tested_by_the_views_and_the_average_that_it_states(run, tmp_path, capsys):
    """Without --config: by config.json beside the weights; accuracies are of the average."""
    settings, spec = save_weights(tmp_path / "best.weights.h5", 3)
    (tmp_path / "config.json").write_text(json.dumps(config.flat(settings)))
    call = ["evaluate", f"--checkpoint={tmp_path}/best.weights.h5", f"--records={run}/data"]
    assert evaluate.main([*call, f"--out={tmp_path}/ten.npz"]) == 0
    assert "10 clip(s) of 10 frames" in results.load(tmp_path / "ten.npz").protocol
    spec = dataclasses.replace(asked(spec, clips=2, crops=3), average="prob")
    stated = config.flat(settings) | {"input": spec.to_json()}
    (tmp_path / "config.json").write_text(json.dumps(stated))
    capsys.readouterr()
    assert evaluate.main([*call, f"--out={tmp_path}/prob.npz"]) == 0
    assert "mean of probabilities over 6" in " ".join(capsys.readouterr().out.split())
    result = results.load(tmp_path / "prob.npz")
    assert result.average == "prob" and result.scores is result.probabilities
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1, rtol=1e-5)
    apart = np.abs(result.probabilities - softmax(result.logits)).max()
    assert 0 < apart < 0.1


@pytest.mark.long
def test_a_run_needs_no_configuration_and_none_that_contradicts_it(run, tmp_path, capsys):
    """Trained at 10 frames of 48 pixels: config.json says so, and where the records lie."""
    settings, spec = save_weights(
        tmp_path / "best.weights.h5", 3, **{"data.records": str(run / "data")}
    )
    stated = config.flat(settings) | {"input": spec.to_json(), "replicas": 1}
    (tmp_path / "config.json").write_text(json.dumps(stated))
    weights = f"--checkpoint={tmp_path}/best.weights.h5"
    assert evaluate.main(["evaluate", weights, "--clips=2"]) == 0
    text = capsys.readouterr().out
    assert "2 clip(s) of 10 frames x 1 crop(s) of 48 px" in " ".join(text.split())
    result = evaluate(f"{tmp_path}/best.weights.h5", clips=2)
    assert result.protocol in " ".join(text.split())
    assert f"{100 * result.top1:6.2f} %" in text and result.interval[0] < result.top1
    call = ["evaluate", f"--config={run}/recipe.py", weights]
    assert evaluate.main([*call, "--clips=1"]) == 0  # it agrees
    (tmp_path / "config.json").write_text(json.dumps(stated | {"data.frames": 16}))
    line = calls.refused(evaluate.main, *call)
    assert "config.data.frames: " in line and "was trained with 16, --config has 10; leave" in line
    assert line.endswith("or insist with --config.data.frames=10")
    capsys.readouterr()
    assert evaluate.main([*call, "--clips=1", "--config.data.frames=10"]) == 0
    (tmp_path / "config.json").write_text(json.dumps(stated | {"data.read_mb": "much"}))
    line = calls.refused(evaluate.main, "evaluate", weights)
    assert line.endswith("config.json: config.data.read_mb: expected int, got 'much'")


def test_mistakes_from_python(run):
    with pytest.raises(UserError, match="records is needed"):
        evaluate("demo_rgb")
    with pytest.raises(UserError, match="clips: expected None with whole_video"):
        evaluate("demo_rgb", f"{run}/data", clips=2, whole_video=True)
    with pytest.raises(UserError, match="has 13 classes, the data set 3"):
        evaluate("demo_rgb", f"{run}/data")


@pytest.mark.long
def test_flow_of_whole_videos(run, tmp_path, capsys):
    save_weights(tmp_path / "flow.weights.h5", 3, **{"data.stream": "flow"})
    process = words(run, "--whole_video", "--config.data.stream=flow", "--config.data.stride=2")
    process[2:4] = [f"--checkpoint={tmp_path}/flow.weights.h5"]
    assert evaluate.main(process) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "flow.weights.h5: the whole video, stride 2 x 1 crop(s) of 48 px" in text
    assert "mean of logits over its views" in text and "of 9 videos" in text


def test_bad_calls(run, tmp_path, capsys):
    for told, *more in (
        ("unexpected argument 'word'", "word"),
        ("flag --clips=0", "--clips=0"),
        ("flag --crops=2: value should be one of", "--crops=2"),
        ("Unknown command line flag 'clip'", "--clip=1"),
        ("--clips cannot go with --whole_video", "--whole_video", "--clips=3"),
        ("--batch_size cannot go with --whole_video", "--whole_video"),
        ("--records is needed: the folder of a data set", "--config.data.records="),
        ("a name that ends in .npz", f"--out={tmp_path}/a.txt"),
        ("config.data.stream: expected one of", "--config.data.stream=depth"),
        ("config.data.size: expected at most 48", "--config.data.size=64"),
        ("nothere: expected a data set", "--config.data.records=nothere"),
    ):
        assert told in error_of(run, *more, status=2), more
    for told, *more in (
        ("expected the split 'tset', this data set has: test", "--split=tset"),
        ("expected flow made by tvl1, this was made by dis", "--config.data.stream=flow",
         "--config.data.flow_method=tvl1"),
    ):  # fmt: skip
        assert told in error_of(run, *more), more
    line = calls.refused(evaluate.main, "evaluate", f"--config={run}/recipe.py")
    assert "--checkpoint is needed" in line
    assert evaluate.main(["evaluate", "--help"]) == 0
    assert "--whole_video" in capsys.readouterr().out


def test_picture(run, tmp_path):
    picture = tmp_path / "a.png"
    if importlib.util.find_spec("matplotlib") is None:
        assert "pip install 'i3d[plot]'" in error_of(run, f"--confusion_png={picture}", status=2)
    else:
        assert evaluate.main(words(run, f"--confusion_png={picture}")) == 0
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_weights_that_do_not_fit(run):
    line = error_of(run, weights="13.weights.h5")
    assert "13.weights.h5: has 13 classes, the data set 3: expected weights trained on it" in line
    line = error_of(run, weights="nothere.weights.h5", status=2)
    assert "nothere.weights.h5: no such checkpoint" in line
    line = error_of(run, "--config.model.width=0.1")
    assert "not weights of inception_i3d" in line
    assert line.endswith("expected a checkpoint of inception_i3d (rgb, width 0.1)")


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
    (copy / "build.json").unlink()  # which says how many there were
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
