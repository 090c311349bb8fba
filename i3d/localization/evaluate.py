"""Tests segments of untrimmed videos: mAP at thresholds of the tIoU, average recall, diagnosis.

    python -m i3d.evaluate --task=localization --truth=thumos14.json --found=result.json
    python -m i3d.evaluate --task=localization ... --subset=validation --thresholds=activitynet
    python -m i3d.evaluate --task=localization ... --protocol=actionformer --thresholds=0.3,0.5
    python -m i3d.evaluate --task=localization --truth=... --checkpoint=FILE --features=FOLDER
    python -m i3d.evaluate --task=localization --checkpoint=runs/af/best.weights.h5

The truth is JSON as of ActivityNet, THUMOS14 or MMAction2, or CSV with the header
path,label,start_s,end_s[,split][,duration_s][,fps]. What was found is JSON as of ActivityNet's
results, or CSV with the header video,start_s,end_s[,label],score; or it is what the localizer of
--checkpoint finds in the feature rows of --features, which --found_out keeps. Of the weights of a
training run, truth, features and the subset of its validation are those of its config.json.

Prints the protocol, mean average precision at each tIoU and its mean, recall, average recall by
the number of segments per video (AR@AN) with its area (AUC), which kinds of false segments there
are, how many truths of each length are missed, and each class. Segments without labels, proposals,
are tested for recall alone; --class_scores gives them the classes of their videos. The protocols
(i3d/localization/protocols.py) are those of published codes; figures of different protocols are not
to be compared.
"""

import json
from typing import NamedTuple

import numpy as np
from absl import flags

from i3d.inference import checkpoint as checkpoints
from i3d.localization import diagnosis, inputs, protocols, report
from i3d.localization.average_recall import average_recall
from i3d.localization.inputs import Inputs, Job
from i3d.localization.metrics import mean_ap
from i3d.runtime import command, files, task
from i3d.runtime.command import UserError

_NAMED = {  # thresholds of the tIoU, and lengths of the diagnosis
    "thumos": (protocols.THUMOS, diagnosis.THUMOS_LENGTHS),
    "activitynet": (protocols.ACTIVITYNET, diagnosis.ACTIVITYNET_LENGTHS),
}
_OF_LOCALIZER = ("model", "features", "precision", "found_out")


def main(argv: list[str]) -> int:
    """Prints the figures; returns the exit status."""
    return command.run(argv, "evaluate", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the task."""
    own = flags.FlagValues()
    task.define(own)
    text, choice = flags.DEFINE_string, flags.DEFINE_enum
    text("truth", None, "JSON or CSV file of the true segments", flag_values=own)
    text("found", None, "JSON or CSV file of the found segments with scores", flag_values=own)
    checkpoint = "checkpoint of a localizer: a file, or the name of a card"
    text("checkpoint", None, checkpoint, flag_values=own)
    model = "name in the catalogue; default: by the checkpoint's name or training run"
    text("model", None, model, flag_values=own)
    features = "folder of the feature rows that the localizer takes, or a .npz file of all videos"
    text("features", None, features, flag_values=own)
    precision = "precision that the localizer computes in"
    choice("precision", "float32", ["float32", "bfloat16"], precision, flag_values=own)
    subset = "subset of the truth; default: the one that segments were found in"
    text("subset", None, subset, flag_values=own)
    scores = "JSON file of the scores of each video's classes, as published for ActivityNet "
    scores += '({"results": {video: [score, ...]}, "class": [name, ...]}); each proposal gets the '
    scores += "two best classes of its video, its score sqrt(score x class score)"
    text("class_scores", None, scores, flag_values=own)
    protocol = "which truths count, and how ties are broken, as in the code of that name"
    choice("protocol", protocols.PROTOCOLS[0], protocols.PROTOCOLS, protocol, flag_values=own)
    thresholds = "tIoUs of the mAP: thumos (0.3 to 0.7), activitynet (0.5 to 0.95), or numbers "
    thresholds += "between commas"
    text("thresholds", "thumos", thresholds, flag_values=own)
    text("json", None, "new .json file for the figures", flag_values=own)
    found_out = "new .json or .csv file for the segments that the localizer finds"
    text("found_out", None, found_out, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> tuple[Job, Inputs]:
    """Returns the Job of a command line and what its files hold.

    Raises:
      UserError: a flag is missing, cannot be used or contradicts another, a file of the input
        cannot be used, or one of the output exists already.
    """
    command.refuse_words(own(argv)[1:])
    for path, suffix in ((own.json, ".json"), (own.found_out, (".json", ".csv"))):
        if path:
            files.check_new(path, suffix)
    thresholds, lengths = _thresholds(own.thresholds)
    _check_sources(own)
    card, trained = None, Trained("", "", "", "")
    if own.checkpoint:
        card = checkpoints.card_of(own.model, own.checkpoint, takes="features")
        trained = _trained(card.file)
    truth, features = own.truth or trained.truth, own.features or trained.features
    if not truth:
        raise UserError("--truth is needed: a JSON or CSV file of the true segments")
    if card and not features:
        raise UserError("--features is needed with --checkpoint: a folder of feature rows")
    job = Job(
        truth=truth,
        found=own.found or "",
        card=card,
        features=features,
        subset=own.subset or ("" if own.truth else trained.subset),
        class_scores=own.class_scores or "",
        protocol=own.protocol,
        thresholds=thresholds,
        lengths=lengths,
        precision=own.precision,
        json=own.json,
        found_out=own.found_out,
    )
    given = inputs.read(job)
    told = [trained.note] if trained.note and not own.truth else []
    return job, given._replace(notes=[*told, *given.notes])


def _check_sources(own):
    """Makes sure that there is one source of what was found."""
    if bool(own.found) == bool(own.checkpoint):
        got = "both" if own.found else "neither"
        raise UserError(
            f"expected --found=FILE, or --checkpoint=FILE with --features=FOLDER, got {got}"
        )
    given = [name for name in _OF_LOCALIZER if own[name].present]
    if given and not own.checkpoint:
        raise UserError(f"--{given[0]} goes with --checkpoint alone")


class Trained(NamedTuple):
    """What the run of a checkpoint is tested on, "" where it does not say; a line on that."""

    truth: str
    features: str
    subset: str
    note: str


def _trained(checkpoint):
    """Returns what config.json beside a checkpoint says."""
    found = checkpoints.run_settings(checkpoint) if checkpoints.run_file(checkpoint) else {}
    keys = ("segments.annotations", "data.records", "data.validation", "data.train")
    truth, features, validation, train = (
        value if isinstance(value := found.get(key), str) else "" for key in keys
    )
    if validation != train or not found:
        return Trained(truth, features, validation, "")
    # Videos that were held out of the training's own subset are not told apart here.
    note = "was trained on a part of these videos; its log has the figures of those held out"
    return Trained(truth, features, "", f"{checkpoint}: {note}")


def _thresholds(text):
    """Returns (tIoUs, lengths of the diagnosis) of --thresholds."""
    if text in _NAMED:
        return _NAMED[text]
    try:
        values = np.array([float(word) for word in text.split(",")])
        usable = bool(((values > 0) & (values <= 1)).all())
    except ValueError:
        usable = False
    if not usable:
        raise UserError(
            f"--thresholds: expected {', '.join(_NAMED)}, or numbers above 0 and up to 1 between "
            f"commas, got {text[:80]!r}"
        )
    return values, diagnosis.THUMOS_LENGTHS


def work(asked: tuple[Job, Inputs]) -> None:
    """Finds segments where a localizer is asked for, computes, prints and writes."""
    job, given = asked
    if job.card:
        given = inputs.scored(job, given)
    result = _result(job, given)
    for note in given.notes:
        print(note)
    if job.json:
        files.write_text(job.json, json.dumps(report.as_json(result), indent=1) + "\n")
    print(report.described(result), flush=True)


def _result(job: Job, given: Inputs) -> report.Result:
    """Returns the figures."""
    truth, found = given.truth, given.found
    mean, diagnosed = None, None
    if not given.proposals:
        mean = mean_ap(truth, found, job.thresholds, job.protocol)
        counting = protocols.counting(truth, job.protocol)
        diagnosed = diagnosis.diagnose(counting, found, lengths=job.lengths)
    recall = average_recall(truth, given.proposed or found, protocol=job.protocol)
    return report.Result(len(given.videos), len(truth), len(found), mean, recall, diagnosed)
