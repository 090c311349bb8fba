"""OpenVINO in float32, in the layout of its model server: OUT/1/model.xml and model.bin.

The batch is free. What is known of the network is the run-time information "i3d", as JSON.
"""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from i3d.exports.formats import Runner, cannot_hold
from i3d.exports.graph import Graph
from i3d.exports.saved_model import function
from i3d.inference.openvino_model import imported

FILE = "1/model.xml"


def write(graph: Graph, path: os.PathLike | str, precision: str = "float32") -> None:
    """Writes the folder; see formats.Format.write."""
    openvino = imported()
    serve, signature = function(graph)
    traced = tf.function(serve, input_signature=signature, autograph=False)
    try:
        held = openvino.convert_model(traced.get_concrete_function())
    except Exception as error:  # some of OpenVINO's classes derive from it alone
        raise cannot_hold("openvino", graph, _reason(str(error))) from error
    held.inputs[0].tensor.set_names({graph.input})
    held.outputs[0].tensor.set_names({graph.output})
    held.set_rt_info(graph.metadata(), ["i3d"])
    Path(path, FILE).parent.mkdir(parents=True)
    openvino.save_model(held, Path(path, FILE), compress_to_fp16=False)


def _reason(text):
    """Returns the line on the operators that it lacks."""
    lines = [line.lstrip("- ") for line in text.splitlines() if "rule found" in line]
    return lines[0] if lines else text


def runner(path: os.PathLike | str) -> Runner:
    """Returns the function that runs the file on the processor in float32."""
    openvino = imported()
    # Without the hint it takes bfloat16 where the processor has it.
    compiled = openvino.compile_model(Path(path, FILE), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(views: np.ndarray) -> np.ndarray:
        return np.array(compiled([views])[0])

    return run
