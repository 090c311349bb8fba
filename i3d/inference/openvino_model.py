"""A keras.Model compiled by OpenVINO, for inference on a processor.

    run = OpenVinoModel(model, "bfloat16")          # a float32 model of one or several inputs
    rows = run(views)                               # numpy in, float32 numpy out

Needs the extra `fast`.
"""

import collections
import os
import sys
from types import ModuleType
from typing import Any

import keras
import numpy as np

_KEPT = 4  # compiled shapes: each holds the weights once more
_PADDED = 2  # times as many rows as were given are computed, at most, before compiling for fewer


def imported() -> ModuleType:
    """Returns the module openvino, which is kept from sending statistics of its use."""
    # Without its own package for that, it has a stub; else each import sends, unasked.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVinoModel:
    """Runs a model by OpenVINO, compiled anew for each shape of its first input.

    Static shapes: with a free batch it takes twice as long. The last 4 shapes are kept; a batch
    that is a little smaller than one of them is padded to it.
    """

    def __init__(self, model: keras.Model, precision: str):
        """Converts a model; its weights are copied.

        Args:
          model: that computes in float32; OpenVINO cannot read constants in bfloat16.
          precision: "float32" or "bfloat16", which is what convolutions and products of matrices
            compute in where the processor can.

        Raises:
          Exception: OpenVINO cannot convert it; of OpenVINO's own classes.
        """
        openvino = imported()
        self._core, self._single = openvino.Core(), not isinstance(model.input, dict)
        self._model = _converted(model, openvino)
        able = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" and able else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
        }
        self._compiled: collections.OrderedDict[tuple[int, ...], Any] = collections.OrderedDict()

    def __call__(self, inputs: Any) -> np.ndarray:
        """Returns float32 [B, ...] of an array [B, ...], or of a dict of them by input name."""
        given = {"views": inputs} if self._single else inputs
        arrays = [np.asarray(given[name]) for name in sorted(given)]
        first = max(arrays, key=np.ndim)  # clips; boxes have fewer axes
        count, batch = len(first), self._batch(first.shape)
        if batch > count:
            arrays = [np.repeat(a, [1] * (count - 1) + [batch - count + 1], axis=0) for a in arrays]
        run = self._compiled_for((batch, *first.shape[1:]))
        return run(arrays)[0][:count]

    def _batch(self, shape):
        """Returns the number of rows to compute for a batch of this shape."""
        count, *rest = shape
        able = [kept[0] for kept in self._compiled if kept[1:] == tuple(rest) and kept[0] >= count]
        return min([count, *able], key=lambda n: (n not in able or n > _PADDED * count, n))

    def _compiled_for(self, shape):
        if shape not in self._compiled:
            while len(self._compiled) >= _KEPT:
                self._compiled.popitem(last=False)
            shapes = {}
            for place in self._model.inputs:
                own = place.get_partial_shape()
                if len(own) == len(shape):
                    own = list(shape)
                else:
                    own[0] = shape[0]
                shapes[place] = own
            self._model.reshape(shapes)
            self._compiled[shape] = self._core.compile_model(self._model, "CPU", self._settings)
        self._compiled.move_to_end(shape)
        return self._compiled[shape]


def _converted(model, openvino):
    """Returns the openvino.Model of a keras.Model; inputs in the order of their names."""
    import tensorflow as tf

    single = not isinstance(model.input, dict)
    inputs = {"views": model.input} if single else model.input
    specs = [tf.TensorSpec(inputs[n].shape, inputs[n].dtype, name=n) for n in sorted(inputs)]

    @tf.function
    def step(*arrays):
        given = arrays[0] if single else dict(zip(sorted(inputs), arrays, strict=True))
        return model(given, training=False)

    found = openvino.convert_model(step.get_concrete_function(*specs))
    parameters = [found.input(spec.name).get_node() for spec in specs]
    rows = found.get_results()[:1]  # the others are sizes that the graph passes on inside
    return openvino.Model(rows, parameters, model.name)
