"""A small network that takes boxes, with random weights, as a training run leaves it."""

import dataclasses
import json

import keras

from i3d import models
from i3d.weights import ava_zoo

MODEL = "ava_slowonly_r50_4x16x1"
NAMES = ("stand", "walk", "wave (a hand)", "run")


def write_run(folder, names=NAMES):
    """Writes best.weights.h5 and config.json into a new folder; returns the checkpoint."""
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(0)
    model = models.build(MODEL, num_classes=1 + len(names), width=0.125)
    checkpoint = folder / "best.weights.h5"
    model.save_weights(checkpoint)
    spec = dataclasses.replace(ava_zoo.SPECS[MODEL], resize=48, stride=4, fps=25.0)
    data = {"stream": "rgb", "frames": 4, "stride": 4, "size": 48, "flow_method": ""}
    settings = {f"data.{key}": value for key, value in data.items()}
    settings |= {"model.name": MODEL, "model.width": 0.125, "input": spec.to_json()}
    (folder / "config.json").write_text(json.dumps(settings | {"classes": names}))
    return checkpoint
