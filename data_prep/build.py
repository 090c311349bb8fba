"""Builds one split of a data set: shards in a pool of processes or with Beam, then metadata.

    build = Build("data/ucf", "train", items, class_names, BuildSettings())
    failures = run(build, workers=8)

Nothing depends on the number of workers, on the runner, or on having been killed. Work in
progress lies in OUT/.build/SPLIT; a split is complete when OUT/build.json names it.
"""

import dataclasses
import functools
import hashlib
import json
import math
import os
import shutil
import threading
import time
from concurrent import futures
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

from data_prep import dataset, shards
from data_prep.key_frames import KeyFrameItem
from i3d.data import metadata
from i3d.data.build_settings import WORK, BuildSettings, KeyFrameSettings
from i3d.runtime import beam, files, stopping
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress


class BuildError(UserError):
    """A build that cannot start or continue; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Build:
    """One split to be built.

    Attributes:
      out: folder of the data set; it may hold other splits already.
      split: its name.
      items: tuple of i3d.video.inputs.Item, or of key_frames.KeyFrameItem.
      class_names: in label order; the same for all splits of a data set.
      recipe: BuildSettings, or KeyFrameSettings; the same for all splits.
      num_shards: None chooses one for every 32 videos or 256 key frames, but 16 where there are
        that many videos.
      strict: stop at the first video that fails.
    """

    out: Path
    split: str
    items: tuple
    class_names: tuple
    recipe: BuildSettings | KeyFrameSettings
    num_shards: int | None = None
    strict: bool = False

    @functools.cached_property
    def tasks(self):
        """The ShardTasks; videos are spread by a hash of their ids, so that classes mix."""
        many = sum(_share(item) for item in self.items)
        count = self.num_shards or max(math.ceil(many), min(len(self.items), 16))
        count = min(count, len(self.items))
        spread = sorted(self.items, key=lambda item: hashlib.sha256(item.id.encode()).digest())
        cuts = [len(spread) * index // count for index in range(count + 1)]
        return [
            shards.ShardTask(
                path=str(self.work / metadata.shard_name(self.split, index, count)),
                report=str(self.work / f"{index:05d}.json"),
                items=tuple(spread[cuts[index] : cuts[index + 1]]),
                recipe=self.recipe,
                strict=self.strict,
            )
            for index in range(count)
        ]

    @property
    def work(self):
        """The folder of work in progress."""
        return Path(self.out) / WORK / self.split

    def fingerprint(self):
        """Returns a digest of all that decides the bytes of the split."""
        plan = [self.recipe.to_json(), list(self.class_names), len(self.tasks)]
        plan += [_planned(item, self.recipe) for item in self.items]
        return hashlib.sha256(json.dumps(plan).encode()).hexdigest()


def _share(item):
    """Returns the part of a shard that an item fills."""
    if isinstance(item, KeyFrameItem):
        return Fraction(len(item.key_frames), 256)
    return Fraction(1, 32)


def _planned(item, recipe):
    """Returns what decides the bytes of an item, as JSON has it; not where it lies."""
    if isinstance(item, KeyFrameItem):
        return [item.id, item.key_frames]
    label = item.labels if recipe.multi_label else item.label
    rate = [item.images.fps] if item.images else []
    return [item.id, label, item.start_s, item.end_s, *rate]


def run(
    build: Build,
    workers: int = 1,
    beam_options: list[str] | None = None,
    retry_failed: bool = False,
) -> list[dict]:
    """Builds what is missing of the split and returns its failures, a list of dicts.

    Args:
      build: Build.
      workers: processes of the local pool.
      beam_options: None, or the list of Beam's own command-line options: then the shards are
        written by that pipeline, whose workers must see the same file system.
      retry_failed: write the shards of a complete split again in which a video failed.

    Raises:
      UserError: the folder holds something else or another build is at work in it.
      BuildError: the folder cannot be written, or a worker or the pipeline failed.
      shards.BadVideoError: a video failed and the build is strict.
    """
    out = Path(build.out)
    try:
        _check_no_link(out / WORK)
        message = f"{out}: another build is writing here; wait for it or stop it"
        with files.alone_in_folder(out / WORK, message):
            if dataset.is_complete(out, build.split, build.fingerprint()):
                shutil.rmtree(build.work, ignore_errors=True)  # if a kill left it
                again = dataset.lost(build) + (dataset.failed_tasks(build) if retry_failed else [])
                if not again:
                    return dataset.failures(out, build.split)
                dataset.reopen(build, again)
            dataset.check_fits(out, build)
            _start(build)
            missing = [task for task in build.tasks if not shards.is_done(task, out)]
            for task in missing:  # its shard may be gone
                Path(task.report).unlink(missing_ok=True)
            if beam_options is not None:
                _write_in_beam(missing, beam_options)
            else:
                there = len(build.items) - sum(len(task.items) for task in missing)
                _write_in_pool(missing, workers, there, "image" if build.recipe.images else "video")
            return dataset.finish(build)
    except BrokenPipeError:  # the reader of the progress has gone
        raise
    except OSError as error:
        raise BuildError(f"{out}: cannot write the data set: {error}") from error


def _start(build):
    """Clears what a killed build left half-written, or refuses another build's work."""
    _check_no_link(build.work)
    build.work.mkdir(exist_ok=True)
    plan = build.work / "plan"
    started = any(build.work.glob("*.json"))
    if started and plan.exists() and plan.read_text() != build.fingerprint():
        raise BuildError(
            f"{build.out}: an unfinished build of split {build.split!r} with other videos or "
            f"flags lies here; finish it with the same command, or remove {build.work}"
        )
    files.remove_partials(build.work)
    files.write_text(plan, build.fingerprint())


def _check_no_link(folder):
    """Raises BuildError where files would be written, and removed, somewhere else."""
    if folder.is_symlink():
        raise BuildError(f"{folder}: expected a folder of the build's own, this is a link")


def _write_in_pool(tasks, workers, done, unit):
    """Writes the shards in `workers` processes, one shard each at a time, and shows progress.

    `done` is the number of videos (or images, as `unit` says) in shards that are complete.
    """
    if not tasks:
        return
    context = get_context("spawn")  # safe beside the threads of TensorFlow
    counts = context.SimpleQueue()
    videos = done + sum(len(task.items) for task in tasks)
    workers = min(workers, len(tasks))
    pool = futures.ProcessPoolExecutor(
        workers, context, initializer=_init_worker, initargs=(os.getpid(), counts)
    )
    with Progress(videos, unit, "build", done=done) as progress, pool:
        running = _submitted(pool, tasks)
        try:
            while not all(job.done() for job in running):
                _drain(counts, progress)
                _raise_failed(running)
                time.sleep(0.05)
            _drain(counts, progress)
            _raise_failed(running)
        except BaseException:
            processes = list(pool._processes.values())  # no public name before Python 3.14
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            raise


def _submitted(pool, tasks):
    """Starts the tasks in processes that leave Ctrl-C to this one."""
    with stopping.ignored():
        return [pool.submit(_worker, task) for task in tasks]


def _write_in_beam(tasks, options):
    beam.each(_write_alone, tasks, options)
    lost = [task.path for task in tasks if not os.path.exists(task.report)]
    if lost:
        raise BuildError(
            f"the pipeline ended, but {len(lost)} shards are not here, the first is {lost[0]}; "
            "Beam's workers must see the folder under the same path"
        )


def _write_alone(task):
    import cv2

    cv2.setNumThreads(1)
    return shards.write_shard(task)["examples"]


def _raise_failed(jobs):
    for job in jobs:
        if job.done() and job.exception() is not None:
            error = job.exception()
            if isinstance(error, futures.process.BrokenProcessPool):
                raise BuildError(
                    "a worker process was killed (out of memory?); run the same command again "
                    "to resume, with fewer --workers if need be"
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
    shards.write_shard(task, done=_counts.put)
