"""Gives the truth and the detections of an evaluation: of files, or of a network on records.

given = read(job)                  # all that files and records say
given = scored(job, card, given)   # with a network in place of a file of detections
given.truth, given.detections, given.names, given.classes
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from i3d.detection import ava, notes, proposals, report
from i3d.detection.ava import Detections, Label
from i3d.detection.notes import listed
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.weights.cards import Card


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      truth, label_map: paths of files; label_map may be "ava". "" with records.
      records, split: folder of key frames, and the split; records is "" with truth.
      detections: path of a file, "" with a card.
      card: Card of the network, None with detections.
      boxes: "truth", "proposals" or the path of a file: whom the network scores.
      detector: "hog" or the folder of a SavedModel, which finds whom it scores; "" without.
      det_score_thr: least score of people; None: the default of the detector or of proposals.
      precision: that it computes in.
      excluded: path of a file, or None.
      protocol: one of metrics.PROTOCOLS.
      classes: ids that are counted; () for those of the label map.
      json, detections_out: files to write, or None.
    """

    truth: str
    label_map: str
    records: str
    split: str
    detections: str
    card: Card | None
    boxes: str
    detector: str
    det_score_thr: float | None
    precision: str
    excluded: str | None
    protocol: str
    classes: tuple[int, ...]
    json: str | None
    detections_out: str | None


class Inputs(NamedTuple):
    """What a frame mAP is computed of.

    Attributes:
      truth: Labels.
      detections: Detections, or rows (video, second, x1, y1, x2, y2, action id, score).
      names: {id: name} of the label map.
      classes: ids that are counted.
      excluded: (video, second) of key frames that are not counted.
      notes: lines on what a reader should know.
      records: keyframes.KeyFrames, or None.
      people: whom a network scores, as keyframe_scores.detections takes it.
      ids: action id of each class of a network, as `ids_of` returns them.
    """

    truth: list[Label]
    detections: Detections | list[tuple]
    names: Mapping[int, str]
    classes: Collection[int]
    excluded: Collection[tuple[str, float]]
    notes: list[str]
    records: Any = None
    people: Any = None
    ids: Sequence[int] = ()


def read(job: Job) -> Inputs:
    """Returns what files and records hold; with a network, without its detections.

    Raises:
      BadData, UserError: something cannot be used as asked; one line.
    """
    excluded = (
        command.of_file("excluded", ava.read_excluded, job.excluded) if job.excluded else set()
    )
    records, names, truth, told = _truth(job)
    if job.card is None:
        classes = _classes(job, names, list(names), truth)
        found = command.of_file("detections", ava.read_detections, job.detections)
        notes.check_together(truth, found, names, job.detections)
        told += notes.on_detections(truth, found, names, job.protocol, job.detections)
        return Inputs(truth, found, names, classes, excluded, told)
    ids = ids_of(job.card, names)
    classes = _classes(job, names, sorted(set(names) & set(ids)), truth)
    told.append(f"{job.card.file}: scores {_described(job)}")
    if lacking := sorted(set(names) - set(ids)):
        told.append(f"{job.card.file}: has no class for the ids {listed(lacking)}")
    people = _people(job, records)
    return Inputs(truth, [], names, classes, excluded, told, records, people, ids)


def _truth(job):
    """Returns (records or None, {id: name}, Labels, lines on them)."""
    if job.records:
        from i3d.data import keyframes
        from i3d.detection import keyframe_scores

        records = keyframes.opened(job.records, job.split)
        return records, records.label_map, keyframe_scores.truth(records), []
    names = names_of(job.label_map)
    truth, counts = command.of_file("truth", lambda path: ava.counted(path, names), job.truth)
    return None, names, truth, notes.on_truth(counts, job.truth)


def _classes(job, names, known, truth):
    """Returns the ids that are counted: those that are asked for, or `known`.

    Raises:
      UserError: one is not in the label map, or none has truth.
    """
    classes = job.classes or known
    if wrong := [action for action in classes if action not in names]:
        raise UserError(
            f"--classes: {wrong[0]} is not in the label map, whose ids are {listed(sorted(names))}"
        )
    if not {label.action for label in truth} & set(classes):
        raise UserError(f"expected truth of the ids {listed(classes)}, which are counted; got none")
    return classes


def names_of(label_map: str) -> dict[int, str]:
    """Returns {id: name} of a file, or of "ava".

    Raises:
      BadData: the file cannot be used.
    """
    if label_map == report.AVA:
        return report.names_of_ava()
    return command.of_file("label_map", ava.read_label_map, label_map)


def ids_of(card: Card, names: Mapping[int, str]) -> list[int]:
    """Returns the action id of each class of a card without the background, 0 of others.

    They are found by their names; where a card has none, class k is of id k.

    Raises:
      UserError: none is in the label map, or ids are beyond the classes of the checkpoint.
    """
    from i3d.inference import network

    count = network.classes_of(card) - 1
    own = card.class_names()
    if len(own) == count:
        of_name = {name: action for action, name in names.items()}
        ids = [of_name.get(name, 0) for name in own]
    else:
        ids = [action if action in names else 0 for action in range(1, count + 1)]
    if not any(ids):
        raise UserError(
            f"{card.file}: expected classes of the label map, such as {min(names.items())[1]!r}, "
            f"got {', '.join(map(repr, own[:3])) or count}"
        )
    return ids


def _described(job):
    """Returns whom the network scores, in words."""
    if job.detector:
        return f"the people that {job.detector} finds on key frames of {job.records}, {job.split}"
    boxes = {"truth": "true boxes", "proposals": "proposals"}.get(
        job.boxes, f"boxes of {job.boxes}"
    )
    return f"the {boxes} in key frames of {job.records}, {job.split}"


def scored(job: Job, card: Card, given: Inputs) -> Inputs:
    """Returns the Inputs with the detections of the network; writes them where that is asked for.

    Args:
      job: what is asked for.
      card: of the network.
      given: as `read` returns it.

    Raises:
      UserError: the network cannot be used, or a score is not finite; one line.
      OSError: a file cannot be read or written.
    """
    from i3d.data import keyframes
    from i3d.detection import keyframe_scores
    from i3d.inference import network

    least = keyframes.LEAST_SCORE if job.det_score_thr is None else job.det_score_thr
    net = network.load_with_boxes(card, job.precision)
    rows = keyframe_scores.detections(
        net, given.records, given.people, ids=given.ids, least_score=least
    )
    if job.detections_out:
        files.write_text(job.detections_out, ava.detections_text(rows))
    return given._replace(detections=rows)


def _people(job, records):
    """Returns whom the network scores, as keyframe_scores.detections takes it."""
    from i3d.data import keyframes
    from i3d.detection import people

    if job.detector:
        return people.detector(job.detector, job.det_score_thr)
    if job.boxes == "truth":
        return job.boxes
    if job.boxes == "proposals":
        if not any(len(one.proposals) for one in keyframes.truths(records)):
            raise UserError(
                f"--boxes=proposals: {records.folder} holds none; build it with --proposals=FILE"
            )
        return job.boxes
    found = command.of_file("boxes", proposals.read, job.boxes)
    proposals.check_videos(found, {one.video for one in keyframes.truths(records)}, job.boxes)
    return found
