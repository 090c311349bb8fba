"""Training of localizers: spec, model, batches and objective.

records, validation = segment_records.opened(settings, print)
spec = localization.spec(settings, records)
batches = iter(localization.batches(settings, records, strategy, start_step=0))
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from ml_collections import ConfigDict

from i3d import models
from i3d.data import segment_batches
from i3d.data.feature_spec import FeatureSpec
from i3d.inference.network import computing_in
from i3d.models import actionformer, bmn
from i3d.runtime.command import UserError
from i3d.training.segment_objectives import Points, Proposals
from i3d.training.segment_records import Records
from i3d.training.segment_targets import proposal_map


def spec(settings: ConfigDict, records: Records) -> FeatureSpec:
    """Returns the FeatureSpec of the run."""
    return records.files.spec


def classes(settings: ConfigDict, records: Records) -> tuple[str, ...]:
    """Returns the names of the classes; () of a model of proposals, which have none."""
    return () if settings.model.name in bmn.CONFIGS else records.class_names


def outputs(settings: ConfigDict, records: Records) -> int:
    """Returns the number of classes that the model scores."""
    return max(len(classes(settings, records)), 1)


def build(settings: ConfigDict, spec: FeatureSpec, num_classes: int) -> keras.Model:
    """Returns the model of a configuration, in its precision, with random weights.

    Raises:
      UserError: it does not take such rows.
    """
    name, longest = settings.model.name, settings.segments.longest
    options: dict[str, Any] = {"num_classes": num_classes, "channels": spec.channels}
    options |= {"width": settings.model.width, "dropout": settings.model.dropout}
    if name in bmn.CONFIGS:
        options["rows"] = longest
    else:
        least = actionformer.multiple(window=actionformer.CONFIGS[name].window)
        if longest % least:
            raise UserError(
                f"config.segments.longest: expected a multiple of {least}, as {name} takes, got "
                f"{longest}"
            )
    try:
        with computing_in(settings.precision):
            return models.build(name, **options)
    except ValueError as error:
        key = str(error).partition(":")[0].replace("rows", "segments.longest")
        key = key if key.startswith("segments.") else f"model.{key}"
        raise UserError(f"config.{key}:{str(error).partition(':')[2]}") from error


def batches(settings: ConfigDict, records: Records, strategy: Any, start_step: int) -> Any:
    """Returns the endless data set of pairs for i3d.training.segment_objectives.

    Args:
      settings: ConfigDict as i3d.training.config.defaults.
      records: Records.
      strategy: each of its replicas gets settings.batch.per_replica videos at a time.
      start_step: updates made so far.
    """
    own, batch = settings.segments, settings.batch
    proposals = settings.model.name in bmn.CONFIGS
    most = max(len(video.segments) for video in records.videos)
    target = partial(_proposal_target, own.longest) if proposals else segment_batches.padded(most)
    inputs = ("features",) if proposals else ("features", "mask")

    def pair(one):
        labels = {name: value for name, value in one.items() if name not in ("features", "mask")}
        return {name: one[name] for name in inputs}, labels

    def of_worker(context):
        found = segment_batches.train_batches(
            records.files,
            records.videos,
            rows=own.longest,
            batch_size=batch.per_replica,
            seed=settings.seed,
            target=target,
            crop=own.crop,
            least_left=own.least_left,
            start_step=start_step * batch.accumulate,
            context=context,
        )
        return found.map(pair)

    return strategy.distribute_datasets_from_function(of_worker)


def _proposal_target(rows, segments, labels):
    """Returns BMN's labels of segments in rows."""
    shares = np.clip((segments + 0.5) / rows, 0, 1)
    return dict(zip(("iou", "start", "end"), proposal_map(shares, rows, rows), strict=True))


def prepare(spec: FeatureSpec) -> Callable[[Any], Any]:
    """Returns what makes the model's input of a batch: nothing is left to do."""
    return lambda found: found


def objective(
    settings: ConfigDict, spec: FeatureSpec, classes: tuple[str, ...]
) -> Points | Proposals:
    """Returns the objective of a configuration; to be called under strategy.scope()."""
    own, name = settings.segments, settings.model.name
    if name in bmn.CONFIGS:
        rows = own.longest
        return Proposals(rows, rows, seed=settings.seed, weight=settings.loss_weight)
    return Points(
        least_cost=not actionformer.CONFIGS[name].window,
        smoothing=settings.label_smoothing,
        regression_weight=own.regression_weight,
        normalizer=own.normalizer,
        weight=settings.loss_weight,
    )
