"""Tests a network on a split of records: several clips and crops of each video, or whole videos.

    python -m i3d.evaluate --checkpoint=runs/rgb/best.weights.h5
    python -m i3d.evaluate --checkpoint=rgb_imagenet --records=data/kinetics
    python -m i3d.evaluate ... --clips=10 --crops=3 --out=rgb.npz
    python -m i3d.evaluate ... --whole_video --confusion_png=rgb.png
    python -m i3d.evaluate --config=i3d/ucf101 --checkpoint=my.weights.h5 --config.data.size=256
    python -m i3d.evaluate --model=actionclip_b16_8f --checkpoint=FILE --records=data/ucf101
    python -m i3d.evaluate ... --split=test01,test02,test03      # each, and their mean
    python -m i3d.evaluate ... --half_classes=10 --seed=0        # draws of half of the classes
    python -m i3d.evaluate ... --shots=4 --shots_split=train     # text and 4 videos of each class
    python -m i3d.evaluate --task=ava ...      # boxes of people: i3d/detection/evaluate.py
    python -m i3d.evaluate --task=localization ...    # segments: i3d/localization/evaluate.py

Weights of a training run are tested as the config.json beside them says (records, stream, frames,
stride, size, model, precision), published ones by their test protocol, others by --config or
--model. A --config that contradicts the run's config.json is refused; a key that is set on the
command line, --config.KEY=VALUE, is taken. Prints accuracies with 95 % intervals, each class, and
the confusion matrix; of videos with several labels the mean average precision and that of each
class. --out keeps the logits of each video, for `python -m i3d.fuse`.

A model with a text tower (actionclip_*, clip_*) is tested zero-shot: the class names of the records
are the text, for weights of a training on these records the texts of that training, or the labels
of --text, as many and in their order. --shots adds the mean of a few videos of each class to its
text, without training (i3d/inference/few_shot.py).

From Python: i3d.evaluate("runs/rgb/best.weights.h5").top1
"""

import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from i3d.data import read
from i3d.data.build_settings import settings_of
from i3d.detection import evaluate as detection
from i3d.evaluation import report
from i3d.evaluation.run import Job
from i3d.inference import checkpoint as checkpoints
from i3d.inference import few_shot, label_check, options
from i3d.inference import text as text_options
from i3d.inference.text import Labels, Text
from i3d.localization import evaluate as localization
from i3d.runtime import callable_module, command, task
from i3d.runtime.command import UserError
from i3d.spec import WHOLE
from i3d.training import config
from i3d.weights import find, zoo
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

if TYPE_CHECKING:
    from i3d.evaluation.repeated import Repeated
    from i3d.evaluation.results import Result

# What the views and the network are made of; a test that differs from the training is refused.
_OF_THE_TRAINING = (
    "data.stream", "data.frames", "data.stride", "data.segments", "data.size", "data.mean",
    "data.std", "model.name", "model.width",
)  # fmt: skip


def evaluate(
    checkpoint: str,
    records: str | None = None,
    split: str | Sequence[str] = "test",
    *,
    model: str | None = None,
    clips: int | None = None,
    crops: int | None = None,
    whole_video: bool = False,
    precision: str | None = None,
    batch_size: int | None = None,
    replicas: int = 0,
    text: Labels | None = None,
    split_camel_case: bool = False,
    learned_scale: bool = False,
    half_classes: int = 0,
    shots: int = 0,
    shots_split: str = "train",
    shots_weight: float = few_shot.WEIGHT,
    seed: int = 0,
) -> "Result | Repeated":
    """Returns the Result of a network on a split of records, as `python -m i3d.evaluate` tests it.

    Args:
      checkpoint: path of a checkpoint, or the name of a card (`i3d.cards()`).
      records: folder of the data set; None takes that of the training run.
      split: name of the split; of several, each is tested alone.
      model: name in the catalogue of models, for files of other than published names and runs.
      clips, crops: clips (or segments) per video and crops per clip (1, 3 or 10); None takes
        those of the run, or of the published test.
      whole_video: whether each video is one clip, in place of `clips`.
      precision: "float32" or "bfloat16"; None takes that of the run, or float32.
      batch_size: views at a time on each device; None by their size, 1 for whole videos.
      replicas: number of devices; 0: all GPUs, or one CPU.
      text: labels of a model with a text tower, one for each class of the records: a list, a
        file, or labels between commas; None takes the class names.
      split_camel_case: whether "ApplyEyeMakeup" is read as three words.
      learned_scale: whether the cosine is multiplied by the learned scale, not by 100.
      half_classes: how often half of the classes are drawn and tested alone; 0: all are tested.
      shots: videos of each class of `shots_split` that join the text; 0: none.
      shots_weight: of their mean against the text, see i3d.inference.few_shot.
      seed: of the draws of classes and of videos.

    Returns:
      Result with `top1`, `top5`, `mean_class_accuracy` in [0, 1], `interval`, `confusion`, and
      the logits of each video. Of several splits, or of half_classes, Repeated with `results`,
      and the mean and deviation of `top1` and the others.

    Raises:
      UserError: the weights or the data cannot be used as asked, or the model takes no videos (of
        boxes, see i3d.detection.keyframe_scores); one line.
    """
    from i3d.evaluation import run

    if whole_video and clips is not None:
        raise UserError("clips: expected None with whole_video, which takes a video as one clip")
    checkpoint = find.path_of(checkpoint)
    settings = None if model else _settings_of_run(checkpoint)
    clips = WHOLE if whole_video else clips
    card = checkpoints.card_of(model, checkpoint, clips=clips, crops=crops)
    folder = _records(records, settings)
    splits = (split,) if isinstance(split, str) else tuple(split)
    labels = () if text is None else text_options.labels_of(text)
    job = _job(
        card, folder, splits, settings, precision, batch_size, replicas,
        text=Text(labels, split_camel_case, learned_scale),
        half_classes=half_classes,
        shots=shots,
        shots_split=shots_split,
        shots_weight=shots_weight,
        seed=seed,
    )  # fmt: skip
    return run.result_of(_checked_text(job))


callable_module.make(__name__, evaluate)


def main(argv: list[str]) -> int:
    """Prints the accuracies; returns the exit status."""
    others = {task.AVA: detection.main, task.LOCALIZATION: localization.main}
    if other := others.get(task.asked(argv)):
        return other(argv)
    return command.run(argv, "evaluate", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    task.define(own)
    config.define_flag(own, argv)
    options.define(own)
    text = flags.DEFINE_string
    text("records", None, "folder of the data set; default: that of the run", flag_values=own)
    split = "name of the split; several between commas are tested each, with mean and deviation"
    flags.DEFINE_multi_string("split", ["test"], split, flag_values=own)
    flags.DEFINE_boolean(
        "whole_video", False, "the whole video as one clip, instead of --clips", flag_values=own
    )
    flags.DEFINE_integer(
        "replicas", 0, "number of devices; 0: all GPUs, or one CPU", 0, flag_values=own
    )
    text("out", None, "new .npz file for the logits of each video", flag_values=own)
    text("confusion_png", None, "new .png file for the confusion matrix", flag_values=own)
    _define_text(own)
    return own


def _define_text(own):
    """Defines the flags of networks with a text tower."""
    number = flags.DEFINE_integer
    text_options.define(own, "the class names of the records, which it replaces in their order")
    half = "how often half of the classes are drawn and tested alone; 0: all classes"
    number("half_classes", 0, half, 0, flag_values=own)
    number("shots", 0, "videos per class that join its text; 0: none", 0, flag_values=own)
    shots = "split that the videos of --shots are of"
    flags.DEFINE_string("shots_split", "train", shots, flag_values=own)
    weight = "weight of the mean of the --shots against the text; 1: the mean of both"
    flags.DEFINE_float("shots_weight", few_shot.WEIGHT, weight, 0, flag_values=own)
    number("seed", 0, "seed of --half_classes and --shots", 0, flag_values=own)


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the evaluation.run.Job of a command line.

    Raises:
      UserError: flags are missing or contradict each other or the run of the checkpoint, or a
        file exists already.
    """
    given, words = config.parsed(own, argv)
    command.refuse_words(words)
    words_of = text_options.of_flags(own)
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
    splits = tuple(name.strip() for names in own.split for name in names.split(","))
    job = _job(
        card, records, splits, settings, precision, own.batch_size, own.replicas,
        out=own.out,
        picture=own.confusion_png,
        text=words_of,
        half_classes=own.half_classes,
        shots=own.shots,
        shots_split=own.shots_split,
        shots_weight=own.shots_weight,
        seed=own.seed,
    )  # fmt: skip
    return _checked_text(job)


def _checked_text(job: Job) -> Job:
    """Returns a Job.

    Raises:
      UserError: its splits, labels, draws of classes or shots cannot be as asked.
    """
    data = read.opened(job.records)
    _check_splits(job)
    asked = {"--half_classes": job.half_classes, "--shots": job.shots}
    given = [name for name, value in asked.items() if value]
    text_options.check([job.card], job.text, given)
    if not job.text.labels and (learned := _texts_of_run(job)) != tuple(data.class_names):
        job = job._replace(text=dataclasses.replace(job.text, labels=learned))
    count, classes = len(job.text.labels), len(data.class_names)
    if job.text.labels and count != classes:
        raise UserError(
            f"--text: expected {classes} labels, one for each class of {job.records} in their "
            f"order, got {count}"
        )
    if takes_text(job.card.model):
        names = job.text.labels or tuple(data.class_names)
        label_check.check(dataclasses.replace(job.text, labels=names))
    if given and data.multi_label:
        raise UserError(f"{given[0]}: expected videos of one label each, these have several")
    if job.half_classes and job.card.spec.num_views != 1:
        raise UserError(
            f"--half_classes: expected one view a video, got {job.card.spec.num_views}; leave out "
            "--crops"
        )
    if job.half_classes and classes < 4:
        raise UserError(f"--half_classes: expected 4 classes or more, got {classes}")
    return job


def _texts_of_run(job: Job) -> tuple[str, ...]:
    """Returns the texts that a run learned for the classes of these records, () for others."""
    if not (takes_text(job.card.model) and isinstance(job.card.labels, tuple)):
        return ()
    settings = _settings_of_run(job.card.file)
    same = settings and Path(settings["data.records"]).resolve() == Path(job.records).resolve()
    return tuple(settings.get("classes", ())) if settings and same else ()


def _check_splits(job: Job) -> None:
    several = len(job.splits) > 1 or job.half_classes
    if len(set(job.splits)) < len(job.splits) or not all(job.splits):
        raise UserError(f"--split: expected each split once, got {','.join(job.splits)}")
    if len(job.splits) > 1 and job.half_classes:
        raise UserError("--half_classes goes with one --split")
    for name, path in (("out", job.out), ("confusion_png", job.picture)):
        if path and several:
            raise UserError(
                f"--{name} holds one test; leave out --half_classes, and test one split"
            )
    if job.shots and job.shots_split in job.splits:
        raise UserError(
            f"--shots_split: expected another split than the tested {job.shots_split!r}"
        )


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
    splits: tuple[str, ...],
    settings: dict[str, Any] | None,
    precision: str | None,
    batch_size: int | None,
    replicas: int,
    **others: Any,
) -> Job:
    """Returns the Job; what is None is as the training run's settings have it; others as given."""
    method, read_mb, size = card.spec.flow_method, 512, options.views_at_once([card])
    if settings is not None:
        method, read_mb = settings["data.flow_method"], settings["data.read_mb"]
        precision, size = precision or settings["precision"], settings["batch.per_replica"]
    size = 1 if card.spec.whole else batch_size or size
    precision = precision or "float32"
    own = card, records, splits, precision, size, method or None, read_mb, replicas
    return Job(*own, **others)


def work(job: Job) -> None:
    """Tests, prints and writes."""
    from i3d.evaluation import run

    run.run(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
