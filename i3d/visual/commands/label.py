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
picture stays as it is: an mp4 has the frames of the source at their times; .gif and .webp have 25
frames per second at most.

--videos=FOLDER, which has a folder of videos for each class, labels some of each: --out is then a
new folder with a folder for each class, contact_sheet.jpg, and index.html, which plays them. Videos
that fail are reported, and listed there; the exit status is then 1.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from absl import flags

from i3d.inference import decoding, label_check, options, timeline
from i3d.inference import text as text_options
from i3d.runtime import command, files, labels
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.runtime.text import counted
from i3d.training import config
from i3d.video import frames
from i3d.visual import gallery, sound
from i3d.visual.label import Labelled, label
from i3d.visual.samples import Clip, chosen, class_named
from i3d.visual.sheet import write_sheet
from i3d.visual.text import undrawable
from i3d.visual.writers import ENDINGS
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

NAME = "visualize label"
WORKERS = 4  # processes that decode, at most


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      cards: of the networks.
      clips: videos, each with its output and true label.
      options: parsed flags.
      text: labels for models with a text tower.
    """

    cards: list[Card]
    clips: list[Clip]
    options: flags.FlagValues
    text: text_options.Text


def main(argv: list[str]) -> int:
    """Writes labelled videos; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    options.define(own, several=True)
    text = flags.DEFINE_string
    names = "file of class names in label order: one per line, or JSON"
    text("labels", None, names, flag_values=own)
    text_options.define(own, "those of the training")
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
    if own.window_s is not None and not 0 < own.window_s < 1e6:
        raise UserError(f"--window_s: expected seconds above 0, got {own.window_s}")
    clips = _of_folder(own, words) if own.videos else [_of_one(own, words)]
    text = text_options.of_flags(own)
    if own.labels:
        labels.class_names(own.labels)
    cards = options.cards(own, settings)
    _check_text(own, cards, text)
    if (names := text.labels or cards[0].class_names()) and not own.labels:
        _with_classes(clips, names)
    return Job(cards, clips, own, text)


def _of_one(own, words):
    """Returns the Clip of one video."""
    for name in ("samples_per_class", "seed"):
        if own[name].present:
            raise UserError(f"--{name} goes with --videos=FOLDER")
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
    out = Path(own.out)
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out}: expected a new or empty folder, got one with files")
    files.check_new(out / "index.html")
    return chosen(own.videos, own.out, own.samples_per_class, own.seed)


def _with_classes(clips, names):
    """Returns the Clips with their labels as the network names them.

    Raises:
      UserError: one is no class.
    """
    return [
        clip._replace(
            truth=clip.truth and class_named(clip.truth, names, f"{clip.video}: true label")
        )
        for clip in clips
    ]


def _check_text(own, cards, text):
    """Raises UserError where labels lack, or are given to networks that take none."""
    text_options.check(cards, text)
    label_check.check(text)
    if not all(takes_text(card.model) for card in cards):
        return
    if own.labels:
        raise UserError(f"--labels: the classes of {cards[0].model} are texts; give them by --text")
    if not text.labels and not any(card.class_names() for card in cards):
        raise UserError(f"--text is needed: labels for {cards[0].model}, between commas or a file")


def work(job: Job) -> int:
    """Writes the videos and prints a line on each; returns the exit status.

    Videos are decoded by processes of their own, from before TensorFlow is imported.

    Raises:
      UserError: the weights, the video or the output cannot be used, or the logits are not finite.
    """
    shown, failures = [], []
    progress = Progress(len(job.clips), "video", NAME)
    with progress:
        for clip, made in _labelled(job):
            if isinstance(made, Labelled):
                print(_line(clip, made), flush=True)
                path = os.path.relpath(clip.out, job.options.out)
                picture = gallery.small(made.picture)
                shown.append(gallery.Shown(path, clip.truth, made.name, made.score, picture))
            elif len(job.clips) == 1 and not job.options.videos:
                raise UserError(made)
            else:
                failures.append(made)
                command.told(NAME, made, 1)
            progress.add()
    if not shown:
        raise UserError(f"none of {len(job.clips)} videos could be labelled")
    if job.options.videos:
        _write_overview(Path(job.options.out), sorted(shown, key=lambda each: each[:2]), failures)
    return int(bool(failures))


def _labelled(job: Job) -> Iterator[tuple[Clip, Labelled | str]]:
    """Yields each Clip with what was made of it, or why it failed, as they are finished."""
    own, specs = job.options, [card.spec for card in job.cards]
    tasks = timeline.tasks_of(specs, [clip.video for clip in job.clips], own.window_s)
    workers = min(WORKERS, os.cpu_count() or 1)
    with decoding.Decoders(timeline.of_task, tasks, workers, timeline.most_bytes(specs)) as pieces:
        from i3d.inference import load

        size = options.batch_size(own, job.cards)
        found = load.of_cards(job.cards, own.labels, own.precision, size, text=job.text)
        for card in job.cards:
            print(*filter(None, (card.note, card.described())), sep="\n", file=sys.stderr)
        names = found.class_names
        if letters := undrawable(names):
            print(f"letters without a font, drawn as ?: {letters[:40]}", file=sys.stderr)
        clips = _with_classes(job.clips, names)
        for place, scores in found.timelines(pieces):
            clip = clips[place]
            try:
                if isinstance(scores, str):
                    raise UserError(scores)
                yield clip, label(
                    clip.video, clip.out, scores, names,
                    top_k=own.top_k, truth=clip.truth, sound=own.sound,
                )  # fmt: skip
            except UserError as error:
                reason = str(error)
                yield clip, reason if clip.video in reason else f"{clip.video}: {reason}"


def _write_overview(out, shown, failures):
    """Writes contact_sheet.jpg and index.html, and prints how many are right."""
    write_sheet(out / "contact_sheet.jpg", map(gallery.tile, shown))
    files.write_text(out / "index.html", gallery.gallery(shown, failures))
    right = sum(each.right for each in shown)
    failed = f", {len(failures)} failed" if failures else ""
    print(f"{out / 'index.html'}: {right} of {counted(len(shown), 'video')} right{failed}")


def _line(clip: Clip, made: Labelled) -> str:
    """Returns what is printed of a labelled video."""
    right = "right" if made.name == clip.truth else f"true: {clip.truth}"
    right = f" ({right})" if clip.truth else ""
    count = counted(made.frames, "frame")
    return f"{clip.out}: {made.name} {made.score:.4f}{right}; {count}, {made.seconds:.2f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
