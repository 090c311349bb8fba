"""Selects the devices of a run: one, all of a machine, or those of several machines.

    strategy = devices.strategy()          # TF_CONFIG and the GPUs that are there decide
    strategy = devices.strategy(2)         # two GPUs, or two shares of a machine without

Call it before anything else of TensorFlow. On JAX and PyTorch it is OneDevice, without TensorFlow.
"""

import contextlib
import json
import os
from typing import Any

import keras

from i3d.runtime.command import UserError

Strategy = Any  # tf.distribute.Strategy, or OneDevice


class OneDevice:
    """The device of JAX or PyTorch, with what networks ask of a tf.distribute.Strategy."""

    num_replicas_in_sync = 1

    def scope(self):
        """Returns a context that does nothing."""
        return contextlib.nullcontext()

    def distribute_datasets_from_function(self, function):
        """Returns the tf.data.Dataset of a function from a tf.distribute.InputContext."""
        import tensorflow as tf

        return function(tf.distribute.InputContext())


_ONE = OneDevice()


def has_tensorflow():
    """Returns whether Keras runs on TensorFlow."""
    return keras.backend.backend() == "tensorflow"


def in_scope():
    """Returns the Strategy in whose scope the caller is; on JAX and PyTorch their OneDevice."""
    if not has_tensorflow():
        return _ONE
    import tensorflow as tf

    return tf.distribute.get_strategy()


def strategy(replicas=0):
    """Returns the tf.distribute.Strategy that the machine and TF_CONFIG ask for.

    With TF_CONFIG in the environment that is not empty it is a MultiWorkerMirroredStrategy over all
    GPUs of all workers; else a MirroredStrategy over `replicas` GPUs; with one device, the default
    strategy.

    Args:
      replicas: how many devices; 0 for all GPUs, or one CPU. On a machine without GPU, more than
        one makes as many logical CPU devices: slower than one, of use to try things.

    Raises:
      UserError: more replicas than GPUs, a number beside TF_CONFIG, a TF_CONFIG that does not
        say which worker this is, or several devices on JAX or PyTorch.
    """
    if not has_tensorflow():
        _check_one(replicas)
        return _ONE
    import tensorflow as tf

    if os.environ.get("TF_CONFIG", "").strip():
        if replicas:
            raise UserError("replicas: with TF_CONFIG all GPUs of each worker are used; leave it")
        _check_place(os.environ["TF_CONFIG"])
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus and replicas > gpus:
        raise UserError(
            f"replicas: expected at most {gpus}, the GPUs of this machine; got {replicas}"
        )
    count, kind = replicas or max(gpus, 1), "GPU" if gpus else "CPU"
    if count == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, parts)
    return tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(count)])


def is_chief(strategy):
    """Returns whether this process is the one that writes files."""
    if is_alone(strategy):
        return True
    resolver = strategy.cluster_resolver
    chief = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (chief, 0)


def is_alone(strategy):
    """Returns whether this process is the only one of the run."""
    if isinstance(strategy, OneDevice):
        return True
    import tensorflow as tf

    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    spec = strategy.cluster_resolver.cluster_spec()
    return sum(map(spec.num_tasks, spec.jobs)) <= 1


def _check_one(replicas):
    """Raises UserError where several devices are asked for."""
    for name, several in (("replicas", replicas > 1), ("TF_CONFIG", os.environ.get("TF_CONFIG"))):
        if several:
            raise UserError(
                f"{name}: several devices need KERAS_BACKEND=tensorflow; on "
                f"{keras.backend.backend()} expected one"
            )


def _check_place(text):
    """Makes sure that TF_CONFIG names the workers, and which of them this is."""
    try:
        place = json.loads(text)
        addresses = place["cluster"][place["task"]["type"]]
        known = 0 <= int(place["task"]["index"]) < len(addresses)
        known = known and set(place["cluster"]) <= {"chief", "worker"}
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise UserError(
            'TF_CONFIG: expected {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": '
            f'"worker", "index": 0}}}}, the same cluster and another index on each; got {text}'
        )
