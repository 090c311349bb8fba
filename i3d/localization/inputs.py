"""Gives the truth and what was found of an evaluation: of files, or of a localizer on features.

given = read(job)                  # all that the files say
given = scored(job, given)         # with a localizer in place of a file of what was found
given.truth, given.found, given.notes
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from i3d.localization import annotations, class_scores, pairing, times
from i3d.localization.segments import Annotated, Segment
from i3d.runtime import command
from i3d.runtime.command import BadData
from i3d.runtime.text import counted
from i3d.weights.cards import Card


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      truth: path of a file.
      found: path of a file, "" with a card.
      card: Card of the localizer, None with found.
      features: folder of feature rows, "" with found.
      subset: of the truth; "" for all, or for the one that was searched.
      class_scores: path of a file, see i3d.localization.class_scores; "" without.
      protocol: one of protocols.PROTOCOLS.
      thresholds: of the tIoU.
      lengths: for diagnosis.diagnose.
      precision: that the localizer computes in.
      json, found_out: files to write, or None.
    """

    truth: str
    found: str
    card: Card | None
    features: str
    subset: str
    class_scores: str
    protocol: str
    thresholds: np.ndarray
    lengths: tuple[float, ...]
    precision: str
    json: str | None
    found_out: str | None


class Inputs(NamedTuple):
    """What is tested.

    Attributes:
      videos: {name: Annotated} of the tested videos.
      found: Segments.
      notes: lines on what a reader should know.
      proposed: Segments as they were before they got classes, None without --class_scores.
      files: data.feature_files.FeatureFiles, or None.
    """

    videos: Mapping[str, Annotated]
    found: list[Segment]
    notes: list[str]
    proposed: list[Segment] | None = None
    files: Any = None

    @property
    def truth(self) -> list[Segment]:
        """The segments of the tested videos."""
        return [one for video in self.videos.values() for one in video.segments]

    @property
    def proposals(self) -> bool:
        """Whether what was found has no labels."""
        return not any(one.label for one in self.found)


def read(job: Job) -> Inputs:
    """Returns what the files hold; with a localizer, without what it finds.

    Raises:
      BadData, UserError: something cannot be used as asked; one line.
    """
    videos = command.of_file("truth", annotations.read_as_is, job.truth)
    lines = times.outside(videos, job.truth) + pairing.named_twice(videos, job.truth)
    if not job.card:
        found = command.of_file("found", annotations.read_found, job.found)
        paths = job.truth, job.found
        return _labelled(job, Inputs(*pairing.paired(videos, found, job.subset, paths, lines)))
    from i3d.data.feature_files import FeatureFiles

    subset = job.subset or pairing.only_subset(videos, job.truth)
    chosen = pairing.of_subset(videos, subset, job.truth)
    if subset:
        lines.append(f"{job.truth}: subset {subset}")
    files = FeatureFiles(job.features, job.card.spec)
    absent = [name for name in chosen if files.find(name) is None]
    if len(absent) == len(chosen):
        raise BadData(
            f"{job.features}: expected features of the videos of {job.truth}, such as "
            f"{absent[0]!r:.200}, got none"
        )
    if absent:
        lines.append(
            f"{job.features}: no features of {counted(len(absent), 'video')} of {len(chosen):,}, "
            f"such as {absent[0]!r:.200}; their segments count as missed"
        )
    return Inputs(chosen, [], lines, files=files)


def scored(job: Job, given: Inputs) -> Inputs:
    """Returns the Inputs with what the localizer finds; writes it where that is asked for.

    Raises:
      BadData, UserError: features or the localizer cannot be used; one line.
      OSError: a file cannot be read or written.
    """
    from i3d.localization.localizer import Localizer
    from i3d.runtime import progress

    localizer = Localizer(job.card, job.precision)
    found: list[Segment] = []
    there = [name for name in given.videos if given.files.find(name) is not None]
    for name in progress.tracked(there, total=len(there), unit="video", what="segments"):
        video = given.videos[name]
        rows, grid = given.files.read(name, video.fps, video.duration_s)
        duration = None if np.isnan(video.duration_s) else video.duration_s
        found += localizer(rows, grid, duration, video=name)
    lines: list[str] = []
    if len(localizer.names) == 1 and not any(one.label in localizer.names for one in given.truth):
        found = [one._replace(label="") for one in found]
        lines.append(f"{job.card.file}: of one class, {localizer.names[0]}, which is left aside")
    if job.found_out:
        annotations.write_found(job.found_out, found)
    if not found:
        raise BadData(f"{job.card.file}: found nothing in {counted(len(there), 'video')}")
    lines += pairing.labels(given.videos, found, job.card.file)
    return _labelled(job, given._replace(found=found, notes=[*given.notes, *lines]))


def _labelled(job, given):
    """Returns the Inputs with the classes of --class_scores, where that is given."""
    if not job.class_scores:
        return given
    scores = command.of_file("class_scores", class_scores.read, job.class_scores)
    found, lines = class_scores.labelled(given.found, scores)
    lines += pairing.labels(given.videos, found, job.class_scores)
    return given._replace(found=found, proposed=given.found, notes=[*given.notes, *lines])
