"""`python -m i3d.export`: files of four formats, against their network and without Keras."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import keras
import numpy as np
import pytest

from i3d import export, models
from i3d.inference import load
from i3d.inference.average import softmax
from i3d.inference.clips import of_frames
from i3d.inference.network import Network
from tests.helpers import calls, runs
from tests.helpers.processes import ROOT, contents, wait_for
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.usefixtures("tiny_model")

FILES = {"saved_model": "net", "onnx": "net.onnx", "litert": "net.tflite", "openvino": "net"}
SAME = 1e-4  # of the deviation of the rows


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return runs.write(tmp_path_factory.mktemp("runs") / "rgb")


@pytest.fixture(scope="module")
def network(checkpoint, tiny_model) -> Network:
    return load.load(str(checkpoint)).networks[0]


@pytest.fixture(scope="module")
def clips():
    return np.random.default_rng(3).integers(0, 256, (3, 4, 32, 32, 3), np.uint8)


def exported(folder, checkpoint, format, *words):
    """Returns the path of an export, and what the command printed."""
    out = folder / FILES[format]
    with redirect_stdout(io.StringIO()) as printed:
        line = ["export", f"--checkpoint={checkpoint}", f"--format={format}", f"--out={out}"]
        assert export.main([*line, *words]) == 0
    return out, printed.getvalue()


def told(printed):
    """Returns the difference that was printed."""
    return float(re.search(r"^difference: (\S+) of the deviation", printed, re.M)[1])


def refused(*words, status=2):
    return calls.refused(export.main, "export", *words, status=status)


WITHOUT_KERAS = """
import runpy, sys
for name in ("keras", "tf_keras", "i3d"):
    sys.modules[name] = None
try:
    import keras
except ImportError:
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def without_keras(format, out, clips, folder):
    """Returns [(class, value)] of what the runner of a format prints, run where Keras is not."""
    np.save(folder / "clips.npy", clips)
    words = [f"examples/run_{format}.py", str(out), str(folder / "clips.npy")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [(name, float(value)) for name, _, value in (
        line.rpartition(" ") for line in done.stdout.splitlines()
    )]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("format", FILES)
def test_a_file_runs_without_keras(format, checkpoint, network, clips, tmp_path):
    out, printed = exported(tmp_path, checkpoint, format)
    assert told(printed) < SAME
    assert re.search(r"^latency: \d+\.\d+ s a clip, \d+\.\d+ s in Keras", printed, re.M)
    rows = np.asarray(network(clips))
    found = without_keras(format, out, clips, tmp_path)
    assert [name for name, _ in found] == [runs.NAMES[i] for i in rows.argmax(axis=1)]
    np.testing.assert_allclose([v for _, v in found], rows.max(axis=1), atol=SAME * rows.std())
    assert {path.name for path in tmp_path.iterdir()} == {out.name, "clips.npy"}


@pytest.mark.long
@pytest.mark.parametrize("format", FILES)
def test_pictures_of_any_size_to_probabilities(format, checkpoint, network, tmp_path):
    words = "--input=frames", "--output=probabilities"
    out, printed = exported(tmp_path, checkpoint, format, *words)
    assert told(printed) < SAME
    frames = np.stack(list(texture_frames(4, 50, 70)))
    found = without_keras(format, out, frames[None], tmp_path)
    view = np.stack(list(texture_frames(4, 50, 70)))
    (expected,) = (softmax(row) for row in np.asarray(network(_centre(view)[None])))
    ((name, value),) = found
    assert name == runs.NAMES[expected.argmax()]
    assert abs(value - expected.max()) < 0.01  # a level in the pictures


def _centre(frames):
    (view,) = of_frames(list(frames), runs.spec(clips=1))
    return view


@pytest.mark.long
def test_features(checkpoint, network, clips, tmp_path):
    from i3d.exports.formats import FORMATS

    out, printed = exported(tmp_path, checkpoint, "onnx", "--output=features")
    rows = FORMATS["onnx"].runner(out)(clips)
    expected = np.asarray(network.at("features")(clips))
    np.testing.assert_allclose(rows, expected, atol=SAME * expected.std())
    assert f"features, float32 [batch, {expected.shape[1]}]" in printed


@pytest.mark.long
@pytest.mark.parametrize("precision, most, ratio", [("float16", 0.02, 0.75), ("int8", 0.2, 0.6)])
def test_litert_in_fewer_bytes(precision, most, ratio, tmp_path):
    whole, _ = exported(tmp_path / "float32", "demo_rgb", "litert")
    small, printed = exported(tmp_path / "small", "demo_rgb", "litert", f"--precision={precision}")
    assert 0 < told(printed) < most
    assert small.stat().st_size < ratio * whole.stat().st_size
    assert zipfile.ZipFile(small).namelist() == ["i3d.json"]


@pytest.mark.long
def test_a_request_in_the_form_of_tensorflow_serving(checkpoint, network, clips, tmp_path):
    """Its server takes {"instances": rows} and answers {"predictions": rows} by the signature."""
    import tensorflow as tf

    out, _ = exported(tmp_path, checkpoint, "saved_model", "--output=probabilities")
    assert [path.name for path in out.iterdir()] == ["1"]  # versions
    body = json.dumps({"signature_name": "serving_default", "instances": clips.tolist()})
    asked = json.loads(body)
    serve = tf.saved_model.load(str(out / "1")).signatures[asked["signature_name"]]
    ((name, given),) = serve.structured_input_signature[1].items()
    assert given.shape[0] is None and given.dtype == tf.uint8
    answer = serve(**{name: tf.constant(asked["instances"], given.dtype)})
    found = json.loads(json.dumps({"predictions": answer["probabilities"].numpy().tolist()}))
    expected = [softmax(row) for row in np.asarray(network(clips))]
    np.testing.assert_allclose(found["predictions"], expected, atol=1e-5)
    known = json.loads((out / "1/assets.extra/i3d.json").read_text())
    assert known["classes"] == list(runs.NAMES)
    assert known["spec"]["crop"] == 32 and known["input"]["shape"] == [None, 4, 32, 32, 3]


@pytest.mark.long
@pytest.mark.parametrize("words", [(), ("--input=frames", "--output=probabilities")])
def test_a_video_is_seen_by_both(words, checkpoint, tmp_path):
    video = write_video(tmp_path / "a.mp4", texture_frames(30))
    _, printed = exported(tmp_path, checkpoint, "onnx", f"--verify={video}", *words)
    assert re.search(r"a\.mp4: 2 view\(s\), difference \d\.\de-0[5-9]", printed)
    rows = re.findall(r"^\d  (\d\.\d{4}) (.+?) +(\d\.\d{4}) (.+)$", printed, re.M)
    assert len(rows) == len(runs.NAMES)
    assert all(row[:2] == row[2:] for row in rows)


def test_mistakes(checkpoint, tmp_path):
    net, there = f"--checkpoint={checkpoint}", tmp_path / "there.onnx"
    there.write_text("mine")
    onnx, new = "--format=onnx", f"--out={tmp_path / 'a.onnx'}"
    for words, line in [
        ((net, new), "--format is needed"),
        ((net, onnx), "--out is needed"),
        ((net, "--format=caffe", new), "<saved_model|onnx|litert|openvino>"),
        ((net, onnx, f"--out={there}"), "is there already"),
        ((net, onnx, f"--out={tmp_path / 'a.bin'}"), "ends in .onnx"),
        ((net, onnx, new, "--precision=int8"), "--precision=int8 is of --format=litert"),
        ((net, onnx, new, "--output=features", "--verify=a.mp4"), "--verify shows classes"),
        ((net, onnx, new, "--verify=none.mp4"), "no such file"),
        ((net, onnx, new, f"--verify={there}"), "there.onnx"),
        ((net, onnx, new, "a.mp4"), "unexpected argument 'a.mp4'"),
        ((onnx, new), "--checkpoint is needed"),
        ((net, net, onnx, new), "a file holds one network, got 2"),
        (("--checkpoint=no.pth", onnx, new), "no such checkpoint"),
        (("--checkpoint=demo_flow", onnx, new, "--input=frames"), "levels of flow"),
    ]:
        assert line in refused(*words)
    assert contents(tmp_path) == {"there.onnx": b"mine"}


OTHERS = {"bmn": "i3d.localize", "ava_slowonly_r50_4x16x1": "i3d.detect"}


@pytest.mark.parametrize("model, line", OTHERS.items())
def test_models_of_other_inputs_are_refused(model, line, tmp_path):
    file = tmp_path / "a.weights.h5"
    file.write_bytes(b"")
    words = f"--model={model}", f"--checkpoint={file}", "--format=onnx", f"--out={tmp_path}/a.onnx"
    assert line in refused(*words)


def test_a_missing_library_is_named(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    line = refused(f"--checkpoint={checkpoint}", "--format=onnx", f"--out={tmp_path}/a.onnx")
    assert "needs tf2onnx: pip install 'i3d[export]'" in line


@pytest.mark.long
def test_labels_as_text_become_classes(tmp_path):
    keras.utils.set_random_seed(0)
    file = tmp_path / "tiny.weights.h5"
    models.build("actionclip_tiny_8f").save_weights(file)
    text = "falling,sitting down,jumping"
    words = "--model=actionclip_tiny_8f", f"--text={text}", "--input=frames"
    out, printed = exported(tmp_path, file, "onnx", *words)
    assert told(printed) < SAME
    frames = np.stack(list(texture_frames(8, 50, 70)))
    ((name, value),) = without_keras("onnx", out, frames[None], tmp_path)
    predictor = load.load("actionclip_tiny_8f", str(file), text=text.split(","))
    (view,) = of_frames(list(frames), predictor.spec)
    row = np.asarray(predictor.networks[0](view[None]))[0]
    assert name == text.split(",")[row.argmax()]
    assert abs(value - row.max()) < 0.01  # a level in the pictures
    new = "--format=onnx", f"--out={tmp_path}/b.onnx"
    assert "--text is needed" in refused(f"--checkpoint={file}", words[0], *new)


@pytest.mark.long
def test_a_file_that_differs_is_not_kept(checkpoint, tmp_path, monkeypatch):
    from i3d.exports.check import Both

    monkeypatch.setattr(Both, "difference", lambda self, views: float("nan"))
    words = f"--checkpoint={checkpoint}", "--format=saved_model", f"--out={tmp_path}/net"
    assert "it is not kept" in refused(*words, status=1)
    assert not list(tmp_path.iterdir())


@keras.saving.register_keras_serializable("tests")
class Singular(keras.layers.Layer):
    """Singular values, whose operator TensorFlow alone has: uint8 [B, ...] -> float32 [B, 4]."""

    def call(self, views):
        rows = keras.ops.cast(keras.ops.reshape(views, (-1, 4, 32 * 32 * 3)), "float32")
        return keras.ops.svd(rows, compute_uv=False)


@pytest.mark.long
@pytest.mark.parametrize("format", ["onnx", "litert", "openvino"])
def test_a_format_without_an_operator_cannot_hold_the_network(
    format, checkpoint, network, tmp_path, monkeypatch
):
    from i3d.exports.graph import of_network

    views = keras.Input((4, 32, 32, 3), dtype="uint8", name="clips", batch_size=1)
    model = keras.Model(views, {"logits": Singular(dtype="float32")(views)})
    graph = of_network(network, "logits")._replace(model=model)
    monkeypatch.setattr(export, "_graphs", lambda job: (graph, graph))
    words = f"--checkpoint={checkpoint}", f"--format={format}", f"--out={tmp_path / FILES[format]}"
    line = refused(*words, status=1)
    assert f"--format={format} cannot hold {graph.name}: " in line
    assert "svd" in line.lower()
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_killed_on_the_way_it_leaves_no_file(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    words = "--checkpoint=demo_rgb", "--format=saved_model", f"--out={folder}/net"
    command = [sys.executable, "-m", "i3d.export", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: any(_written(folder)), "the first file")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path(folder, "net").exists()
    assert all(path.name.endswith(".partial") for path in folder.iterdir())
    assert export.main(["export", *words]) == 0
    assert Path(folder, "net/1/saved_model.pb").is_file()


def _written(folder):
    return [path for path in folder.rglob("*") if path.is_file()]
