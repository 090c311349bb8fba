"""Tests trained weights on a split: several clips and crops of each video, or whole videos.

    python -m i3d.evaluate --config=configs/i3d/ucf101.py --checkpoint=runs/rgb/best.weights.h5
    python -m i3d.evaluate ... --clips=10 --crops=3 --config.data.size=256 --out=rgb.npz
    python -m i3d.evaluate ... --whole_video --confusion_png=rgb.png

Takes the configuration of the training run: records, stream, frames, stride, size and model.
Prints accuracies with 95 % intervals, each class, and the confusion matrix; --out keeps the
logits of each video, for `python -m i3d.fuse`.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

from absl import flags

from i3d.evaluation import report
from i3d.runtime import quiet
from i3d.training import config

HELP = {"help", "--help", "-h", "-help"}


def main(argv):
    """Prints the accuracies and returns 0; a user's mistake is one line and exit status 1."""
    options = defined_flags(argv)
    if HELP & set(argv[1:]):
        print(f"{__doc__}\n{options.get_help()}")
        return 0
    words = config.parse_flags(argv, options)[1:]
    try:
        check(options, words)
    except (ValueError, OSError) as error:
        sys.exit(f"evaluate: {error}")
    tf = quiet.import_tensorflow()  # not earlier, so that a wrong flag is told at once
    from i3d.evaluation import run

    try:
        run.run(options)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"evaluate: {error}")
    except (tf.errors.OpError, MemoryError) as error:
        sys.exit(f"evaluate: {told(error)}")
    except KeyboardInterrupt:
        print("evaluate: stopped", file=sys.stderr)
        return 130
    return 0


def told(error):
    """Returns the line that a user is told of an error out of TensorFlow's operations."""
    import tensorflow as tf

    from i3d.data import stored

    if isinstance(error, tf.errors.ResourceExhaustedError | MemoryError):
        return f"out of memory; lower --batch_size: {stored.problem(error)}"
    return stored.problem(error)


def defined_flags(argv):
    """Returns the FlagValues of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    flags.DEFINE_string("checkpoint", None, "TF1 prefix, .weights.h5, .pth", flag_values=own)
    flags.DEFINE_string("split", "test", "name of the split", flag_values=own)
    flags.DEFINE_integer(
        "clips", None, "spread over each video; config.data.segments, or 1", 1, flag_values=own
    )
    flags.DEFINE_boolean(
        "whole_video", False, "one clip of all frames of a video, not --clips", flag_values=own
    )
    flags.DEFINE_enum("crops", "1", ["1", "3", "10"], "of a clip", flag_values=own)
    flags.DEFINE_integer(
        "batch_size", None, "views on each device; config.batch.per_replica", 1, flag_values=own
    )
    flags.DEFINE_integer("replicas", 0, "devices; 0: all GPUs, or one CPU", 0, flag_values=own)
    flags.DEFINE_string("out", None, "new .npz file for the logits", flag_values=own)
    flags.DEFINE_string("confusion_png", None, "new file for a picture", flag_values=own)
    return own


def check(options, words):
    """Makes sure of what can be known before the data and the weights are read.

    Raises:
      ValueError: flags are missing or contradict each other, or a file is there already.
    """
    if words:
        raise ValueError(f"unexpected argument {words[0]!r}; flags are written --name=value")
    if not options.checkpoint:
        raise ValueError("--checkpoint is needed: best.weights.h5 of a run, or a TF1 prefix")
    if not options.config.data.records:
        raise ValueError("config.data.records: expected the folder of a data set, got ''")
    data, clips = options.config.data, options.clips
    if options.config.model.name.startswith("tsm_") and clips not in (None, data.segments):
        raise ValueError(f"--clips: TSM takes the {data.segments} segments it is trained with")
    if options.whole_video:
        if data.segments:
            raise ValueError("--whole_video: config.data.segments is set; segments are spread")
        for name, only in (("clips", None), ("batch_size", 1), ("replicas", 1)):
            if options[name].present and options[name].value != only:
                raise ValueError(
                    f"--{name} cannot go with --whole_video, which takes each video as one "
                    "clip, one at a time"
                )
    report.check_outputs(options.out, options.confusion_png)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
