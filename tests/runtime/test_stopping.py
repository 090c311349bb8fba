"""Signals that let a step finish."""

import os
import signal
import subprocess
import sys
import time

import pytest

from i3d.runtime import stopping
from tests.helpers.processes import PATIENCE_S, ROOT


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_noted_and_handlers_are_back(kind, capfd):
    before = signal.getsignal(kind)
    with stopping.requests() as asked:
        assert asked == [] and signal.getsignal(kind) != before
        os.kill(os.getpid(), kind)
        assert asked == [kind] and signal.getsignal(kind) == before
    assert "stopping after this step; once more" in capfd.readouterr().err


def test_second_signal_acts_as_ever():
    with pytest.raises(KeyboardInterrupt):
        with stopping.requests() as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked == [signal.SIGTERM]
            os.kill(os.getpid(), signal.SIGINT)


def test_one_of_several_workers_does_not_listen():
    before = signal.getsignal(signal.SIGINT)
    with stopping.requests(listen=False) as asked:
        assert asked == [] and signal.getsignal(signal.SIGINT) == before


def test_handlers_are_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError), stopping.requests():
        raise OSError
    assert signal.getsignal(signal.SIGTERM) == before


SCRIPT = """
import hashlib, sys
from absl import flags
from i3d.runtime import command, stopping

stopping.GRACE_S = 0.5

def busy(seconds=0):  # in C, where Python handles no signal
    print("busy", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9 if not seconds else 10**6 * seconds)

def swallowed():
    try:
        print("busy", flush=True)
        while True:
            pass
    except KeyboardInterrupt:
        raise ImportError("initialization failed")

def saving():
    with stopping.requests() as asked:
        while not asked:
            print("busy", flush=True)
        stopping.finishing()
        busy(2)
        print("saved")
        return 130

works = {"busy": busy, "swallowed": swallowed, "saving": saving}
work = lambda name: works[name]()
check = lambda options, argv: argv[1]
define = lambda argv: flags.FlagValues()
sys.exit(command.run(sys.argv, "test", "", define, check, work, on_stop="run it again"))
"""


@pytest.mark.parametrize("kind", ["busy", "swallowed", "saving"])
def test_ctrl_c_ends_a_command_whatever_it_is_at(kind):
    line = [sys.executable, "-c", SCRIPT, kind]
    pipe = subprocess.PIPE
    process = subprocess.Popen(line, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout.readline() == "busy\n"
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "Traceback" not in errors
    if kind == "saving":
        assert output.endswith("saved\n") and "stopping after this step, or in 0.5 s" in errors
    else:
        assert errors.splitlines()[-1] == "test: stopped; run it again"
        assert time.monotonic() - begin < 10
