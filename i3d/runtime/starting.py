"""Ends a command that Ctrl-C stops before its work: while its modules are being imported.

    starting.stop_at_once()      # first line of the packages i3d and data_prep

Nothing is to be cleaned up by then, so that the process ends at once: a KeyboardInterrupt would be
lost in a module that is being imported, or become another error. `stopping.prompt` takes over.
"""

import os
import signal
import sys

STATUS = 130  # of a process that Ctrl-C stopped
_GROUPS = ("i3d", "visualize", "data_prep")  # whose first word is a command
_PROGRAMS = ("i3d", "data_prep", "evaluate_sample")


def stop_at_once() -> None:
    """Lets SIGINT end the process, if it runs one of our commands; as a library it does nothing."""
    if _program() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


def end(number: int, frame: object) -> None:
    """Ends the process with one line and STATUS; the handler of SIGINT."""
    line = f"{_name(_program(), sys.argv[1:])}: stopped\n"
    try:
        os.write(2, line.encode(errors="backslashreplace"))
    finally:
        os._exit(STATUS)


def _program():
    """Returns "i3d.predict" of `python -m i3d.predict`, "i3d" of the script, "" of any other."""
    if sys.argv[:1] == ["-m"]:  # Python is importing the packages that the module is in
        words = [word.removeprefix("-m") for word in sys.orig_argv[1:]]
    else:
        path = getattr(sys.modules["__main__"], "__file__", None) or ""
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        words = [spec.name.removesuffix(".__main__") if spec else os.path.basename(path)]
    ours = (w.removesuffix(".py").removesuffix(".exe") for w in words)
    return next((word for word in ours if word.partition(".")[0] in _PROGRAMS), "")


def _name(program, words):
    """Returns what lines of the command begin with, such as "predict" or "visualize label"."""
    name = program.rpartition(".")[2]
    while name in _GROUPS and words and words[0][:1] != "-":
        first, *words = words
        name = first if name == "i3d" else f"{name} {first}"
    return name
