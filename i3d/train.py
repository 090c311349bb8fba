"""Trains a model on records, on one device, all GPUs of a machine, or several machines.

    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/rgb
    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/a --config.seed=1

Stopped or killed, the same command goes on from the last checkpoint and ends with the same
weights. On several machines start it on each, with TF_CONFIG and one --workdir that all see.
"""

import os
import sys

# Before TensorFlow is imported. 3, as deterministic input has it tell of errors that are none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app, flags, logging

from i3d.runtime import quiet
from i3d.training import config


def main(argv):
    """Trains; a user's mistake is one line on stderr and exit status 1."""
    if argv[1:]:
        sys.exit(f"train: unexpected argument {argv[1]!r}; flags are written --name=value")
    if not flags.FLAGS.workdir:
        sys.exit("train: --workdir is needed: the folder of the run")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # TFDS tells of everything it reads
    tf = quiet.import_tensorflow()  # not earlier, so that a wrong flag is told at once
    from i3d.training import run

    settings = flags.FLAGS.config
    try:
        stopped_by = run.train(settings, flags.FLAGS.workdir, flags.FLAGS.replicas)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"train: {error}")
    except (tf.errors.OpError, MemoryError) as error:
        sys.exit(f"train: {told(error, settings)}")
    except KeyboardInterrupt:
        print("train: stopped", file=sys.stderr)
        sys.exit(130)
    if stopped_by:
        sys.exit(128 + stopped_by)


def told(error, settings):
    """Returns the line that a user is told of an error out of TensorFlow's operations."""
    import tensorflow as tf

    from i3d.data import stored

    line, batch = stored.problem(error), settings.batch
    if isinstance(error, tf.errors.ResourceExhaustedError | MemoryError):
        return (
            f"out of memory; lower config.batch.per_replica (now {batch.per_replica}) and raise "
            f"config.batch.accumulate (now {batch.accumulate}) as many times, which keeps the "
            f"clips per update: {line}"
        )
    if isinstance(error, tf.errors.UnimplementedError) and "determinis" in line:
        return f"{line}; --config.deterministic=false does without"
    if isinstance(error, tf.errors.UnavailableError | tf.errors.AbortedError):
        return (
            "another worker of the run is gone; the same command on all of them goes on from the "
            "last checkpoint"
        )
    return line


if __name__ == "__main__":
    config.define_flag()
    flags.DEFINE_string("workdir", None, "folder of the run")
    flags.DEFINE_integer("replicas", 0, "devices; 0: all GPUs, or one CPU", 0)
    app.run(main, flags_parser=config.parse_flags)
