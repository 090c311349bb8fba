"""Finds people and scores their actions over one video: who does what, where.

    run = Run(find, scores, names, windows, resize=256, fps=30.0)
    result = run.over("my.mp4", show=draw)              # Detections

Times of the stages are summed: decode (with resizing), people, actions, drawing (what `show` does).
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from i3d.detection.people import Detector
from i3d.detection.results import Action, Detections, KeyFrame, Person
from i3d.detection.tracks import Tracks
from i3d.detection.windowed import Frame, WindowedFrames
from i3d.detection.windows import Windows
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.video.frames import stated
from i3d.video.sampled import frame_rate
from i3d.video.source import VideoError

STAGES = ("decode", "people", "actions", "drawing")
Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]  # as i3d.detection.scores.ActionScores
Show = Callable[[np.ndarray, Sequence[Person]], object]


class Times:
    """Seconds of the stages.

    Attributes:
      seconds: {stage: seconds}.
    """

    def __init__(self) -> None:
        """Begins at 0."""
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Adds the time of the block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start

    def each(self, items: Iterable, stage: str) -> Iterator:
        """Yields items; the time that each takes is the stage's."""
        iterator, end = iter(items), object()
        while True:
            with self.of(stage):
                item = next(iterator, end)
            if item is end:
                return
            yield item


@dataclass(frozen=True)
class Run:
    """What is done with each video.

    Attributes:
      find: the detector of people.
      scores: uint8 views [T, h, w, 3] and boxes [N, 4] -> [N, K] in [0, 1]; column k - 1 is of
        class id k.
      names: of K classes; those named "" are never reported.
      windows: key frames and what the network sees of each.
      resize: pixels of the shorter side that the network sees.
      fps: frames per second that videos are resampled to; 0 keeps their own.
      threshold: the least score of an action, exclusive.
      start_s: second at which the video begins, such as 900 of AVA's.
    """

    find: Detector
    scores: Scores
    names: Sequence[str]
    windows: Windows
    resize: int = 256
    fps: float = 0.0
    threshold: float = 0.5
    start_s: float = 0.0

    def over(self, path: str | os.PathLike, show: Show | None = None) -> Detections:
        """Returns the Detections of a video.

        Args:
          path: of the file.
          show: called with each frame to draw on, uint8 RGB [H, W, 3], and its people.

        Raises:
          VideoError: the file cannot be read.
          UserError: scores are not finite.
        """
        path, times, tracks = os.fspath(path), Times(), Tracks()
        frames = WindowedFrames(path, self.windows, self.resize, self.fps, show is not None)
        self.find.begin()
        found, height, width = [], 0, 0
        unsure: list[Action] = []
        with Progress(self._expected(path), "key frame", "detect") as progress:
            for frame in times.each(frames, "decode"):
                people = self._people(frame, tracks, times, unsure)
                if show:
                    with times.of("drawing"):
                        for picture in frame.shown:
                            show(picture, people)
                found.append(KeyFrame(frame.number, frame.second + self.start_s, people))
                height, width = frame.picture.shape[:2]
                progress.add()
        rate = self.fps or frame_rate(path) or 25.0
        name = os.path.splitext(os.path.basename(path))[0]
        size, note = (width, height), self._note(found, unsure)
        return Detections(name, *size, rate, frames.count, tuple(found), times.seconds, note)

    def _note(self, found, unsure):
        """Returns what is said where nobody, or no action, passed its threshold."""
        people = [person for frame in found for person in frame.people]
        if not people:
            return self.find.missed()
        if any(person.actions for person in people) or not unsure:
            return ""
        best = max(unsure, key=lambda action: action.score)
        return (
            f"no action is above --action_score_thr={self.threshold:g}; the best is {best.name} "
            f"{best.score:.2f}"
        )

    def _expected(self, path):
        """Returns how many key frames the header makes one expect, None where it does not say."""
        try:
            seconds = stated(path)[2]
            rate = self.fps or frame_rate(path)
        except VideoError:
            return None
        return len(self.windows.keys(round(seconds * rate))) if seconds and rate else None

    def _people(
        self, frame: Frame, tracks: Tracks, times: Times, unsure: list[Action]
    ) -> tuple[Person, ...]:
        """Returns who is on a frame; adds the best action of people without one to `unsure`."""
        with times.of("people"):
            boxes, sure = self.find(frame.picture, frame.second + self.start_s)
            numbers = tracks(boxes)
        if not numbers:
            return ()
        with times.of("actions"):
            scores = np.asarray(self.scores(frame.views, boxes), np.float64)
        if not np.isfinite(scores).all():
            raise UserError(
                f"second {frame.second:.2f}: the scores of the actions are not finite; are the "
                "weights spoilt?"
            )
        people = []
        for number, box, score, row in zip(
            numbers, boxes.tolist(), sure.tolist(), scores, strict=True
        ):
            actions = self._actions(row)
            above = tuple(action for action in actions if action.score > self.threshold)
            unsure += actions[:1] if not above else []
            people.append(Person(number, tuple(box), score, above))
        return tuple(people)

    def _actions(self, scores):
        """Returns the Actions of a person that have names, the best first."""
        order = np.argsort(-scores, kind="stable").tolist()
        return [Action(k + 1, self.names[k], float(scores[k])) for k in order if self.names[k]]
