"""Tests detections of people's actions: frame mAP at an IoU of 0.5, as of AVA.

    python -m i3d.evaluate --task=ava --truth=val.csv --detections=det.csv --label_map=map.pbtxt
    python -m i3d.evaluate --task=ava ... --protocol=mmaction2 --excluded=excluded.csv
    python -m i3d.evaluate --task=ava --checkpoint=runs/ava/best.weights.h5
    python -m i3d.evaluate --task=ava --checkpoint=ava.pth --records=data/ava --boxes=proposals
    python -m i3d.evaluate --task=ava --checkpoint=ava.pth --records=data/ava --detector=hog

The truth is a file, --truth, of rows video,second,x1,y1,x2,y2,action_id[,person_id], or that of
--records, which `python -m data_prep build_detection` makes. The detections are a file of rows
video,second,x1,y1,x2,y2,action_id,score, or what the network of --checkpoint scores on the records,
of the people in --boxes or of those that --detector finds on the stored pictures; --detections_out
keeps them. Boxes are in [0, 1] of the picture.

Prints the protocol, the mean, the groups of AVA's classes and each class. The protocols differ in
which boxes and key frames count (i3d/detection/metrics.py); figures of different protocols are not
to be compared.
"""

import json

from absl import flags

from i3d.detection import inputs, metrics, report
from i3d.detection.inputs import Inputs, Job
from i3d.inference import checkpoint as checkpoints
from i3d.inference import options
from i3d.runtime import command, files, task
from i3d.runtime.command import UserError


def main(argv: list[str]) -> int:
    """Prints the frame mAP; returns the exit status."""
    return command.run(argv, "evaluate", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the task."""
    own = flags.FlagValues()
    task.define(own)
    text, choice = flags.DEFINE_string, flags.DEFINE_enum
    text("truth", None, "CSV file of the true boxes and their actions", flag_values=own)
    label_map = "file of ids and names (.pbtxt, or lines `id: name`), or ava for AVA's 60 actions"
    text("label_map", None, label_map, flag_values=own)
    text("records", None, "folder of key frames; default: that of the run", flag_values=own)
    split = "name of the split of the records; default: that of the run's validation, or val"
    text("split", None, split, flag_values=own)
    text("detections", None, "CSV file of the detected boxes, actions and scores", flag_values=own)
    checkpoint = "checkpoint of a model that takes boxes: a file, or the name of a card"
    text("checkpoint", None, checkpoint, flag_values=own)
    model = "name in the catalogue of models; default: by the checkpoint's name or training run"
    text("model", None, model, flag_values=own)
    boxes = "whom the network scores: truth, proposals (those of the records), or a file of them"
    text("boxes", "truth", boxes, flag_values=own)
    detector = "who finds people in place of --boxes: hog (built in, weak), or the folder of a "
    detector += "TensorFlow SavedModel, which is code: only from someone trusted"
    text("detector", None, detector, flag_values=own)
    threshold = "least score of a person; default: 0.9, of hog a margin of 0.2"
    flags.DEFINE_float("det_score_thr", None, threshold, flag_values=own)
    precision = "precision that the network computes in"
    choice("precision", "float32", ["float32", "bfloat16"], precision, flag_values=own)
    excluded = "CSV file video,second of key frames that are not counted"
    text("excluded", None, excluded, flag_values=own)
    protocol = "which boxes and key frames count, as in the code of that name"
    choice("protocol", metrics.PROTOCOLS[0], metrics.PROTOCOLS, protocol, flag_values=own)
    classes = "ids between commas that alone are counted; default: those of the label map"
    flags.DEFINE_list("classes", [], classes, flag_values=own)
    text("json", None, "new .json file for the figures", flag_values=own)
    out = "new .csv file for the detections of the network"
    text("detections_out", None, out, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> tuple[Job, Inputs]:
    """Returns the Job of a command line and what its files and records hold.

    Raises:
      UserError: a flag is missing, cannot be used or contradicts another, a file of the input
        cannot be used, or one of the output exists already.
    """
    command.refuse_words(own(argv)[1:])
    metrics.check_excluded(own.excluded or (), own.protocol)
    for path, suffix in ((own.json, ".json"), (own.detections_out, ".csv")):
        if path:
            files.check_new(path, suffix)
    _check_sources(own)
    records = own.records
    card, split = None, own.split
    if own.checkpoint:
        names = [own.model] if own.model else []
        (card,) = options.cards_of([own.checkpoint], names, takes="boxes")
        trained = _settings_of_run(card.file)
        records = records or trained.get("data.records")
        split = split or trained.get("data.validation")
        if not records:
            raise UserError("--records is needed: the folder of a data set of key frames")
    split = split or "val"
    if records:
        from i3d.data import keyframes

        keyframes.opened(records, split)
    job = Job(
        truth=own.truth or "",
        label_map=own.label_map or "",
        records=records or "",
        split=split,
        detections=own.detections or "",
        card=card,
        boxes=own.boxes,
        detector=own.detector or "",
        det_score_thr=own.det_score_thr,
        precision=own.precision,
        excluded=own.excluded,
        protocol=own.protocol,
        classes=_ids(own.classes),
        json=own.json,
        detections_out=own.detections_out,
    )
    return job, inputs.read(job)


def _check_sources(own):
    """Makes sure that there is one source of the truth and one of the detections."""
    of_files = "--truth=FILE.csv with --label_map=FILE"
    if bool(own.detections) == bool(own.checkpoint):
        got = "both" if own.checkpoint else "neither"
        raise UserError(f"expected --detections=FILE.csv or --checkpoint=FILE, got {got}")
    if own.truth and (own.records or own.checkpoint):
        raise UserError("expected --truth with --detections alone; records have their own truth")
    if not (own.truth or own.records or own.checkpoint):
        raise UserError(f"expected {of_files}, or --records=FOLDER, got neither")
    if bool(own.truth) != bool(own.label_map):
        raise UserError(f"expected {of_files}, got one of them; records have their own label map")
    of_network = ("model", "boxes", "detector", "det_score_thr", "precision", "detections_out")
    given = [name for name in of_network if own[name].present]
    if given and not own.checkpoint:
        raise UserError(f"--{given[0]} goes with --checkpoint alone")
    from i3d.detection import people  # with OpenCV, not needed by the other task

    if own.boxes == people.HOG:
        raise UserError(
            "--boxes: expected truth, proposals or a file, got hog; take --detector=hog"
        )
    if own["boxes"].present and own.detector:
        raise UserError("expected --boxes or --detector, got both")
    if own.det_score_thr is not None and own.boxes == "truth" and not own.detector:
        raise UserError(
            "--det_score_thr goes with --detector or proposals; true boxes have no score"
        )
    if own.detector not in (None, people.HOG):
        people.check_folder(own.detector)


def _settings_of_run(checkpoint):
    """Returns config.json of the run of a checkpoint as a flat dict, {} without a run."""
    return checkpoints.run_settings(checkpoint) if checkpoints.run_file(checkpoint) else {}


def _ids(words):
    try:
        return tuple(sorted({int(word) for word in words}))
    except ValueError:
        raise UserError(
            f"--classes: expected ids between commas, got {','.join(words)[:80]!r}"
        ) from None


def work(asked: tuple[Job, Inputs]) -> None:
    """Scores where a network is asked for, computes, prints and writes."""
    job, given = asked
    if job.card:
        given = inputs.scored(job, job.card, given)
    found = metrics.frame_map(
        given.truth, given.detections, given.classes, job.protocol, given.excluded
    )
    for note in given.notes:
        print(note)
    if job.json:
        text = json.dumps(report.as_json(found, given.names), indent=1)
        files.write_text(job.json, text + "\n")
    print(report.described(found, given.names), flush=True)
