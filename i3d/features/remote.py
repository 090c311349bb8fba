"""Extracts features on the workers of a Beam pipeline, a few videos at a time.

    spread = Spread(job)
    nets, strategy = spread.networks()                  # those of this process: a check
    failures = spread.work_off(work, missing, progress)

A worker keeps the networks from one element to the next, decodes in its own process, and writes
the rows of a video into OUT.work. It must see the videos, the weights and OUT.work under the same
paths. What a worker that was lost had not finished, another one does.
"""

import dataclasses
import functools
import os
import uuid
from collections.abc import Mapping

from i3d.features import run
from i3d.features.files import Saved, Work
from i3d.features.job import Job
from i3d.inference.views import Video
from i3d.runtime import beam
from i3d.runtime.command import UserError
from i3d.runtime.progress import NoProgress, Progress


@dataclasses.dataclass(frozen=True)
class _Element:
    """Videos for one worker; those of one run of the command are equal, as their networks are."""

    run: str
    job: Job = dataclasses.field(compare=False)
    missing: Mapping[int, Video] = dataclasses.field(compare=False)


class Spread:
    """The work of one job, for the workers of a pipeline."""

    def __init__(self, job: Job):
        """Keeps what workers are to know; nothing is loaded yet."""
        self._entries, self._options = job.entries, job.beam_options or []
        own = dataclasses.replace(job, entries=[], workers=0, out=os.path.abspath(job.out))
        self._element = _Element(uuid.uuid4().hex, own, {})

    def networks(self):
        """Returns what `run.networks` does; a pipeline in this process takes the same."""
        return _networks(self._element)

    def work_off(
        self, work: Work, missing: Mapping[int, Video], progress: Progress
    ) -> dict[int, str]:
        """Lets the workers save the features of the missing videos, {index: source}.

        Returns:
          {index: reason} of the videos that gave no features.

        Raises:
          UserError: the pipeline failed, or its workers do not see the folder of work.
        """
        work.failures()  # of a run that was stopped
        there = work.count()
        elements = [
            dataclasses.replace(self._element, missing=dict(some))
            for some in beam.slices(list(missing.items()))
        ]
        with beam.watched(progress, lambda: work.count() - there):
            beam.each(_extract, elements, self._options)
        failures = work.failures()
        lost = sorted(set(missing) - work.find() - set(failures))
        if lost:
            raise UserError(
                f"the pipeline ended, but {len(lost)} videos have no features here, the first is "
                f"{self._entries[lost[0]].path}; Beam's workers must see {self._element.job.out}."
                "work under the same path"
            )
        return failures


@functools.lru_cache(maxsize=1)
def _networks(element):
    return run.networks(element.job)


def _extract(element):
    """Saves the rows of the videos of an element, on a worker."""
    saved = Saved(element.job.out)
    missing = {at: video for at, video in element.missing.items() if not saved.has(at)}
    nets, strategy = _networks(element)
    failures = run.work_off(element.job, nets, strategy, saved, missing, NoProgress())
    for index, reason in failures.items():
        saved.fail(index, reason)
