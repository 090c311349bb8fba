"""What a training run of each task consists of: its input, its objective and its validation.

task = tasks.of(settings)          # by the model: of videos (and texts), of boxes or segments
records, validation = task.opened(settings, print)
batches = iter(task.batches(settings, records, strategy, start_step=0))
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ml_collections import ConfigDict

from i3d.inference import network
from i3d.training import detection, localization, model, segment_records, segment_validation, text
from i3d.training import input as train_input
from i3d.training.validation import Validation
from i3d.weights.kinds import taken_by


@dataclass(frozen=True)
class Task:
    """The parts of a run that differ between tasks.

    Attributes:
      opened: (settings, tell) -> (records of training, of validation or None).
      spec: (settings, records) -> InputSpec, or FeatureSpec.
      classes: (settings, records) -> names that config.json keeps, () where it needs none.
      outputs: (settings, records) -> width of the head.
      batches: (settings, records, strategy, start_step) -> endless data set of pairs of clips and
        labels.
      prepare: (spec) -> what makes the model's input of the clips of a batch.
      objective: (settings, spec, classes) -> one of i3d.training.objectives; called under
        strategy.scope().
      validation: (run, records) -> function without arguments that returns {name: float}, and whose
        `ranked_by` names the number by which weights are the best.
    """

    opened: Callable[..., tuple[Any, Any]]
    spec: Callable[..., Any]
    classes: Callable[..., tuple[str, ...]]
    outputs: Callable[..., int]
    batches: Callable[..., Any]
    prepare: Callable[..., Any]
    objective: Callable[..., Any]
    validation: Callable[..., Any]


RECOGNITION = Task(
    opened=train_input.opened,
    spec=train_input.spec,
    classes=text.labels,
    outputs=lambda settings, records: len(records.class_names),
    batches=train_input.batches,
    prepare=network.preprocessing,
    objective=model.objective,
    validation=Validation,
)

DETECTION = Task(
    opened=detection.opened,
    spec=detection.spec,
    classes=detection.classes,
    outputs=lambda settings, records: 1 + len(detection.classes(settings, records)),
    batches=detection.batches,
    prepare=detection.prepare,
    objective=detection.objective,
    validation=detection.Validation,
)

LOCALIZATION = Task(
    opened=segment_records.opened,
    spec=localization.spec,
    classes=localization.classes,
    outputs=localization.outputs,
    batches=localization.batches,
    prepare=localization.prepare,
    objective=localization.objective,
    validation=segment_validation.Validation,
)

_TASKS = {"videos": RECOGNITION, "boxes": DETECTION, "features": LOCALIZATION}


def of(settings: ConfigDict) -> Task:
    """Returns the Task of a configuration, by its model."""
    return _TASKS[taken_by(settings.model.name)]
