"""Runs a training, from its configuration or its last checkpoint to its last step.

    stopped_by = run.train(settings, "runs/rgb")     # settings: as i3d.training.config.defaults

workdir/config.json, log.jsonl and tensorboard/ tell what was done; step-*/ are the last
checkpoints; best.weights.h5 has the best top-1 accuracy in validation, or with several labels per
video, boxes or segments, the best mean average precision; of proposals the best AUC. Without
validation it holds the averaged weights of the last step, where optimizer.ema_decay makes averages,
and the network of clips of the last step, where a head of images is trained beside it.
"""

import contextlib
import time
from pathlib import Path

import keras
import tensorflow as tf

from i3d.runtime import devices, stopping
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.training import checkpoints, config, folder, sources, tasks
from i3d.training import input as train_input
from i3d.training import model as train_model
from i3d.training.log import RunLog, Window
from i3d.training.step import check_finite
from i3d.training.step import of as step_of
from i3d.weights.clip_zoo import takes_text
from i3d.weights.kinds import taken_by

SLOW_SAVE_EVERY_S = 120.0  # where a step takes seconds


def train(settings, workdir, replicas=0):
    """Makes all steps that are left.

    Args:
      settings: ConfigDict as i3d.training.config.defaults, checked.
      workdir: folder of the run.
      replicas: as for `devices.strategy`.

    Returns:
      the number of the signal (SIGINT, SIGTERM) that stopped it before the last step, else 0.

    Raises:
      UserError: the configuration, the data or the folder cannot be used as asked, or the loss is
        no number any more.
      tf.errors.OpError: a record cannot be used, or memory is short.
    """
    _check_backend(settings)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(settings.seed)
    strategy = devices.strategy(replicas)
    replicas, chief = strategy.num_replicas_in_sync, devices.is_chief(strategy)
    task = tasks.of(settings)
    data = task.opened(settings, print if chief else lambda line: None)
    spec = task.spec(settings, data[0])
    own = settings, spec, replicas, task.classes(settings, data[0])
    with folder.alone(workdir) if chief else contextlib.nullcontext():
        folder.claim(workdir, *own, write=False)
        run = Run(settings, workdir, strategy, *data)
        # A start that failed leaves none.
        folder.claim(workdir, *own, write=chief)
        if chief:
            train_input.write_shots(workdir, settings, data[0])
            checkpoints.tidy(workdir)
        return run.go()


def _check_backend(settings):
    """Leaves the GPU to JAX, where that trains; UserError where a backend cannot train so."""
    backend, model = keras.backend.backend(), settings.model.name
    if backend not in ("tensorflow", "jax"):
        raise UserError(f"KERAS_BACKEND: training runs on tensorflow or jax, got {backend}")
    if backend == "tensorflow":
        return
    if taken_by(model) != "videos" or takes_text(model):
        raise UserError(
            f"KERAS_BACKEND: jax trains networks that classify videos; {model} needs tensorflow"
        )
    if settings.sources.records:
        raise UserError(
            "KERAS_BACKEND: jax trains on config.data.records alone; "
            "config.sources needs tensorflow"
        )
    tf.config.set_visible_devices([], "GPU")  # it reads the data


def _check(window, results, first_step):
    """Makes sure that the losses and norms in results of consecutive steps are finite."""
    for name in window.names:
        check_finite([found.get(name, 0.0) for found in results], first_step, _in_words(name))


def _in_words(name):
    """Returns the name of a result for messages: loss_web is the loss of web."""
    for begin, words in (("gradient_norm", "norm of the gradients"), ("loss", "loss")):
        if name.startswith(begin):
            source = name.removeprefix(begin).removeprefix("_")
            return f"{words} of {source}" if source else words
    return name


def _steps(count):
    """Returns a number of steps in words."""
    return f"{count} step{'s' * (count != 1)}"


class Run:
    """State of a training run: model, optimizer, data, step."""

    def __init__(self, settings, workdir, strategy, records, validation):
        """Builds the model and loads the last checkpoint, or the initial weights.

        Args:
          settings, workdir: as for `train`.
          strategy: tf.distribute.Strategy.
          records, validation: as the task opens them; validation may be None.
        """
        self.settings, self.workdir, self.strategy = settings, Path(workdir), strategy
        self.records = records
        self.task = tasks.of(settings)
        self.spec = self.task.spec(settings, records)
        self.labels = self.task.classes(settings, records)
        batch = settings.batch
        self.clips = batch.per_replica * batch.accumulate * strategy.num_replicas_in_sync
        self.chief = devices.is_chief(strategy)
        further = sources.opened(settings)
        with strategy.scope():
            outputs, images = self.task.outputs(settings, records), sources.image_classes(further)
            self.whole_model = train_model.build(settings, self.spec, outputs, images)
            self.model, self.image_model = sources.branches(self.whole_model)
            self.optimizer = train_model.optimizer(settings, self.whole_model)
            self.prepare = self.task.prepare(self.spec)
            self.objective = self.task.objective(settings, self.spec, self.labels)
            self._validation = validation and self.task.validation(self, validation)
        self.step = self._restored()
        self._step_s, self._saved_at = 0.0, time.monotonic()
        checkpoints.check_same_step(strategy, self.step)
        self.train_step = step_of(
            strategy,
            self.model,
            self.optimizer,
            clips_per_update=self.clips,
            objective=self.objective,
            seed=settings.seed,
            prepare=self.prepare,
        )
        self._joint = sources.Joint(self, further)

    def go(self):
        """Makes the steps that are left; returns as `train`."""
        left = self.settings.steps - self.step
        if left <= 0:
            self._tell(f"{self.workdir}: already finished ({_steps(self.settings.steps)})")
            return 0
        batches = iter(self.task.batches(self.settings, self.records, self.strategy, self.step))
        self._joint.begin(self.step)
        opened = RunLog(self.workdir, self.step) if self.chief else contextlib.nullcontext()
        alone, window, asked = devices.is_alone(self.strategy), Window(self.step), None
        bar = Progress(self.settings.steps, "step", done=self.step, first_apart=True)
        with opened as log, stopping.requests(alone) as requests, bar:
            while self.step < self.settings.steps and not asked:
                self._update(batches, window)
                asked = requests[0] if requests else None
                if asked:
                    stopping.finishing()
                window = self._after_update(log, window, asked)
                bar.add()
        if self.step < self.settings.steps:
            self._tell(f"{self.workdir}: stopped and saved at step {self.step}")
            return asked
        self._save_last()
        self._tell(f"{self.workdir}: done, {_steps(self.step)}")
        return 0

    def _restored(self):
        """Returns the step to resume from."""
        state = checkpoints.restore(self.workdir, self.whole_model, self.optimizer)
        if state:
            self._tell(f"{self.workdir}: resumes from step {state['step']}")
            self.objective.load_state(state.get("objective", {}))
            return state["step"]
        if self.settings.model.start:
            with self.strategy.scope():
                self._tell(train_model.start(self.settings, self.spec, self.model))
                # Once more, as averages begin at these weights.
                self.optimizer = train_model.optimizer(self.settings, self.whole_model)
        return 0

    def _update(self, batches, window):
        begin = time.perf_counter()
        parts = [next(batches) for _ in range(self.settings.batch.accumulate)]
        window.waited += time.perf_counter() - begin
        window.rate = config.learning_rate(self.settings, self.step, self.clips)
        window.results.append(self._updated(parts, window.rate))
        window.waited += self._joint.waited()
        self.step += 1
        self._step_s = time.perf_counter() - begin

    def _updated(self, parts, rate):
        """Returns the results of a step: of the own batch, and those of further sources."""
        before = self._joint.before(self.step, rate)
        results = self.train_step(parts, rate, self.step)
        return results | before | self._joint.after(self.step, rate)

    def _after_update(self, log, window, asked):
        """Logs, validates and saves where it is time to; returns the window of the next step."""
        settings = self.settings
        validate = self._validation and self._is_time(settings.validate_every)
        save = asked or self._is_time(settings.checkpoint_every)
        if not (validate or save or self._is_time(settings.log_every)):
            self._save_slow_step(window)
            return window
        _check(window, window.results, window.first_step)
        numbers = window.numbers(self.clips, self.objective.accuracy)
        if log:
            log.write(self.step, numbers)
        if validate:
            self._validate(log)
        if save:
            self._save()
        return Window(self.step)

    def _save(self):
        self._saved_at = time.monotonic()
        if self.chief:
            state = {"objective": self.objective.state()}
            checkpoints.save(self.workdir, self.step, self.whole_model, self.optimizer, state)

    def _save_last(self):
        """Saves the weights at the end of a run that never says which are the best.

        That is, where its checkpoints do not hold just these: averages, or a head of images, too.
        """
        differ = self.settings.optimizer.ema_decay or self.image_model
        if self.chief and not self._validation and differ:
            checkpoints.save_best(self.workdir, self.model, self.optimizer, {"step": self.step})

    def _save_slow_step(self, window):
        """Saves now and then where Ctrl-C would not wait for the end of a step."""
        slow = self._step_s > stopping.GRACE_S / 2
        if slow and time.monotonic() - self._saved_at > SLOW_SAVE_EVERY_S:
            _check(window, window.results[-1:], self.step - 1)
            self._save()

    def _is_time(self, every):
        return self.step == self.settings.steps or self.step % every == 0

    def _validate(self, log):
        """Takes the accuracies on all videos of the validation split, one centred view of each."""
        with self.optimizer.averaged():
            numbers = self._validation()
        if not log:
            return
        log.write(self.step, numbers, "validation")
        best = checkpoints.best_info(self.workdir)
        ranked_by = self._validation.ranked_by
        if best is None or numbers[ranked_by] > best[ranked_by]:
            info = {"step": self.step} | numbers
            checkpoints.save_best(self.workdir, self.model, self.optimizer, info)

    def _tell(self, text):
        if self.chief:
            print(text, flush=True)
