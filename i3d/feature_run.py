"""Extraction of features: from a checked job to the files.

failures = feature_run.run(job)                  # {index in the list: reason}
"""

import sys

import keras

from data_prep.progress import Progress
from i3d import decode_ahead, devices, feature_net, models, train_model
from i3d.feature_files import Work
from i3d.feature_rows import Sums, ViewsOf
from i3d.streams import PRECISIONS


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
        network = feature_net.load(
            lambda classes: built(job, classes), job.checkpoint, job.endpoint
        )
    print(job.described(), file=sys.stderr)
    with Work(job.out, job.plan()) as work:
        missing = [index for index in range(len(job.entries)) if index not in work.done]
        if work.done:
            print(f"{len(work.done)} of {len(job.entries)} videos are done", file=sys.stderr)
        failures = {}
        with Progress(len(missing), "video", "features") as progress:
            for index, rows in extracted(job, network, strategy, missing):
                if isinstance(rows, str):
                    failures[index] = rows
                else:
                    work.save(index, rows)
                progress.add()
        work.finish(job.entries, failures, windows=job.window_s is not None)
    return failures


def built(job, num_classes):
    """Returns the model of a job, in its precision, with random weights."""
    if job.settings is not None:
        return train_model.build(job.settings, num_classes)
    recipe, policy = job.recipe, keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[job.precision])
    try:
        return models.build(
            recipe.model,
            num_classes=num_classes,
            channels=recipe.channels,
            frames=recipe.length,
            size=recipe.crop,
            width=recipe.width,
        )
    finally:
        keras.config.set_dtype_policy(policy)


def extracted(job, network, strategy, indices):
    """Yields (index, Rows, or the reason why there are none), in the order of their ends.

    Args:
      job: feature_job.Job.
      network: keras.Model from views float32 [B, T, H, W, C] to float32 [B, C].
      strategy: tf.distribute.Strategy that it was made under.
      indices: of the videos in the list.
    """
    decode = ViewsOf(job.recipe, job.window_s, job.stride_s)
    paths = [job.entries[index].path for index in indices]
    size, sums = job.batch_size * strategy.num_replicas_in_sync, {}
    with decode_ahead.Decoders(decode, paths, job.workers, job.recipe.shape) as pieces:
        batches = decode_ahead.ahead(decode_ahead.batches(pieces, size))
        for vectors, batch in feature_net.outputs(network, batches, strategy):
            for (task, key), vector in zip(batch.keys, vectors, strict=True):
                sums.setdefault(task, Sums()).add(key, vector)
            for task, problem in batch.ended:
                yield indices[task], _rows(sums.pop(task, Sums()), problem)


def _rows(sums, problem):
    try:
        return problem or sums.rows()
    except ValueError as error:
        return str(error)
