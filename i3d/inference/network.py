"""The part of a network that ends at one of its layers, with the weights of a checkpoint.

    network = load(lambda classes: models.build(name, num_classes=classes), path, "features")
    for vectors, batch in outputs(network, decoded_batches, strategy):
        ...                                                 # float32 [n, C], a row per view

Runs on all replicas of a strategy, batch normalisation folded into the convolutions.
"""

import difflib

import keras
import numpy as np
import tensorflow as tf

from i3d import models, weights
from i3d.weights.pytorch.load import NoHead
from i3d.weights.start import head_classes


def load(build, checkpoint, endpoint="features"):
    """Returns a keras.Model from clips to float32 [B, C].

    Args:
      build: function from a number of classes to the model, which has the layer `endpoint`.
      checkpoint: what weights.load takes, or a PyTorch file of a backbone without a head.
      endpoint: name of a layer; maps are averaged over space and time.

    Raises:
      FileNotFoundError, ValueError: the checkpoint or the endpoint do not fit the model.
    """
    try:
        classes, head = head_classes(checkpoint), True
    except NoHead as error:
        if endpoint == "Logits":
            line = f"--endpoint: {checkpoint} is a backbone without a head, no logits"
            raise ValueError(line) from error
        classes, head = 1, False
    model = build(classes)
    weights.load(model, checkpoint, head)
    return ending_at(models.fold_batch_norm(model), endpoint)


def ending_at(model, endpoint):
    """Returns the part of a model up to a layer, as `load`.

    Raises:
      ValueError: there is no such layer.
    """
    _check_endpoint(model, endpoint)
    x = model.get_layer(endpoint).output
    axes = tuple(range(1, len(x.shape) - 1))
    x = keras.ops.cast(x, "float32")
    return keras.Model(model.input, keras.ops.mean(x, axes) if axes else x)


def _check_endpoint(model, endpoint):
    names = [layer.name for layer in model.layers]
    if endpoint not in names:
        near = difflib.get_close_matches(endpoint, names, 3, cutoff=0)
        raise ValueError(
            f"--endpoint: {model.name} has no layer {endpoint!r}; did you mean {' or '.join(near)}?"
        )


def outputs(network, batches, strategy):
    """Yields (float32 [n, C], batch) for each batch, in order; one is computed ahead.

    Args:
      network: keras.Model made under strategy.scope().
      batches: iterable of objects with `clips`, float32 [n, ...], n may be 0.
      strategy: tf.distribute.Strategy of one process; its replicas share each batch.
    """

    @tf.function(reduce_retracing=True)  # the last batch is smaller
    def step(clips):
        return strategy.run(lambda x: network(x, training=False), (clips,))

    waiting = None
    for batch in batches:
        parts = step(_shared(batch.clips, strategy)) if len(batch.clips) else None
        if waiting:
            yield _gathered(*waiting, strategy), waiting[1]
        waiting = parts, batch
    if waiting:
        yield _gathered(*waiting, strategy), waiting[1]


def _shared(clips, strategy):
    """Returns a batch as strategy.run takes it, its last view repeated to equal shares."""
    replicas = strategy.num_replicas_in_sync
    share = -(-len(clips) // replicas)
    lacking = share * replicas - len(clips)
    if lacking:
        clips = np.concatenate([clips, np.repeat(clips[-1:], lacking, axis=0)])
    shares = iter(np.split(clips, replicas))
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.convert_to_tensor(next(shares))
    )


def _gathered(parts, batch, strategy):
    """Returns the rows of a batch as one array."""
    if parts is None:
        return np.empty((0, 0), np.float32)
    parts = strategy.experimental_local_results(parts)
    return np.concatenate([part.numpy() for part in parts])[: len(batch.clips)]
