"""A test of trained weights: from checked flags to what is printed and written.

evaluate_run.run(options)              # of `python -m i3d.evaluate`
"""

import numpy as np

from i3d import models, weights
from i3d.data import stored
from i3d.evaluation import report
from i3d.evaluation.results import Result
from i3d.inference import records as inference_records
from i3d.runtime import devices
from i3d.runtime.progress import Progress
from i3d.training import input
from i3d.training import model as training_model
from i3d.weights.start import head_classes


def run(options):
    """Tests, prints and writes.

    Args:
      options: FlagValues as `i3d.evaluate.defined_flags`, parsed and checked.

    Raises:
      ValueError, OSError: the weights or the data cannot be used as asked.
      FloatingPointError, tf.errors.OpError: as `views.evaluate`.
    """
    settings = options.config
    strategy = devices.strategy(1 if options.whole_video else options.replicas)
    data = settings.data
    records = stored.opened(data.records, options.split, (data.stream,), data.flow_method or None)
    check_size(records, data, options.crops)
    model = loaded_model(settings, options.checkpoint, len(records.class_names), strategy)
    protocol = protocol_of(options)
    scores = tested(model, records, protocol, settings, strategy)
    if devices.is_chief(strategy):
        line = told(options, protocol, len(scores.ids))
        arrays = np.array(scores.ids), scores.labels, scores.logits, np.array(records.class_names)
        report.tell(Result(*arrays, data.stream, line), options.out, options.confusion_png)


def check_size(records, data, crops):
    """Raises ValueError where the stored frames are smaller than the crop."""
    stored_side = records.recipe.get("short_side")
    if crops != "3" and stored_side and stored_side < data.size:
        raise ValueError(
            f"config.data.size: expected at most {stored_side}, the shorter side of the frames in "
            f"{data.records}, got {data.size}"
        )


def loaded_model(settings, checkpoint, num_classes, strategy):
    """Returns the model with its weights, its normalisation folded into the convolutions.

    Raises:
      FileNotFoundError, ValueError: the checkpoint cannot be used.
    """
    with strategy.scope():
        model = training_model.build(settings, num_classes)
        try:
            weights.load(model, checkpoint)
        except ValueError as error:
            check_classes(checkpoint, num_classes, settings.data.records)
            hint = "expected config.model and config.data.stream as it was trained with"
            raise ValueError(f"{str(error).partition(chr(10))[0]}; {hint}") from error
        return models.fold_batch_norm(model)


def check_classes(checkpoint, num_classes, records):
    """Raises ValueError where a checkpoint is known to be of another number of classes."""
    try:
        classes = head_classes(checkpoint)
    except (ValueError, OSError):  # why it could not be loaded is known better
        return
    if classes != num_classes:
        raise ValueError(
            f"{checkpoint}: has {classes} classes, {records} has {num_classes}: expected weights "
            "trained on this data set"
        )


def protocol_of(options):
    """Returns the keywords of `views.evaluate` that say which views are taken, and how many."""
    data, size = options.config.data, options.batch_size
    return {
        "frames": data.frames,
        "stride": data.stride,
        "clips": inference_records.WHOLE
        if options.whole_video
        else options.clips or data.segments or 1,
        "crops": int(options.crops),
        "size": data.size,
        "batch_size": 1 if options.whole_video else size or options.config.batch.per_replica,
    }


def tested(model, records, protocol, settings, strategy):
    """Returns the views.Scores of all videos; shows how far it is."""
    # Videos beyond a minute have several records, and a worker sees only its part.
    total = records.num_records if devices.is_alone(strategy) else None
    with Progress(total, "video", "evaluate") as progress:

        def add(videos):
            for _ in range(videos):
                progress.add()

        return inference_records.evaluate(
            model,
            records,
            **protocol,
            segments=bool(settings.data.segments),
            prepare=input.prepare(settings.data),
            strategy=strategy,
            read_mb=settings.data.read_mb,
            on_batch=add,
        )


def told(options, protocol, num_videos):
    """Returns the line that says what the numbers are of."""
    settings, crops = options.config, protocol["crops"]
    data, model = settings.data, settings.model
    clips = protocol["clips"]
    kind = "segment(s), seen together," if data.segments else "clip(s)"
    taken = f"{clips} {kind} of {data.frames} frames" if clips else "whole videos"
    taken += f", stride {data.stride}, x {crops} crop(s) of {data.size} px"
    num_views = crops * (1 if data.segments else max(clips, 1))
    return (
        f"{data.stream}, {model.name} (width {model.width:g}, {settings.precision}), "
        f"{options.checkpoint}; {taken}, logits averaged over {num_views} view(s); "
        f"split {options.split!r} of {data.records}, {num_videos} videos"
    )
