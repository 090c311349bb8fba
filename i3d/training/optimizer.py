"""Gradient descent with the arithmetic of TF1 and PyTorch, as a Keras optimizer.

    model.compile(SGD(0.01, momentum=0.9, weight_decay=1e-4), loss=...)       # and model.fit(...)

    with strategy.scope():                                                    # the trainer
        optimizer = SGD.of(model.trainable_variables, weight_decay=1e-7, clip_norm=40.0)
    optimizer.update(gradients, learning_rate)     # in a replica step; i3d.training.step calls it
    with optimizer.averaged(): ...                 # the moving average in place of the weights

One update: gradients are summed over replicas, clipped, L2 is added, then with these gradients g

    buffer = momentum * buffer + g;    variable -= learning_rate * buffer

Keras' own SGD differs twice. Its `weight_decay` shrinks the variable apart from the gradient,
and its buffer holds the learning rate (buffer = momentum * buffer - learning_rate * g), so that
after the rate was cut to a tenth old gradients still go on at the old rate.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from i3d.runtime.command import UserError
from i3d.training.losses import add_l2


@keras.saving.register_keras_serializable("i3d")
class SGD(keras.optimizers.Optimizer):
    """Momentum SGD; under a tf.distribute strategy make it in the strategy's scope.

    `model.fit` takes it on every backend of Keras, and under MirroredStrategy. Moving averages are
    not put into the model at the end of `fit`: `averaged` does that.

    Sources: tf.compat.v1.train.MomentumOptimizer, torch.optim.SGD (equal to each other without
    dampening and Nesterov); the order clip, L2, momentum is that of MMAction2's training.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        kernels_only: bool = False,
        clip_norm: float = 0.0,
        ema_decay: float = 0.0,
        accumulates: bool = False,
        factors: dict[str, float] | None = None,
        name: str = "sgd",
    ):
        """Keeps its arguments; buffers are made by `build`.

        Args:
          learning_rate: float, or a keras.optimizers.schedules.LearningRateSchedule; read by
            `apply` alone, which `fit` calls.
          momentum: in [0, 1).
          weight_decay: L2; see `i3d.training.losses.add_l2`, also for `kernels_only`.
          kernels_only: whether biases, offsets and scales are left out of the L2.
          clip_norm: the largest norm of all gradients together, summed over replicas and before
            L2; 0 for no clipping.
          ema_decay: d of average = d * average + (1 - d) * variable after each update, which
            begins at the variable's value; 0 for none. Usual: 0.999, 0.9999.
          accumulates: whether `accumulate` will be called; costs a buffer for each variable.
            TensorFlow alone.
          factors: {path of a variable: what its learning rate is multiplied by}; None for none.
          name: of the optimizer.

        Raises:
          ValueError: a number is out of its range.
        """
        _check_range("momentum", momentum, 1)
        _check_range("ema_decay", ema_decay, 1)
        _check_range("weight_decay", weight_decay)
        _check_range("clip_norm", clip_norm)
        super().__init__(learning_rate, name=name)
        self._momentum, self._ema_decay = momentum, ema_decay
        self._decay, self._kernels_only = weight_decay, kernels_only
        self._clip_norm, self._accumulates = clip_norm, accumulates
        self._factors_by_path = dict(factors or {})

    @classmethod
    def of(cls, variables: Sequence[Any], **options: Any) -> "SGD":
        """Returns the optimizer of a list of variables, built; options as for the class.

        Raises:
          ValueError: a number is out of its range, or two variables have one name.
        """
        optimizer = cls(**options)
        optimizer.build(list(variables))
        return optimizer

    def build(self, variables: list[Any]) -> None:
        """Makes the buffers: one of zeros for each variable, and those of what is switched on.

        Args:
          variables: trainable keras variables, float32.

        Raises:
          ValueError: two variables have one name.
        """
        if self.built:
            return
        if len({v.path for v in variables}) < len(variables):
            raise ValueError("expected variables of different names, got some twice")
        super().build(variables)
        self._factors = [self._factors_by_path.get(v.path, 1.0) for v in variables]
        self._buffers = [self.add_variable_from_reference(v, "momentum") for v in variables]
        self._averages = [self._copy(v) for v in variables if self._ema_decay]
        self._sums = [_local_zeros(v) for v in variables if self._accumulates]

    @property
    def trained(self) -> list[Any]:
        """The variables that it was built for, in order."""
        return list(self._trainable_variables)

    def accumulate(self, gradients: Sequence[Any]) -> None:
        """Keeps this replica's gradients for the next `update`; to be called in a replica step.

        Args:
          gradients: tensors in the order of the variables, of a part of the batch.
        """
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(gradient)

    def update(self, gradients: Sequence[Any], learning_rate: Any) -> Any:
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
        _check_gradients(gradients, self.trained)
        if self._sums:
            gradients = [s + g for s, g in zip(self._sums, gradients, strict=True)]
            for total in self._sums:
                total.assign(ops.zeros_like(total))
        return self._descend(gradients, self.trained, learning_rate)

    def _backend_apply_gradients(self, grads, trainable_variables):
        """The update of `fit` and `apply`, by the same rule as `update`.

        Keras' own clips what each replica has and sums afterwards, and calls one function for
        each variable; here the norm to clip by is that of the sum.
        """
        self._descend(grads, trainable_variables, self.learning_rate)

    def _descend(self, gradients, variables, learning_rate):
        """Returns the norm of the summed gradients, having updated the variables.

        From the sum on all replicas hold equal gradients, so each updates its own copies and
        these stay equal.
        """
        gradients = _summed(gradients)
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        if self._clip_norm:
            scale = self._clip_norm * ops.minimum(1 / norm, 1 / self._clip_norm)
            gradients = [g * scale for g in gradients]
        gradients = add_l2(gradients, variables, self._decay, self._kernels_only)
        for variable, gradient in zip(variables, gradients, strict=True):
            place = self._get_variable_index(variable)
            buffer = self._momentum * self._buffers[place] + gradient
            self.assign(self._buffers[place], buffer)
            self.assign_sub(variable, learning_rate * self._factors[place] * buffer)
            if self._averages:
                average = self._averages[place]
                self.assign_sub(average, (1 - self._ema_decay) * (average - variable))
        return norm

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Puts the moving averages into the variables for the time of a `with` block.

        Without `ema_decay` the variables stay what they are. Statistics of normalisation are
        averages already, and are left alone.
        """
        kept = [v.numpy() for v in self.trained] if self._averages else []
        for v, average in zip(self.trained, self._averages, strict=False):
            v.assign(average.numpy())
        try:
            yield
        finally:
            for v, value in zip(self.trained, kept, strict=False):
                v.assign(value)

    def state(self) -> dict[str, np.ndarray]:
        """Returns {name: float32 array} of buffers and averages: what a checkpoint must hold.

        Accumulated gradients are not in it: save after an update.
        """
        return {name: slot.numpy() for name, slot in self._slots().items()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
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

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, as Keras saves an optimizer."""
        kept = super().get_config()
        return {
            "name": kept["name"],
            "learning_rate": kept["learning_rate"],
            "momentum": self._momentum,
            "weight_decay": self._decay,
            "kernels_only": self._kernels_only,
            "clip_norm": self._clip_norm,
            "ema_decay": self._ema_decay,
            "accumulates": self._accumulates,
            "factors": dict(self._factors_by_path),
        }

    def _slots(self):
        slots: dict[str, Any] = {}
        for kind, values in (("momentum", self._buffers), ("average", self._averages)):
            slots |= {f"{kind}/{v.path}": s for v, s in zip(self.trained, values, strict=False)}
        return slots

    def _copy(self, variable):
        # As an initializer, since `fit` builds while it traces.
        value = lambda shape, dtype: ops.convert_to_tensor(variable, dtype)  # noqa: E731
        return self.add_variable_from_reference(variable, "average", value)


def _summed(gradients):
    """Returns the gradients, those of all replicas added up."""
    if keras.backend.backend() != "tensorflow":
        return list(gradients)
    import tensorflow as tf

    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    context = tf.distribute.get_replica_context()
    if context is None:
        return gradients
    return context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)


def _local_zeros(variable):
    """Returns a variable of which each replica has its own."""
    import tensorflow as tf

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
