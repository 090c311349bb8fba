"""Runs a network over batches on all replicas, one batch ahead of its reader.

    for rows, batch in outputs([network], batches, strategy):
        ...                                      # float32 [n, K], a row for each view

The devices are at work on a batch while the rows of the one before it are used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from i3d.inference import compiled, engine
from i3d.runtime.devices import OneDevice, Strategy


def outputs(
    networks: Sequence[Callable],
    batches: Iterable[Any],
    strategy: Strategy,
    kind: Callable[[Any], int] = lambda batch: 0,
) -> Iterator[tuple[np.ndarray, Any]]:
    """Yields (float32 [n, K], batch) for each batch, in order; one is computed ahead.

    Batches of a worker are not distributed by the strategy, which would have all workers make as
    many steps: nothing here waits for another worker.

    Args:
      networks: functions from uint8 [b, ...] to float32 [b, K], made under strategy.scope(). The
        head of an inference.network.Network is applied here to the rows of its body, so that
        networks which differ in their heads alone share their compiled steps.
      batches: iterable of objects with `clips`, uint8 [n, ...]; n may be 0. The replicas of this
        worker share each batch.
      strategy: tf.distribute.Strategy, or OneDevice of other backends.
      kind: which of the networks a batch is for.
    """
    replicas = _replicas(strategy)
    steps = [_step(network, strategy) for network in networks]
    waiting = None
    for batch in batches:
        clips = batch.clips
        parts = head = None
        if len(clips):
            place = kind(batch)
            parts = steps[place](_shared(clips, strategy, replicas))
            head = getattr(networks[place], "head", None)
        if waiting:
            yield _gathered(*waiting, strategy), waiting[1]
        waiting = parts, batch, head
    if waiting:
        yield _gathered(*waiting, strategy), waiting[1]


def input_context(strategy: Strategy) -> Any:
    """Returns the tf.distribute.InputContext of this worker."""
    import tensorflow as tf

    contexts = []

    def keep(context):  # the only public way to learn it
        contexts.append(context)
        return tf.data.Dataset.range(1)

    strategy.distribute_datasets_from_function(keep)
    return contexts[0]


def per_replica(strategy: Strategy, values: Iterable[Any]) -> Any:
    """Returns the values, one for each replica of this worker, as strategy.run takes them."""
    import tensorflow as tf

    values = iter(values)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.convert_to_tensor(next(values))
    )


def _replicas(strategy):
    """Returns the number of replicas of this worker."""
    if isinstance(strategy, OneDevice):
        return 1
    context = input_context(strategy)
    return context.num_replicas_in_sync // context.num_input_pipelines


def _step(network, strategy):
    """Returns the compiled step of a network; an inference.network.Network keeps its own."""
    kept = getattr(network, "steps", {})
    if strategy not in kept:
        if isinstance(strategy, OneDevice):
            step = compiled.of(getattr(network, "model", network))
        else:
            step = _distributed(getattr(network, "body", network), strategy)
        alone = strategy.num_replicas_in_sync == 1
        kept[strategy] = engine.of(network, step, alone)
    return kept[strategy]


def _distributed(network, strategy):
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # the last batch is smaller, whole videos differ in length
    def step(clips):
        return strategy.run(lambda views: tf.cast(network(views), tf.float32), (clips,))

    return step


def _shared(clips, strategy, replicas):
    """Returns a batch as the step takes it, its last view repeated to equal shares."""
    if isinstance(strategy, OneDevice):
        return np.asarray(clips)
    if replicas == 1:
        return per_replica(strategy, [clips])
    share = -(-len(clips) // replicas)
    clips = np.asarray(clips)
    if lacking := share * replicas - len(clips):
        clips = np.concatenate([clips, np.repeat(clips[-1:], lacking, axis=0)])
    return per_replica(strategy, np.split(clips, replicas))


def _gathered(parts, batch, head, strategy):
    """Returns the rows of a batch as one array."""
    if parts is None:
        return np.empty((0, 0), np.float32)
    if not isinstance(strategy, OneDevice):
        parts = np.concatenate([*map(np.asarray, strategy.experimental_local_results(parts))])
    rows = ops.convert_to_numpy(parts)[: len(batch.clips)]
    return rows if head is None else ops.convert_to_numpy(head(rows))
