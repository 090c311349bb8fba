"""benchmarks.engines: what a process that crashes, has no such network or is timed is told as."""

import subprocess
import sys

import pytest

from benchmarks import engines, inference

pytestmark = pytest.mark.long
TIMED = "read x; echo; for second in 0.5 0.25 0.75; do read x; echo $second; done; read x"


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """Returns a function from a script of the shell to the Peer that it is, run three times."""
    for flag in (inference.BATCH, inference.REPEATS):
        monkeypatch.setattr(inference, flag.name.upper(), Given(3))
    program = tmp_path / "python"
    monkeypatch.setattr(engines.sys, "executable", str(program))

    def run(script):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        with engines.Peer("keras", "tsn_r50_1x1x3", "float32", tmp_path) as found:
            found.wait()
            for _ in range(3):
                found.run()
        return found

    return run


class Given:
    """A flag's value, without a command line."""

    def __init__(self, value):
        self.value = value


def test_columns(peer):
    timed = peer(TIMED)
    assert (timed.told(), timed.seconds()) == ("0.500", 0.5)
    for script, told in (
        ("kill -ABRT $$", "crash"),
        ("read x; echo; read x; echo 0.5; kill -SEGV $$", "crash"),
        ("exit 1", "crash"),
        (f"exit {engines.NOT_THERE}", "-"),
    ):
        found = peer(script)
        assert (found.told(), found.seconds()) == (told, None), script
        assert found.error(found.rows) == 0.0


def test_a_network_that_is_not_there_is_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engines", "--models=resnet_51"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "resnet_51" in done.stderr.splitlines()[-1]
