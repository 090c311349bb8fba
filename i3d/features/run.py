"""Extracts features: runs a checked job and writes its files.

failures = run(job)                              # {index in the list: reason}
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from i3d.features.files import Work
from i3d.features.job import Job
from i3d.inference import decoding, network, stepping
from i3d.inference.average import Rows, of_tasks
from i3d.inference.views import ViewsOf, view_bytes
from i3d.runtime import devices
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.video.images import Images


def run(job: Job) -> dict[int, str]:
    """Writes the features of the videos that have none yet, and puts all together.

    Returns:
      {index: reason} of the videos that gave no features.

    Raises:
      UserError: the checkpoint, the endpoint or the place to write do not fit, or the work cannot
        go on.
      tf.errors.OpError: memory is short.
    """
    strategy = devices.strategy(job.replicas)
    with strategy.scope():
        net = network.load(job.card, job.precision, job.endpoint)
    print(job.described(), file=sys.stderr)
    with Work(job.out, job.plan(), job.older_views()) as work:
        missing = [index for index in range(len(job.entries)) if index not in work.done]
        if work.done:
            print(f"{len(work.done)} of {len(job.entries)} videos are done", file=sys.stderr)
        failures = _work_off(job, net, strategy, work, missing)
        work.finish(job.entries, failures, windows=job.window_s is not None)
    return failures


def _work_off(job, net, strategy, work, missing):
    """Saves the features of the missing videos; returns the failures."""
    failures, sources = {}, [job.entries[index].source for index in missing]
    views_of = ViewsOf(job.card.spec, job.window_s, job.stride_s)
    part = "clip" if job.window_s is None else "window"
    total, done = len(job.entries), len(job.entries) - len(missing)
    progress = Progress(total, "video", "features", done=done, part=part)
    found = extracted(
        sources, views_of, net, strategy, job.workers, job.batch_size, progress.add_parts
    )
    with progress, contextlib.closing(found):
        for place, rows in found:
            if isinstance(rows, str):
                failures[missing[place]] = rows
            else:
                work.save(missing[place], rows)
            progress.add()
    return failures


def extracted(
    sources: Sequence[str | Images],
    views_of: ViewsOf,
    net,
    strategy: tf.distribute.Strategy,
    workers: int,
    batch_size: int,
    on_windows: Callable[[int], object] = lambda count: None,
) -> Iterator[tuple[int, Rows | str]]:
    """Yields (place in sources, Rows or the reason why there are none), as videos are finished.

    Args:
      sources: paths of video files, and folders of images.
      views_of: a function from a file to its views.
      net: function from uint8 views [B, N, H, W, C] to float32 [B, C].
      strategy: tf.distribute.Strategy that it was made under.
      workers: processes that decode.
      batch_size: views on each replica.
      on_windows: called after every batch with the number of windows that begin in it; of views,
        where videos are not cut into windows.
    """
    size = batch_size * strategy.num_replicas_in_sync
    with decoding.Decoders(views_of, sources, workers, view_bytes(views_of.spec)) as pieces:
        batches = decoding.ahead(decoding.batches(pieces, size))
        outputs = _counted(stepping.outputs([net], batches, strategy), views_of, on_windows)
        for place, sums, problem in of_tasks(outputs):
            yield place, _rows(sums, problem)


def _counted(outputs, views_of, on_windows):
    """Yields what stepping.outputs does, and calls on_windows."""
    last = None
    for rows, batch in outputs:
        begun = 0
        for task, key in batch.keys:
            begun += views_of.window_s is None or (task, key.window) != last
            last = task, key.window
        yield rows, batch
        if begun:
            on_windows(begun)


def _rows(sums, problem):
    try:
        return problem or sums.rows()
    except UserError as error:
        return str(error)
