"""Builds one split of a data set: shards in a pool of processes or a Beam pipeline, then metadata.

    build = Build(out="data/ucf", split="train", items=items, class_names=names, recipe=Recipe())
    failures = run(build, workers=8)

Nothing depends on the number of workers, on the runner, or on having been killed. Work in
progress lies in OUT/.build; a split is complete when OUT/dataset_info.json names it.
"""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import shutil
import threading
import time
from concurrent import futures
from multiprocessing import get_context
from pathlib import Path

from data_prep import dataset, records
from data_prep.progress import Progress


class BuildError(Exception):
    """A build that cannot start or go on; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Build:
    """One split to be built.

    Attributes:
      out: folder of the data set; it may hold other splits already.
      split: its name.
      items: tuple of data_prep.inputs.Item.
      class_names: in label order; the same for all splits of a data set.
      recipe: data_prep.records.Recipe; the same for all splits.
      num_shards: None chooses one for every 32 videos, but 16 where there are that many videos.
      strict: stop at the first video that fails.
    """

    out: Path
    split: str
    items: tuple
    class_names: tuple
    recipe: records.Recipe
    num_shards: int | None = None
    strict: bool = False

    @functools.cached_property
    def tasks(self):
        """The ShardTasks; videos are spread by a hash of their ids, so that classes mix."""
        count = self.num_shards or max(-(-len(self.items) // 32), min(len(self.items), 16))
        count = min(count, len(self.items))
        spread = sorted(self.items, key=lambda item: hashlib.sha256(item.id.encode()).digest())
        cuts = [len(spread) * index // count for index in range(count + 1)]
        return [
            records.ShardTask(
                path=str(Path(self.out) / dataset.shard_name(self.split, index, count)),
                report=str(self.work / f"{self.split}-{index:05d}.json"),
                items=tuple(spread[cuts[index] : cuts[index + 1]]),
                recipe=self.recipe,
                strict=self.strict,
            )
            for index in range(count)
        ]

    @property
    def work(self):
        """The folder of work in progress."""
        return Path(self.out) / ".build"

    def fingerprint(self):
        """Returns a digest of all that decides the bytes of the split."""
        plan = [dataclasses.asdict(self.recipe), list(self.class_names), len(self.tasks)]
        plan += [[i.id, i.path, i.label, i.start_s, i.end_s] for i in self.items]
        return hashlib.sha256(json.dumps(plan).encode()).hexdigest()


def run(build, workers=1, beam_options=None):
    """Builds what is missing of the split and returns its failures, a list of dicts.

    Args:
      build: Build.
      workers: processes of the local pool.
      beam_options: None, or the list of Beam's own command-line options: then the shards are
        written by that pipeline, whose workers must see the same file system.

    Raises:
      BuildError: the folder holds something else, cannot be written, or a worker died.
      records.BadVideoError: a video failed and the build is strict.
    """
    out = Path(build.out)
    try:
        build.work.mkdir(parents=True, exist_ok=True)
        with _alone_in(out):
            if dataset.is_complete(out, build.split, build.fingerprint()):
                _remove_if_empty(build.work)
                return dataset.failures(out, build.split)
            dataset.check_fits(out, build)
            _start(build)
            missing = [task for task in build.tasks if not os.path.exists(task.report)]
            if beam_options is not None:
                from data_prep import beam

                beam.write_shards(missing, beam_options)
            else:
                _write_in_pool(missing, workers)
            return dataset.finish(build)
    except dataset.DatasetError as error:
        raise BuildError(str(error)) from error
    except OSError as error:
        raise BuildError(f"{out}: cannot write the data set: {error}") from error


def _start(build):
    """Clears what a killed build left half-written, or refuses another build's work."""
    plan = build.work / f"{build.split}.plan"
    if plan.exists() and plan.read_text() != build.fingerprint():
        raise BuildError(
            f"{build.out}: an unfinished build of split {build.split!r} with other videos or "
            f"flags lies here; finish it with the same command, or remove {build.work}"
        )
    for partial in build.work.glob("*.partial"):
        partial.unlink()
    records.write_text(plan, build.fingerprint())


@contextlib.contextmanager
def _alone_in(out):
    """Holds a lock on the folder itself, which ends with the process however it ends."""
    handle = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BuildError(f"{out}: another build is writing here; wait for it or stop it") from None
    finally:
        os.close(handle)


def _remove_if_empty(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()


def _write_in_pool(tasks, workers):
    """Writes the shards in `workers` processes, one shard each at a time, and shows progress."""
    if not tasks:
        return
    context = get_context("spawn")
    counts = context.SimpleQueue()
    videos = sum(len(task.items) for task in tasks)
    workers = min(workers, len(tasks))
    pool = futures.ProcessPoolExecutor(
        workers, context, initializer=_init_worker, initargs=(os.getpid(), counts)
    )
    with Progress(videos, "video") as progress, pool:
        running = [pool.submit(_worker, task) for task in tasks]
        try:
            while not all(job.done() for job in running):
                _drain(counts, progress)
                _raise_failed(running)
                time.sleep(0.05)
            _drain(counts, progress)
            _raise_failed(running)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(pool._processes.values()):
                process.terminate()
            raise


def _raise_failed(jobs):
    for job in jobs:
        if job.done() and job.exception() is not None:
            error = job.exception()
            if isinstance(error, futures.process.BrokenProcessPool):
                raise BuildError(
                    "a worker process was killed (out of memory?); run the same command again "
                    "to go on, with fewer --workers if need be"
                ) from error
            raise error


def _drain(counts, progress):
    while not counts.empty():
        progress.add(counts.get())


_counts = None  # of a worker process: where it tells the frames of each video


def _init_worker(parent, counts):
    """Prepares a worker: one OpenCV thread, and an end when its parent is gone."""
    import cv2

    global _counts
    _counts = counts
    cv2.setNumThreads(1)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent):
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _worker(task):
    records.write_shard(task, done=_counts.put)
