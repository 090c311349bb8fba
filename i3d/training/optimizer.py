"""Gradient descent with the arithmetic of TF1 and PyTorch, under any tf.distribute strategy.

    with strategy.scope():
        optimizer = SGD(model.trainable_variables, weight_decay=1e-7, clip_norm=40.0)
    optimizer.apply(gradients, learning_rate)      # in a replica step; i3d.training.step calls it
    with optimizer.averaged(): ...                 # the moving average in place of the weights

One update: gradients are summed over replicas, clipped, L2 is added, then with these gradients g

    buffer = momentum * buffer + g;    variable -= learning_rate * buffer

Keras' own SGD differs twice. Its `weight_decay` shrinks the variable apart from the gradient,
and its buffer holds the learning rate (buffer = momentum * buffer - learning_rate * g), so that
after the rate was cut to a tenth old gradients still go on at the old rate.
"""

import contextlib

import numpy as np
import tensorflow as tf

from i3d.runtime.command import UserError
from i3d.training.losses import add_l2


class SGD:
    """Momentum SGD over a fixed list of variables; make it under the strategy's scope.

    Sources: tf.compat.v1.train.MomentumOptimizer, torch.optim.SGD (equal to each other without
    dampening and Nesterov); the order clip, L2, momentum is that of MMAction2's training.
    """

    def __init__(
        self,
        variables,
        *,
        momentum=0.9,
        weight_decay=0.0,
        kernels_only=False,
        clip_norm=0.0,
        ema_decay=0.0,
        accumulates=False,
        factors=None,
    ):
        """Makes the buffers: one of zeros for each variable, and those of what is switched on.

        Args:
          variables: trainable keras variables, float32.
          momentum: in [0, 1).
          weight_decay: L2; see `i3d.training.losses.add_l2`, also for `kernels_only`.
          clip_norm: the largest norm of all gradients together, summed over replicas and before
            L2; 0 for no clipping.
          ema_decay: d of average = d * average + (1 - d) * variable after each update, which
            begins at the variable's value; 0 for none. Usual: 0.999, 0.9999.
          factors: {path of a variable: what its learning rate is multiplied by}; None for none.
          accumulates: whether `accumulate` will be called; costs a buffer for each variable.

        Raises:
          ValueError: a number is out of its range, or two variables have one name.
        """
        _check_range("momentum", momentum, 1)
        _check_range("ema_decay", ema_decay, 1)
        _check_range("weight_decay", weight_decay)
        _check_range("clip_norm", clip_norm)
        self.variables = list(variables)
        if len({v.path for v in self.variables}) < len(self.variables):
            raise ValueError("expected variables of different names, got some twice")
        self._momentum, self._ema_decay = momentum, ema_decay
        self._decay, self._kernels_only = weight_decay, kernels_only
        self._clip_norm = clip_norm
        self._factors = [(factors or {}).get(v.path, 1.0) for v in self.variables]
        self._buffers = [_zeros(v) for v in self.variables]
        self._averages = [_copy(v) for v in self.variables if ema_decay]
        self._sums = [_local_zeros(v) for v in self.variables if accumulates]

    def accumulate(self, gradients):
        """Keeps this replica's gradients for the next `apply`; to be called in a replica step.

        Args:
          gradients: tensors in the order of the variables, of a part of the batch.
        """
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(gradient)

    def apply(self, gradients, learning_rate):
        """Updates the variables; to be called in a replica step, by every replica.

        Args:
          gradients: this replica's, in the order of the variables; the sum over replicas, and
            over what was accumulated, is the gradient of the whole batch's loss.
          learning_rate: float scalar; a tensor in a tf.function, so that it can change.

        Returns:
          float32 scalar, the norm of the summed gradients before clipping.

        Raises:
          ValueError: a variable has no gradient.
        """
        _check_gradients(gradients, self.variables)
        if self._sums:
            gradients = [s + g for s, g in zip(self._sums, gradients, strict=True)]
            for total in self._sums:
                total.assign(tf.zeros_like(total))
        # The sum over replicas is ours, because the norm to clip by is that of the sum; Keras'
        # `apply` clips what each replica has and sums afterwards. From here on all replicas
        # hold equal gradients, so each updates its own copies and these stay equal.
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
        norm = tf.linalg.global_norm(gradients)
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, use_norm=norm)
        gradients = add_l2(gradients, self.variables, self._decay, self._kernels_only)
        self._update(gradients, learning_rate)
        return norm

    def _update(self, gradients, learning_rate):
        rates = [learning_rate * factor for factor in self._factors]
        every = zip(self.variables, self._buffers, gradients, rates, strict=True)
        for v, buffer, gradient, rate in every:
            buffer.assign(self._momentum * buffer + gradient)
            v.value.assign_sub(rate * buffer)
        if self._averages:
            for v, average in zip(self.variables, self._averages, strict=True):
                average.assign_sub((1 - self._ema_decay) * (average - v.value))

    @contextlib.contextmanager
    def averaged(self):
        """Puts the moving averages into the variables for the time of a `with` block.

        Without `ema_decay` the variables stay what they are. Statistics of normalisation are
        averages already, and are left alone.
        """
        kept = [v.numpy() for v in self.variables] if self._averages else []
        for v, average in zip(self.variables, self._averages, strict=False):
            v.assign(average.numpy())
        try:
            yield
        finally:
            for v, value in zip(self.variables, kept, strict=False):
                v.assign(value)

    def state(self):
        """Returns {name: float32 array} of buffers and averages: what a checkpoint must hold.

        Accumulated gradients are not in it: save after an update.
        """
        return {name: slot.numpy() for name, slot in self._slots().items()}

    def load_state(self, state):
        """Takes over what `state` returned, whole or not at all.

        Raises:
          UserError: names or shapes differ from those of this optimizer.
        """
        slots = self._slots()
        differing = sorted(set(slots) ^ set(state)) or [
            name for name in slots if tuple(slots[name].shape) != np.shape(state[name])
        ]
        if differing:
            raise UserError(
                f"optimizer state: expected the {len(slots)} arrays of this model and settings, "
                f"got {len(state)}; {len(differing)} differ, the first is {differing[0]!r}"
            )
        for name, slot in slots.items():
            slot.assign(state[name])

    def _slots(self):
        slots = {}
        for kind, values in (("momentum", self._buffers), ("average", self._averages)):
            slots |= {f"{kind}/{v.path}": s for v, s in zip(self.variables, values, strict=False)}
        return slots


def _zeros(variable):
    return tf.Variable(tf.zeros(variable.shape), trainable=False)


def _copy(variable):
    return tf.Variable(variable.numpy(), trainable=False)


def _local_zeros(variable):
    """Returns a variable of which each replica has its own."""
    return tf.Variable(
        tf.zeros(variable.shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )


def _check_range(name, value, below=None):
    if value < 0 or (below is not None and value >= below):
        limit = "" if below is None else f" and below {below}"
        raise ValueError(f"{name}: expected at least 0{limit}, got {value}")


def _check_gradients(gradients, variables):
    missing = [v.path for g, v in zip(gradients, variables, strict=True) if g is None]
    if missing:
        raise ValueError(f"{missing[0]} has no gradient: the loss does not depend on it")
