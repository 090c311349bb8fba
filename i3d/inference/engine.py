"""Chooses what runs a network on a processor: Keras or OpenVINO.

network = load(card, engine="auto")
run = of(network, step)                # step: the compiled function of Keras
rows = run(views)                      # by the faster of the two, decided at the first batch
"""

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from i3d.runtime.command import UserError

ENGINES = ("auto", "keras", "openvino")
EXTRA = "pip install 'i3d[fast]'"
HELP = (
    "what runs the network on a processor: keras, openvino (the extra fast), or auto, the faster "
    "of the two, measured once and remembered"
)
_ROUNDS = 3  # of a measurement, in turns
# Of the largest value, between what both give: twice the error of each.
_SAME = {"float32": 2e-4, "bfloat16": 2e-2}


def check(engine: str) -> None:
    """Makes sure that an engine is there.

    Raises:
      UserError: there is none of that name, or it is not installed.
    """
    if engine not in ENGINES:
        raise UserError(f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    if engine == "openvino" and not _installed():
        raise UserError(f"engine: openvino is not installed: {EXTRA}")


def of(network: Any, step: Callable[[Any], Any], alone: bool = True) -> Callable[[Any], Any]:
    """Returns the function that runs a network by its engine.

    Args:
      network: inference.network.Network.
      step: runs it by Keras, from its inputs to float32 rows.
      alone: whether it runs on one device; else it is left to Keras.

    Raises:
      UserError: OpenVINO is asked for on several devices, or with another backend.
    """
    engine = getattr(network, "engine", "keras")
    if engine == "keras":
        return step
    why = _unfit(alone)
    if engine == "openvino":
        check(engine)
        if why:
            raise UserError(f"engine: openvino runs {why}")
        return Chosen(network, None)
    if not why and not _installed():
        _say(f"keras; openvino may be faster on this processor: {EXTRA}")
    return step if why or not _installed() or _has_gpu() else Chosen(network, step)


class Chosen:
    """Runs a network by OpenVINO, or by what is faster at its first batch."""

    def __init__(self, network: Any, step: Callable[[Any], Any] | None):
        """Keeps the network and the step of Keras; None: OpenVINO is asked for."""
        self._network, self._step = network, step
        self._precision = network.precision
        self._run: Callable[[Any], Any] | None = None

    def __call__(self, inputs: Any) -> Any:
        """Returns the rows of inputs, float32.

        Raises:
          UserError: OpenVINO is asked for, and cannot run this network.
        """
        if self._run is None:
            self._run = (self._faster if self._step else self._converted)(inputs)
        return self._run(inputs)

    def _converted(self, inputs):
        """Returns what OpenVINO made of the network, after it has run once: it compiles then."""
        from i3d.inference.openvino_model import OpenVinoModel

        network = self._network
        try:
            plain = network.plain() if network.plain else network
            run = OpenVinoModel(plain.model, self._precision)
            run(inputs)
        except MemoryError:
            raise
        except Exception as error:  # OpenVINO's have no base of their own
            name = network.model.name
            raise UserError(f"engine: openvino cannot run {name}: {_reason(error)}") from error
        return run

    def _faster(self, inputs):
        """Returns the faster of the two, by what is remembered or by trying."""
        from i3d.inference import engine_times

        several = inputs if isinstance(inputs, dict) else {"views": inputs}
        shapes = [np.shape(several[name]) for name in sorted(several)]
        key = engine_times.key_of(self._network, self._precision, shapes)
        seconds = engine_times.get(key)
        clips = max(shapes, key=len)[0]
        try:
            if seconds:
                best = _told(seconds, clips, "as measured before")
                return self._step if best == "keras" else self._converted(inputs)
            runs = {"keras": self._step, "openvino": self._converted(inputs)}
            apart = _difference(*(run(inputs) for run in runs.values()))
        except UserError as error:
            _say(f"keras, as {str(error).removeprefix('engine: ')}")
            return self._step
        if not apart <= _SAME[self._precision]:
            _say(f"keras, as openvino's rows differ by {apart:.1e} of the largest")
            return self._step
        seconds = _measured(runs, inputs)
        engine_times.put(key, seconds)
        return runs[_told(seconds, clips, "measured")]


def _reason(error):
    """Returns the line that tells most of an error of OpenVINO, which has several."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if line.startswith("--")] or lines or [type(error).__name__]
    return lines[0].removeprefix("-- ")[:200]


def _measured(runs, inputs):
    """Returns {engine: median seconds}; both have run before."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            np.asarray(run(inputs))
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def _told(seconds, clips, how):
    """Says which engine is faster, and returns its name."""
    best, other = sorted(seconds, key=lambda name: seconds[name])
    each = [f"{seconds[name] / clips:.3f} s" for name in (best, other)]
    _say(f"{best}, {each[0]} against {each[1]} of {other} a clip, {how}")
    return best


def _difference(rows, others):
    rows, others = np.asarray(rows), np.asarray(others)
    return float(np.abs(rows - others).max() / np.abs(rows).max()) if rows.size else 0.0


def _unfit(alone):
    """Returns why OpenVINO cannot be taken here, "" if it can."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return f"networks of the TensorFlow backend; this is {keras.backend.backend()}"
    return "" if alone else "on one device; leave --replicas"


def _has_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _installed():
    return importlib.util.find_spec("openvino") is not None


def _say(line):
    print(f"engine: {line}", file=sys.stderr, flush=True)
