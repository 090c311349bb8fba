"""Compiles a model as the backend of Keras does: a function of its inputs that gives float32.

step = of(network.model)
rows = step(views)                        # a tensor of the backend; ops.convert_to_numpy(rows)
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def of(model: Callable[[Any], Any], signature: Any = None) -> Callable[[Any], Any]:
    """Returns the function that runs a model, not in training, on arrays or tensors.

    TensorFlow traces a tf.function, JAX compiles for each shape, PyTorch runs as it stands.

    Args:
      model: keras.Model of one output; or any function, which TensorFlow alone compiles.
      signature: structure of (shape, dtype) of the inputs, for which TensorFlow compiles once;
        None: for each shape that comes, until they differ.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _of_tensorflow(model, signature)
    if not isinstance(model, keras.Model):
        return model
    return _of_jax(model) if backend == "jax" else _of_torch(model)


def _of_tensorflow(model, signature):
    import tensorflow as tf

    def called(inputs):
        rows = model(inputs, training=False) if isinstance(model, keras.Model) else model(inputs)
        return tf.cast(rows, tf.float32)

    if signature is None:
        return tf.function(called, reduce_retracing=True)
    specs = {name: tf.TensorSpec(*one) for name, one in signature.items()}
    return tf.function(called, input_signature=[specs])


def _of_jax(model):
    import jax

    @jax.jit
    def called(trained, others, inputs):
        rows, _ = model.stateless_call(trained, others, inputs, training=False)
        return ops.cast(rows, "float32")

    def run(inputs):  # the weights as they are now, and not as constants of the program
        weights = model.trainable_variables, model.non_trainable_variables
        return called(*([v.value for v in each] for each in weights), inputs)

    return run


def _of_torch(model):
    import torch

    def run(inputs):
        with torch.no_grad():
            return ops.cast(model(inputs, training=False), "float32")

    return run
