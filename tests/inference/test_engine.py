"""What runs a network on a processor: the same rows by OpenVINO, and the choice between engines."""

import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import i3d
from benchmarks.subjects import plain_weights
from i3d import detect, extract_features, models, predict, probe
from i3d.detection.scores import ActionScores
from i3d.inference import engine, engine_times, network, stepping
from i3d.inference.checkpoint import card_of
from i3d.runtime.command import UserError
from tests.helpers import calls
from tests.helpers.processes import ROOT
from tests.helpers.videos import write_folder

openvino_model = pytest.importorskip("i3d.inference.openvino_model")
ERROR = {"float32": 1e-4, "bfloat16": 1e-2}  # of the largest value
FAMILIES = (
    "inception_i3d",
    "r2plus1d_r34_8x8x1",
    "slowfast_r50_4x16x1",
    "tsm_r50_1x1x8",
    "tsn_r50_1x1x3",
    "tv_r3d_18",
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder in which measurements are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/i3d/engines"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("videos"), ("walk", "wave"), 2)


def difference(rows, expected):
    """Returns the largest difference, of the largest value."""
    return np.abs(rows - expected).max() / np.abs(expected).max()


def batches(*counts, frames=16):
    """Returns batches of so many random views that the demo networks take."""
    random = np.random.default_rng(3)
    shapes = [(count, frames, 80, 80, 3) for count in counts]
    return [SimpleNamespace(clips=random.integers(0, 256, s).astype(np.uint8)) for s in shapes]


def rows_of(net, given):
    """Returns the rows of the one loop of inference."""
    found = stepping.outputs([net], given, tf.distribute.get_strategy())
    return np.concatenate([rows for rows, _ in found])


def demo(name="keras", precision="float32", endpoint="Logits"):
    return network.load(card_of(None, "demo_rgb"), precision, endpoint, engine=name)


@pytest.mark.long
@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_every_family(name):
    frames = {"inception_i3d": 16, "slowfast_r50_4x16x1": 8}.get(name, 4)
    model = models.build(name, num_classes=20, width=0.25, frames=frames, size=48)
    model.set_weights(plain_weights(model))
    folded = models.fold_batch_norm(model)
    clips = np.random.default_rng(1).uniform(-1, 1, (3, *model.input_shape[1:])).astype(np.float32)
    expected = np.asarray(folded(clips, training=False))
    for precision, error in ERROR.items():
        rows = openvino_model.OpenVinoModel(folded, precision)(clips)
        assert rows.dtype == np.float32 and rows.shape == (3, 20)
        assert difference(rows, expected) < error
    best = lambda scores: set(np.argsort(-scores)[:5])  # noqa: E731
    rows = openvino_model.OpenVinoModel(folded, "float32")(clips)
    assert [best(row) for row in rows] == [best(row) for row in expected]


@pytest.mark.long
@pytest.mark.parametrize("precision", ERROR)
@pytest.mark.parametrize("endpoint", ["Logits", "features", "Mixed_3c"])
def test_batches_of_any_size_of_any_layer(precision, endpoint):
    given = batches(4, 4, 3, 1, 2) + batches(1, frames=24)
    expected = rows_of(demo("keras", precision, endpoint), given)
    net = demo("openvino", precision, endpoint)
    assert difference(rows_of(net, given), expected) < ERROR[precision]
    if endpoint == "features":
        found = rows_of(demo("openvino", precision).at("features"), given)
        assert difference(found, expected) < ERROR[precision]


@pytest.mark.long
def test_a_little_smaller_batch_is_padded():
    run = openvino_model.OpenVinoModel(demo().model, "float32")
    (four,), (three,), (one,) = batches(4), batches(3), batches(1)
    for batch in (four, three, one):
        assert len(run(batch.clips)) == len(batch.clips)
    assert list(run._compiled) == [(4, 16, 80, 80, 3), (1, 16, 80, 80, 3)]
    for frames in range(17, 23):
        run(batches(1, frames=frames)[0].clips)
    assert len(run._compiled) == 4


@pytest.mark.long
@pytest.mark.parametrize("precision", ERROR)
def test_people_in_boxes(precision):
    card, random = card_of(None, "demo_detection", takes="boxes"), np.random.default_rng(0)
    given = []
    for height, width, people in ((160, 200, 3), (160, 200, 1), (128, 160, 7), (160, 200, 0)):
        shape = (card.spec.view_shape[0], height, width, 3)
        low = random.uniform(0, 0.5, (people, 2))
        boxes = np.concatenate([low, low + random.uniform(0.1, 0.5, (people, 2))], axis=1)
        given.append((random.integers(0, 256, shape).astype(np.uint8), boxes))
    rows = {}
    for name in ("keras", "openvino"):
        scores = ActionScores(network.load_with_boxes(card, precision, name))
        rows[name] = np.concatenate([scores(*views) for views in given])
    assert rows["keras"].shape == (11, 8)
    assert difference(rows["openvino"], rows["keras"]) < ERROR[precision]
    assert isinstance(scores._logits._run, openvino_model.OpenVinoModel)


@pytest.mark.long
def test_auto_takes_the_faster_and_remembers(monkeypatch, capsys, cache):
    given, slow = batches(2, 1), {"keras": 0.2, "openvino": 0.1}
    expected = rows_of(demo(), given)
    monkeypatch.setattr(engine, "_measured", lambda runs, inputs: slow)
    rows = rows_of(demo("auto"), given)
    assert difference(rows, expected) < ERROR["float32"]
    told = "engine: openvino, 0.050 s against 0.100 s of keras a clip, measured"
    assert capsys.readouterr().err.splitlines()[-1] == told
    (file,) = cache.iterdir()
    monkeypatch.setattr(engine, "_measured", lambda runs, inputs: pytest.fail("measured again"))
    rows_of(demo("auto"), given)
    assert capsys.readouterr().err.splitlines()[-1] == told.replace(
        "measured", "as measured before"
    )
    written = json.loads(file.read_text())
    file.write_text(json.dumps(written | {"seconds": {"keras": 0.1, "openvino": 0.2}}))
    monkeypatch.setattr(openvino_model, "OpenVinoModel", lambda *_: pytest.fail("converted"))
    np.testing.assert_array_equal(rows_of(demo("auto"), given), expected)
    assert "engine: keras, 0.050 s against 0.100 s of openvino" in capsys.readouterr().err


@pytest.mark.long
def test_auto_measures_both(capsys, cache):
    rows_of(demo("auto"), batches(1))
    assert capsys.readouterr().err.count(" a clip, measured\n") == 1
    (file,) = cache.iterdir()
    written = json.loads(file.read_text())
    assert set(written["seconds"]) == {"keras", "openvino"}
    assert min(written["seconds"].values()) > 0
    assert written["of"]["shapes"] == [[1, 16, 80, 80, 3]]


def test_a_damaged_or_foreign_measurement_counts_as_none(cache):
    key = {"model": "a", "shapes": [[1, 2]]}
    assert engine_times.get(key) is None
    engine_times.put(key, {"keras": 0.2, "openvino": 0.1})
    assert engine_times.get(key) == {"keras": 0.2, "openvino": 0.1}
    assert engine_times.get(key | {"model": "b"}) is None
    (file,) = cache.iterdir()
    good = json.loads(file.read_text())
    for seconds in ({}, {"keras": 0.1}, {"keras": 0.1, "openvino": "x"}, [1, 2], None, "fast",
                    {"keras": -1.0, "openvino": 1.0}, {"keras": float("nan"), "openvino": 1.0},
                    {"keras": 0.1, "openvino": 0.1, "__import__": 0.1}):  # fmt: skip
        file.write_text(json.dumps(good | {"seconds": seconds}))
        assert engine_times.get(key) is None, seconds
    for text in ("", "{", "[" * 10_000, '{"of": 1}', "\0" * 100, " " * (1 << 17)):
        file.write_text(text)
        assert engine_times.get(key) is None, text[:20]
    engine_times.put(key, {"keras": 0.2, "openvino": 0.1})
    assert engine_times.get(key) == {"keras": 0.2, "openvino": 0.1}


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    engine_times.put({"model": "a"}, {"keras": 0.2, "openvino": 0.1})
    assert engine_times.get({"model": "a"}) is None


@pytest.mark.long
def test_two_processes_write_at_once(cache):
    code = (
        "from i3d.inference import engine_times as t\n"
        "for n in range(200):\n"
        "    t.put({'model': 'a'}, {'keras': 0.5, 'openvino': 0.25})\n"
        "    assert t.get({'model': 'a'}) == {'keras': 0.5, 'openvino': 0.25}\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [process.wait(120) for process in started] == [0, 0]
    assert [path.suffix for path in cache.iterdir()] == [".json"]


class Odd(keras.layers.Layer):
    """A layer of an operation that OpenVINO does not know."""

    def call(self, x):
        return tf.math.erfinv(x)


def odd_network(name):
    views = keras.Input((16, 80, 80, 3), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling3D()(keras.layers.Rescaling(1 / 256)(views))
    spec = card_of(None, "demo_rgb").spec
    core = keras.Model(views, Odd()(mean), name="odd")
    return network.Network(core, spec, 3, preprocess=False).run_by(name, "float32")


def test_a_network_that_cannot_be_converted(capsys, cache):
    given = batches(2, 1)
    with pytest.raises(UserError, match="^engine: openvino cannot run odd: .+$") as error:
        rows_of(odd_network("openvino"), given)
    assert "\n" not in str(error.value)
    expected = rows_of(odd_network("keras"), given)
    np.testing.assert_array_equal(rows_of(odd_network("auto"), given), expected)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("engine: keras, as openvino cannot run odd: ")
    assert not cache.exists()


def test_rows_that_differ_are_not_taken(monkeypatch, capsys):
    wrong = lambda model, precision: lambda inputs: np.ones((len(inputs), 3), np.float32)  # noqa: E731
    monkeypatch.setattr(openvino_model, "OpenVinoModel", wrong)
    expected = rows_of(odd_network("keras"), batches(2))
    np.testing.assert_array_equal(rows_of(odd_network("auto"), batches(2)), expected)
    assert "engine: keras, as openvino's rows differ by" in capsys.readouterr().err


def test_without_the_extra(monkeypatch, capsys):
    monkeypatch.setattr(engine, "_installed", lambda: False)
    rows_of(odd_network("auto"), batches(1))
    told = "engine: keras; openvino may be faster on this processor: pip install 'i3d[fast]'\n"
    assert capsys.readouterr().err == told
    line = "engine: openvino is not installed: pip install 'i3d[fast]'"
    for call in (
        lambda: demo("openvino"),
        lambda: i3d.load("demo_rgb", engine="openvino"),
        lambda: i3d.probe("clips", "demo_rgb", engine="openvino"),
        lambda: i3d.detect("my.mp4", engine="openvino"),
    ):
        with pytest.raises(UserError) as error:
            call()
        assert str(error.value) == line


@pytest.mark.parametrize("command", [predict, extract_features, probe, detect])
def test_wrong_calls(command, monkeypatch):
    told = calls.refused(command.main, command.NAME, "--engine=tensorrt", "a.mp4")
    assert "--engine=tensorrt" in told and "<auto|keras|openvino>" in told
    monkeypatch.setattr(engine, "_installed", lambda: False)
    told = calls.refused(command.main, command.NAME, "--engine=openvino", "a.mp4")
    assert told.endswith("openvino is not installed: pip install 'i3d[fast]'")
    with pytest.raises(UserError, match="engine: expected one of auto, keras, openvino, got 'x'"):
        i3d.load("demo_rgb", engine="x")


def test_on_several_devices_and_other_backends(monkeypatch):
    net, step = odd_network("openvino"), lambda inputs: inputs
    with pytest.raises(UserError, match="engine: openvino runs on one device; leave --replicas"):
        engine.of(net, step, alone=False)
    assert engine.of(odd_network("auto"), step, alone=False) is step
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="engine: openvino runs networks of the TensorFlow backend"):
        engine.of(net, step)
    assert engine.of(odd_network("auto"), step) is step


@pytest.mark.long
def test_commands_give_the_same(videos, tmp_path, capsys):
    paths = sorted(map(str, videos.rglob("*.mp4")))[:2]
    found = {}
    for name in ("keras", "openvino"):
        flags = ["--checkpoint=demo_rgb", f"--engine={name}", *paths]
        out = tmp_path / f"{name}.json"
        assert predict.main(["predict", "--format=json", f"--out={out}", *flags]) == 0
        rows = tmp_path / f"{name}.npz"
        assert extract_features.main(["extract_features", f"--out={rows}", *flags]) == 0
        found[name] = json.loads(out.read_text()), np.load(rows)["features"]
    assert difference(found["openvino"][1], found["keras"][1]) < 1e-4
    assert str(found["openvino"][0]) == str(found["keras"][0])
    flags = ["--checkpoint=demo_rgb", "--engine=keras", f"--out={tmp_path / 'openvino.npz'}"]
    assert calls.refused(extract_features.main, "extract_features", *flags, *paths)


@pytest.mark.long
def test_probe_keeps_features_of_engines_apart(videos, tmp_path, capsys):
    shared = ["probe", f"--videos={videos}", "--checkpoint=demo_rgb", f"--cache={tmp_path / 'c'}"]
    for name, there in (("keras", 0), ("openvino", 0), ("openvino", 4)):
        assert probe.main([*shared, "--folds=2", f"--engine={name}"]) == 0
        assert f"{there} of 4 videos have their features in the cache" in capsys.readouterr().err


def test_importing_openvino_sends_nothing(tmp_path):
    code = "from i3d.inference.openvino_model import imported\nimported()"
    environment = {"HOME": str(tmp_path), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    assert not (tmp_path / "intel").exists()
