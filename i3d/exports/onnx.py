"""ONNX in float32, for ONNX Runtime and others; the batch is free.

What is known of the network is the entry "i3d" of the file's metadata, as JSON.
"""

import logging
import os
import warnings

import numpy as np

from i3d.exports.formats import Runner, cannot_hold
from i3d.exports.graph import BATCH, Graph
from i3d.exports.saved_model import function


def write(graph: Graph, path: os.PathLike | str, precision: str = "float32") -> None:
    """Writes the file; see formats.Format.write."""
    import onnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tf2onnx about NumPy
        try:
            graph.model.export(
                str(path), format="onnx", verbose=False, input_signature=function(graph)[1]
            )
        except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
            raise cannot_hold("onnx", graph, error) from error
    held = onnx.load(str(path))
    for value in (*held.graph.input, *held.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    held.metadata_props.add(key="i3d", value=graph.metadata())
    try:
        onnx.checker.check_model(held)  # tf2onnx leaves operators in that ONNX has not
    except onnx.checker.ValidationError as error:
        raise cannot_hold("onnx", graph, error) from error
    onnx.save(held, str(path))


def runner(path: os.PathLike | str) -> Runner:
    """Returns the function that runs the file by ONNX Runtime on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(views: np.ndarray) -> np.ndarray:
        return session.run(None, {name: views})[0]

    return run
