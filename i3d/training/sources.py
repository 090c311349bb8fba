"""Further sources of a joint training: their records, batches, steps and losses.

    chosen = sources.opened(settings)                     # of config.sources
    joint = sources.Joint(run, chosen)
    joint.begin(step=0)
    results = joint.before(step, rate) | train_step(...) | joint.after(step, rate)
    results["loss_web"]

For every batch of config.data.records a source gives `ratio` batches of its own, 0.5 one for every
second. `together` adds the gradients of these to those of the step, for one update; else each is
an update of its own after that of the step, at its learning rate. Both forms are of OmniSource
(Duan et al. 2020, arXiv:2003.13042): in turn as in MMAction2 0.x (train_ratio [2, 1] is a ratio of
0.5; of two batches the first is followed there, here the second), together as in its 1.x (ratio
1). There the sum of the losses is logged; here "loss" is of config.data.records alone, and
loss_NAME of each source.

A source is called like the folder of its records. Sources of "clips" have the classes of
config.data.records; images among them are clips whose frames are equal. One of "images" has classes
of its own, and the model a head for them, see i3d.models.omni.
"""

import copy
import dataclasses
import math
import time
from typing import Any

import keras
from ml_collections import ConfigDict

from i3d.data import read, stored
from i3d.training import config, source_checks
from i3d.training import input as train_input
from i3d.training.step import TrainStep


@dataclasses.dataclass(frozen=True)
class Source:
    """One source: `settings` are those of its batches, `images` says which head it is for."""

    name: str
    records: stored.Records
    ratio: float
    settings: ConfigDict
    images: bool

    def due(self, step: int) -> int:
        """Returns how many of its batches come before a step of the run."""
        return math.floor(step * self.ratio + 1e-9)


def opened(settings: ConfigDict) -> list[Source]:
    """Returns the sources of a configuration, whose values are checked.

    Raises:
      UserError: a data set cannot be used, see i3d.training.source_checks.
    """
    values = config.flat(settings)
    rows = source_checks.rows(values)
    if rows:
        source_checks.check_records(values, read.opened(settings.data.records))
    return [_source(settings, row, place) for place, row in enumerate(rows)]


def _source(settings, row, place):
    own = _settings_of(settings, row, place)
    return Source(row["name"], _opened(own), row["ratio"], own, row["kind"] == "images")


def image_classes(sources: list[Source]) -> int:
    """Returns the classes of the source of images; 0 without one."""
    return next((len(one.records.class_names) for one in sources if one.images), 0)


def _settings_of(settings, row, place):
    """Returns the configuration of a source's own batches."""
    own = copy.deepcopy(settings)
    own.data.records, own.data.train, own.data.validation = row["records"], row["split"], ""
    own.data.shots, own.batch.accumulate = 0, 1
    own.batch.per_replica, own.seed = row["per_replica"], settings.seed + place + 1
    if row["kind"] == "images":
        own.data.frames, own.data.stride, own.data.segments = 1, 1, 0
        own.data.sampling = "random"
    return own


def _opened(own):
    try:
        return train_input.opened(own)[0]
    except stored.DatasetError as error:
        raise stored.DatasetError(f"config.sources.records: {error}") from error


def branches(model: keras.Model) -> tuple[keras.Model, keras.Model | None]:
    """Returns the model of clips of a training, and that of images where it has a head for them."""
    if not (isinstance(model.input, dict) and "images" in model.input):
        return model, None
    pairs = (("clips", "logits"), ("images", "image_logits"))
    clips, images = (
        keras.Model(model.input[x], model.output[y], name=model.name) for x, y in pairs
    )
    return clips, images


def _of_images(prepare):
    """Returns what makes images [B, H, W, C] of clips of one frame."""
    return lambda clips: prepare(clips)[:, 0]


class Joint:
    """The further sources of one run: a step for each, on the weights of the run."""

    def __init__(self, run: Any, sources: list[Source]):
        """Makes their steps, of the model that the run has by then.

        Args:
          run: i3d.training.run.Run with model, optimizer, prepare and objective.
          sources: of `opened`.
        """
        self._strategy, self._sources = run.strategy, sources
        self._together = run.settings.sources.together
        self._steps = [self._step_of(run, source) for source in sources]
        self._batches: list[Any] = []
        self._waited = 0.0

    def _step_of(self, run, source):
        clips = source.settings.batch.per_replica * self._strategy.num_replicas_in_sync
        return TrainStep(
            self._strategy,
            run.image_model if source.images else run.model,
            run.optimizer,
            clips_per_update=clips,
            objective=run.objective,
            seed=source.settings.seed,
            prepare=_of_images(run.prepare) if source.images else run.prepare,
        )

    def begin(self, step: int) -> None:
        """Opens the batches at the place that is due at a step of the run."""
        self._batches = [
            iter(train_input.batches(one.settings, one.records, self._strategy, one.due(step)))
            for one in self._sources
        ]

    def before(self, step: int, rate: float) -> dict[str, Any]:
        """Adds the gradients of the sources where all train together; returns their losses."""
        return self._results(step, rate) if self._together else {}

    def after(self, step: int, rate: float) -> dict[str, Any]:
        """Makes the updates of the sources where they take turns; returns losses and norms."""
        return {} if self._together else self._results(step, rate)

    def waited(self) -> float:
        """Returns the seconds since the last call in which steps waited for their batches."""
        seconds, self._waited = self._waited, 0.0
        return seconds

    def _results(self, step, rate):
        """Returns {"loss_NAME": mean loss, ...} of the sources that are due in a step."""
        found = {}
        for place, source in enumerate(self._sources):
            numbers = range(source.due(step), source.due(step + 1))
            results = [self._trained(place, number, rate) for number in numbers]
            for name in results[0] if results else ():
                total = sum(result[name] for result in results)
                found[f"{name}_{source.name}"] = total / len(results)
        return found

    def _trained(self, place, number, rate):
        """Returns the results of the next batch of a source, which has this number."""
        begin = time.perf_counter()
        batch = next(self._batches[place])
        self._waited += time.perf_counter() - begin
        train_step = self._steps[place]
        if self._together:
            return {"loss": train_step.accumulate(batch, number)}
        results = train_step([batch], rate, number)
        return {name: results[name] for name in ("loss", "gradient_norm")}
