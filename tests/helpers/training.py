"""A small model, a configuration of it, and `python -m i3d.train` on them as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

from i3d import models
from i3d.models import blocks
from i3d.training import config

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "i3d.train"]
FILE = """
from i3d import models
from tests.helpers import training

def get_config():
    models._BUILDERS["tiny"] = training.tiny_model
    return training.tiny({folder!r})
"""


def tiny_model(num_classes, channels, size, width, dropout=0.0, frames=None):
    """Two units of I3D and its kind of head: traced in a tenth of the time."""
    inputs = keras.Input((frames, size, size, channels))
    x = blocks.unit(inputs, round(40 * width), (3, 3, 3), (1, 2, 2), "one")
    x = blocks.unit(x, 6, (3, 3, 3), (2, 2, 2), "two")
    x = blocks.mean(x, True, "features")
    x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(num_classes, dtype="float32", name="Logits")(x))


def tiny(folder):
    """Returns a configuration for records of short side 48, with the small model, "tiny"."""
    c = config.defaults()
    c.steps, c.log_every, c.validate_every, c.checkpoint_every = 6, 1, 3, 3
    c.data.records, c.data.validation, c.data.flow_method = str(folder), "test", "dis"
    c.data.frames, c.data.size = 4, 32
    c.model.name, c.model.width = "tiny", 0.1
    c.batch.per_replica = 2
    c.optimizer.learning_rate = 0.01
    return c


def write_config(path, folder):
    """Writes the configuration file for `command`; returns its path."""
    path.write_text(FILE.format(folder=str(folder)))
    return path


def command(config_file, workdir, **overrides):
    """Returns the command line of a run."""
    keys = [f"--config.{key}={value}" for key, value in overrides.items()]
    return [*COMMAND, f"--config={config_file}", f"--workdir={workdir}", *keys]


def start(line, **environment):
    """Starts a command line; standard output and error are pipes of text."""
    return subprocess.Popen(
        line,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process, status=0):
    """Waits for a process; returns what it wrote, having made sure of its exit status."""
    output, errors = process.communicate()
    assert process.returncode == status, errors[-3000:]
    return output, errors


def lines(workdir):
    """Returns the lines of the log without those numbers that are times."""
    found = map(json.loads, (workdir / "log.jsonl").read_text().splitlines())
    return [{k: v for k, v in x.items() if k not in ("clips_per_s", "input_share")} for x in found]


def last(workdir):
    """Returns {name: array} of the last checkpoint: weights and the optimizer's state."""
    folder = max(workdir.glob("step-*"))
    model = models.build("tiny", num_classes=3, channels=3, size=32, width=0.1)
    model.load_weights(folder / "model.weights.h5")
    with np.load(folder / "optimizer.npz") as arrays:
        return {v.path: v.numpy() for v in model.weights} | dict(arrays)
