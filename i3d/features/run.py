"""Extracts features: the networks of a job, and the rows of the videos that have none yet.

nets, strategy = networks(job)
failures = work_off(job, nets, strategy, saved, missing, progress)     # {index: reason}
"""

import contextlib
import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from i3d.features.files import Saved
from i3d.features.growing import Growing
from i3d.features.job import Job
from i3d.inference import decoding, network, stepping
from i3d.inference.average import Rows, of_tasks
from i3d.inference.dense import DenseRows, Piece
from i3d.inference.views import Video, ViewsOf, view_bytes
from i3d.runtime import devices
from i3d.runtime.command import UserError
from i3d.runtime.devices import Strategy
from i3d.runtime.progress import NoProgress, Progress


def networks(job: Job) -> tuple[list[network.Network], Strategy]:
    """Returns the networks of a job, and the strategy that they were made under."""
    strategy = devices.strategy(job.replicas)
    with strategy.scope():
        nets = [
            network.load(card, job.precision, job.endpoint, engine=job.engine) for card in job.cards
        ]
    return nets, strategy


def work_off(
    job: Job,
    nets: Sequence[network.Network],
    strategy: Strategy,
    saved: Saved,
    missing: Mapping[int, Video],
    progress: Progress | NoProgress,
) -> dict[int, str]:
    """Saves the features of the missing videos, {index: source}; returns {index: reason}."""
    work = _work_off_windows if job.windows else _work_off_views
    return work(job, nets, strategy, saved, missing, progress)


def _work_off_views(job, nets, strategy, saved, missing, progress):
    failures, indices = {}, list(missing)
    views_of = [ViewsOf(card.spec, job.window_s, job.stride_s) for card in job.cards]
    found = side_by_side(
        *(list(missing.values()), views_of, nets, strategy, job.workers, job.batch_size),
        progress.add_parts,
    )
    with progress, contextlib.closing(found):
        for place, rows in found:
            if isinstance(rows, str):
                failures[indices[place]] = rows
            else:
                saved.save(indices[place], rows)
            progress.add()
    return failures


def _work_off_windows(job, nets, strategy, saved, missing, progress):
    """Rows are spilled to disk as they come."""
    asked, failures, growing, indices = job.windows, {}, {}, list(missing)
    dense = DenseRows(
        *(nets, asked.window, asked.stride, asked.fps),
        keep_crops=asked.keep_crops,
        batch_size=job.batch_size,
        strategy=strategy,
    )
    found = dense.of_videos(list(missing.values()), job.workers)
    with progress, contextlib.closing(found), contextlib.ExitStack() as stack:
        for place, one in found:
            index = indices[place]
            if index not in growing:
                growing[index] = stack.enter_context(Growing(saved.partial(index)))
            if isinstance(one, Piece):
                growing[index].add(one)
                progress.add_parts(len(one.features))
                continue
            with growing.pop(index) as rows:
                if one:
                    failures[index] = one
                else:
                    saved.save(index, rows.arrays(dense))
            progress.add()
    return failures


def extracted(
    sources: Sequence[Video],
    views_of: ViewsOf,
    net,
    strategy: Strategy,
    workers: int,
    batch_size: int,
    on_windows: Callable[[int], object] = lambda count: None,
) -> Iterator[tuple[int, Rows | str]]:
    """Yields what `side_by_side` does, of one network."""
    return side_by_side(sources, [views_of], [net], strategy, workers, batch_size, on_windows)


def side_by_side(
    sources: Sequence[Video],
    views_of: Sequence[ViewsOf],
    nets: Sequence[Callable],
    strategy: Strategy,
    workers: int,
    batch_size: int,
    on_windows: Callable[[int], object] = lambda count: None,
) -> Iterator[tuple[int, Rows | str]]:
    """Yields (place in sources, Rows or the reason why there are none), as videos are finished.

    Args:
      sources: paths of video files, folders of images, and places of stored videos.
      views_of: of each network, a function from a video to its views.
      nets: functions from uint8 views [B, N, H, W, C] to float32 [B, C], whose rows are put side by
        side.
      strategy: tf.distribute.Strategy that they were made under.
      workers: processes that decode; 0: a thread of this one does.
      batch_size: views on each replica.
      on_windows: called after every batch with the number of windows that begin in it; of views,
        where videos are not cut into windows.
    """
    size, count = batch_size * strategy.num_replicas_in_sync, len(nets)
    tasks = [functools.partial(one, source) for source in sources for one in views_of]
    most = max(view_bytes(one.spec) for one in views_of)
    done: dict[int, list[Rows | str]] = {}
    with decoding.decoded(operator.call, tasks, workers, most) as pieces:
        batches = decoding.ahead(decoding.batches(pieces, size, lambda task: task % count))
        kind = lambda batch: batch.keys[0][0] % count  # noqa: E731
        outputs = _counted(stepping.outputs(nets, batches, strategy, kind), views_of[0], on_windows)
        for task, sums, problem in of_tasks(outputs):
            place, network_place = divmod(task, count)
            done.setdefault(place, [""] * count)[network_place] = _rows(sums, problem)
            if all(done[place]):
                yield place, _joined(done.pop(place))


def _joined(each):
    """Returns the Rows of several networks side by side, or the first problem."""
    for one in each:
        if isinstance(one, str):
            return one
    count = min(len(one.views) for one in each)  # flow may lack a last window of one frame
    cut = [Rows(*(field[:count] for field in one)) for one in each]
    return cut[0]._replace(features=np.concatenate([one.features for one in cut], axis=1))


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
