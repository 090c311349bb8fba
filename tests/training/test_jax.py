"""Training with KERAS_BACKEND=jax: golden steps, a run that is resumed, and what it refuses."""

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from i3d.data.build_settings import BuildSettings
from i3d.runtime.command import UserError
from i3d.training.run import train
from tests.helpers import datasets, training
from tests.helpers.processes import ROOT
from tests.helpers.videos import write_folder

NEEDS_JAX = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed"
)
JAX = {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
RUN = {
    "steps": 4,
    "checkpoint_every": 2,
    "validate_every": 4,
    "batch.accumulate": 2,
    "batch_norm": "sync",
    "model.dropout": 0.5,
    "optimizer.ema_decay": 0.9,
}


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    """A configuration of the small model, and a data set of 9 training and 3 test videos."""
    root = tmp_path_factory.mktemp("jax")
    settings = BuildSettings(streams=("rgb",), short_side=48)
    for split, per_class in (("train", 3), ("test", 1)):
        videos = write_folder(root / split, per_class=per_class)
        datasets.build(root / "records", videos, settings, split)
    return training.write_config(root / "tiny.py", root / "records")


def run(config_file, workdir, status=0, environment=JAX, **overrides):
    """Trains in a process of its own; returns what it wrote."""
    line = training.command(config_file, workdir, **RUN | {"data.flow_method": ""} | overrides)
    return training.finished(training.start(line, **environment), status)


def last(workdir):
    """Returns {name: array} of the last checkpoint: weights and the optimizer's state."""
    folder = max(workdir.glob("step-*"))
    model = training.tiny_model(3, 3, 32, 0.1)
    model.load_weights(folder / "model.weights.h5")
    with np.load(folder / "optimizer.npz") as arrays:
        return {v.path: v.numpy() for v in model.weights} | dict(arrays)


@NEEDS_JAX
@pytest.mark.slow
def test_golden_steps_hold():
    names = "test_losses_and_weights and slowonly"
    line = [sys.executable, "-m", "pytest", "-q", "-k", names, "-p", "no:cacheprovider"]
    line.append("tests/training/test_golden_steps.py")
    done = subprocess.run(line, cwd=ROOT, env=os.environ | JAX, capture_output=True, text=True)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout[-3000:]


@NEEDS_JAX
@pytest.mark.slow
def test_a_run_goes_on_bit_by_bit(config_file, tmp_path):
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    run(config_file, whole)
    shutil.copytree(whole, resumed)
    shutil.rmtree(resumed / "step-00000004")
    output, _ = run(config_file, resumed)
    assert "resumes from step 2" in output
    wanted, found = last(whole), last(resumed)
    assert wanted.keys() == found.keys() and any(name.startswith("average/") for name in found)
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, name)
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 4]
    assert 0 <= lines[-1]["validation/top1"] <= 1
    assert len({line["loss"] for line in lines[:4]}) == 4


@pytest.mark.long
def test_pytorch_is_refused_in_one_line(config_file, tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    _, errors = run(config_file, tmp_path / "run", 1, JAX | {"KERAS_BACKEND": "torch"})
    told = "train: KERAS_BACKEND: training runs on tensorflow or jax, got torch"
    assert errors.splitlines()[-1] == told
    assert not (tmp_path / "run").exists()


# Configurations, further sources, devices, TF_CONFIG, and what is said of them on JAX.
ON_JAX = "KERAS_BACKEND: jax trains"
ONE = "several devices need KERAS_BACKEND=tensorflow; on jax expected one"
REFUSED = {
    ("actionclip/figures", "", 0, ""): f"{ON_JAX} networks that classify videos; "
    "actionclip_tiny_8f needs tensorflow",
    ("ava/figures", "", 0, ""): f"{ON_JAX} networks that classify videos; "
    "ava_slowonly_r50_8x8x1 needs tensorflow",
    ("actionformer/figures", "", 0, ""): f"{ON_JAX} networks that classify videos; "
    "actionformer_w7 needs tensorflow",
    ("bmn/figures", "", 0, ""): f"{ON_JAX} networks that classify videos; bmn needs tensorflow",
    ("omnisource/figures", "web", 0, ""): f"{ON_JAX} on config.data.records alone; "
    "config.sources needs tensorflow",
    ("i3d/figures", "", 2, ""): f"replicas: {ONE}",
    ("i3d/figures", "", 0, "{}"): f"TF_CONFIG: {ONE}",
}


@NEEDS_JAX
@pytest.mark.long
def test_what_it_refuses_is_one_line(tmp_path):
    line = [sys.executable, "-m", "tests.training.test_jax", str(tmp_path / "run")]
    done = subprocess.run(line, cwd=ROOT, env=os.environ | JAX, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == list(REFUSED.values())
    assert not (tmp_path / "run").exists()


if __name__ == "__main__":  # the process on JAX of the last test
    for name, sources, replicas, cluster in REFUSED:
        os.environ["TF_CONFIG"] = cluster
        settings = importlib.import_module(f"i3d.configs.{name.replace('/', '.')}").get_config()
        settings.sources.records = sources
        try:
            train(settings, sys.argv[1], replicas)
        except UserError as error:
            print(error)
