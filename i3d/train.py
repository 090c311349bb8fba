"""Trains a model on a data set, on one device, all GPUs of a machine, or several machines.

    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/rgb
    python -m i3d.train --config=configs/i3d/figures.py --workdir=runs/a --config.seed=1

If it is interrupted, the same command resumes from the last checkpoint and ends with the same
weights. On several machines start it on each, with TF_CONFIG and one --workdir that all see.
"""

import sys

from absl import flags, logging
from ml_collections import ConfigDict

from i3d.data import read, shards
from i3d.data.feature_files import FeatureFiles
from i3d.runtime import command, quiet
from i3d.runtime.command import UserError
from i3d.training import config, source_checks
from i3d.training.config_checks import feature_spec_of
from i3d.weights.ava_zoo import takes_boxes
from i3d.weights.localization_zoo import takes_features

HINT = "lower config.batch.per_replica"  # where memory ends before the training begins


def main(argv: list[str]) -> int:
    """Trains; returns the exit status, 128 and the signal's number where one stopped it."""
    return command.run(
        argv, "train", __doc__, defined_flags, check, work, HINT, on_stop=command.GOES_ON
    )


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    folder = "folder of the run: checkpoints, config.json, log; a run in it is resumed"
    flags.DEFINE_string("workdir", None, folder, flag_values=own)
    flags.DEFINE_integer(
        "replicas", 0, "number of devices; 0: all GPUs, or one CPU", 0, flag_values=own
    )
    return own


def check(options: flags.FlagValues, argv: list[str]) -> flags.FlagValues:
    """Returns the flags, parsed, with a configuration that was checked."""
    command.refuse_words(config.parse_flags(argv, options)[1:])
    if not options.workdir:
        raise UserError("--workdir is needed: the folder of the run")
    check_records(options.config)
    return options


def check_records(settings: ConfigDict) -> None:
    """Raises UserError where a configuration names no data set that it can be trained on."""
    data = settings.data
    config.check_named(data)
    if takes_features(settings.model.name):
        config.check_annotations(settings.segments.annotations)
        FeatureFiles(data.records, feature_spec_of(config.flat(settings)))
        return
    if takes_boxes(settings.model.name):
        found = read.opened(data.records, (read.KEY_FRAMES,))
    else:
        read.check_labelled(found := read.opened(data.records))
    shards.check_split(found, data.train)
    try:
        if data.validation:
            shards.check_split(found, data.validation)
    except UserError as error:
        raise UserError(
            f"config.data.validation: {error}; --config.data.validation= (nothing) trains without"
        ) from error
    source_checks.check_records(config.flat(settings), found)


def work(options: flags.FlagValues) -> int:
    """Trains; returns 0, or 128 and the number of the signal that stopped it."""
    logging.set_verbosity(logging.WARNING)  # others tell of what they do
    # 3, as deterministic input has TensorFlow tell of errors that are none.
    tf = quiet.import_tensorflow(log_level="3")
    from i3d.training import run

    try:
        stopped_by = run.train(options.config, options.workdir, options.replicas)
    except (tf.errors.OpError, MemoryError) as error:
        raise UserError(told(error, options.config)) from error
    return 128 + stopped_by if stopped_by else 0


def told(error: Exception, settings: ConfigDict) -> str:
    """Returns one line on an error out of TensorFlow's operations, and what helps against it."""
    import tensorflow as tf

    line, batch = command.op_error_line(error), settings.batch
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
            "another worker of the run is gone; the same command on all of them resumes from the "
            "last checkpoint"
        )
    return line


if __name__ == "__main__":
    sys.exit(main(sys.argv))
