"""Writes the output of a feature extraction: of a checked job, here or on Beam's workers.

failures = write(job)                            # {index in the list: reason}
"""

import sys

from i3d.features import remote, run
from i3d.features.files import Work
from i3d.features.job import Job
from i3d.runtime.progress import Progress


def write(job: Job) -> dict[int, str]:
    """Writes the features of the videos that have none yet, and puts all together.

    Returns:
      {index: reason} of the videos that gave no features.

    Raises:
      UserError: the checkpoint, the endpoint or the place to write do not fit, or the work cannot
        go on.
      tf.errors.OpError: memory is short.
    """
    spread = None if job.beam_options is None else remote.Spread(job)
    nets, strategy = spread.networks() if spread else run.networks(job)
    print(job.described(), file=sys.stderr)
    with Work(job.out, job.plan(), job.older_views()) as work:
        entries = enumerate(job.entries)
        missing = {index: entry.source for index, entry in entries if index not in work.done}
        if work.done:
            print(f"{len(work.done)} of {len(job.entries)} videos are done", file=sys.stderr)
        progress = Progress(
            len(job.entries), "video", "features", done=len(work.done), part=job.part
        )
        if spread:
            failures = spread.work_off(work, missing, progress)
        else:
            failures = run.work_off(job, nets, strategy, work, missing, progress)
        work.finish(job.entries, failures, job.form, job.windows.pooled if job.windows else 0)
    return failures
