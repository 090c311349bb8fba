"""Filters web videos and images with a teacher: a trained network that scores what they show.

    python -m i3d.filter web --checkpoint=rgb_imagenet --threshold=0.5 --out=web.csv
    python -m i3d.filter web.csv --checkpoint=runs/rgb/best.weights.h5 --out=kept/web.csv
    python -m i3d.filter films --checkpoint=tsn_....pth --window_s=10 --out=films/parts.csv
    python -m i3d.filter web --checkpoint=rgb_imagenet --checkpoint=flow_imagenet ...

WEB is a folder of videos and images, with a folder for each class or without classes, or a list
that data_prep takes. What was searched by the name of a class is kept where the teacher's
probability of that class reaches --threshold; what has no class gets the teacher's best class where
its probability does. With --window_s untrimmed videos are cut into windows, and each is kept or
left out by itself.

--out is a list path,label[,start_s,end_s] for data_prep; where there are videos and images, images
have a list of their own, OUT_images.csv. The scores of all are in OUT_scores.csv, as they are made:
if it is interrupted, the same command resumes, and another --threshold computes nothing again.
OUT_scores.json says which teacher they are of, and names the classes in order, as --labels takes
them. What cannot be read is listed with a reason, the rest follows; the exit status is then 1.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

from absl import flags

from i3d.features.job import digest_of
from i3d.inference import classes, filtering, material, options, timeline
from i3d.inference.filtering import NAME, Job
from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.runtime.labels import composed
from i3d.training import config
from i3d.video import images


def main(argv: list[str]) -> int:
    """Writes the list of what is kept; returns the exit status, 1 where something failed."""
    goes_on = command.GOES_ON
    return command.run(argv, NAME, __doc__, defined_flags, checked, work, on_stop=goes_on)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, number, real = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
    config.define_flag(own, argv)
    options.define(own, several=True)
    classes.define(own, "those of the training")
    text("out", None, "new .csv file for the list of what is kept", flag_values=own)
    real("threshold", 0.5, "least probability of what is kept, from 0 to 1", flag_values=own)
    most = "number of videos (or windows) and images to keep of each class, the most certain ones"
    number("max_per_class", None, most, 1, flag_values=own)
    window = "length of the windows that untrimmed videos are cut into, seconds"
    real("window_s", None, window, flag_values=own)
    root = "folder that the paths of a list are relative to; default: the folder of the list"
    text("video_root", None, root, flag_values=own)
    text("split", None, "split of a list that has several", flag_values=own)
    images.define_flag(own)
    again = "try again what could not be read"
    flags.DEFINE_boolean("retry_failed", False, again, flag_values=own)
    number("workers", None, "processes that decode; default: up to 8", 1, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: one line on what is wrong with it, the material, the teacher or the output.
    """
    settings, words = config.parsed(own, argv)
    if len(words) != 1:
        raise UserError(f"expected one folder or list of videos and images, got {len(words)}")
    if not 0 <= own.threshold <= 1:  # nor NaN
        raise UserError(f"--threshold: expected a probability from 0 to 1, got {own.threshold}")
    timeline.check_window(own.window_s, "--window_s")
    if not own.out or Path(own.out).suffix != ".csv":
        raise UserError(f"--out is needed: a .csv file, got {own.out!r}")
    web, text = words[0], classes.of_flags(own)
    items, names = material.read(web, own.video_root, own.split, own.labels, images.rate(own))
    if own.window_s and any(item.start_s or item.end_s is not None for item in items):
        raise UserError(f"--window_s cuts whole videos, and {web} has times; leave out one of them")
    cards = options.cards(own, settings)
    classes.check(own, cards, text)
    known = classes.names(own, cards, text)
    base = _base(own.out, web, own.video_root, items)
    pieces = material.pieces_of(items, names, known, base)
    _check_streams(cards, pieces)
    job = Job(pieces, base, cards, text, _plan(own, cards, text, known, base), own)
    job.check_output()
    return job


def _base(out, web, video_root, items):
    """Returns the folder of the list that is written, or that of material that is elsewhere."""
    folder = os.path.abspath(os.path.dirname(out))
    if all(item.path.startswith(os.path.join(folder, "")) for item in items):
        return folder
    return os.path.abspath(video_root or (web if os.path.isdir(web) else os.path.dirname(web)))


def _check_streams(cards, pieces):
    """Raises UserError where a network that sees flow is to see images."""
    flow = next((card for card in cards if card.spec.stream == "flow"), None)
    image = next((piece for piece in pieces if piece.is_image), None)
    if flow and image:
        raise UserError(
            f"{image.path}: is an image, and {flow.name} sees flow, which takes two; give a "
            "teacher of RGB alone, or videos alone"
        )


def _plan(own, cards, text, names, base):
    plan = {
        "teacher": [digest_of(card.file) for card in cards],
        "model": [card.model for card in cards],
        "views": [card.spec.to_json() for card in cards],
        "text": dataclasses.asdict(text),
        "precision": own.precision,
        "window_s": own.window_s,
        "folder": os.path.relpath(base, os.path.dirname(os.path.abspath(own.out))),
        "classes": [composed(name) for name in names],
    }
    return json.loads(json.dumps(plan))  # lists for tuples, as it is read back


def work(job: Job) -> int:
    """Scores what is not scored yet, and writes what is kept; returns the exit status."""
    return filtering.run(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
