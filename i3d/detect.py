"""Finds the people of a video and what each of them does, and when.

    python -m i3d.detect my.mp4 --out=labelled.mp4                     # the small demo network
    python -m i3d.detect my.mp4 --checkpoint=slowonly_....pth --detector=person_detector/ \\
        --out=labelled.mp4 --json=my.json --csv=my.csv
    python -m i3d.detect my.mp4 --checkpoint=runs/mine/best.weights.h5 --boxes=people.csv

Key frames, windows, thresholds and the drawn video are those of MMAction2's
demo_spatiotemporal_det, but pictures reach the network as RGB, as it was trained, where that demo
gives BGR, and a video may be of any length.

Who is there is found by --detector. hog, built into OpenCV, is quick and weak: it sees people who
stand upright and whole, and misses many others; its scores are margins of an SVM. A folder of a
TensorFlow SavedModel with the signature of TensorFlow's detection models (uint8 [1, H, W, 3] ->
detection_boxes, detection_scores, detection_classes, where class 1 is a person) finds more; such a
model is code, so use one from someone whom you trust. --boxes takes boxes from a file.

Prints a line for each person and second unless a file is asked for, then the seconds that each
stage took. A video without any person is an answer, with status 0; where nobody, or no action,
passed its threshold, it is told what was found below.

From Python: i3d.detect("my.mp4", checkpoint="slowonly_....pth").rows()
"""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from i3d.detection import job as jobs
from i3d.detection import results
from i3d.detection.job import Job, Options
from i3d.inference import options as network_options
from i3d.runtime import callable_module, command, files
from i3d.visual.people import Drawn, drawn
from i3d.visual.video import VideoWriter

if TYPE_CHECKING:
    from i3d.detection.results import Detections

NAME = "detect"
Path = str | os.PathLike


def detect(
    video: Path,
    checkpoint: Path | None = None,
    *,
    model: str | None = None,
    out: Path | None = None,
    json: Path | None = None,
    csv: Path | None = None,
    detector: Path | None = None,
    boxes: Path | None = None,
    det_score_thr: float | None = None,
    action_score_thr: float = 0.5,
    label_map: Path | None = None,
    predict_stepsize: int = 8,
    output_stepsize: int = 4,
    output_fps: float = 6.0,
    fps: float | None = None,
    start_s: float = 0.0,
    precision: str = "float32",
    engine: str = "keras",
) -> "Detections":
    """Returns the people of a video and their actions.

    Args:
      video: path of a file.
      checkpoint: path or name of a card of a model that takes boxes; None: small demo weights,
        which know drawn figures.
      model: name in the catalogue, for files of other than published names and runs.
      out, json, csv: new files for the drawn video (.mp4) and the results.
      detector: "hog" (None: too, unless there are boxes), or the folder of a SavedModel.
      boxes: .json, .csv, .npz or .pkl file of boxes, see i3d.detection.proposals.
      det_score_thr: the least score of a person, exclusive, 0 to 1 (hog: -10 to 10); None: 0.9
        (hog: 0.2).
      action_score_thr: the least score of an action, exclusive.
      label_map: file of names of class ids, as AVA's .pbtxt or "id: name" lines, or "ava"; ids that
        it does not have are not reported.
      predict_stepsize: frames from one key frame to the next.
      output_stepsize: frames from one drawn frame to the next.
      output_fps: of the drawn video; 0: as fast as the video itself.
      fps: that the video is resampled to; None: what the network was trained at; 0: its own.
      start_s: second at which the video begins, such as 900 of AVA's.
      precision: "float32" or "bfloat16", that the network computes in.
      engine: what runs the network on a processor: "keras", "openvino" or "auto", see
        i3d.inference.engine.

    Returns:
      Detections with `key_frames`, `rows()`, `seconds` (of each stage).

    Raises:
      UserError: something cannot be used as asked; one line.
    """
    given: dict[str, Any] = dict(locals())
    paths = {name: os.fspath(v) for name, v in given.items() if isinstance(v, os.PathLike)}
    return run(jobs.checked(Options(**given | paths)))


callable_module.make(__name__, detect)


def main(argv: list[str]) -> int:
    """Prints or writes who does what; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, real, whole = flags.DEFINE_string, flags.DEFINE_float, flags.DEFINE_integer
    text("checkpoint", None, "checkpoint of a model that takes boxes: .weights.h5 or .pth file, or "
         "name of a card; default: small demo weights, which know drawn figures",
         flag_values=own)  # fmt: skip
    text("model", None, "name in the catalogue of models, such as ava_slowonly_r50_8x8x1; default: "
         "by the checkpoint's name or training run", flag_values=own)  # fmt: skip
    text("out", None, "new .mp4 file: the video with boxes, numbers and labels", flag_values=own)
    text("json", None, "new .json file for the results", flag_values=own)
    text("csv", None, "new .csv file for the results, a row for each action", flag_values=own)
    text("detector", None, "who finds people: hog (default; built in, weak), or the folder of a "
         "TensorFlow SavedModel, which is code: only from someone trusted",
         flag_values=own)  # fmt: skip
    text("boxes", None, "file of boxes in place of a detector: .json, .csv, .npz or .pkl",
         flag_values=own)  # fmt: skip
    real("det_score_thr", None, "least score of a person, 0 to 1; default: 0.9, of hog a margin "
         "of 0.2",
         flag_values=own)  # fmt: skip
    real("action_score_thr", 0.5, "least score of an action, 0 to 1", flag_values=own)
    text("label_map", None, "names of class ids: .pbtxt or lines `id: name`, or ava for AVA's 60 "
         "actions; other ids are not reported; default: the checkpoint's",
         flag_values=own)  # fmt: skip
    whole("predict_stepsize", 8, "frames between key frames", 1, flag_values=own)
    whole("output_stepsize", 4, "frames between drawn frames", 1, flag_values=own)
    real("output_fps", 6.0, "frames per second of --out; 0: real time", 0.0, flag_values=own)
    real("fps", None, "frame rate that the video is resampled to; 0: its own; default: that of "
         "the training", 0.0, flag_values=own)  # fmt: skip
    real("start_s", 0.0, "second at which the video begins, in --boxes and results; 900 for the "
         "videos of AVA", 0.0, flag_values=own)  # fmt: skip
    flags.DEFINE_enum("precision", "float32", jobs.PRECISIONS, "precision that the network "
                      "computes in", flag_values=own)  # fmt: skip
    network_options.define_engine(own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: one line on what is wrong.
    """
    video = command.one_video(own(argv)[1:])
    names = [field.name for field in dataclasses.fields(Options) if field.name != "video"]
    return jobs.checked(Options(video, **{name: own[name].value for name in names}))


def work(job: Job) -> int:
    """Detects and prints; returns the exit status."""
    own = job.options
    if not own.checkpoint:
        known = ", ".join(filter(None, job.names))
        print(f"demo weights, which know drawn figures and nothing else: {known}", file=sys.stderr)
    print(job.card.described(), file=sys.stderr)
    print(job.described(), file=sys.stderr)
    found = run(job)
    if not (own.out or own.json or own.csv):
        for line in results.lines(found):
            print(line)
    print(results.summary(found), flush=True)
    return 0


def run(job: Job) -> "Detections":
    """Returns the Detections of a Job, after its files are written.

    Raises:
      UserError: a network or the video cannot be used.
    """
    own = job.options
    with contextlib.ExitStack() as stack:  # the files get their names together, at the end
        new = {
            name: stack.enter_context(files.new_path(path))
            for name in jobs.OUTPUTS
            if (path := getattr(own, name))
        }
        over = job.run()
        with drawing(job, new.get("out")) as show:
            found = over.over(own.video, show)
        if "json" in new:
            results.write_json(found, new["json"])
        if "csv" in new:
            results.write_csv(found, new["csv"])
    return found


@contextlib.contextmanager
def drawing(
    job: Job, out: Path | None
) -> Iterator[Callable[[Any, Sequence[results.Person]], None] | None]:
    """Gives what draws people on a frame and writes it to a file; None without one."""
    own = job.options
    if not out:
        yield None
        return
    with VideoWriter(out, own.output_fps or job.rate / own.output_stepsize) as video:
        yield lambda picture, people: video.add(drawn(picture, map(_drawn, people)))


def _drawn(person):
    """Returns what is drawn of a results.Person."""
    return Drawn(person.box, person.number, [(a.name, a.score) for a in person.actions])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
