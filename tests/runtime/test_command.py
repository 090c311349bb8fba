"""The one ladder of all commands, as real processes: status, lines, pipes, interrupts."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.video.source import VideoError
from i3d.weights.errors import Misfit, NoCheckpoint

ROOT = Path(__file__).parents[2]
COMMAND = """
import sys, time
from absl import flags
from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress

def define(argv):
    own = flags.FlagValues()
    flags.DEFINE_integer("n", 0, "a number", flag_values=own)
    return own

def check(options, argv):
    command.refuse_words(options(argv)[1:])
    {check}
    return options

def work(options):
    {work}

sys.exit(command.run(sys.argv, "tell", "The page.", define, check, work, on_stop=command.GOES_ON))
"""


def run(*words, check="pass", work="pass", **options):
    code = COMMAND.format(check=check, work=work)
    line = [sys.executable, "-c", code, *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    ("words", "parts", "status", "line"),
    [
        ([], {}, 0, ""),
        ([], {"work": "return 1"}, 1, ""),
        (["word"], {}, 2, "unexpected argument 'word'; flags are written --name=value"),
        (["--m=1"], {}, 2, "Unknown command line flag 'm'"),
        ([], {"check": "raise UserError('a\\nb')"}, 2, "a"),
        ([], {"check": "open('/absent')"}, 2, "/absent: No such file or directory"),
        ([], {"work": "raise UserError('bad')"}, 1, "bad"),
        ([], {"work": "raise OSError('full')"}, 1, "full"),
        ([], {"work": "raise MemoryError"}, 1, "out of memory; lower --batch_size"),
        (
            [],
            {"work": "raise KeyboardInterrupt"},
            130,
            "stopped; run the same command again to resume",
        ),
    ],
)
def test_status_and_line(words, parts, status, line):
    done = run(*words, **parts)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == (f"tell: {line}\n" if line else "")


@pytest.mark.parametrize("error", ["ValueError('no')", "KeyError('no')", "RuntimeError('no')"])
@pytest.mark.parametrize("place", ["check", "work"])
def test_any_other_error_is_a_bug_with_its_traceback(error, place):
    done = run(**{place: f"raise {error}"})
    assert done.returncode == 1 and "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(error.partition("(")[0])


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help(word):
    done = run(word, check="1 / 0")
    assert done.returncode == 0 and done.stdout.startswith("The page.\n") and "--n:" in done.stdout


@pytest.mark.long
def test_an_error_of_tensorflow_is_one_line():
    work = (
        "import tensorflow as tf; "
        "raise tf.errors.InvalidArgumentError(None, None, 'assertion failed: [a: is bad] [[{node}')"
    )
    done = run(work=work)
    assert (done.returncode, done.stderr) == (1, "tell: a: is bad\n")


@pytest.mark.parametrize(
    "work",
    [
        "[print(i, flush=True) or time.sleep(0.01) for i in range(1000)]",  # line by line
        "[print('x' * 99) for _ in range(100_000)]",  # a table
        "print('x' * 1000); time.sleep(1)",  # what is printed at the very end
    ],
)
def test_a_reader_that_goes_ends_it_quietly(work):
    shell = '"$@" | head -1; exit ${PIPESTATUS[0]}'
    code = COMMAND.format(check="pass", work=work)
    line = ["bash", "-c", shell, "bash", sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert done.returncode == (0 if "time.sleep(1)" in work else 1)


def test_a_reader_of_both_streams_that_goes(tmp_path):
    """The progress is cut, and there is nobody left to tell an error to."""
    work = "[print(i, file=sys.stderr) or time.sleep(0.01) for i in range(1000)]"
    shell = '"$@" 2>&1 | head -1; exit ${PIPESTATUS[0]}'
    code = COMMAND.format(check="pass", work=work)
    line = ["bash", "-c", shell, "bash", sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "0\n", "")


def test_the_broken_pipe_of_a_worker_is_told():
    work = "import os; a, b = os.pipe(); os.close(a); os.write(b, b'x')"
    done = run(work=work)
    assert (done.returncode, done.stderr) == (1, "tell: [Errno 32] Broken pipe\n")


def test_interrupted():
    code = COMMAND.format(check="pass", work="print('begun', flush=True); time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.startswith("tell: stopped; ")
    assert errors.count("\n") == 1


@pytest.mark.long
def test_tensorflow_is_quiet_whoever_imports_it():
    """Also after somebody only looked whether it is there."""
    look = "import importlib.util; importlib.util.find_spec('tensorflow'); import keras; "
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP")}
    done = run(work=look + "print(keras.ops.add(1, 2).numpy())", env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


@pytest.mark.parametrize("kind", [UserError, VideoError, Misfit, NoCheckpoint])
def test_errors_go_between_processes(kind):
    error = pickle.loads(pickle.dumps(kind("a.mp4: bad")))
    assert type(error) is kind and str(error) == "a.mp4: bad" and isinstance(error, UserError)


def test_all_lines_of_an_error_whose_class_says_so(capsys):
    class Lines(UserError):
        one_line = False

    assert command.told("tell", Lines("a\nb"), 2) == 2
    assert command.told("tell", UserError("a\nb"), 1) == 1
    assert capsys.readouterr().err == "tell: a\nb\ntell: a\n"


@pytest.mark.parametrize(
    "text, line",
    [
        ("a\nb", "a"),
        ("größer 日本 😀", "größer 日本 😀"),
        ("a\x1b[2Jb\tc\rd\udce9\u202ee", r"a\x1b[2Jb\tc\rd\udce9\u202ee"),
        ("'" * 3 + '"\\', "'''\"\\"),
        ("x" * 1000, "x" * 1000),
        ("x" * 10**6 + "y", "x" * 500 + " ... " + "x" * 499 + "y"),
    ],
)
def test_a_line_is_one_line_on_any_terminal(text, line):
    assert command.line_of(UserError(text)) == line
