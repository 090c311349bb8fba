"""The formats of exports: what each is called, what it needs, how it is written and run.

    chosen = FORMATS["onnx"]
    chosen.check(out)                            # before any work
    chosen.write(graph, path, "float32")
    run = chosen.runner(path)                    # uint8 [B, N, H, W, C] -> float32 [B, K]

Neither TensorFlow nor a runtime is imported here.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from i3d.runtime import files
from i3d.runtime.command import UserError

Runner = Callable[[np.ndarray], np.ndarray]
PRECISIONS = ("float32", "float16", "int8")


class Format(NamedTuple):
    """A format; `write` and `runner` are those of the module of its name.

    Attributes:
      name: of the flag, and of the module.
      suffix: of the file, "" where a folder is written.
      packages: that must be installed.
      precisions: in which weights can be stored.
      batch: views at a time that the file takes; None: any number.
    """

    name: str
    suffix: str = ""
    packages: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("float32",)
    batch: int | None = None

    def check(self, out: str, precision: str) -> None:
        """Raises UserError unless it can be written there, with what is installed."""
        if precision not in self.precisions:
            able = " or ".join(f for f in FORMATS if precision in FORMATS[f].precisions)
            raise UserError(f"--precision={precision} is of --format={able}, got {self.name}")
        for package in self.packages:
            if not _installed(package):
                raise UserError(f"--format={self.name} needs {package}: pip install 'i3d[export]'")
        files.check_new(out, self.suffix)

    def write(self, graph: Any, path: os.PathLike | str, precision: str) -> None:
        """Writes a Graph to a path that is not there yet.

        Raises:
          UserError: the format cannot hold it.
        """
        self._module().write(graph, path, precision)

    def runner(self, path: os.PathLike | str) -> Runner:
        """Returns the function that runs what was written, by the format's own runtime."""
        return self._module().runner(path)

    def _module(self):
        return importlib.import_module(f"i3d.exports.{self.name}")


FORMATS = {
    each.name: each
    for each in (
        Format("saved_model"),
        Format("onnx", ".onnx", ("onnx", "onnxruntime", "tf2onnx")),
        Format("litert", ".tflite", ("ai_edge_litert",), PRECISIONS, 1),
        Format("openvino", "", ("openvino",)),
    )
}


def _installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # an entry of sys.modules that is None
        return False


def cannot_hold(name: str, graph: Any, reason: object) -> UserError:
    """Returns the error of a format that cannot hold a Graph; what its library says is cut."""
    lines = [line.strip() for line in str(reason).splitlines() if line.strip()]
    line = lines[0] if lines else type(reason).__name__
    return UserError(f"--format={name} cannot hold {graph.name}: {line:.200}")
