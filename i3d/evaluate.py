"""Tests a network on a split of records: several clips and crops of each video, or whole videos.

    python -m i3d.evaluate --checkpoint=runs/rgb/best.weights.h5
    python -m i3d.evaluate --checkpoint=rgb_imagenet --records=data/kinetics
    python -m i3d.evaluate ... --clips=10 --crops=3 --out=rgb.npz
    python -m i3d.evaluate ... --whole_video --confusion_png=rgb.png
    python -m i3d.evaluate --config=i3d/ucf101 --checkpoint=my.weights.h5 --config.data.size=256

Weights of a training run are tested as the config.json beside them says (records, stream, frames,
stride, size, model, precision), published ones by their test protocol, others by --config or
--model. A --config that contradicts the run's config.json is refused; a key that is set on the
command line, --config.KEY=VALUE, is taken. Prints accuracies with 95 % intervals, each class, and
the confusion matrix; of videos with several labels the mean average precision and that of each
class. --out keeps the logits of each video, for `python -m i3d.fuse`.

From Python: i3d.evaluate("runs/rgb/best.weights.h5").top1
"""

import re
import sys
from typing import TYPE_CHECKING, Any

from absl import flags

from i3d.data import read
from i3d.data.build_settings import settings_of
from i3d.evaluation import report
from i3d.evaluation.run import Job
from i3d.inference import checkpoint as checkpoints
from i3d.inference import options
from i3d.runtime import callable_module, command
from i3d.runtime.command import UserError
from i3d.spec import WHOLE
from i3d.training import config
from i3d.weights import find, zoo
from i3d.weights.cards import Card

if TYPE_CHECKING:
    from i3d.evaluation.results import Result

# What the views and the network are made of; a test that differs from the training is refused.
_OF_THE_TRAINING = (
    "data.stream", "data.frames", "data.stride", "data.segments", "data.size", "data.mean",
    "data.std", "model.name", "model.width",
)  # fmt: skip


def evaluate(
    checkpoint: str,
    records: str | None = None,
    split: str = "test",
    *,
    model: str | None = None,
    clips: int | None = None,
    crops: int | None = None,
    whole_video: bool = False,
    precision: str | None = None,
    batch_size: int | None = None,
    replicas: int = 0,
) -> "Result":
    """Returns the Result of a network on a split of records, as `python -m i3d.evaluate` tests it.

    Args:
      checkpoint: path of a checkpoint, or the name of a card (`i3d.cards()`).
      records: folder of the data set; None takes that of the training run.
      split: name of the split.
      model: name in the catalogue of models, for files of other than published names and runs.
      clips, crops: clips (or segments) per video and crops per clip (1, 3 or 10); None takes
        those of the run, or of the published test.
      whole_video: whether each video is one clip, in place of `clips`.
      precision: "float32" or "bfloat16"; None takes that of the run, or float32.
      batch_size: views at a time on each device; None by their size, 1 for whole videos.
      replicas: number of devices; 0: all GPUs, or one CPU.

    Returns:
      Result with `top1`, `top5`, `mean_class_accuracy` in [0, 1], `interval`, `confusion`, and
      the logits of each video.

    Raises:
      UserError: the weights or the data cannot be used as asked; one line.
    """
    from i3d.evaluation import run

    if whole_video and clips is not None:
        raise UserError("clips: expected None with whole_video, which takes a video as one clip")
    checkpoint = find.path_of(checkpoint)
    settings = None if model else _settings_of_run(checkpoint)
    clips = WHOLE if whole_video else clips
    card = checkpoints.card_of(model, checkpoint, clips=clips, crops=crops)
    folder = _records(records, settings)
    return run.result_of(_job(card, folder, split, settings, precision, batch_size, replicas))


callable_module.make(__name__, evaluate)


def main(argv: list[str]) -> int:
    """Prints the accuracies; returns the exit status."""
    return command.run(argv, "evaluate", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    options.define(own)
    text = flags.DEFINE_string
    text("records", None, "folder of the data set; default: that of the run", flag_values=own)
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


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the evaluation.run.Job of a command line.

    Raises:
      UserError: flags are missing or contradict each other or the run of the checkpoint, or a
        file exists already.
    """
    given, words = config.parsed(own, argv)
    command.refuse_words(words)
    _check_whole_video(own)
    settings = given
    if own.checkpoint and not own.model:
        trained = _settings_of_run(find.path_of(own.checkpoint))
        settings = trained if given is None else given
        if given is not None and trained is not None:
            _check_agrees(given, trained, own.checkpoint, argv)
    records = _records(own.records, settings)
    read.check_labelled(read.opened(records))
    built = settings_of(records)
    report.check_picture(own.confusion_png, bool(built and built.multi_label))
    if given is not None:
        given = given | {"data.records": records}
    (card,) = options.cards(own, given, clips=WHOLE if own.whole_video else None)
    report.check_outputs(own.out, own.confusion_png)
    precision = own.precision if own["precision"].present else None
    job = _job(card, records, own.split, settings, precision, own.batch_size, own.replicas)
    return job._replace(out=own.out, picture=own.confusion_png)


def _check_whole_video(own):
    if not own.whole_video:
        return
    for name, only in (("clips", None), ("batch_size", 1), ("replicas", 1)):
        if own[name].present and own[name].value != only:
            raise UserError(
                f"--{name} cannot go with --whole_video, which takes each video as one clip, "
                "one at a time"
            )


def _settings_of_run(checkpoint: str) -> dict[str, Any] | None:
    """Returns config.json of a checkpoint's run with all keys, None where there is no run."""
    file = None if zoo.card_of(checkpoint) else checkpoints.run_file(checkpoint)
    return config.completed(checkpoints.run_settings(checkpoint), file) if file else None


def _check_agrees(given, trained, checkpoint, argv):
    """Raises UserError where --config has another value than the run, unless the flag is given."""
    insisted = {match[1] for word in argv if (match := re.match(r"--?config\.([\w.]+)", word))}
    for key in _OF_THE_TRAINING:
        if key not in insisted and given[key] != trained[key]:
            raise UserError(
                f"config.{key}: {checkpoint} was trained with {trained[key]!r}, --config has "
                f"{given[key]!r}; leave out --config, as the run's config.json is read, or insist "
                f"with --config.{key}={given[key]}"
            )


def _records(folder, settings):
    """Returns the folder of the data set: that which is given, or the training run's."""
    folder = folder or (settings and settings["data.records"])
    if not folder:
        raise UserError("--records is needed: the folder of a data set (or config.data.records)")
    return folder


def _job(
    card: Card,
    records: str,
    split: str,
    settings: dict[str, Any] | None,
    precision: str | None,
    batch_size: int | None,
    replicas: int,
) -> Job:
    """Returns the Job; what is None is as the training run's settings have it."""
    method, read_mb, size = card.spec.flow_method, 512, options.views_at_once([card])
    if settings is not None:
        method, read_mb = settings["data.flow_method"], settings["data.read_mb"]
        precision, size = precision or settings["precision"], settings["batch.per_replica"]
    size = 1 if card.spec.whole else batch_size or size
    precision = precision or "float32"
    return Job(card, records, split, precision, size, method or None, read_mb, replicas)


def work(job: Job) -> None:
    """Tests, prints and writes."""
    from i3d.evaluation import run

    run.run(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
