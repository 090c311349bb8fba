"""Exports of the catalogue: how far each file is from its network, its size and its seconds a clip.

    python -m benchmarks.exports                                   # every model of videos
    python -m benchmarks.exports --models=tsn_r50_1x1x3,slowonly_r50_4x16x1 --formats=litert
    python -m benchmarks.exports --width=0.125                     # narrow copies, in a few hours

Weights are random, clips have the frames and pixels of the published test (TSN's 8 segments,
Inception I3D's 64 frames). Exit status 1 if a file in float32 differs by more than ERROR, or cannot
be written.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from absl import app, flags

from i3d import models
from i3d import spec as input_spec
from i3d.exports.check import Both
from i3d.exports.formats import FORMATS
from i3d.exports.graph import Graph, of_network
from i3d.exports.images import as_images
from i3d.inference.network import Network, build
from i3d.inference.zero_shot import TextHead
from i3d.models import actionclip
from i3d.runtime.command import UserError
from i3d.weights import kinds, zoo
from i3d.weights.clip_zoo import takes_text

MODELS = flags.DEFINE_list(
    "models", None, "names in the catalogue; default: all of videos", allow_override=True
)
FORMATS_ASKED = flags.DEFINE_list("formats", ["saved_model", "onnx"], "formats that are written")
PRECISION = flags.DEFINE_string(
    "precision", "float32", "of the weights in the file", allow_override=True
)
WIDTH = flags.DEFINE_float(
    "width", 1.0, "multiplier of the filters; CLIP's stay as they are", allow_override=True
)
ERROR = 1e-4  # of the deviation of the logits
CLASSES = 400
_SEGMENTS = 8  # where a test takes 25


def names() -> list[str]:
    """Returns the models of videos, without the network of pictures."""
    found = [name for name in models.names() if kinds.taken_by(name) == "videos"]
    return [name for name in found if name != "inception_v1"]


def network_of(name: str, width: float = 1.0) -> Network:
    """Returns a Network of a model with random weights, ready for inference."""
    spec = zoo.default_spec(name)
    if spec.whole or spec.segments > _SEGMENTS and not spec.fixed_segments:
        spec = input_spec.asked(spec, _SEGMENTS)
    count = 0 if takes_text(name) else CLASSES
    own = {} if takes_text(name) else {"width": width}
    model = randomised(build(name, spec, count, frames=spec.length, **own))
    if not takes_text(name):
        return Network(models.fold_batch_norm(model), spec, CLASSES)
    part = actionclip.video_part(model)
    text = np.random.default_rng(2).normal(size=(16, CLASSES, part.output.shape[-1]))
    head = TextHead(text / np.linalg.norm(text, axis=-1, keepdims=True))
    return Network(part, spec, CLASSES).with_head(head)


def randomised(model: keras.Model) -> keras.Model:
    """Gives normalisations values that show, and returns the model."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 1.0, variable.shape))
        elif variable.name in ("beta", "moving_mean"):
            variable.assign(random.uniform(-0.2, 0.2, variable.shape))
    return model


def row(source: Graph, net: Network, format: str, precision: str = "float32") -> tuple:
    """Returns (difference, megabytes, seconds, seconds in Keras) of an export of a network.

    Raises:
      UserError: the format cannot hold it.
    """
    chosen, graph = FORMATS[format], source
    if chosen.batch:
        graph = of_network(net, source.output, source.input, (), as_images, chosen.batch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"net{chosen.suffix}")
        chosen.write(graph, path, precision)
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        size = sum(file.stat().st_size for file in files) / 1e6
        both = Both(source, chosen.runner(path))
        difference = both.difference(both.noise(1))
        seconds, own = both.seconds(both.noise(1))
    return difference, size, own, seconds


def main(argv) -> int:
    """Prints a row of each model and format; returns the exit status."""
    failed = 0
    print("| model | format | difference | MB | s a clip | in Keras |\n|---|---|---|---|---|---|")
    for name in MODELS.value or names():
        net = network_of(name, WIDTH.value)
        source = of_network(net, "logits")
        for format in FORMATS_ASKED.value:
            try:
                difference, size, own, seconds = row(source, net, format, PRECISION.value)
            except UserError as error:
                print(f"| {name} | {format} | {error} | | | |", flush=True)
                failed += 1
                continue
            numbers = f"{difference:.0e} | {size:.1f} | {own:.3f} | {seconds:.3f}"
            print(f"| {name} | {format} | {numbers} |", flush=True)
            failed += PRECISION.value == "float32" and not difference < ERROR
        keras.backend.clear_session()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(app.run(main))
