"""Writes videos with their predictions, window by window as they play, in a strip below.

    python -m i3d.visualize label my.mp4 --checkpoint=rgb_scratch --out=labelled.mp4
    python -m i3d.visualize label my.mp4 --checkpoint=rgb_imagenet --checkpoint=flow_imagenet \\
        --true_label="juggling balls" --out=labelled.mp4 --sound
    python -m i3d.visualize label my.mp4 --model=clip_b16 --checkpoint=FILE \\
        --text="falling,sitting down" --out=labelled.gif
    python -m i3d.visualize label --videos=clips --samples_per_class=2 --checkpoint=rgb_scratch \\
        --out=labelled

The strip shows the best classes of the window that plays, a timeline of all windows, and the result
of the whole video, which is that of i3d.predict. What agrees with the true label is green. The
picture stays as it is, with margins where it is narrower than 160 pixels: an mp4 has the frames of
the source at their times; .gif and .webp have 25 frames per second at most.

--videos=FOLDER, which has a folder of videos for each class, labels some of each: --out is then a
new folder with a folder for each class, contact_sheet.jpg, and index.html, which plays them. Videos
that fail are reported, and listed there; the exit status is then 1. Where it is stopped or killed,
the same command goes on with the videos that are left.
"""

import hashlib
import os
import sys

from absl import flags

from i3d.inference import classes, options, timeline
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.runtime.text import counted
from i3d.training import config
from i3d.video import frames
from i3d.visual import sound
from i3d.visual.commands import label_work
from i3d.visual.commands.label_work import NAME, Job, with_classes
from i3d.visual.folder import check_folder
from i3d.visual.samples import Clip, chosen
from i3d.visual.writers import ENDINGS

_MAY_DIFFER = ("out", "batch_size")  # where a folder is gone on with


def main(argv: list[str]) -> int:
    """Writes labelled videos; returns the exit status."""
    resumes = any(word.lstrip("-").startswith("videos") for word in argv)
    on_stop = command.GOES_ON if resumes else ""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work, on_stop=on_stop)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    options.define(own, several=True)
    text = flags.DEFINE_string
    classes.define(own, "those of the training")
    text("true_label", None, "class that the video shows; drawn in green", flag_values=own)
    out = "new file that ends in .mp4, .gif or .webp; of --videos a new folder"
    text("out", None, out, flag_values=own)
    text("videos", None, "folder with a folder of videos for each class", flag_values=own)
    per_class = "videos of each class that are labelled, of --videos"
    flags.DEFINE_integer("samples_per_class", 2, per_class, 1, flag_values=own)
    flags.DEFINE_integer("seed", 0, "of the choice of videos, of --videos", flag_values=own)
    flags.DEFINE_integer("top_k", 3, "number of classes shown of a window", 1, 20, flag_values=own)
    window = "seconds of a window; default: one clip of the network, of segments 2"
    flags.DEFINE_float("window_s", None, window, flag_values=own)
    flags.DEFINE_boolean("sound", False, "keep the sound, of .mp4", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: what was asked for cannot be.
    """
    settings, words = config.parsed(own, argv)
    timeline.check_window(own.window_s, "--window_s")
    clips = _of_folder(own, words) if own.videos else [_of_one(own, words)]
    text = classes.of_flags(own)
    cards = options.cards(own, settings)
    classes.check(own, cards, text)
    if (names := text.labels or cards[0].class_names()) and not own.labels:
        with_classes(clips, names)
    return Job(cards, clips, own, text, {"--config": ascii(settings)} | _plan(own, clips))


def _of_one(own, words):
    """Returns the Clip of one video."""
    for name in ("samples_per_class", "seed"):
        if own[name].present:
            raise UserError(f"--{name} goes with --videos=FOLDER")
    if len(words) == 1 and os.path.isdir(words[0]):
        raise UserError(f"{words[0]}: expected one video, got a folder; of many, --videos=FOLDER")
    if len(words) != 1:
        raise UserError(
            f"expected one video, or --videos=FOLDER, got {len(words)}; flags are written "
            "--name=value"
        )
    if not own.out:
        raise UserError(f"--out is needed: a new file that ends in {', '.join(ENDINGS)}")
    files.check_new(own.out, ENDINGS)
    frames.stated(words[0])
    if own.sound and not own.out.lower().endswith(".mp4"):
        raise UserError(f"--sound goes with --out=FILE.mp4, got {own.out}")
    if own.sound:
        sound.check(words[0])
    return Clip(words[0], own.out, own.true_label or "")


def _of_folder(own, words):
    """Returns the Clips of --videos."""
    command.refuse_words(words)
    if own.true_label:
        raise UserError("--true_label: of --videos it is the name of the folder; leave it out")
    if not own.out:
        raise UserError("--out is needed: a new folder")
    check_folder(own.out)
    return chosen(own.videos, own.out, own.samples_per_class, own.seed)


def _plan(own, clips):
    """Returns {flag: value} of what must be the same where a folder is gone on with."""
    plan = {
        f"--{name}": ascii(value)
        for name, value in own.flag_values_dict().items()
        if name not in _MAY_DIFFER and not name.startswith("config")
    }
    videos = hashlib.sha256(ascii([clip.video for clip in clips]).encode()).hexdigest()
    return plan | {"the choice of": f"{counted(len(clips), 'video')} ({videos[:8]})"}


def work(job: Job) -> int:
    """Writes the videos and prints a line on each; returns the exit status.

    Raises:
      UserError: the weights, the video or the output cannot be used, or the logits are not finite.
    """
    return label_work.of_folder(job) if job.options.videos else label_work.of_one(job)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
