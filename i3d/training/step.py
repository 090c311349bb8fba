"""One training step, the same for one device, MirroredStrategy and MultiWorkerMirroredStrategy.

with strategy.scope():
    model = models.build("inception_i3d", num_classes=101, dropout=0.5)
    set_batch_norm(model, "sync")
    optimizer = SGD.of(model.trainable_variables, weight_decay=1e-7)
train_step = of(strategy, model, optimizer, clips_per_update=48)    # on JAX a JaxStep
results = train_step([next(batches)], learning_rate, step)      # {"loss", "hits", ...}
"""

import math

import keras
import tensorflow as tf

from i3d.runtime import devices
from i3d.runtime.command import UserError
from i3d.training.losses import weighted_mean
from i3d.training.objectives import Classification

BATCH_NORM_MODES = ("local", "sync", "frozen")


def set_batch_norm(model, mode, momentum=0.0):
    """Sets how the BatchNormalization layers of a built model train, in place.

    Call it before the optimizer is made: "frozen" takes variables out of the trainable ones.

    Args:
      model: keras.Model.
      mode: "local": each replica normalises with the statistics of its own clips. "sync": with
        those of all replicas' clips together. "frozen": with the moving statistics, which are
        not updated; scale and offset are not trained either (the usual meaning, for
        fine-tuning with few clips per replica).
      momentum: share of the moving statistics that a step keeps; 0 leaves the model's own. Those
        of I3D, 0.999, are of the last thousands of steps: with a run that short, evaluation is far
        worse than training. 0.9 is right for a thousand steps.

    Raises:
      ValueError: an unknown mode.
    """
    if mode not in BATCH_NORM_MODES:
        raise ValueError(f"batch norm: expected one of {BATCH_NORM_MODES}, got {mode!r}")
    for layer in _batch_norms(model):
        layer.trainable = mode != "frozen"
        # Read when the layer is called, so no new model. On JAX there is one device.
        layer.synchronized = mode == "sync" and devices.has_tensorflow()
        layer.momentum = momentum or layer.momentum


def of(strategy, model, optimizer, **options):
    """Returns the TrainStep of a strategy, on JAX the JaxStep, which takes the same options."""
    if devices.has_tensorflow():
        return TrainStep(strategy, model, optimizer, **options)
    from i3d.training.jax_step import JaxStep

    return JaxStep(model, optimizer, **options)


class TrainStep:
    """Forward, loss, gradients and update of one batch, given whole or in parts.

    The model computes in whatever precision it was built with; the loss, the gradients of
    variables and the update are float32.
    """

    def __init__(
        self,
        strategy,
        model,
        optimizer,
        *,
        clips_per_update,
        objective=None,
        seed=0,
        prepare=None,
    ):
        """Keeps what every step needs; variables must have been made under strategy.scope().

        Args:
          strategy: tf.distribute.Strategy; tf.distribute.get_strategy() for one device.
          model: as the objective takes it.
          optimizer: of i3d.training.optimizer, of the model's trainable variables; where it has
            others too, of another branch, this step gives them gradients of zero.
          clips_per_update: clips over all replicas and parts; the loss is their mean.
          objective: (model, prepared clips, labels, draw) -> (loss of each clip, float32 [B],
            number of hits), see i3d.training.objectives; None: Classification with cross-entropy.
          seed: int >= 0; dropout is a function of it, the step, the part and the replica, so
            that a resumed run needs no saved state of random numbers.
          prepare: what makes the model's input of the clips of a batch, on the device; None leaves
            them.

        Raises:
          ValueError: the model holds float16 layers, which would need loss scaling.
        """
        half = [layer.name for layer in model.layers if layer.compute_dtype == "float16"]
        if half:
            raise ValueError(
                f"layer {half[0]} computes in float16, whose small gradients vanish; "
                "expected float32, or bfloat16 (policy mixed_bfloat16)"
            )
        self._strategy, self._model, self._optimizer = strategy, model, optimizer
        self._clips_per_update, self._objective = clips_per_update, objective or Classification()
        self._seed, self._prepare = seed, prepare or (lambda clips: clips)
        self._random_states = [v for v in model.variables if v.name == "seed_generator_state"]
        self._trained = [v.value for v in optimizer.trained]
        own = {v.path for v in model.trainable_variables}
        self._is_own = [v.path in own for v in optimizer.trained]
        self._statistics = _local_statistics(model)

    def __call__(self, batches, learning_rate, step):
        """Trains on one batch and returns its results, without waiting for them.

        Args:
          batches: list of parts, each (clips [B, T, H, W, C], labels int [B], or bool [B, K]
            where clips have several) as the strategy distributes them; clips float32, or what
            `prepare` takes; either may be a structure of tensors, as the objective takes it. More
            than one part needs an optimizer that accumulates.
          learning_rate: Python float.
          step: number of this update, from 0.

        Returns:
          dict of float32 scalars: "loss" (its mean over the clips, without L2), "hits" (clips
          that the objective counts), "gradient_norm" (before clipping and L2).

        Raises:
          ValueError: the parts do not hold clips_per_update clips (seen while tracing).
        """
        rate = tf.constant(learning_rate, tf.float32)
        draws = [tf.constant(step * len(batches) + i, tf.int64) for i in range(len(batches))]
        loss = hits = 0.0
        for batch, draw in zip(batches[:-1], draws[:-1], strict=True):
            part_loss, part_hits = self._accumulate(batch, draw, len(batches))
            loss, hits = loss + part_loss, hits + part_hits
        part_loss, part_hits, norm = self._update(batches[-1], draws[-1], rate, len(batches))
        return {"loss": loss + part_loss, "hits": hits + part_hits, "gradient_norm": norm}

    def accumulate(self, batch, step):
        """Adds the gradients of a whole batch to those of the next update, by another step.

        Args:
          batch: clips and labels as above, clips_per_update of them.
          step: number of the batch, from 0.

        Returns:
          float32 scalar, the mean loss of its clips.
        """
        loss, _ = self._accumulate(batch, tf.constant(step, tf.int64), 1, whole=True)
        return loss

    @tf.function
    def _accumulate(self, batch, draw, num_parts, whole=False):
        def replica_step(batch, draw):
            gradients, loss, hits = self._gradients(batch, draw, num_parts)
            self._optimizer.accumulate(gradients)
            if whole:
                self._average_statistics()
            return loss, hits

        return self._sums(self._strategy.run(replica_step, (batch, draw)))

    @tf.function
    def _update(self, batch, draw, learning_rate, num_parts):
        def replica_step(batch, draw, learning_rate):
            gradients, loss, hits = self._gradients(batch, draw, num_parts)
            norm = self._optimizer.update(gradients, learning_rate)
            self._average_statistics()
            return loss, hits, norm

        loss, hits, norm = self._strategy.run(replica_step, (batch, draw, learning_rate))
        norm = self._strategy.reduce(tf.distribute.ReduceOp.MEAN, norm, axis=None)
        return *self._sums((loss, hits)), norm

    def _gradients(self, batch, draw, num_parts):
        """Returns gradients, loss and hits of this replica: its shares of the whole batch's."""
        clips, labels = batch
        self._check_batch(labels, num_parts)
        self._seed_dropout(draw)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._trained)
            each, hits = self._objective(self._model, self._prepare(clips), labels, draw)
            loss = weighted_mean(each, total=self._clips_per_update)
        gradients = tape.gradient(loss, self._trained)
        return [*map(self._whole, gradients, self._trained, self._is_own)], loss, hits

    def _whole(self, gradient, variable, is_own):
        """Returns a gradient as a dense tensor (those of embeddings are sparse)."""
        if gradient is None:
            return None if is_own else tf.zeros_like(variable)
        return tf.convert_to_tensor(gradient)

    def _check_batch(self, labels, num_parts):
        replicas = self._strategy.num_replicas_in_sync
        clips = tf.nest.flatten(labels)[0].shape[0]
        if clips is None or clips * replicas * num_parts != self._clips_per_update:
            raise ValueError(
                f"expected {self._clips_per_update} clips per update, got {clips} per replica x "
                f"{replicas} replicas x {num_parts} parts; batch with drop_remainder=True"
            )

    def _seed_dropout(self, draw):
        """Sets each layer's random state to (seed and layer, draw and replica)."""
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        count = draw * self._strategy.num_replicas_in_sync + replica
        for i, state in enumerate(self._random_states):
            values = tf.stack([tf.constant(1000 * self._seed + i, tf.int64), count])
            state.assign(tf.cast(values, state.dtype))

    def _average_statistics(self):
        """Makes moving statistics those of all replicas, so that all hold the same weights.

        Otherwise a checkpoint would keep what the first replica saw, and evaluation would
        depend on the replica that a video comes to.
        """
        if self._strategy.num_replicas_in_sync > 1 and self._statistics:
            context = tf.distribute.get_replica_context()
            # A copy, as all_reduce goes by its device, and the value that is read has none.
            values = [tf.identity(v.value) for v in self._statistics]
            means = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
            for v, mean in zip(self._statistics, means, strict=True):
                v.assign(mean)

    def _sums(self, values):
        return tuple(
            self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in values
        )


def check_finite(values, first_step, name="loss"):
    """Returns the values as floats, having made sure that none is NaN or infinite.

    Call it at every log point and before every checkpoint, with all losses and gradient norms since
    the last call: so training does not wait for every step, and no spoilt weights are saved.

    Args:
      values: float scalars of consecutive steps.
      first_step: the step of the first of them.
      name: what they are.

    Raises:
      UserError: one is not finite; the message names the step and what to do.
    """
    values = [float(value) for value in values]
    for step, value in enumerate(values, first_step):
        if not math.isfinite(value):
            raise UserError(
                f"step {step}: the {name} is {value}, expected a finite number; begin again in "
                "another --workdir with a lower learning rate, a longer warm-up, "
                "optimizer.clip_norm=40 or batch_norm 'frozen'"
            )
    return values


def _batch_norms(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _batch_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer


def _local_statistics(model):
    """Returns the moving statistics that replicas compute apart from each other."""
    local = [layer for layer in _batch_norms(model) if layer.trainable and not layer.synchronized]
    return [v for layer in local for v in (layer.moving_mean, layer.moving_variance)]
