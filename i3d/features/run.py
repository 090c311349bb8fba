"""Extraction of features: from a checked job to the files.

failures = feature_run.run(job)                  # {index in the list: reason}
"""

import contextlib
import sys

from i3d import models
from i3d.features.files import Work
from i3d.features.rows import Sums, ViewsOf
from i3d.inference import decoding
from i3d.inference import network as inference_network
from i3d.inference.streams import computing_in
from i3d.runtime import devices
from i3d.runtime.progress import Progress
from i3d.training import model


def run(job):
    """Writes the features of the videos that have none yet, and puts all together.

    Args:
      job: feature_job.Job.

    Returns:
      {index: reason} of the videos that gave no features.

    Raises:
      ValueError, OSError: the checkpoint, the endpoint or the place to write do not fit.
      decode_ahead.DecodeError, tf.errors.OpError: the work cannot go on.
    """
    strategy = devices.strategy(job.replicas)
    with strategy.scope():
        network = inference_network.load(
            lambda classes: built(job, classes), job.checkpoint, job.endpoint
        )
    print(job.described(), file=sys.stderr)
    with Work(job.out, job.plan()) as work:
        missing = [index for index in range(len(job.entries)) if index not in work.done]
        if work.done:
            print(f"{len(work.done)} of {len(job.entries)} videos are done", file=sys.stderr)
        failures = _work_off(job, network, strategy, work, missing)
        work.finish(job.entries, failures, windows=job.window_s is not None)
    return failures


def _work_off(job, network, strategy, work, missing):
    """Saves the features of the missing videos; returns the failures."""
    failures, paths = {}, [job.entries[index].path for index in missing]
    views_of = ViewsOf(job.recipe, job.window_s, job.stride_s)
    found = extracted(paths, views_of, network, strategy, job.workers, job.batch_size)
    with Progress(len(missing), "video", "features") as progress, contextlib.closing(found):
        for place, rows in found:
            if isinstance(rows, str):
                failures[missing[place]] = rows
            else:
                work.save(missing[place], rows)
            progress.add()
    return failures


def built(job, num_classes):
    """Returns the model of a job, in its precision, with random weights."""
    if job.settings is not None:
        return model.build(job.settings, num_classes)
    recipe = job.recipe
    with computing_in(job.precision):
        return models.build(
            recipe.model,
            num_classes=num_classes,
            channels=recipe.channels,
            frames=recipe.length,
            size=recipe.crop,
            width=recipe.width,
        )


def extracted(paths, views_of, network, strategy, workers, batch_size):
    """Yields (place in paths, Rows or the reason why there are none), as videos are finished.

    Args:
      paths: list of video files.
      views_of: feature_rows.ViewsOf.
      network: keras.Model from views float32 [B, T, H, W, C] to float32 [B, C].
      strategy: tf.distribute.Strategy that it was made under.
      workers: processes that decode.
      batch_size: views on each replica.
    """
    size, sums = batch_size * strategy.num_replicas_in_sync, {}
    with decoding.Decoders(views_of, paths, workers, views_of.recipe.shape) as pieces:
        batches = decoding.ahead(decoding.batches(pieces, size))
        for vectors, batch in inference_network.outputs(network, batches, strategy):
            for (place, key), vector in zip(batch.keys, vectors, strict=True):
                sums.setdefault(place, Sums()).add(key, vector)
            for place, problem in batch.ended:
                yield place, _rows(sums.pop(place, Sums()), problem)


def _rows(sums, problem):
    try:
        return problem or sums.rows()
    except ValueError as error:
        return str(error)
