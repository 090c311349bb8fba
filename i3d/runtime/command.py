"""Runs a command: flags, checks, work; formats errors as one line and sets the exit status.

    def main(argv: list[str]) -> int:
        return command.run(argv, "predict", __doc__, defined_flags, checked, work)

Exit status 0: all is done. 1: work failed, or a part of it. 2: a wrong call. 130: interrupted.
"""

import io
import os
import select
import sys
from collections.abc import Callable
from typing import Any

from absl import flags

from i3d.runtime import quiet, stopping

HELP = {"help", "--help", "-h", "-help", "--helpfull"}
GOES_ON = "run the same command again to resume"
_LONGEST_LINE = 1000  # letters
OUT_OF_MEMORY = "lower --batch_size"  # what helps against it, unless a command knows better


class UserError(ValueError):
    """A mistake in a call or in a file that was given; the message is one line for the user.

    Attributes:
      one_line: False for a class of errors whose further lines are for the user too.
    """

    one_line = True


class BadData(UserError):
    """A file or folder that cannot be used: missing, damaged, too large or of another kind.

    The base of every error that reading data raises (videos, weights, data sets, results, lists,
    samples, downloads); functions that read a file let no other out but OSError.
    """


def run(
    argv: list[str],
    name: str,
    page: str | None,
    define: Callable[[list[str]], flags.FlagValues],
    check: Callable[[flags.FlagValues, list[str]], Any],
    work: Callable[[Any], int | None],
    out_of_memory: str = OUT_OF_MEMORY,
    on_stop: str = "",
) -> int:
    """Runs a command and returns its exit status; an error of the user is one line on stderr.

    When the reader of the output has gone (`| head -1`), it ends without a word, with status 1.

    Args:
      argv: the command line, the program first.
      name: what lines on standard error begin with.
      page: what --help prints before the flags.
      define: returns the flags of the command, not parsed.
      check: takes the flags and the command line, parses and checks it before any work, and
        returns what `work` takes. What it raises is a wrong call.
      work: does the work; returns the exit status, None for 0.
      out_of_memory: what the user can do about that.
      on_stop: what the user can do after Ctrl-C, such as GOES_ON.

    Raises:
      Exception: whatever is an error of this program, so that its traceback is seen.
    """
    with stopping.prompt(lambda: _stopped(name, on_stop)) as interrupts:
        try:
            interrupts.status = _run(
                argv, name, page, define, check, work, out_of_memory, interrupts
            )
        except KeyboardInterrupt:
            interrupts.status = _stopped(name, on_stop)
        except Exception:
            if not interrupts.came:  # modules in C make another error of it
                raise
            interrupts.status = _stopped(name, on_stop)
        return interrupts.status


def _run(argv, name, page, define, check, work, out_of_memory, interrupts):
    """Returns the exit status of a command; raises what came of an interrupt."""
    quiet.tensorflow_from_now_on()
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be of any bytes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = define(argv)
        if HELP & set(argv[1:]):
            print(f"{page}\n{options.get_help()}")
            return _flushed(0)
        try:
            job = check(options, argv)
        except (UserError, flags.Error, OSError) as error:
            if isinstance(error, BrokenPipeError) or interrupts.came:
                raise
            return told(name, _of_a_file_with_a_dash(argv) or error, 2)
        return _flushed(work(job) or 0)
    except (UserError, OSError) as error:
        if interrupts.came:
            raise
        if isinstance(error, BrokenPipeError) and _reader_gone():
            return closed_pipe()
        return told(name, error, 1)
    except Exception as error:
        line = "" if interrupts.came else _of_tensorflow(error, out_of_memory)
        if not line:
            raise
        return told(name, line, 1)


def _stopped(name: str, on_stop: str) -> int:
    return told(name, f"stopped{'; ' if on_stop else ''}{on_stop}", stopping.STATUS)


def _of_a_file_with_a_dash(argv: list[str]) -> str:
    """Returns the line on a file that was taken for a flag, "" where there is none."""
    words = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    file = next((word for word in words if word[:1] == "-" and os.path.exists(word)), None)
    line = "begins with a dash and is taken for a flag; write such names after --, or as"
    return f"{file} {line} ./{file}" if file else ""


def told(name: str, error: BaseException | str, status: int) -> int:
    """Prints the first line of an error on standard error; returns the status."""
    try:
        print(f"{name}: {line_of(error)}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        closed_pipe()
    return status


def line_of(error: BaseException | str) -> str:
    """Returns what is printed of an error: its first line, or all lines where they are the user's.

    A line may quote a file that came from anyone: it is cut where it is long, and what a terminal
    would take for a command is written as in Python.
    """
    text = str(error).strip() or repr(error)
    if isinstance(error, OSError) and error.strerror and not error.filename2:
        if isinstance(error.filename, str):  # and not the number of an open file
            text = f"{error.filename}: {error.strerror}"
    if not getattr(error, "one_line", True):
        return text
    line = text.partition("\n")[0]
    if len(line) > _LONGEST_LINE:
        line = f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def closed_pipe() -> int:
    """Returns 1 for a reader that has gone; nothing more is printed."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):  # the interpreter flushes both once more at its end
        if _is_broken(number):
            os.dup2(null, number)
    os.close(null)
    return 1


def refuse_words(words: list[str]) -> None:
    """Raises UserError where words are left over that are no flags."""
    if words:
        raise UserError(f"unexpected argument {words[0]!r}; flags are written --name=value")


def one_video(words: list[str]) -> str:
    """Returns the one word that is no flag, a video; UserError where there is none, or another."""
    if len(words) != 1:
        raise UserError(f"expected one video, got {len(words)}; flags are written --name=value")
    return words[0]


def of_file(flag: str, read: Callable[[str], Any], path: str) -> Any:
    """Returns what a function reads of a file that a flag names.

    Raises:
      BadData: the file cannot be read; the line names the flag.
    """
    try:
        return read(path)
    except OSError as error:
        raise BadData(f"--{flag}: {path} cannot be read: {error.strerror}") from error


def _flushed(status: int) -> int:
    sys.stdout.flush()
    return status


def _reader_gone() -> bool:
    """Returns whether standard output or error is what broke, and not the pipe of a worker."""
    return _is_broken(1) or _is_broken(2)


def _is_broken(number: int) -> bool:
    """Returns whether a file descriptor is of a pipe that nobody reads any more."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _of_tensorflow(error: Exception, out_of_memory: str) -> str:
    """Returns the line on an error out of TensorFlow or memory, "" for an error of ours."""
    tf = sys.modules.get("tensorflow")  # only where the work had begun
    errors = getattr(tf, "errors", None)
    exhausted = (MemoryError, errors.ResourceExhaustedError) if errors else (MemoryError,)
    kinds = (*exhausted, errors.OpError) if errors else exhausted
    if not isinstance(error, kinds):
        return ""
    line = op_error_line(error)
    if isinstance(error, exhausted):
        return ": ".join(filter(None, (f"out of memory; {out_of_memory}", line)))
    return line


def op_error_line(error: Exception) -> str:
    """Returns the one line that an error out of TensorFlow's operations is about.

    A failed assertion, such as those of i3d.data.stored, is told by its own words.
    """
    text = str(error).strip()
    begin = text.find("assertion failed: [")
    if begin >= 0:
        words = text[begin + len("assertion failed: [") :]
        end = words.find("] [[") if "] [[" in words else words.find("]\n")
        return words[:end].strip() if end >= 0 else words.partition("\n")[0]
    return text.partition("\n")[0]
