"""LiteRT (TensorFlow Lite), one view at a time, of its own operators alone.

Weights are stored in float32, in float16, or in int8 with scales of their own ("dynamic range":
activations stay float32 in the file). What is known of the network is the file i3d.json, packed
behind the model as the format allows: Python's zipfile reads it.
"""

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from i3d.exports.formats import Runner, cannot_hold
from i3d.exports.graph import Graph
from i3d.exports.saved_model import export

METADATA = "i3d.json"


def write(graph: Graph, path: os.PathLike | str, precision: str = "float32") -> None:
    """Writes the file; see formats.Format.write."""
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        export(graph, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            held = converter.convert()
        except Exception as error:  # its own class is not public
            raise cannot_hold("litert", graph, _reason(str(error))) from error
    Path(path).write_bytes(held)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(METADATA, graph.metadata())


def _reason(text):
    """Returns the line on the operators that it lacks."""
    lines = [line for line in text.splitlines() if "ops:" in line.lower()]
    return "it needs operators beyond LiteRT's own, " + lines[-1].strip() if lines else text


def runner(path: os.PathLike | str) -> Runner:
    """Returns the function that runs the file on all processors, view after view."""
    from ai_edge_litert.interpreter import Interpreter

    own = Interpreter(str(path), num_threads=os.cpu_count())
    given, found = own.get_input_details()[0]["index"], own.get_output_details()[0]["index"]
    sizes: list[tuple[int, ...]] = []

    def row(view: np.ndarray) -> np.ndarray:
        if sizes != [view.shape]:  # of whole pictures; those of clips are in the file
            own.resize_tensor_input(given, (1, *view.shape))
            own.allocate_tensors()
            sizes[:] = [view.shape]
        own.set_tensor(given, view[None])
        own.invoke()
        return own.get_tensor(found)

    return lambda views: np.concatenate([row(view) for view in views])
