"""Commands on JAX and PyTorch: no TensorFlow, and the results that it gives."""

import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from i3d import detect, extract_features, localize, models, predict, probe
from i3d.data.build_settings import BuildSettings
from tests.helpers import datasets, detection, runs, training, videos
from tests.helpers.processes import ROOT
from tests.test_localize import write_localizer

MAINS = {
    "predict": predict.main,
    "extract_features": extract_features.main,
    "probe": probe.main,
    "detect": detect.main,
    "localize": localize.main,
}
VIDEO, CLASSIFIER = "{folder}/my.mp4", "{folder}/classifier/best.weights.h5"
RECORDS = "--records={folder}/records --split=test"
# What each command is called with; the files that it writes are compared.
WORDS = {
    "predict": f"--checkpoint={CLASSIFIER} --format=json --out={{out}}.json {VIDEO}",
    "extract_features": f"--checkpoint={CLASSIFIER} --out={{out}}.npz {VIDEO}",
    "predict --records": f"--checkpoint={CLASSIFIER} {RECORDS} --format=json --out={{out}}.json",
    "extract_features --records": f"--checkpoint={CLASSIFIER} {RECORDS} --out={{out}}.npz",
    "probe": f"--checkpoint={CLASSIFIER} --videos={{folder}}/classes --folds=2 --seeds=1 "
    "--cache={out}.cache --json={out}.json",
    "detect": "--checkpoint={folder}/detector/best.weights.h5 --boxes={folder}/people.csv "
    f"--action_score_thr=0 --json={{out}}.json {VIDEO}",
    "localize": "--checkpoint={folder}/localizer/best.weights.h5 --threshold=0 --format=json "
    f"--out={{out}}.json {VIDEO}",
}
BACKENDS = {"JAX": "jax", "PyTorch": "torch"}
TOLERANCE = 1e-4  # of the standard deviation of the numbers
NOT_COMPARED = ("seconds", "seconds_by_stage", "cache")  # times and paths


def table():
    """Returns {command: {name of a backend: what the page says}} of docs/backends.md."""
    lines = re.findall(r"^\| .*", (ROOT / "docs/backends.md").read_text(), re.MULTILINE)
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]}


def call(name, folder, out):
    """Runs a command in this process; it must not fail."""
    words = WORDS[name].format(folder=folder, out=f"{out}/{file_of(name)}").split()
    models._BUILDERS["tiny"] = training.tiny_model
    with contextlib.redirect_stdout(io.StringIO()):
        assert MAINS[name.split()[0]]([name, *words]) == 0


def file_of(name):
    """Returns what the names of a call's files begin with."""
    return name.replace(" --", "-")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small networks, a video, people in it, and videos of two classes."""
    folder = tmp_path_factory.mktemp("backends")
    videos.write_video(folder / "my.mp4", videos.texture_frames(60, 48, 64))
    videos.write_folder(folder / "classes", ("walk", "jump"), 2)
    build = BuildSettings(streams=("rgb",), short_side=48)
    datasets.build(folder / "records", folder / "classes", build, "test")
    classifier = runs.write(folder / "classifier")
    write_localizer(folder / "localizer", str(classifier))
    detection.write_run(folder / "detector")
    (folder / "people.csv").write_text("my,0.6,0.1,0.2,0.4,0.9,0.95\nmy,0.6,0.5,0.2,0.8,0.9,0.9\n")
    return folder


@pytest.fixture(scope="module", params=BACKENDS)
def elsewhere(request, folder):
    """The folder that one process of a backend, in which TensorFlow cannot be imported, wrote."""
    backend = BACKENDS[request.param]
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    out = folder / backend
    out.mkdir()
    environment = {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # which take longer than they save
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_backends", str(folder), str(out)],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    assert done.stdout == f"{backend}: {len(WORDS)} calls\n"
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_results_are_those_of_tensorflow(name, folder, elsewhere):
    out = folder / "tensorflow"
    out.mkdir(exist_ok=True)
    if not any(out.glob(f"{file_of(name)}.*")):
        call(name, folder, out)
    (own,) = (path for path in out.glob(f"{file_of(name)}.*") if path.suffix in (".json", ".npz"))
    if own.suffix == ".npz":
        with np.load(own) as wanted, np.load(elsewhere / own.name) as found:
            assert_close(found["features"], wanted["features"])
        return
    wanted, found = (parts(json.loads(p.read_text())) for p in (own, elsewhere / own.name))
    assert found[0] == wanted[0] and found[1].keys() == wanted[1].keys() and wanted[1]
    for key, numbers in wanted[1].items():
        assert_close(np.array(found[1][key]), np.array(numbers))


def parts(found):
    """Returns (texts, names and whole numbers, {key: other numbers}) of what a .json file holds."""
    texts, numbers, waiting = [], {}, [("", found)]
    while waiting:
        name, one = waiting.pop()
        if isinstance(one, dict):
            texts += one
            waiting += [(key, value) for key, value in one.items() if key not in NOT_COMPARED]
        elif isinstance(one, list):
            waiting += [(name, each) for each in one]
        elif isinstance(one, float):
            numbers.setdefault(name, []).append(one)
        else:
            texts.append(one)
    return texts, numbers


def assert_close(found, wanted):
    assert found.shape == wanted.shape and np.isfinite(wanted).all()
    assert np.abs(found - wanted).max() <= TOLERANCE * (wanted.std() or np.abs(wanted).max())


def test_the_page_names_what_is_tested():
    found = table()
    for name in WORDS:
        assert found[name] == {"TensorFlow": "yes"} | dict.fromkeys(BACKENDS, "yes")
    # training/test_jax.py
    assert found["train"] == {"TensorFlow": "yes", "JAX": "one device", "PyTorch": "no"}


if __name__ == "__main__":  # the process of another backend
    sys.modules["tensorflow"] = None  # whose import is an error now
    for command in WORDS:
        call(command, *sys.argv[1:])
    print(f"{keras.backend.backend()}: {len(WORDS)} calls")
