"""Finds when something happens in a video: segments with a start, an end, a label and a score.

    python -m i3d.localize my.mp4                                 # the small demo localizer
    python -m i3d.localize my.mp4 --checkpoint=runs/mine/best.weights.h5 --timeline=my.png
    python -m i3d.localize my.mp4 --classifier=rgb_scratch --timeline=my.png
    python -m i3d.localize my.mp4 --classifier=ViT-B-16.pt --model=clip_b16 --text="jumping,sitting"
    python -m i3d.localize a.mp4 b.mp4 --format=json --out=found.json
    python -m i3d.localize --demo

With --checkpoint a localizer (actionformer, temporalmaxer, bmn) sees feature rows of the video,
made in one pass by the networks that its card names. With --classifier no localizer is needed: any
network of i3d.load scores windows of the video, and what scores high for a while is a segment;
repeat it to add the logits of several. A video of any length is read once, in order, in bounded
memory.

Prints a line for each segment unless --out asks for a file, then the seconds that each stage took.
A video in which nothing is found is an answer, with status 0. --demo draws a video of several
actions and localizes them, without a network connection.

From Python: i3d.localize("my.mp4", classifier="rgb_scratch").segments
"""

import dataclasses
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from i3d.localization import annotations, results
from i3d.localization import job as jobs
from i3d.localization.job import Job, Options
from i3d.runtime import callable_module, command, files
from i3d.runtime.command import UserError

if TYPE_CHECKING:
    from i3d.inference.text import Labels
    from i3d.localization.results import Localized

NAME = "localize"
DEMO_FOLDER = "localize_demo"
DEMO_SEED = 1_000_007  # of the video, which no training saw
_OF_DEMO = ("demo", "out", "threshold", "top")
_FLAG = re.compile(rf"(?<![^\s(])--({'|'.join(f.name for f in dataclasses.fields(Options))})\b")
Path = str | os.PathLike


class Demo(NamedTuple):
    """A video to draw and to localize in: a new folder, threshold and top of the Options."""

    out: str
    threshold: float
    top: int | None


def localize(
    video: Path,
    checkpoint: Path | None = None,
    *,
    classifier: Path | Sequence[Path] = (),
    model: str | Sequence[str] = (),
    text: "Labels | None" = None,
    format: str | None = None,
    out: Path | None = None,
    timeline: Path | None = None,
    truth: Path | None = None,
    threshold: float = 0.3,
    top: int | None = None,
    window_s: float | None = None,
    stride_s: float | None = None,
    precision: str = "float32",
) -> "Localized":
    """Returns what happens when in a video.

    Args:
      video: path of a file.
      checkpoint: path or name of a card of a localizer; None, without a classifier: the small demo
        localizer, which knows drawn figures.
      classifier: path or name of a card of a network of i3d.load, or several, whose logits are
        added: its windows are grouped to segments, without a localizer. Beside a checkpoint of bmn
        it gives the classes of the proposals.
      model: name in the catalogue, for a file of another than its published name; or several.
      text: labels of a classifier with a text tower: a list, a file, or labels between commas.
      format: of `out`: "text", "json" (as ActivityNet's results) or "csv"; None: as its name ends.
      out: new file for the segments.
      timeline: new .png file for the drawn timeline.
      truth: file of annotations (see i3d.localization.annotations), drawn in the timeline.
      threshold: the least score of a segment, 0 to 1.
      top: how many segments are kept at most; None: all.
      window_s: seconds of a window of the classifier; None: of its clip, or 2.
      stride_s: seconds from one window to the next; None: a quarter of a window.
      precision: "float32" or "bfloat16", that the networks compute in.

    Returns:
      Localized with `segments`, `scores` (over time, of a classifier), `seconds` of each stage.

    Raises:
      UserError: something cannot be used as asked; one line.
    """
    several = {"classifier": _tuple(classifier), "model": _tuple(model)}
    paths = {"checkpoint": checkpoint, "out": out, "timeline": timeline, "truth": truth}
    options = Options(
        (os.fspath(video),), text=text, format=format, threshold=threshold, top=top,
        window_s=window_s, stride_s=stride_s, precision=precision, **several,
        **{name: path and os.fspath(path) for name, path in paths.items()},
    )  # fmt: skip
    try:
        job = jobs.checked(options)
        found = job.run().over(options.videos[0])
        write(job, [found])
    except UserError as error:
        raise type(error)(_FLAG.sub(r"\1", str(error))) from error
    return found


callable_module.make(__name__, localize)


def _tuple(names):
    """Returns names, or one alone, as a tuple of texts."""
    each = [names] if isinstance(names, str | os.PathLike) else names
    return tuple(map(os.fspath, each))


def main(argv: list[str]) -> int:
    """Prints or writes what happens when; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, real, names = flags.DEFINE_string, flags.DEFINE_float, flags.DEFINE_multi_string
    text("checkpoint", None, "checkpoint of a localizer: file of a training run or published file; "
         "default, without --classifier: a small demo localizer, which knows drawn figures",
         flag_values=own)  # fmt: skip
    names("classifier", [], "checkpoint of a network that labels videos, or name of a card: its "
          "windows are grouped to segments; repeat it to add the logits of several",
          flag_values=own)  # fmt: skip
    names("model", [], "name in the catalogue of models, of each --classifier or of --checkpoint; "
          "default: by the checkpoint's name or training run", flag_values=own)  # fmt: skip
    text("text", None, "labels of a classifier with a text tower: a file, or labels between commas",
         flag_values=own)  # fmt: skip
    flags.DEFINE_enum("format", None, results.FORMATS, "format of the segments; json is that of "
                      "ActivityNet's results; default: as the name of --out ends, or text",
                      flag_values=own)  # fmt: skip
    text("out", None, "new file for the segments; default: standard output", flag_values=own)
    text("timeline", None, "new .png file: the segments of one video over time, and the scores of "
         "a classifier", flag_values=own)  # fmt: skip
    text("truth", None, "file of annotations (.json or .csv), drawn beside the segments in "
         "--timeline", flag_values=own)  # fmt: skip
    real("threshold", 0.3, "least score of a segment, 0 to 1", flag_values=own)
    flags.DEFINE_integer("top", None, "the best so many segments of a video; default: all", 1,
                         flag_values=own)  # fmt: skip
    real("window_s", None, "seconds of a window of the classifier; default: of its clip, or 2",
         flag_values=own)  # fmt: skip
    real("stride_s", None, "seconds between windows; default: a quarter of a window",
         flag_values=own)  # fmt: skip
    flags.DEFINE_enum("precision", "float32", jobs.PRECISIONS, "precision that the networks "
                      "compute in", flag_values=own)  # fmt: skip
    flags.DEFINE_boolean("demo", False, "draw a video of several actions and localize them with "
                         "the demo localizer; the files are written into --out, a new folder "
                         "(default: localize_demo)", flag_values=own)  # fmt: skip
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job | Demo:
    """Returns the Job of a command line, or the Demo.

    Raises:
      UserError: one line on what is wrong.
    """
    videos = tuple(own(argv)[1:])
    given = {field.name: own[field.name].value for field in dataclasses.fields(Options)[1:]}
    if own.demo:
        return _demo(own, videos)
    return jobs.checked(
        Options(videos, **given | {n: tuple(given[n]) for n in ("classifier", "model")})
    )


def _demo(own, videos):
    """Returns the Demo of parsed flags; UserError where others are given too."""
    given = [f"--{name}" for name in own if own[name].present and name not in _OF_DEMO]
    if other := next(iter([*videos, *given]), None):
        raise UserError(f"--demo draws its own video; leave out {other}, or --demo")
    out = own.out or DEMO_FOLDER
    files.check_new(out)
    Options(("demo",), threshold=own.threshold, top=own.top).check()
    return Demo(out, own.threshold, own.top)


def work(job: Job | Demo) -> int:
    """Localizes in each video, and prints or writes; returns the exit status."""
    if isinstance(job, Demo):
        return _demonstrated(job)
    own = job.options
    if job.localizer is not None and not own.checkpoint:
        known = ", ".join(job.localizer.class_names())
        print(f"demo weights, which know drawn figures and nothing else: {known}", file=sys.stderr)
    for line in job.described():
        print(line, file=sys.stderr)
    run, found, failed = job.run(), [], 0
    for video in own.videos:
        try:
            found.append(run.over(video))
        except UserError as error:
            if len(own.videos) == 1:
                raise
            failed = command.told(NAME, error, 1)
            continue
        print(results.summary(found[-1]), file=sys.stderr if _to_stdout(own) else sys.stdout)
    write(job, found)
    if not own.out:
        print(results.text(found, own.form), end="")
    return failed


def _demonstrated(demo):
    """Draws a video, localizes in it, and writes a folder; returns the exit status."""
    from i3d.visual.figures import untrimmed

    with files.new_path(demo.out) as folder:
        (video,) = untrimmed.write_untrimmed(folder, 1, DEMO_SEED)
        options = Options(
            (str(video),), format="json", out=str(folder / "segments.json"),
            timeline=str(folder / "timeline.png"), truth=str(folder / untrimmed.JSON),
            threshold=demo.threshold, top=demo.top,
        )  # fmt: skip
        status = work(jobs.checked(options))
        found = annotations.read_found(folder / "segments.json")
    for line in results.lines(found):
        print(line)
    print(f"{demo.out}: the video, its truth, segments.json and timeline.png")
    return status


def _to_stdout(own):
    """Returns whether standard output is to hold the segments and nothing else."""
    return not own.out and own.form != "text"


def write(job: Job, found: "Sequence[Localized]") -> None:
    """Writes the files that a Job asks for."""
    own = job.options
    if own.out:
        files.write_text(own.out, results.text(found, own.form))
    if own.timeline and found:
        from i3d.visual import segments

        known = (job.truth or {}).get(found[0].video)
        segments.write(own.timeline, found[0], known.segments if known else ())


if __name__ == "__main__":
    sys.exit(main(sys.argv))
