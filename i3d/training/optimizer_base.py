"""What the optimizers share: sums over replicas, clipping, accumulation, averages, their state.

An optimizer of i3d.training.optimizer adds its slots and its rule: `SLOTS` and `_move`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from i3d.runtime.command import UserError


class Base(keras.optimizers.Optimizer):
    """Keras optimizer whose gradients are summed over replicas before they are clipped.

    `model.fit` takes it on every backend of Keras, and under MirroredStrategy. Moving averages are
    not put into the model at the end of `fit`: `averaged` does that.
    """

    SLOTS: ClassVar[tuple[str, ...]] = ()  # names of what is kept for each variable

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float = 0.0,
        kernels_only: bool = False,
        clip_norm: float = 0.0,
        ema_decay: float = 0.0,
        accumulates: bool = False,
        factors: dict[str, float] | None = None,
        name: str = "optimizer",
    ):
        """Keeps its arguments; slots are made by `build`.

        Args:
          learning_rate: float, or a keras.optimizers.schedules.LearningRateSchedule; read by
            `apply` alone, which `fit` calls.
          weight_decay: as the optimizer uses it.
          kernels_only: whether biases, offsets and scales are left out of the weight decay.
          clip_norm: the largest norm of all gradients together, summed over replicas and before
            weight decay; 0 for no clipping.
          ema_decay: d of average = d * average + (1 - d) * variable after each update, which
            begins at the variable's value; 0 for none. Usual: 0.999, 0.9999.
          accumulates: whether `accumulate` will be called; costs a buffer for each variable.
            TensorFlow and JAX.
          factors: {path of a variable: what its learning rate is multiplied by}; None for none.
          name: of the optimizer.

        Raises:
          ValueError: a number is out of its range.
        """
        check_range("ema_decay", ema_decay, 1)
        check_range("weight_decay", weight_decay)
        check_range("clip_norm", clip_norm)
        super().__init__(learning_rate, name=name)
        self._ema_decay, self._clip_norm = ema_decay, clip_norm
        self._decay, self._kernels_only = weight_decay, kernels_only
        self._accumulates = accumulates
        self._factors_by_path = dict(factors or {})

    @classmethod
    def of(cls, variables: Sequence[Any], **options: Any) -> Self:
        """Returns the optimizer of a list of variables, built; options as for the class.

        Raises:
          ValueError: a number is out of its range, or two variables have one name.
        """
        optimizer = cls(**options)
        optimizer.build(list(variables))
        return optimizer

    def build(self, variables: list[Any]) -> None:
        """Makes the slots, of zeros for each variable, and the buffers of what is switched on.

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
        self._slots = [
            [self.add_variable_from_reference(v, kind) for v in variables] for kind in self.SLOTS
        ]
        self._averages = [self._copy(v) for v in variables if self._ema_decay]
        several = keras.backend.backend() == "tensorflow"  # replicas
        zeros = _local_zeros if several else partial(self.add_variable_from_reference, name="sum")
        self._sums = [zeros(v) for v in variables if self._accumulates]

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
                total.assign(ops.zeros(total.shape))
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
        for variable, gradient in zip(variables, gradients, strict=True):
            place = self._get_variable_index(variable)
            slots = [slot[place] for slot in self._slots]
            self._move(variable, gradient, learning_rate * self._factors[place], *slots)
            if self._averages:
                average = self._averages[place]
                self.assign_sub(average, (1 - self._ema_decay) * (average - variable))
        return norm

    def _move(self, variable, gradient, rate, *slots):
        """Updates one variable and its slots: the rule of the optimizer."""
        raise NotImplementedError

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
        """Returns {name: array} of slots and averages: what a checkpoint must hold.

        Accumulated gradients are not in it: save after an update.
        """
        return {name: slot.numpy() for name, slot in self._kept().items()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Takes over what `state` returned, whole or not at all.

        Raises:
          UserError: names or shapes differ from those of this optimizer.
        """
        kept = self._kept()
        differing = sorted(set(kept) ^ set(state)) or [
            name for name in kept if tuple(kept[name].shape) != np.shape(state[name])
        ]
        if differing:
            raise UserError(
                f"optimizer state: expected the {len(kept)} arrays of this model and settings, "
                f"got {len(state)}; {len(differing)} differ, the first is {differing[0]!r}"
            )
        for name, slot in kept.items():
            slot.assign(state[name])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, as Keras saves an optimizer."""
        kept = super().get_config()
        return {
            "name": kept["name"],
            "learning_rate": kept["learning_rate"],
            "weight_decay": self._decay,
            "kernels_only": self._kernels_only,
            "clip_norm": self._clip_norm,
            "ema_decay": self._ema_decay,
            "accumulates": self._accumulates,
            "factors": dict(self._factors_by_path),
        }

    def _kept(self):
        kept: dict[str, Any] = {}
        kinds = zip((*self.SLOTS, "average"), (*self._slots, self._averages), strict=True)
        for kind, values in kinds:
            kept |= {f"{kind}/{v.path}": s for v, s in zip(self.trained, values, strict=False)}
        return kept

    def _copy(self, variable):
        # As an initializer, since `fit` builds while it traces.
        value = lambda shape, dtype: ops.convert_to_tensor(variable, dtype)  # noqa: E731
        return self.add_variable_from_reference(variable, "average", value)


def check_range(name: str, value: float, below: float | None = None) -> None:
    """Raises ValueError unless 0 <= value, and value < below where that is given."""
    if value < 0 or (below is not None and value >= below):
        limit = "" if below is None else f" and below {below}"
        raise ValueError(f"{name}: expected at least 0{limit}, got {value}")


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


def _check_gradients(gradients, variables):
    missing = [v.path for g, v in zip(gradients, variables, strict=True) if g is None]
    if missing:
        raise ValueError(f"{missing[0]} has no gradient: the loss does not depend on it")
