"""What detection is asked for: one dataclass for the flags of the command and for Python.

job = checked(Options("my.mp4", checkpoint="best.weights.h5"))      # before any work
run = job.run()                                                     # loads the networks
"""

import dataclasses
import math
import numbers
import os
import typing
from pathlib import Path

import numpy as np

from i3d.detection import ava, people, proposals, report
from i3d.detection.spatial import Run
from i3d.detection.stored import Stored
from i3d.detection.windows import Windows
from i3d.inference import engine
from i3d.inference import options as network_options
from i3d.runtime import files
from i3d.runtime.command import UserError
from i3d.video.sampled import frame_rate
from i3d.video.source import NoVideo
from i3d.weights import cards
from i3d.weights.cards import Card
from i3d.weights.start import head_classes

DEMO = "demo_detection"  # the card that is taken without --checkpoint
PRECISIONS = ("float32", "bfloat16")
OUTPUTS = {"out": ".mp4", "json": ".json", "csv": ".csv"}
_KINDS = {
    str: (str, "a path or a name"),
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a number"),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """The arguments of `i3d.detect` and the flags of `python -m i3d.detect`, which have one name.

    Attributes: see i3d.detect.detect.
    """

    video: str
    checkpoint: str | None = None
    model: str | None = None
    out: str | None = None
    json: str | None = None
    csv: str | None = None
    detector: str | None = None
    boxes: str | None = None
    det_score_thr: float | None = None
    action_score_thr: float = 0.5
    label_map: str | None = None
    predict_stepsize: int = 8
    output_stepsize: int = 4
    output_fps: float = 6.0
    fps: float | None = None
    start_s: float = 0.0
    precision: str = "float32"
    engine: str = "keras"

    def check(self) -> None:
        """Looks at what can be seen without reading the video or the checkpoint.

        Raises:
          UserError: something is of another type, contradicts something else, is out of range,
            is there already or cannot be written.
        """
        for field in dataclasses.fields(self):
            _check_type(field, getattr(self, field.name))
        if self.boxes and self.detector:
            raise UserError("expected --boxes or --detector, got both")
        if self.detector not in (None, people.HOG):
            people.check_folder(self.detector)
        if self.precision not in PRECISIONS:
            expected = " or ".join(PRECISIONS)
            raise UserError(f"--precision: expected {expected}, got {self.precision!r}")
        engine.check(self.engine)
        for name in ("predict_stepsize", "output_stepsize"):
            _check_range(name, getattr(self, name), 1, 10_000)
        for name, most in (("output_fps", 1000), ("fps", 1000), ("start_s", 1e6)):
            _check_range(name, getattr(self, name), 0, most)
        _check_range("action_score_thr", self.action_score_thr, 0, 1)
        self.detector_class.check_threshold(self.det_score_thr)
        for name, suffix in OUTPUTS.items():
            if path := getattr(self, name):
                files.check_new(path, suffix)

    @property
    def detector_class(self) -> type[people.Detector]:
        """The class of what finds people."""
        return Stored if self.boxes else people.detector_class(self.detector)


def _check_type(field, value):
    """Raises UserError for a value of another type than the field's."""
    of_field = typing.get_args(field.type) or (field.type,)
    kind, words = next(found for found_type, found in _KINDS.items() if found_type in of_field)
    if value is None and type(None) in of_field:
        return
    name = field.name if field.name == "video" else f"--{field.name}"
    if not isinstance(value, kind):
        raise UserError(f"{name}: expected {words}, got {type(value).__name__}")
    if value == "":
        raise UserError(f"{name}: expected {words}, got an empty one")


def _check_range(name, value, least, most):
    if value is not None and not (math.isfinite(value) and least <= value <= most):
        raise UserError(f"--{name}: expected a number from {least:g} to {most:g}, got {value:g}")


@dataclasses.dataclass(frozen=True)
class Job:
    """What is asked for, looked at.

    Attributes:
      options: as given.
      card: of the network.
      names: of the class ids from 1 on; "" of those that are not reported.
      windows: key frames and what the network sees.
      fps: frames per second that the video is resampled to; 0 keeps its own.
      rate: frames per second that are read.
      boxes: {second: float32 [N, 5]} of --boxes, None without.
    """

    options: Options
    card: Card
    names: tuple[str, ...]
    windows: Windows
    fps: float
    rate: float
    boxes: dict[float, np.ndarray] | None

    def run(self) -> Run:
        """Returns the Run of loaded networks.

        Raises:
          UserError: one cannot be loaded.
        """
        from i3d.detection.scores import ActionScores
        from i3d.inference import network

        own, finder = self.options, self._detector()
        scores = ActionScores(network.load_with_boxes(self.card, own.precision, own.engine))
        size, threshold = self.card.spec.resize, self.options.action_score_thr
        return Run(
            finder, scores, self.names, self.windows, size, self.fps, threshold,
            self.options.start_s,
        )  # fmt: skip

    def _detector(self):
        threshold = self.options.det_score_thr
        if self.boxes is not None:
            return Stored(self.boxes, threshold, self.windows.predict_step / self.rate)
        return people.detector(self.options.detector or people.HOG, threshold)

    def described(self) -> str:
        """Returns the line on who finds people, and on the thresholds."""
        own, least = self.options, self.options.det_score_thr
        if least is None:
            least = own.detector_class.default_threshold
        who = own.boxes or own.detector or people.HOG
        return f"people of {who}, scores above {least:g}; actions above {own.action_score_thr:g}"


def checked(options: Options) -> Job:
    """Returns the Job of Options; the video is opened, the head of the checkpoint read.

    Raises:
      UserError: something cannot be used as asked.
    """
    options.check()
    label_map, boxes = _label_map(options.label_map), None
    if options.boxes:
        files.check_there(options.boxes, "boxes")
        name = Path(options.video).stem
        boxes = proposals.of_video(proposals.read(options.boxes), name, options.boxes)
    stated_rate = _frame_rate(options.video)
    card = _card(options)
    names = _names(card, label_map, options.label_map)
    steps = options.predict_stepsize, options.output_stepsize
    windows = Windows(card.spec.frames, card.spec.stride, *steps)
    fps = card.spec.fps if options.fps is None else options.fps
    return Job(options, card, names, windows, fps, fps or stated_rate or 25.0, boxes)


def _label_map(path):
    """Returns {id: name} of --label_map, None without."""
    if path is None:
        return None
    if path == report.AVA:
        return report.names_of_ava()
    files.check_there(path, "label_map")
    return ava.read_label_map(path)


def _frame_rate(video):
    try:
        return frame_rate(video)
    except NoVideo as error:
        got = "a folder" if os.path.isdir(video) else "an image"
        raise UserError(f"{video}: expected one video file, got {got}") from error


def _card(options):
    """Returns the Card of the checkpoint.

    Raises:
      UserError: there is none, or it takes no boxes.
    """
    checkpoint = options.checkpoint or DEMO
    if not options.checkpoint and options.model:
        raise UserError(f"--model={options.model}: --checkpoint is needed, too")
    names = [options.model] if options.model else []
    (card,) = network_options.cards_of([checkpoint], names, takes="boxes")
    return card


def _names(card, label_map, file):
    """Returns the names of the class ids from 1 on.

    Raises:
      UserError: the label map has ids that the checkpoint does not have.
    """
    count = head_classes(card.file, card.model) - 1  # without the background
    if label_map is not None:
        if max(label_map) > count:
            raise UserError(
                f"{file}: expected ids from 1 to {count}, as the checkpoint has classes, got "
                f"{max(label_map)}"
            )
        return tuple(label_map.get(id, "") for id in range(1, count + 1))
    of_ava = cards.class_names("ava")
    if len(names := card.class_names()) == count:
        return names
    return of_ava if count == len(of_ava) else tuple(map(str, range(1, count + 1)))
