"""Builds that are killed: the same command goes on, to the same bytes, and nothing is left."""

import os
import random
import shutil
import signal
import time

import pytest

from data_prep import build as data_prep_build
from data_prep import dataset, inputs
from data_prep import shards as data_prep_shards
from i3d.data.build_settings import BuildSettings
from tests.helpers.builds import QUICK, build, start, told, workers
from tests.helpers.processes import contents, has_proc, of_session, wait_for
from tests.helpers.videos import write_folder

pytestmark = pytest.mark.skipif(not has_proc(), reason="processes are looked up in /proc")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of 12 videos, and one file that is none."""
    root = write_folder(tmp_path_factory.mktemp("videos"))
    (root / "run" / "junk.mp4").write_text("no video")
    return root


@pytest.fixture(scope="module")
def reference(videos, tmp_path_factory):
    """(files of the data set that was built without a stop, seconds it took)."""
    out = tmp_path_factory.mktemp("reference") / "set"
    begin = time.monotonic()
    result = build(f"--videos={videos}", f"--out={out}", *QUICK)
    assert result.returncode == 1 and "12 videos, 1 failed" in result.stdout
    return contents(out), time.monotonic() - begin


def kill(process, whole_group):
    """Kills the main process or all of them; returns whether it was still at work."""
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def wait_for_a_shard(out):
    """Waits until a worker writes a shard."""
    wait_for(lambda: list((out / ".build").glob("*/videos-*.partial")), "a shard")


def test_killed_ten_times(videos, reference, tmp_path):
    """At moments spread over the time of a whole run, in random order, each time going on."""
    files, seconds = reference
    flags = (f"--videos={videos}", f"--out={tmp_path / 'set'}", *QUICK)
    moments = [seconds * (i + random.random()) / 10 for i in range(10)]
    random.shuffle(moments)
    print("killed after " + ", ".join(f"{moment:.2f}" for moment in moments) + " s")
    kills = stages = 0
    for i, moment in enumerate(moments):
        process = start(*flags, f"--workers={1 + i % 3 % 2}")
        time.sleep(moment)
        if kill(process, whole_group=i % 2 == 1):
            kills += 1
            stages += any((tmp_path / "set").rglob("*.json"))
        else:  # it was done before; the next starts anew
            assert contents(tmp_path / "set") == files
            shutil.rmtree(tmp_path / "set")
    result = build(*flags)
    assert result.returncode == 1, result.stderr
    assert contents(tmp_path / "set") == files
    assert os.listdir(tmp_path) == ["set"]
    assert kills >= 5 and stages >= 1


def test_workers_end_when_their_parent_is_killed(videos, tmp_path):
    """And other flags do not go on from there."""
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--workers=3")
    process = start(*flags)
    wait_for(lambda: list((tmp_path / ".build").glob("*/*.json")), "a whole shard")
    assert kill(process, whole_group=False)
    wait_for(lambda: not of_session(process.pid), "all of its processes to end")
    before = contents(tmp_path)
    result = build(*flags, "--fps=5")
    (line,) = told(result.stderr)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "an unfinished build of split 'train' with other videos or flags lies here" in line
    assert "finish it with the same command, or remove" in line
    assert contents(tmp_path) | {".build/.lock": b""} == before


def test_beam_workers_end_when_their_parent_is_killed(videos, tmp_path):
    pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
    options = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--runner=beam", "--", *options)
    process = start(*flags)
    wait_for_a_shard(tmp_path)
    assert len(of_session(process.pid)) >= 3
    assert kill(process, whole_group=False)
    wait_for(lambda: not of_session(process.pid), "all of its processes to end")


def test_a_killed_worker_is_one_line(videos, reference, tmp_path):
    flags = (f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--workers=2")
    process = start(*flags)
    wait_for_a_shard(tmp_path)
    os.kill(random.choice(list(workers(process.pid))), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    (line,) = told(errors)
    assert process.returncode == 1
    assert line.startswith("data_prep build: a worker process was killed")
    wait_for(lambda: not of_session(process.pid), "all of its processes to end")
    again = build(*flags)
    assert again.returncode == 1 and "12 videos, 1 failed" in again.stdout
    assert contents(tmp_path) == reference[0]


def test_ctrl_c_is_one_line(videos, tmp_path):
    process = start(f"--videos={videos}", f"--out={tmp_path}", *QUICK, "--workers=2")
    wait_for_a_shard(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    lines = told(errors)
    lines = [line for line in lines if "video/s" not in line and "s/ video" not in line]  # progress
    assert len(lines) == 1, errors
    assert process.returncode == 130 and "run the same command again to go on" in lines[0]
    wait_for(lambda: not of_session(process.pid), "all of its processes to end")


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
