"""Imports TensorFlow without the warnings that it prints on a machine without GPU.

    quiet.tensorflow_from_now_on()        # once, before anything imports TensorFlow or Keras
    tf = quiet.import_tensorflow()

It writes them to file descriptor 2 before any log level counts. All other lines pass.
"""

import contextlib
import importlib.abc
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_NOISE = (
    b"All log messages before absl::InitializeLog()",
    b"oneDNN custom operations are on",
    b"Could not find cuda drivers on your machine",
    b"Failed call to cuInit: UNKNOWN ERROR (303)",  # no driver at all; others are real failures
)


def tensorflow_from_now_on() -> None:
    """Makes the first import of TensorFlow, whoever does it, look for devices, without the noise.

    command.run calls it, so that no command has to know which library imports TensorFlow.
    """
    if "tensorflow" not in sys.modules and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def import_tensorflow(log_level: str = "2") -> ModuleType:
    """Returns the module tensorflow; it has looked for devices already.

    Args:
      log_level: of its C++ part, from "0" (all) to "3" (no errors either), if the environment
        does not say.
    """
    os.environ.setdefault(_LEVEL, log_level)
    tensorflow_from_now_on()
    import tensorflow as tf

    return tf


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module tensorflow, with a loader that is quiet, until it was imported."""

    def find_spec(self, name, path=None, target=None):
        """Returns the spec of tensorflow, None for any other module."""
        if name != "tensorflow":
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)):
                spec.loader = _Loader(spec.loader, self)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    """Loads a module as another loader does, which takes over again."""

    def __init__(self, loader, finder):
        """Keeps the other loader, and the finder, which has done its work once this one works."""
        self._loader, self._finder = loader, finder

    def create_module(self, spec):
        """Returns what the other loader makes."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """Imports TensorFlow and has it look for devices, holding back the noise of both."""
        sys.meta_path.remove(self._finder)
        module.__loader__ = module.__spec__.loader = self._loader
        os.environ.setdefault(_LEVEL, "2")
        with _filtered_stderr():
            self._loader.exec_module(module)
            module.config.list_physical_devices()


@contextlib.contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, and gives it out without the noise."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if not any(noise in line for noise in _NOISE):
                    os.write(2, line)
