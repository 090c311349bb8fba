"""Tests detections of people's actions: frame mAP at an IoU of 0.5, as of AVA.

    python -m i3d.evaluate --task=ava --truth=val.csv --detections=det.csv --label_map=map.pbtxt
    python -m i3d.evaluate --task=ava ... --protocol=mmaction2 --excluded=excluded.csv

--truth has rows video,second,x1,y1,x2,y2,action_id[,person_id], --detections has rows
video,second,x1,y1,x2,y2,action_id,score; boxes are in [0, 1] of the picture. Prints the protocol,
the mean, the groups of AVA's classes and each class. The protocols differ in which boxes and key
frames count (i3d/detection/metrics.py); figures of different protocols are not to be compared.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from absl import flags

from i3d.detection import ava, metrics, proposals, report
from i3d.detection.ava import Detections, Label
from i3d.runtime import command, files
from i3d.runtime.command import BadData, UserError

TASK = "ava"


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      truth, detections, label_map: paths of files; label_map may be "ava".
      excluded: path, or None.
      protocol: one of metrics.PROTOCOLS.
      classes: ids that are counted; () for those of the label map.
      json: file to write, or None.
    """

    truth: str
    detections: str
    label_map: str
    excluded: str | None
    protocol: str
    classes: tuple[int, ...]
    json: str | None


def asked(argv: list[str]) -> bool:
    """Returns whether a command line of i3d.evaluate names this task."""
    own = flags.FlagValues()
    define_task(own)
    try:
        own(argv, known_only=True)
    except flags.Error:  # told where all flags are parsed
        return False
    return own.task == TASK


def define_task(own: flags.FlagValues) -> None:
    """Defines --task."""
    tasks = ["recognition", TASK]
    told = "classes of videos, or of boxes of people (ava: flags of its own, see --task=ava --help)"
    flags.DEFINE_enum("task", tasks[0], tasks, told, flag_values=own)


def main(argv: list[str]) -> int:
    """Prints the frame mAP; returns the exit status."""
    return command.run(argv, "evaluate", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the task."""
    own = flags.FlagValues()
    define_task(own)
    text = flags.DEFINE_string
    text("truth", None, "CSV file of the true boxes and their actions", flag_values=own)
    text("detections", None, "CSV file of the detected boxes, actions and scores", flag_values=own)
    label_map = "file of ids and names (.pbtxt, or lines `id: name`), or ava for AVA's 60 actions"
    text("label_map", None, label_map, flag_values=own)
    excluded = "CSV file video,second of key frames that are not counted"
    text("excluded", None, excluded, flag_values=own)
    protocols = "which boxes and key frames count, as in the code of that name"
    flags.DEFINE_enum(
        "protocol", metrics.PROTOCOLS[0], metrics.PROTOCOLS, protocols, flag_values=own
    )
    classes = "ids between commas that alone are counted; default: those of the label map"
    flags.DEFINE_list("classes", [], classes, flag_values=own)
    text("json", None, "new .json file for the figures", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: a flag is missing or cannot be used, or a file exists already.
    """
    command.refuse_words(own(argv)[1:])
    for name in ("truth", "detections", "label_map"):
        if not own[name].value:
            raise UserError(f"--{name} is needed: {own[name].help}")
    metrics.check_excluded(own.excluded or (), own.protocol)
    if own.json:
        files.check_new(own.json, ".json")
    return Job(
        own.truth,
        own.detections,
        own.label_map,
        own.excluded,
        own.protocol,
        _ids(own.classes),
        own.json,
    )


def _ids(words):
    try:
        return tuple(sorted({int(word) for word in words}))
    except ValueError:
        raise UserError(
            f"--classes: expected ids between commas, got {','.join(words)[:80]!r}"
        ) from None


def work(job: Job) -> None:
    """Reads, computes, prints and writes."""
    names = names_of(job.label_map)
    truth, counts = ava.counted(job.truth, names)
    detections = ava.read_detections(job.detections)
    excluded = ava.read_excluded(job.excluded) if job.excluded else ()
    check_together(truth, detections, job.detections)
    for line in notes(counts, truth, detections, job):
        print(line)
    tell(truth, detections, names, job.classes, job.protocol, excluded, job.json)


def names_of(label_map: str) -> dict[int, str]:
    """Returns {id: name} of a file, or of "ava".

    Raises:
      BadData: the file cannot be used.
    """
    return report.names_of_ava() if label_map == report.AVA else ava.read_label_map(label_map)


def check_together(truth: list[Label], detections: Detections, path: str) -> None:
    """Makes sure that there are detections, and some in key frames of the truth.

    Raises:
      BadData: there are none.
    """
    if not detections.videos:
        raise BadData(f"{path}: expected rows video,second,x1,y1,x2,y2,action_id,score, got none")
    found = set(zip(detections.videos, detections.seconds.tolist(), strict=True))
    proposals.check_videos(found, (label.video for label in truth), path)
    known = {(label.video, label.second) for label in truth}
    if not found & known:
        one, other = min(found), min(known)
        raise BadData(
            f"{path}: expected detections in key frames of the truth, such as {ava.key(*other)!r}, "
            f"got none, but such as {ava.key(*one)!r}"
        )


def notes(counts: ava.Counts, truth: list[Label], detections: Detections, job: Job) -> list[str]:
    """Returns a line for each thing about the files that a reader should know."""
    lines = []
    if counts.clipped:
        lines.append(f"{job.truth}: {counts.clipped:,} boxes reach over the border; cut off there")
    if counts.repeated:
        lines.append(f"{job.truth}: {counts.repeated:,} rows say again what an earlier row says")
    if counts.unknown:
        ids = ", ".join(map(str, counts.unknown))
        total = sum(counts.unknown.values())
        lines.append(f"{job.truth}: {total:,} rows of ids without a name are left out: {ids}")
    known = {(label.video, label.second) for label in truth}
    keys = zip(detections.videos, detections.seconds.tolist(), strict=True)
    if outside := sum(key not in known for key in keys):
        how = "false" if job.protocol == "pyslowfast" else "not counted"
        lines.append(
            f"{job.detections}: {outside:,} rows in key frames without truth, which are {how} by "
            f"{job.protocol}"
        )
    return lines


def tell(
    truth: list[Label],
    detections: Detections | Iterable[tuple],
    names: Mapping[int, str],
    classes: tuple[int, ...],
    protocol: str,
    excluded: Iterable[tuple[str, float]] = (),
    json_file: str | None = None,
) -> metrics.FrameMAP:
    """Computes the frame mAP, writes the file that is asked for and prints.

    Args:
      truth, detections, protocol, excluded: as for metrics.frame_map.
      names: {id: name} of the label map.
      classes: ids that are counted, () for all of the label map.
      json_file: to write, or None.

    Raises:
      UserError: a class is not in the label map, or none of them has truth.
    """
    if unknown := [action for action in classes if action not in names]:
        raise UserError(
            f"--classes: {unknown[0]} is not in the label map, whose ids are {_of(names)}"
        )
    found = metrics.frame_map(truth, detections, classes or names, protocol, set(excluded))
    if not sum(found.truths.values()):
        raise UserError("expected truth of the classes that are counted, got none")
    if json_file:
        files.write_text(json_file, json.dumps(report.as_json(found, names), indent=1) + "\n")
    print(report.described(found, names), flush=True)
    return found


def _of(names):
    ids = ", ".join(map(str, sorted(names)[:20]))
    return ids + f" and {len(names) - 20} more" * (len(names) > 20)
