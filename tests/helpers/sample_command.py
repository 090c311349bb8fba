"""evaluate_sample.py in a process of its own, and what it prints."""

import os
import subprocess
import sys

import pytest

from tests.helpers.processes import ROOT


def evaluate(*arguments, status=0, **environment):
    """Runs the command in its own process; returns its standard output, or error if it fails."""
    command = [sys.executable, "evaluate_sample.py", *map(str, arguments)]
    environment = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == status, done.stderr
    if status:
        assert not done.stdout and "Traceback" not in done.stderr, done.stderr
    return done.stderr if status else done.stdout


def last_line(text):
    return text.strip().splitlines()[-1]


def parsed(text):
    """Returns (norm, {class name: (probability, logit)}), the classes in printed order."""
    first, empty, title, *rows = text.splitlines()
    assert first.startswith("Norm of logits: ") and not empty
    assert title == "Top classes and probabilities"
    classes = {}
    for row in rows:
        probability, logit, name = row.split(" ", 2)
        classes[name] = float(probability), float(logit)
    return float(first.split(": ")[1]), classes


def assert_same_result(actual, expected, tolerance=1e-5):
    (norm, classes), (golden_norm, golden) = parsed(actual), parsed(expected)
    assert norm == pytest.approx(golden_norm, rel=tolerance)
    assert list(classes) == list(golden)
    scale = max(abs(logit) for _, logit in golden.values())
    for name, (probability, logit) in golden.items():
        assert classes[name][1] == pytest.approx(logit, abs=tolerance * scale)
        assert classes[name][0] == pytest.approx(probability, rel=10 * tolerance)
