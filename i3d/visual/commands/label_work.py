"""The work of `python -m i3d.visualize label`: one video, or a folder of them."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from absl import flags

from i3d.inference import decoding, options, timeline
from i3d.inference.text import Text
from i3d.runtime import command
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.runtime.text import counted
from i3d.visual import gallery
from i3d.visual.folder import Folder
from i3d.visual.gallery import Shown
from i3d.visual.label import Labelled, label
from i3d.visual.samples import Clip, class_named
from i3d.visual.text import described, undrawable
from i3d.weights.cards import Card

NAME = "visualize label"
WORKERS = 4  # processes that decode, at most


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      cards: of the networks.
      clips: videos, each with its output and true label.
      options: parsed flags.
      text: labels for models with a text tower.
      plan: {flag: its value} of what the videos are made by.
    """

    cards: list[Card]
    clips: list[Clip]
    options: flags.FlagValues
    text: Text
    plan: dict[str, str]


def of_one(job: Job) -> int:
    """Labels one video and prints a line on it; returns 0.

    Raises:
      UserError: it, the weights or the output cannot be used, or the logits are not finite.
    """
    ((clip, made),) = _labelled(job, job.clips)
    if isinstance(made, str):
        raise UserError(made)
    print(_line(clip, made))
    return 0


def of_folder(job: Job) -> int:
    """Labels the videos that are left of a folder; returns the exit status.

    Raises:
      UserError: the weights or the folder cannot be used, the logits are not finite, or no video
        can be labelled.
    """
    failures, total = [], len(job.clips)
    with Folder(job.options.out, job.plan, job.clips) as folder:
        done = len(folder.shown)
        if done:
            print(f"{done} of {counted(total, 'video')} are done", file=sys.stderr)
        with Progress(total, "video", NAME, done=done) as progress:
            for clip, made in _labelled(job, folder.left):
                if isinstance(made, Labelled):
                    folder.save(clip, _shown(folder.path(clip), clip, made))
                    print(_line(clip, made), flush=True)
                else:
                    failures.append(made)
                    command.told(NAME, made, 1)
                progress.add()
        folder.finish(failures)
        right, count = sum(each.right for each in folder.shown), len(folder.shown)
    failed = f", {len(failures)} failed" if failures else ""
    page = Path(job.options.out, "index.html")
    print(f"{page}: {right} of {counted(count, 'video')} right{failed}")
    return int(bool(failures))


def _labelled(job: Job, clips: Sequence[Clip]) -> Iterator[tuple[Clip, Labelled | str]]:
    """Yields each Clip with what was made of it, or why it failed, as they are finished.

    Videos are decoded by processes of their own, from before TensorFlow is imported.
    """
    if not clips:
        return
    own, specs = job.options, [card.spec for card in job.cards]
    tasks = timeline.tasks_of(specs, [clip.video for clip in clips], own.window_s)
    workers = min(WORKERS, os.cpu_count() or 1)
    with decoding.Decoders(timeline.of_task, tasks, workers, timeline.most_bytes(specs)) as pieces:
        found = _loaded(job)
        clips = with_classes(clips, found.class_names)
        for place, scores in found.timelines(pieces):
            yield clips[place], _written(clips[place], scores, found.class_names, own)


def _loaded(job):
    """Returns the Predictor of a Job, of which it prints what is to be known."""
    from i3d.inference import load

    own = job.options
    size = options.batch_size(own, job.cards)
    found = load.of_cards(job.cards, own.labels, own.precision, size, text=job.text)
    for card in job.cards:
        print(*filter(None, (card.note, card.described())), sep="\n", file=sys.stderr)
    if letters := undrawable(found.class_names):
        print(described(letters), file=sys.stderr)
    return found


def _written(clip, scores, names, own):
    """Returns the Labelled of a clip, which is written, or why it failed."""
    try:
        if isinstance(scores, str):
            raise UserError(scores)
        return label(
            clip.video, clip.out, scores, names,
            top_k=own.top_k, truth=clip.truth, sound=own.sound,
        )  # fmt: skip
    except UserError as error:
        reason = str(error)
        return reason if clip.video in reason else f"{clip.video}: {reason}"


def with_classes(clips: Sequence[Clip], names: Sequence[str]) -> list[Clip]:
    """Returns the Clips with their true labels as the network names them.

    Raises:
      UserError: one is no class.
    """
    return [
        clip._replace(
            truth=clip.truth and class_named(clip.truth, names, f"{clip.video}: true label")
        )
        for clip in clips
    ]


def _shown(path, clip, made):
    return Shown(path, clip.truth, made.name, made.score, gallery.small(made.picture))


def _line(clip: Clip, made: Labelled) -> str:
    """Returns what is printed of a labelled video."""
    right = "right" if made.name == clip.truth else f"true: {clip.truth}"
    right = f" ({right})" if clip.truth else ""
    count = counted(made.frames, "frame")
    return f"{clip.out}: {made.name} {made.score:.4f}{right}; {count}, {made.seconds:.2f} s"
