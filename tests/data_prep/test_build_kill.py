"""Builds that are killed: the same command goes on, to the same bytes, and nothing is left."""

import os
import shutil
import signal

import pytest

from data_prep import build as data_prep_build
from data_prep import dataset
from data_prep import shards as data_prep_shards
from i3d.data.build_settings import BuildSettings
from i3d.video import inputs
from tests.helpers.builds import QUICK, build, start, told
from tests.helpers.points import Point
from tests.helpers.processes import contents, has_proc, of_session, wait_for
from tests.helpers.videos import write_folder

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not has_proc(), reason="processes are looked up in /proc"),
]
A_SHARD = r"open \.build/.*tfrecord"  # is begun
# Of one build that goes on ten times: what it is about to do, and how often it did so since it was
# started. There are 13 shards, of which at most so many minus one are complete after each.
# Of the 13 shards, these kills let 1 be finished, and workers that outlive theirs 6 at most.
KILLS = (
    (r"open \.build/.*plan", 1),
    (A_SHARD, 1),
    (r"rename \.build/.*tfrecord", 1),
    (r"open \.build/.*json", 1),
    (r"rename \.build/.*json", 1),
    (A_SHARD, 2),
    (r"rename \.build/.*tfrecord", 1),
    (r"rename \.build/.*json", 1),
    (r"rename [^.].*tfrecord", 5),
    (r"rename build\.json", 1),
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of 12 videos, and one file that is none."""
    root = write_folder(tmp_path_factory.mktemp("videos"))
    (root / "run" / "junk.mp4").write_text("no video")
    return root


@pytest.fixture(scope="module")
def reference(videos, tmp_path_factory):
    """The files of the data set that was built without a stop."""
    out = tmp_path_factory.mktemp("reference") / "set"
    result = build(f"--videos={videos}", f"--out={out}", *QUICK)
    assert result.returncode == 1 and "12 videos, 1 failed" in result.stdout
    return contents(out)


@pytest.fixture
def build_to(videos, tmp_path):
    """Starts a build of tmp_path / "set" with a point in it; returns point and process."""

    def started(pattern, number, kind, to, *flags):
        point = Point(tmp_path / "set", tmp_path / "log", pattern, number, kind, to)
        point.log.unlink(missing_ok=True)
        flags = (f"--videos={videos}", f"--out={point.folder}", *QUICK, *flags)
        return point, start(*flags, environment=point.environment())

    return started


def ended(process, status):
    """Waits until a build and all that it started have ended; returns what it told."""
    _, errors = process.communicate()
    assert process.returncode == status, errors
    wait_for(lambda: not of_session(process.pid), "all of its processes to end")
    return told(errors)


@pytest.mark.slow
def test_killed_ten_times(build_to, videos, reference, tmp_path):
    """By turns the main process alone and all of them, with one worker and with two."""
    for i, (pattern, number) in enumerate(KILLS):
        to, workers = ("leader", "group")[i % 2], 1 + i % 3 % 2
        point, process = build_to(pattern, number, signal.SIGKILL, to, f"--workers={workers}")
        process.communicate()
        assert process.returncode == -signal.SIGKILL, (pattern, number)
        assert len(point.steps()) >= number
        assert not (tmp_path / "set" / "build.json").exists()
    result = build(f"--videos={videos}", f"--out={tmp_path / 'set'}", *QUICK)
    assert result.returncode == 1, result.stderr
    assert contents(tmp_path / "set") == reference
    assert sorted(os.listdir(tmp_path)) == ["log", "set"]


def test_workers_end_when_their_parent_is_killed(build_to, videos, tmp_path):
    """And other flags do not go on from there."""
    point, process = build_to(r"open \.build/.*json", 2, signal.SIGKILL, "leader", "--workers=3")
    ended(process, -signal.SIGKILL)
    before = contents(point.folder)
    assert any(name.endswith(".json") for name in before)
    flags = (f"--videos={videos}", f"--out={point.folder}", *QUICK, "--workers=3")
    result = build(*flags, "--fps=5")
    (line,) = told(result.stderr)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "an unfinished build of split 'train' with other videos or flags lies here" in line
    assert "finish it with the same command, or remove" in line
    assert contents(point.folder) | {".build/.lock": b""} == before | {".build/.lock": b""}


def test_beam_workers_end_when_their_parent_is_killed(build_to):
    pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
    options = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    point, process = build_to(
        A_SHARD, 1, signal.SIGSTOP, "self", "--runner=beam", "--", *options
    )  # the worker waits there
    point.wait(process)
    assert len(of_session(process.pid)) >= 3
    process.kill()
    os.killpg(process.pid, signal.SIGCONT)
    ended(process, -signal.SIGKILL)


def test_a_killed_worker_is_one_line(build_to, videos, reference):
    point, process = build_to(A_SHARD, 3, signal.SIGKILL, "self", "--workers=2")
    (line,) = ended(process, 1)
    assert line.startswith("data_prep build: a worker process was killed")
    again = build(f"--videos={videos}", f"--out={point.folder}", *QUICK)
    assert again.returncode == 1 and "12 videos, 1 failed" in again.stdout
    assert contents(point.folder) == reference


def test_ctrl_c_is_one_line(build_to):
    """To all processes, as a terminal does."""
    _, process = build_to(A_SHARD, 5, signal.SIGINT, "group", "--workers=2")
    (line,) = ended(process, 130)
    assert "run the same command again to resume" in line


class Killed(BaseException):
    """What stands for a kill inside this process."""


def renames(monkeypatch, allowed):
    """Makes the rename after so many be the last thing that happens."""
    real, count = os.replace, 0

    def replace(source, target):
        nonlocal count
        if count == allowed:
            raise Killed
        count += 1
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def test_killed_between_any_two_renames_of_the_end(videos, tmp_path, monkeypatch):
    """Also where another split is there, and one more is unfinished."""
    items, names = inputs.read(videos)
    recipe = BuildSettings(("rgb",), short_side=48, fps=2.0)

    def shards(out, split):
        made = data_prep_build.Build(out, split, tuple(items), tuple(names), recipe, num_shards=2)
        made.work.mkdir(parents=True, exist_ok=True)
        for task in made.tasks:
            data_prep_shards.write_shard(task)
        return made

    (tmp_path / "whole").mkdir()
    start_of_all = tmp_path / "start"
    dataset.finish(shards(start_of_all, "train"))
    shards(start_of_all, "other")
    shards(start_of_all, "test")
    shutil.copytree(start_of_all, tmp_path / "whole", dirs_exist_ok=True)
    dataset.finish(shards(tmp_path / "whole", "test"))
    whole = contents(tmp_path / "whole")
    for allowed in range(100):
        out = tmp_path / str(allowed)
        shutil.copytree(start_of_all, out)
        made = data_prep_build.Build(out, "test", tuple(items), tuple(names), recipe, num_shards=2)
        with monkeypatch.context() as patch:
            renames(patch, allowed)
            try:
                dataset.finish(made)
                break
            except Killed:
                pass
        assert not dataset.is_complete(out, "test", made.fingerprint())
        dataset.finish(made)
        assert contents(out) == whole
    assert allowed > 6  # two shards, five files of metadata and those written beside
    assert [name for name in whole if name.startswith(".build/other/")]
