"""Gradient descent with the arithmetic of TF1 and PyTorch, as Keras optimizers.

    model.compile(SGD(0.01, momentum=0.9, weight_decay=1e-4), loss=...)       # and model.fit(...)

    with strategy.scope():                                                    # the trainer
        optimizer = SGD.of(model.trainable_variables, weight_decay=1e-7, clip_norm=40.0)
        optimizer = AdamW.of(model.trainable_variables, weight_decay=0.2, factors={...})
        optimizer = Adam.of(model.trainable_variables, weight_decay=1e-4)
    optimizer.update(gradients, learning_rate)     # in a replica step; i3d.training.step calls it
    with optimizer.averaged(): ...                 # the moving average in place of the weights

One update: gradients are summed over replicas and clipped, then with these gradients g

    SGD     g = g + weight_decay * variable                                   (L2)
            buffer = momentum * buffer + g;    variable -= learning_rate * buffer
    AdamW   variable *= 1 - learning_rate * weight_decay                      (decoupled)
            mean = b1 * mean + (1 - b1) * g;   square = b2 * square + (1 - b2) * g ** 2
            variable -= learning_rate * (mean / (1 - b1 ** t)) / (sqrt(square / (1 - b2 ** t)) + e)
    Adam    g = g + weight_decay * variable                                   (L2)
            and the last two lines of AdamW

Keras' own SGD differs twice. Its `weight_decay` shrinks the variable apart from the gradient,
and its buffer holds the learning rate (buffer = momentum * buffer - learning_rate * g), so that
after the rate was cut to a tenth old gradients still go on at the old rate. Its AdamW adds e to
sqrt(square), before the correction of the bias.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from i3d.training.losses import add_l2
from i3d.training.optimizer_base import Base, check_range


@keras.saving.register_keras_serializable("i3d")
class SGD(Base):
    """Momentum SGD; under a tf.distribute strategy make it in the strategy's scope.

    Sources: tf.compat.v1.train.MomentumOptimizer, torch.optim.SGD (equal to each other without
    dampening and Nesterov); the order clip, L2, momentum is that of MMAction2's training.
    """

    SLOTS: ClassVar[tuple[str, ...]] = ("momentum",)

    def __init__(self, learning_rate: Any = 0.01, *, momentum: float = 0.9, **options: Any):
        """Keeps its arguments.

        Args:
          learning_rate: as for `optimizer_base.Base`.
          momentum: in [0, 1).
          **options: of `optimizer_base.Base`. weight_decay is L2, see
            `i3d.training.losses.add_l2`, also for `kernels_only`.

        Raises:
          ValueError: a number is out of its range.
        """
        check_range("momentum", momentum, 1)
        super().__init__(learning_rate, **{"name": "sgd"} | options)
        self._momentum = momentum

    def _move(self, variable, gradient, rate, *slots):
        (buffer,) = slots
        (gradient,) = add_l2([gradient], [variable], self._decay, self._kernels_only)
        moved = self._momentum * buffer + gradient
        self.assign(buffer, moved)
        self.assign_sub(variable, rate * moved)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, as Keras saves an optimizer."""
        return super().get_config() | {"momentum": self._momentum}


@keras.saving.register_keras_serializable("i3d")
class AdamW(Base):
    """Adam with decoupled weight decay; under a tf.distribute strategy make it in its scope.

    Sources: Loshchilov & Hutter 2019, arXiv:1711.05101; the arithmetic is that of
    torch.optim.AdamW.
    """

    SLOTS: ClassVar[tuple[str, ...]] = ("mean", "square")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.98),
        epsilon: float = 1e-8,
        **options: Any,
    ):
        """Keeps its arguments.

        Args:
          learning_rate: as for `optimizer_base.Base`.
          betas: of the averages of the gradient and of its square, each in [0, 1).
          epsilon: added to the root of the corrected mean square.
          **options: of `optimizer_base.Base`. weight_decay is decoupled from the gradient: a
            variable is multiplied by 1 - learning rate * its factor * weight_decay.

        Raises:
          ValueError: a number is out of its range.
        """
        for beta in betas:
            check_range("betas", beta, 1)
        check_range("epsilon", epsilon)
        super().__init__(learning_rate, **{"name": "adamw"} | options)
        self._betas, self._epsilon = tuple(betas), epsilon

    def build(self, variables: list[Any]) -> None:
        """As `optimizer_base.Base.build`; counts the updates, too."""
        if not self.built:
            super().build(variables)
            self._updates = self.add_variable((), "zeros", "int64", name="updates")

    def _descend(self, gradients, variables, learning_rate):
        self.assign_add(self._updates, 1)
        return super()._descend(gradients, variables, learning_rate)

    def _move(self, variable, gradient, rate, *slots):
        decays = self._decay and (len(variable.shape) > 1 or not self._kernels_only)
        kept = variable * (1 - rate * self._decay) if decays else variable
        self.assign(variable, kept - rate * self._direction(gradient, *slots))

    def _direction(self, gradient, mean, square):
        """Returns the corrected mean over the root of the corrected mean square, both updated."""
        keep_mean, keep_square = self._betas
        count = ops.cast(self._updates, "float32")
        self.assign(mean, keep_mean * mean + (1 - keep_mean) * gradient)
        self.assign(square, keep_square * square + (1 - keep_square) * ops.square(gradient))
        corrected = mean / (1 - keep_mean**count)
        root = ops.sqrt(square / (1 - keep_square**count))
        return corrected / (root + self._epsilon)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, as Keras saves an optimizer."""
        return super().get_config() | {"betas": self._betas, "epsilon": self._epsilon}

    def _kept(self):
        return super()._kept() | {"updates": self._updates}


@keras.saving.register_keras_serializable("i3d")
class Adam(AdamW):
    """Adam with L2, which is added to the gradient; arguments as of AdamW.

    Sources: Kingma & Ba 2015, arXiv:1412.6980; the arithmetic is that of torch.optim.Adam.
    """

    def _move(self, variable, gradient, rate, *slots):
        (gradient,) = add_l2([gradient], [variable], self._decay, self._kernels_only)
        self.assign_sub(variable, rate * self._direction(gradient, *slots))
