"""TensorFlow's SavedModel, in the layout of TensorFlow Serving: OUT/1/saved_model.pb.

The signature "serving_default" takes and gives tensors by name; the batch is free. What is known of
the network is in OUT/1/assets.extra/i3d.json.
"""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from i3d.exports.formats import Runner
from i3d.exports.graph import Graph

SIGNATURE = "serving_default"
METADATA = "assets.extra/i3d.json"
VERSION = "1"  # TensorFlow Serving takes the highest number that is there


def write(graph: Graph, path: os.PathLike | str, precision: str = "float32") -> None:
    """Writes the folder; see formats.Format.write."""
    export(graph, Path(path, VERSION))
    metadata = Path(path, VERSION, METADATA)
    metadata.parent.mkdir()
    metadata.write_text(graph.metadata(), encoding="utf-8")


def export(graph: Graph, folder: os.PathLike | str) -> None:
    """Writes the SavedModel alone, for what converts it."""
    archive = keras.export.ExportArchive()
    archive.add_endpoint(SIGNATURE, *function(graph))
    archive.write_out(str(folder), verbose=False)


def function(graph: Graph) -> tuple:
    """Returns the function of the signature, and the list of its one tf.TensorSpec."""
    spec = tf.TensorSpec(graph.model.input.shape, tf.uint8, name=graph.input)
    return lambda views: graph.model(views, training=False), [spec]


def runner(path: os.PathLike | str) -> Runner:
    """Returns the function that runs the signature."""
    loaded = tf.saved_model.load(str(Path(path, VERSION)))
    serve = loaded.signatures[SIGNATURE]
    (name,) = serve.structured_input_signature[1]
    (output,) = serve.structured_outputs
    kept = [loaded]  # the variables die with it

    def run(views: np.ndarray) -> np.ndarray:
        assert kept
        return serve(**{name: tf.constant(views)})[output].numpy()

    return run
