"""Writes a video with its predictions, window by window as it plays, in a strip below the picture.

    python -m i3d.visualize label my.mp4 --checkpoint=rgb_scratch --out=labelled.mp4
    python -m i3d.visualize label my.mp4 --checkpoint=rgb_imagenet --checkpoint=flow_imagenet \\
        --true_label="juggling balls" --out=labelled.mp4 --sound
    python -m i3d.visualize label my.mp4 --model=clip_b16 --checkpoint=FILE \\
        --text="falling,sitting down" --out=labelled.gif

The strip shows the best classes of the window that plays, a timeline of all windows, and the result
of the whole video, which is that of i3d.predict. What agrees with --true_label is green. The
picture stays as it is: an mp4 has the frames of the source at their times; .gif and .webp have 25
frames per second at most.
"""

import difflib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from absl import flags

from i3d.inference import decoding, label_check, options, timeline
from i3d.inference import text as text_options
from i3d.runtime import command, files, labels
from i3d.runtime.command import UserError
from i3d.runtime.text import counted
from i3d.training import config
from i3d.video import frames
from i3d.visual import sound
from i3d.visual.label import Labelled, label
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
      video: path.
      options: parsed flags.
      text: labels for models with a text tower.
    """

    cards: list[Card]
    video: str
    options: flags.FlagValues
    text: text_options.Text


def main(argv: list[str]) -> int:
    """Writes a labelled video; returns the exit status."""
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
    text("out", None, "new file that ends in .mp4, .gif or .webp", flag_values=own)
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
    if len(words) != 1:
        raise UserError(f"expected one video, got {len(words)}; flags are written --name=value")
    if not own.out:
        raise UserError(f"--out is needed: a new file that ends in {', '.join(ENDINGS)}")
    if own.window_s is not None and not 0 < own.window_s < 1e6:
        raise UserError(f"--window_s: expected seconds above 0, got {own.window_s}")
    files.check_new(own.out, ENDINGS)
    frames.stated(words[0])
    if own.sound and not own.out.lower().endswith(".mp4"):
        raise UserError(f"--sound goes with --out=FILE.mp4, got {own.out}")
    if own.sound:
        sound.check(words[0])
    text = text_options.of_flags(own)
    if own.labels:
        labels.class_names(own.labels)
    cards = options.cards(own, settings)
    _check_text(own, cards, text)
    if own.true_label and (names := text.labels or cards[0].class_names()) and not own.labels:
        class_named(own.true_label, names, "--true_label")
    return Job(cards, words[0], own, text)


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


def class_named(label: str, names: Sequence[str], flag: str) -> str:
    """Returns the class that a label means; letter case and signs between words may differ.

    Args:
      label: such as "BrushHair" or "brush_hair" of the class "brush hair".
      names: of the classes.
      flag: what gave the label, for the message.

    Raises:
      UserError: there is no such class; the message names the nearest.
    """
    if label in names:
        return label
    keys = {_key(name): name for name in names}
    if _key(label) in keys:
        return keys[_key(label)]
    near = difflib.get_close_matches(_key(label), keys, 1)
    hint = f"did you mean {keys[near[0]]!r}?" if near else f"such as {names[0]!r}"
    raise UserError(f"{flag}: expected one of the {len(names)} classes, got {label!r:.80}; {hint}")


def _key(name):
    return "".join(filter(str.isalnum, labels.composed(name).casefold())) or name


def work(job: Job) -> int:
    """Writes the video and prints a line on it; returns the exit status.

    Videos are decoded by processes of their own, from before TensorFlow is imported.

    Raises:
      UserError: the weights, the video or the output cannot be used, or the logits are not finite.
    """
    own, specs = job.options, [card.spec for card in job.cards]
    tasks = timeline.tasks_of(specs, [job.video], own.window_s)
    workers = min(WORKERS, os.cpu_count() or 1)
    with decoding.Decoders(timeline.of_task, tasks, workers, timeline.most_bytes(specs)) as pieces:
        from i3d.inference import load

        size = options.batch_size(own, job.cards)
        found = load.of_cards(job.cards, own.labels, own.precision, size, text=job.text)
        for card in job.cards:
            print(*filter(None, (card.note, card.described())), sep="\n", file=sys.stderr)
        names, truth = found.class_names, own.true_label or ""
        truth = truth and class_named(truth, names, "--true_label")
        if letters := undrawable(names):
            print(f"letters without a font, drawn as ?: {letters[:40]}", file=sys.stderr)
        ((_, scores),) = found.timelines(pieces)
    if isinstance(scores, str):
        raise UserError(scores if job.video in scores else f"{job.video}: {scores}")
    made = label(job.video, own.out, scores, names, top_k=own.top_k, truth=truth, sound=own.sound)
    print(_line(own.out, made, truth))
    return 0


def _line(out: str, made: Labelled, truth: str) -> str:
    """Returns what is printed of a labelled video."""
    right = f" ({'right' if made.name == truth else f'true: {truth}'})" if truth else ""
    count = counted(made.frames, "frame")
    return f"{out}: {made.name} {made.score:.4f}{right}; {count}, {made.seconds:.2f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
