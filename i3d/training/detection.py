"""Training of boxes: key frames, InputSpec, objective, and validation by frame mAP.

records, validation = detection.opened(settings)
spec = detection.spec(settings, records)
batches = iter(detection.batches(settings, records, strategy, start_step=0))
"""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from i3d.data import keyframes
from i3d.data.keyframes import KeyFrames
from i3d.data.metadata import DatasetError
from i3d.detection import keyframe_scores, metrics
from i3d.inference import network
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.training import config
from i3d.training.objectives import Detection


def opened(
    settings: ConfigDict, tell: Callable[[str], None] = lambda line: None
) -> tuple[KeyFrames, KeyFrames | None]:
    """Returns the key frames of training and of validation (None where it is switched off).

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      tell: not called: nothing is held out.

    Raises:
      UserError: none are given, they cannot be used, or have no such classes or too few frames.
    """
    data = settings.data
    config.check_named(data)
    records = _opened(settings, data.train)
    if not data.validation:
        return records, None
    try:
        return records, _opened(settings, data.validation)
    except DatasetError as error:
        raise DatasetError(
            f"validation: {error}; --config.data.validation= (nothing) trains without"
        ) from error


def _opened(settings, split):
    data = settings.data
    records = keyframes.opened(data.records, split)
    if unknown := [one for one in settings.boxes.classes if one not in records.label_map]:
        raise UserError(
            f"config.boxes.classes: {unknown[0]} is not in the label map of {data.records}; "
            f"expected some of {', '.join(map(str, sorted(records.label_map)))}"
        )
    keyframes.check_reach(records, data.frames, data.stride)
    return records


def spec(settings: ConfigDict, records: KeyFrames) -> InputSpec:
    """Returns the InputSpec of the run: one clip around a key frame, the whole picture."""
    data = settings.data
    return InputSpec(
        frames=data.frames,
        stride=data.stride,
        clips=1,
        fps=records.fps,
        resize=records.short_side,
        crop=0,
        range=None if data.mean else (-1.0, 1.0),
        mean=data.mean,
        std=data.std,
        activation="sigmoid",
    )


def classes(settings: ConfigDict, records: KeyFrames) -> tuple[str, ...]:
    """Returns the names of the classes 1, 2, ...; "" for ids that the label map does not have."""
    ids = settings.boxes.classes
    return tuple(records.label_map[one] for one in ids) if ids else records.class_names


def batches(settings: ConfigDict, records: KeyFrames, strategy: Any, start_step: int) -> Any:
    """Returns the endless data set of pairs for i3d.training.objectives.Detection.

    They are {"clips": uint8 [B, T, S, S, 3], "boxes": float32 [B, N, 4]} and {"actions": bool
    [B, N, K], "counted": bool [B, N]}.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      records: keyframes.KeyFrames.
      strategy: each of its replicas gets settings.batch.per_replica clips at a time.
      start_step: updates made so far.
    """
    data, boxes, batch = settings.data, settings.boxes, settings.batch

    def of_worker(context):
        found = keyframes.train_batches(
            records,
            frames=data.frames,
            stride=data.stride,
            size=data.size,
            scale=boxes.scale,
            batch_size=batch.per_replica,
            seed=settings.seed,
            start_step=start_step * batch.accumulate,
            frame_jitter=boxes.frame_jitter,
            box_jitter=boxes.jitter,
            classes=boxes.classes,
            most_boxes=boxes.most,
            proposal_iou=boxes.proposal_iou,
            flip=0.5 if data.flip else 0.0,
            read_mb=data.read_mb,
            context=context,
        )
        return found.map(
            lambda one: (
                {name: one[name] for name in ("clips", "boxes")},
                {name: one[name] for name in ("actions", "counted")},
            )
        )

    return strategy.distribute_datasets_from_function(of_worker)


def prepare(spec: InputSpec) -> Callable[[Any], Any]:
    """Returns what makes the model's input of the clips and boxes of a batch."""
    layer = network.preprocessing(spec)
    return lambda found: found | {"clips": layer(found["clips"])}


def objective(settings: ConfigDict, spec: InputSpec, classes: tuple[str, ...]) -> Detection:
    """Returns the objective of a configuration."""
    own = settings.boxes
    return Detection(own.focal_alpha, own.focal_gamma, settings.loss_weight)


class Validation:
    """Frame mAP at an overlap of 0.5 of the weights that a run has now, on the true boxes.

    By the protocol of the challenge, see i3d.detection.metrics.
    """

    ranked_by = "map"

    def __init__(self, run: Any, records: KeyFrames) -> None:
        """Keeps what a test needs; to be made under strategy.scope().

        Args:
          run: i3d.training.run.Run with its model.
          records: of the validation split.
        """
        self._records = records
        self._network = network.Network(run.model, run.spec, run.model.output_shape[-1])
        self._ids = run.settings.boxes.classes

    def __call__(self) -> dict[str, float]:
        """Returns the mean average precision as {"map": float}."""
        truth = keyframe_scores.truth(self._records)
        found = keyframe_scores.detections(self._network, self._records, ids=self._ids)
        return {"map": metrics.frame_map(truth, found, self._ids or self._records.label_map).mean}
