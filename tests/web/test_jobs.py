"""The queue: a job that takes too long, and the end of all."""

import threading

from i3d.web import jobs as web_jobs
from i3d.web.jobs import Jobs
from tests.helpers.processes import wait_for


def test_a_job_takes_too_long():
    def work(job):
        while True:
            job.check()

    with Jobs(work, most=1, longest_s=0.1) as jobs:
        job = jobs.reserve()
        jobs.submit(job, "a")
        assert job.ended.wait(30)
        assert job.error.startswith("the video took more than 0.1 s; send a shorter one")
        assert not job.folder.exists()


def test_the_end_waits_for_the_step_of_a_job(monkeypatch):
    """So that what the step still writes is removed, too."""
    begun, ending = threading.Event(), threading.Event()

    def work(job):
        begun.set()
        ending.wait(30)
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "late").touch()
        job.check()

    jobs = Jobs(work, most=2)
    for _ in range(2):
        jobs.submit(jobs.reserve(), "a")
    assert begun.wait(30)
    threading.Timer(0.2, ending.set).start()
    jobs.__exit__()
    assert not jobs._folder.path.exists() and not jobs._worker.is_alive()


def test_the_end_does_not_wait_long(monkeypatch):
    monkeypatch.setattr(web_jobs, "LAST_STEP_S", 0.1)
    begun, ending = threading.Event(), threading.Event()

    def work(job):
        begun.set()
        ending.wait(30)

    jobs = Jobs(work, most=1)
    jobs.submit(jobs.reserve(), "a")
    assert begun.wait(30)
    jobs.__exit__()
    assert not jobs._folder.path.exists()
    ending.set()
    wait_for(lambda: not jobs._worker.is_alive(), "the end of the thread")
