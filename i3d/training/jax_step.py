"""One training step on JAX, on one device; as i3d.training.step.TrainStep, which TensorFlow makes.

train_step = JaxStep(model, optimizer, clips_per_update=48)
results = train_step([next(batches)], learning_rate, step)      # {"loss", "hits", ...}

Each part of a batch is one compiled program, from the clips to the new weights; the values of the
model's and the optimizer's variables go in and come out, and are put into the variables again.
"""

import jax
import keras
import numpy as np
from jax import numpy as jnp

from i3d.training.losses import weighted_mean
from i3d.training.objectives import Classification


class JaxStep:
    """Forward, loss, gradients and update of one batch, given whole or in parts."""

    def __init__(self, model, optimizer, *, clips_per_update, objective=None, seed=0, prepare=None):
        """Keeps what every step needs; arguments as of TrainStep; it classifies videos."""
        self._objective = objective or Classification()
        self._model, self._optimizer, self._seed = model, optimizer, seed
        self._clips_per_update, self._prepare = clips_per_update, prepare or (lambda clips: clips)
        self._trained = optimizer.trained
        ours = {id(v) for v in self._trained}
        self._others = [v for v in model.variables if id(v) not in ours]
        slots = {id(v): v for v in optimizer.variables if id(v) not in ours}
        self._slots = list(slots.values())
        self._part = jax.jit(self._of_part, static_argnames=("last", "count"))

    def __call__(self, batches, learning_rate, step):
        """Trains on one batch and returns its results, as TrainStep does."""
        loss = hits = 0.0
        variables = self._trained, self._others, self._slots
        for number, batch in enumerate(batches):
            place = step * len(batches) + number
            values = [[v.value for v in each] for each in variables]
            found = self._part(
                values,
                jax.tree.map(np.asarray, tuple(batch)),
                np.uint32(place),
                np.float32(learning_rate),
                last=number == len(batches) - 1,
                count=len(batches),
            )
            for own, new in zip(variables, found[0], strict=True):
                for variable, value in zip(own, new, strict=True):
                    variable.assign(value)
            loss, hits, norm = loss + found[1], hits + found[2], found[3]
        return {"loss": loss, "hits": hits, "gradient_norm": norm}

    def _of_part(self, values, batch, place, rate, last, count):
        """Returns (new values, loss, hits, norm of the gradients) of a part of a batch."""
        trained, others, slots = values
        self._check_batch(batch[1], count)
        differentiated = jax.value_and_grad(self._loss, has_aux=True)
        (loss, (hits, others)), gradients = differentiated(trained, others, batch, place)
        with _holding((self._trained, trained), (self._slots, slots)) as scope:
            norm = jnp.float32(0)
            if last:
                norm = self._optimizer.update(gradients, rate)
            else:
                self._optimizer.accumulate(gradients)
        trained, slots = _held(scope, self._trained, trained), _held(scope, self._slots, slots)
        return (trained, others, slots), loss, hits, norm

    def _loss(self, trained, others, batch, place):
        """Returns the loss, and (hits, values of the variables that are not trained)."""
        clips, labels = batch
        others = [self._seeded(i, v, x, place) for i, (v, x) in self._numbered(others)]
        with _holding((self._trained, trained), (self._others, others)) as scope:
            each, hits = self._objective(self._model, self._prepare(clips), labels, place)
            loss = weighted_mean(each, total=self._clips_per_update)
        return loss, (hits, _held(scope, self._others, others))

    def _numbered(self, values):
        """Yields (number among the random states, or -1, (variable, value))."""
        count = 0
        for variable, value in zip(self._others, values, strict=True):
            is_state = variable.name == "seed_generator_state"
            yield (count if is_state else -1), (variable, value)
            count += is_state

    def _seeded(self, number, variable, value, place):
        """Returns the value of a variable; of a random state (seed and layer, part of the run)."""
        if number < 0:
            return value
        return jnp.stack([jnp.uint32(1000 * self._seed + number), place]).astype(variable.dtype)

    def _check_batch(self, labels, count):
        if labels.shape[0] * count != self._clips_per_update:
            raise ValueError(
                f"expected {self._clips_per_update} clips per update, got {labels.shape[0]} x "
                f"{count} parts; batch with drop_remainder=True"
            )


def _holding(*pairs):
    """Returns the scope in which variables have other values; pairs of lists of both."""
    mapping = [pair for both in pairs for pair in zip(*both, strict=True)]
    return keras.StatelessScope(state_mapping=mapping)


def _held(scope, variables, values):
    """Returns the values that variables have at the end of a scope."""
    new = map(scope.get_current_value, variables)
    return [old if own is None else own for own, old in zip(new, values, strict=True)]
