"""The benchmark for GPUs runs on a CPU, with JAX."""

import os
import re
import subprocess
import sys

import pytest

from tests.helpers.processes import ROOT

pytest.importorskip("jax", reason="JAX is not installed (.ci/run adds it)")
pytestmark = pytest.mark.long

SMALL = ("--batch=1", "--size=64", "--width=0.1", "--repeats=1", "--videos=4")


def rows(*flags):
    """Returns the lines of the benchmark, of TSN and JAX."""
    line = [sys.executable, "-m", "benchmarks.gpu", "--models=tsn_r50_1x1x3", *SMALL, *flags]
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_inference_training_and_videos():
    lines = rows("--precisions=float32", "--engines=keras")
    assert "Keras" in lines[0] and "on jax" in lines[0]
    for line, work in zip(lines[3:5], ("inference", "training"), strict=True):
        assert re.fullmatch(rf"tsn_r50_1x1x3 +3 x 64 x 64 {work} +float32 +[\d.]+ \(  1\) +-", line)
    assert re.fullmatch(
        r"tsn_r50_1x1x3 +videos +float32 +[\d.]+ videos/s of \d+ views to logits, [\d.]+ of .*",
        lines[5],
    )


@pytest.mark.slow
def test_beside_pytorch():
    pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run adds it)")
    lines = rows("--precisions=float32,bfloat16", "--work=inference,training")
    assert len(lines) == 3 + 4
    for line in lines[3:]:
        assert len(re.findall(r"[\d.]+ \(  1\)", line)) == 2, line
