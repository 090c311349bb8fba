"""Trains a classifier of your own classes on features of a pretrained network, within minutes.

    python -m i3d.probe --videos=clips/ --checkpoint=rgb_scratch           # clips/jump/a.mp4, ...
    python -m i3d.probe --videos=train.csv --test_videos=test.csv --checkpoint=rgb_scratch
    python -m i3d.probe ... --checkpoint=rgb_scratch --checkpoint=flow_scratch   # side by side
    python -m i3d.probe ... --shots=1,2,4,8,16 --seeds=5                   # with few videos a class
    python -m i3d.probe ... --out=runs/mine
    python -m i3d.predict --checkpoint=runs/mine/best.weights.h5 new.mp4
    python -m i3d.probe --demo

--videos takes a folder with a folder of videos for each class (below train/ and test/, if there are
splits), or a list: CSV with path,label[,start_s,end_s][,split], MMAction2, UCF101, HMDB51,
Kinetics. Without a test split or --test_videos, accuracy is that of cross-validation, stratified by
class, where clips of one source stay together if their names tell it (UCF101, HMDB51, KTH,
Kinetics, parts of one file). Features are extracted once and kept by content: a run that was killed
resumes, and other labels, folds or names of the videos extract nothing again.

Prints accuracy with its 95 % interval (Wilson), each class, the confusion matrix and the most
doubtful videos. --out writes the network with the new head, for predict, evaluate and
--config.model.start of i3d.train. Videos that fail are named, the rest is used, and the exit status
is 1.

From Python: i3d.probe("clips/", "rgb_scratch").accuracy
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from i3d.inference import options as network_options
from i3d.probing import demo, run
from i3d.probing.options import HEADS, Options
from i3d.runtime import callable_module, command
from i3d.video import images, lists

if TYPE_CHECKING:
    from i3d.probing.result import ProbeResult

NAME = "probe"
Path = str | os.PathLike


def probe(
    videos: Path | None = None,
    checkpoint: Path | Sequence[Path] | None = None,
    *,
    test_videos: Path | None = None,
    video_root: Path | None = None,
    split: str | None = None,
    test_split: str | None = None,
    labels: Path | None = None,
    first_label: int | None = None,
    image_fps: float | None = None,
    with_offset: bool | None = None,
    records: Path | None = None,
    features: Path | None = None,
    model: str | Sequence[str | None] | None = None,
    clips: int | None = None,
    crops: int | None = None,
    precision: str = "float32",
    batch_size: int | None = None,
    workers: int | None = None,
    head: str = "logistic",
    folds: int = 5,
    shots: Sequence[int] = (),
    seeds: int = 5,
    seed: int = 0,
    out: Path | None = None,
    json: Path | None = None,
    cache: Path | None = None,
    engine: str = "keras",
) -> "ProbeResult":
    """Returns a classifier of the classes of some videos, and how good it is.

    Args:
      videos: folder with a folder of videos for each class, or a list; see i3d.video.inputs.read.
      checkpoint: path or name of a card (`i3d.cards()`); of several the features are put side by
        side.
      test_videos: folder or list of videos to test on. None: the test split of `videos`, where it
        has one, else cross-validation.
      video_root: folder that the paths of lists are relative to; None: that of each list.
      split, test_split: of `videos` or `records`; None: "train" and "test" (else a validation
        split), where there are splits.
      labels: file of class names in label order.
      first_label: index of the first class in a list of indices.
      image_fps: images per second, of videos that are folders of images.
      with_offset: whether lines on folders of images have an offset.
      records: folder of a data set of data_prep, in place of `videos`.
      features: .npz file of extract_features, in place of `checkpoint`; classes are the first
        folders of its ids, or what the list `videos` says.
      model: name in the catalogue, for files of other than published names and runs.
      clips, crops: clips (or segments) of a video and crops of a clip (1, 3, 10); None: 2 clips,
        the centre crop.
      precision: "float32" or "bfloat16", that the network computes in.
      batch_size: views at a time; None: by their size.
      workers: processes that decode; None: up to 8.
      head: "logistic" (regression, its strength chosen by cross-validation), "knn" (nearest
        neighbours) or "mean" (nearest class mean).
      folds: of cross-validation, at least 2.
      shots: numbers of videos of each class, for a table of the accuracy with so few.
      seeds: draws of each row of that table.
      seed: of folds.
      out: new folder for the network with its new head: best.weights.h5 and config.json; of
        several networks in a folder for each.
      json: new .json file for the result.
      cache: folder of features; None: i3d/features in $XDG_CACHE_HOME or ~/.cache.
      engine: what runs the network on a processor: "keras", "openvino" or "auto", see
        i3d.inference.engine.

    Returns:
      ProbeResult with `accuracy`, `interval`, `classes`, `confusion`, `predictions`, and
      `predict(video)`.

    Raises:
      UserError: something cannot be used as asked; one line.
    """
    given: dict[str, Any] = dict(locals())
    for name in ("checkpoint", "model"):
        given[name] = _several(given[name])
    paths = {name: os.fspath(v) for name, v in given.items() if isinstance(v, os.PathLike)}
    options = Options(**given | paths | {"shots": tuple(shots)})
    return run.run(run.checked(options))


callable_module.make(__name__, probe)


def _several(value):
    """Returns a tuple of one or several paths or names."""
    if value is None:
        return ()
    values = [value] if isinstance(value, str | os.PathLike) else value
    return tuple(None if one is None else os.fspath(one) for one in values)


def main(argv: list[str]) -> int:
    """Prints how good the classifier is; returns the exit status, 1 where a video failed."""
    on_stop = "run the same command again: features that are done are kept"
    return command.run(argv, NAME, __doc__, defined_flags, checked, work, on_stop=on_stop)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    text("videos", None, "folder with one folder per class, or a list of videos", flag_values=own)
    text("test_videos", None, "videos to test on, as --videos; default: its test split, else "
         "cross-validation", flag_values=own)  # fmt: skip
    text("video_root", None, "folder that the paths of lists start from", flag_values=own)
    text("split", None, "split to train on; default: train, where there are splits",
         flag_values=own)  # fmt: skip
    text("test_split", None, "split to test on; default: test", flag_values=own)
    text("labels", None, "file of class names in label order", flag_values=own)
    first = "index of the first class in a list; default: 0, which must occur"
    number("first_label", None, first, 0, flag_values=own)
    images.define_flag(own)
    flags.DEFINE_boolean("with_offset", None, lists.OFFSET_HELP, flag_values=own)
    text("records", None, "folder of a data set, in place of --videos", flag_values=own)
    text("features", None, ".npz file of extract_features, in place of --checkpoint",
         flag_values=own)  # fmt: skip
    network_options.define(own, several=True, together="put side by side the features")
    network_options.define_engine(own)
    own["clips"].help = "clips per video; default: 2, or the segments that the network takes"
    own["crops"].help = "crops per clip; default: 1, the centre"
    number("workers", None, "processes that decode; default: up to 8", 1, flag_values=own)
    flags.DEFINE_enum("head", "logistic", HEADS, "classifier on the features", flag_values=own)
    number("folds", 5, "folds of cross-validation", 2, flag_values=own)
    few = "numbers of videos per class, for a table of accuracies with so few: 1,2,4,8,16"
    flags.DEFINE_list("shots", [], few, flag_values=own)
    number("seeds", 5, "random draws for each row of that table", 1, flag_values=own)
    number("seed", 0, "seed of the folds", 0, flag_values=own)
    text("out", None, "new folder for the network with its new head", flag_values=own)
    text("json", None, "new .json file for the result", flag_values=own)
    text("cache", None, "folder of features; default: i3d/features in the user's cache folder",
         flag_values=own)  # fmt: skip
    flags.DEFINE_boolean("demo", False, "synthetic videos and the demo weights, without a network "
                         "connection", flag_values=own)  # fmt: skip
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> run.Job | Options:
    """Returns the Job of a command line, of a demo its Options.

    Raises:
      UserError: one line on what is wrong.
    """
    command.refuse_words(own(argv)[1:])
    names = [field.name for field in dataclasses.fields(Options)]
    given: dict[str, Any] = {name: own[name].value for name in names}
    given |= {name: tuple(given[name]) for name in ("checkpoint", "model")}
    given["crops"] = own.crops and int(own.crops)
    given["image_fps"] = images.rate(own)
    given["shots"] = tuple(map(_shots, own.shots))
    options = Options(**given)
    if own.demo:
        demo.check(options)
        return options
    return run.checked(options)


def _shots(word):
    if not word.strip().isdecimal() or not int(word):
        raise command.UserError(f"--shots: expected numbers such as 1,2,4,8, got {word!r}")
    return int(word)


def work(job: run.Job | Options) -> int:
    """Fits, tests and prints; returns the exit status."""
    if isinstance(job, Options):
        with demo.options(job) as options:
            return work(run.checked(options))
    from i3d.probing import report

    result = run.run(job)
    print(report.described(result), flush=True)
    if result.checkpoints:
        checkpoints = " ".join(f"--checkpoint={path}" for path in result.checkpoints)
        if result.precision != "float32":
            checkpoints += f" --precision={result.precision}"
        print(f"\nwritten; python -m i3d.predict {checkpoints} VIDEO", flush=True)
    if not result.failures:
        return 0
    id, reason = next(iter(result.failures.items()))
    count, line = len(result.failures), f"{id}: {reason}"
    return command.told(NAME, f"{count} videos gave no features, the first is {line}", 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
