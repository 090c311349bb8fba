"""Tests a network on a split of records: several clips and crops of each video, or whole videos.

    python -m i3d.evaluate --config=configs/i3d/ucf101.py --checkpoint=runs/rgb/best.weights.h5
    python -m i3d.evaluate ... --clips=10 --crops=3 --config.data.size=256 --out=rgb.npz
    python -m i3d.evaluate ... --whole_video --confusion_png=rgb.png
    python -m i3d.evaluate --checkpoint=rgb_imagenet/model.ckpt --records=data/kinetics

Takes the configuration of the training run (records, stream, frames, stride, size and model), or
a checkpoint and --records; views are then those of the checkpoint's test protocol. Prints
accuracies with 95 % intervals, each class, and the confusion matrix; of videos with several labels
the mean average precision and that of each class. --out keeps the logits of each video, for
`python -m i3d.fuse`.
"""

import sys

from absl import flags

from i3d.data import read
from i3d.data.build_settings import settings_of
from i3d.evaluation import report
from i3d.inference import options
from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.spec import WHOLE
from i3d.training import config


def main(argv: list[str]) -> int:
    """Prints the accuracies; returns the exit status."""
    return command.run(argv, "evaluate", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    options.define(own)
    text = flags.DEFINE_string
    text("records", None, "folder of the data set; default: that of --config", flag_values=own)
    text("split", "test", "name of the split", flag_values=own)
    flags.DEFINE_boolean(
        "whole_video", False, "the whole video as one clip, instead of --clips", flag_values=own
    )
    flags.DEFINE_integer(
        "replicas", 0, "number of devices; 0: all GPUs, or one CPU", 0, flag_values=own
    )
    text("out", None, "new .npz file for the logits of each video", flag_values=own)
    text("confusion_png", None, "new .png file for the confusion matrix", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]):
    """Returns the evaluation.run.Job of a command line.

    Raises:
      UserError: flags are missing or contradict each other, or a file is there already.
    """
    from i3d.evaluation.run import Job

    settings, words = config.parsed(own, argv)
    command.refuse_words(words)
    if own.whole_video:
        for name, only in (("clips", None), ("batch_size", 1), ("replicas", 1)):
            if own[name].present and own[name].value != only:
                raise UserError(
                    f"--{name} cannot go with --whole_video, which takes each video as one clip, "
                    "one at a time"
                )
    records = own.records or (settings and settings["data.records"])
    if not records:
        raise UserError("--records is needed: the folder of a data set (or config.data.records)")
    read.opened(records)
    built = settings_of(records)
    report.check_picture(own.confusion_png, bool(built and built.multi_label))
    if settings is not None:
        settings = settings | {"data.records": records}
    (card,) = options.cards(own, settings, clips=WHOLE if own.whole_video else None)
    report.check_outputs(own.out, own.confusion_png)
    return Job(card, own, settings, records)


def work(job) -> None:
    """Tests, prints and writes."""
    from i3d.evaluation import run

    run.run(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
