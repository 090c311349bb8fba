"""A bounded queue of jobs, of which one runs at a time.

    jobs = Jobs(work, most=8)
    job = jobs.reserve()                      # Full where 8 are there already
    ...                                       # the upload goes into job.folder
    jobs.submit(job, request)
    jobs.place(job)                           # jobs before it; 0 while it runs

A job has a folder of its own for its upload, with a random name, which is removed when the job
ends, however it ends. A job that nobody has asked for during ABANDONED_S ends too.
"""

import contextlib
import secrets
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.web.folder import Folder

ABANDONED_S = 90.0  # browsers let a hidden page ask once a minute
KEPT_S = 600.0  # results wait for so long
LAST_STEP_S = 2.0  # of a job that runs when the server ends; Ctrl-C leaves 5 s for all
_KEPT = 64  # results at most
_STEP_S = 0.2


class Full(UserError):
    """The queue has no place left."""


class Stopped(Exception):
    """A job is not wanted any more."""


class Job:
    """One request.

    Attributes:
      id: random name, known to who made the job alone.
      folder: for its upload; gone when the job has ended.
      state: "upload", "waiting", "running", "done" or "failed".
      request: what `submit` was given.
      result: what the work returned.
      error: one line on why it failed.
    """

    def __init__(self, folder: Path):
        """Makes its folder within `folder`."""
        self.id = secrets.token_urlsafe(16)
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.state, self.error = "upload", ""
        self.request: Any = None
        self.result: Any = None
        self.ended = threading.Event()
        self.cancelled = False
        self.seen = time.monotonic()
        self.begun, self.longest_s = self.seen, float("inf")

    def begin(self, longest_s: float) -> None:
        """Lets the job run, for so many seconds at most."""
        self.state, self.begun, self.longest_s = "running", time.monotonic(), longest_s

    def check(self) -> None:
        """Raises Stopped where the job is not wanted any more; the work calls it often.

        Raises:
          UserError: it took too long.
        """
        now = time.monotonic()
        if self.cancelled or now - self.seen > ABANDONED_S:
            raise Stopped
        if now - self.begun > self.longest_s:
            raise UserError(
                f"the video took more than {self.longest_s:g} s; send a shorter one, or ask for "
                "less"
            )

    def end(self, state: str, result: Any = None, error: str = "") -> None:
        """Ends the job: its folder is removed, and whoever waits is told."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.state, self.result, self.error = state, result, error
        self.request, self.seen = None, time.monotonic()
        self.ended.set()


class Jobs:
    """The queue and its one worker, a thread; a context manager."""

    def __init__(self, work: Callable[[Job], Any], most: int, longest_s: float = float("inf")):
        """Starts the worker.

        Args:
          work: takes a Job and returns its result; a UserError is told to who asked.
          most: jobs that are uploaded, wait or run, at most.
          longest_s: seconds that one may run.
        """
        self._work, self._most, self._longest_s = work, most, longest_s
        self._folder = Folder()
        self._changed = threading.Condition()
        self._open: list[Job] = []  # in the order of their turn, the running one too
        self._ended: dict[str, Job] = {}  # the oldest first
        self._closed = False
        self._worker = threading.Thread(target=self._run, daemon=True)
        self._worker.start()

    def __enter__(self) -> "Jobs":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all jobs and removes their folders."""
        with self._changed:
            self._closed = True
            for job in self._open:
                job.cancelled = True
            self._changed.notify_all()
        self._worker.join(LAST_STEP_S)  # else it might write into what is removed
        self._folder.remove()

    def reserve(self) -> Job:
        """Returns a new Job, whose upload can begin.

        Raises:
          Full: there are too many.
        """
        with self._changed:
            self._sweep()
            if self._closed or len(self._open) >= self._most:
                raise Full(f"{self._most} videos are in the queue; try again later")
            job = Job(self._folder.path)
            self._open.append(job)
            return job

    def submit(self, job: Job, request: Any) -> None:
        """Puts a Job whose upload is complete behind those that wait."""
        with self._changed:
            self._open.remove(job)
            self._open.append(job)
            job.request, job.state = request, "waiting"
            self._changed.notify_all()

    def find(self, name: str) -> Job | None:
        """Returns the Job of an id, None where there is none; whoever asks keeps it going."""
        with self._changed:
            self._sweep()
            job = next((job for job in self._open if job.id == name), self._ended.get(name))
            if job:
                job.seen = time.monotonic()
            return job

    def place(self, job: Job) -> int:
        """Returns the number of jobs that are done before a Job is."""
        with self._changed:
            before = [one for one in self._open if one.state != "upload"]
            return before.index(job) if job in before else 0

    def counts(self) -> tuple[int, int]:
        """Returns how many jobs are uploaded, wait or run, and how many can be at most."""
        with self._changed:
            return len(self._open), self._most

    def cancel(self, job: Job) -> None:
        """Ends a Job: at once, or where it runs, at its next step."""
        with self._changed:
            job.cancelled = True
            if job in self._open and job.state != "running":
                self._close(job, "failed", error="cancelled")

    def wait(self, job: Job, gone: Callable[[], bool]) -> None:
        """Waits until a Job has ended; cancels it when `gone` says that nobody waits any more."""
        while not job.ended.wait(_STEP_S):
            job.seen = time.monotonic()
            if gone():
                return self.cancel(job)
        self.forget(job)

    def forget(self, job: Job) -> None:
        """Drops the result of a Job that has ended."""
        with self._changed:
            self._ended.pop(job.id, None)

    def _close(self, job, state, result=None, error=""):
        """Ends a job that is open."""
        self._open.remove(job)
        job.end(state, result, error)
        self._ended[job.id] = job

    def _sweep(self):
        """Ends what waits and is abandoned, and drops old results."""
        now = time.monotonic()
        for job in [job for job in self._open if job.state == "waiting"]:
            if now - job.seen > ABANDONED_S:
                self._close(job, "failed", error="nobody asked for it")
        old = [name for name, job in self._ended.items() if now - job.seen > KEPT_S]
        for name in old + list(self._ended)[: max(0, len(self._ended) - _KEPT)]:
            self._ended.pop(name, None)

    def _next(self):
        """Waits for the next job and returns it, None at the end."""
        with self._changed:
            while not self._closed:
                self._sweep()
                job = next((job for job in self._open if job.state == "waiting"), None)
                if job:
                    job.begin(self._longest_s)
                    return job
                self._changed.wait(ABANDONED_S)
            return None

    def _run(self):
        while job := self._next():
            ended = self._outcome(job)
            with self._changed:
                self._close(job, *ended)

    def _outcome(self, job):
        """Returns what `Job.end` takes, of the work on a job."""
        try:
            return "done", self._work(job)
        except Stopped:
            return "failed", None, "cancelled"
        except UserError as error:
            return "failed", None, command.line_of(str(error).replace(str(job.folder), ""))
        except Exception:
            with contextlib.suppress(OSError):
                traceback.print_exc()
            return "failed", None, "the server failed on this video; its log says more"
