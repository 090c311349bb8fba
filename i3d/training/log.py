"""Logs a training run: lines on standard output, JSON lines, TensorBoard scalars.

    with RunLog("runs/rgb", first_step=0) as log:
        log.write(100, {"loss": 2.31, "learning_rate": 0.1})
        log.write(500, {"top1": 0.62}, "validation")

workdir/log.jsonl holds one object a line: {"step": 100, "loss": ...}; those of validation have
names like "validation/top1".
"""

import json
import sys
import time
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from i3d.runtime import files, json_file

FILE = "log.jsonl"


class RunLog:
    """Writes numbers of a run where people and programs find them."""

    def __init__(self, workdir, first_step):
        """Goes on in workdir/log.jsonl; lines of steps that are made again are dropped.

        Args:
          workdir: folder of the run.
          first_step: updates made so far.
        """
        path = Path(workdir, FILE)
        kept = _lines_up_to(path, first_step) if path.exists() else []
        files.write_text(path, "".join(kept))
        self._file = open(path, "a", buffering=1)
        self._writer = tf.summary.create_file_writer(str(Path(workdir, "tensorboard")))

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *error):
        """Closes the files."""
        self._file.close()
        self._writer.close()

    def write(self, step, numbers, group=""):
        """Writes numbers (dict of float) of a step, their names prefixed by the group."""
        named = {f"{group}/{name}" if group else name: value for name, value in numbers.items()}
        self._file.write(json.dumps({"step": step} | named) + "\n")
        with self._writer.as_default(step):
            for name, value in named.items():
                tf.summary.scalar(name if group else f"train/{name}", value)
        self._writer.flush()
        words = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        # Above the bar, where there is one.
        tqdm.write(f"step {step}  {group + '  ' if group else ''}{words}")
        sys.stdout.flush()


class Window:
    """Results of the steps since the last line of the log."""

    def __init__(self, first_step):
        """Begins with no result."""
        self.first_step, self.results = first_step, []
        self.begin, self.waited, self.rate = time.perf_counter(), 0.0, 0.0

    @property
    def names(self):
        """The names of the numbers that must be finite: the losses, and the gradients' norm."""
        names = dict.fromkeys(name for result in self.results for name in result)
        return [name for name in names if name != "hits"]

    def _values(self, name):
        """Returns the floats of a result of the steps that have it: not each has every source."""
        return [float(result[name]) for result in self.results if name in result]

    def numbers(self, clips, accuracy):
        """Returns the means as {name: float}; of a further source's loss, over its steps.

        Args:
          clips: those of a step.
          accuracy: name of the share of clips that are hits.
        """
        count = len(self.results)
        found = {name: self._values(name) for name in self.names}
        means = {name: sum(values) / len(values) for name, values in found.items()}
        norm = means.pop("gradient_norm")
        seconds = time.perf_counter() - self.begin  # after the results, which were waited for
        return means | {
            accuracy: sum(self._values("hits")) / (count * clips),
            "gradient_norm": norm,
            "learning_rate": self.rate,
            "clips_per_s": count * clips / seconds,
            "input_share": self.waited / seconds,
        }


def _lines_up_to(path, step):
    """Returns the whole lines of the file that are of a step up to this one."""
    kept = []
    for line in path.read_text(errors="replace").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json_file.parsed(line, path)["step"] <= step:
                kept.append(line)
        except (json_file.JsonError, KeyError, TypeError):
            continue  # cut off by a kill
    return kept
