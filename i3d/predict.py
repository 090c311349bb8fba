"""Classifies videos with one network, or with several whose logits are added.

    python -m i3d.predict --model=tsn_r50_1x1x3 --checkpoint=tsn_....pth jump.mp4 *.avi
    python -m i3d.predict --checkpoint=checkpoints/rgb_imagenet/model.ckpt \\
        --checkpoint=checkpoints/flow_imagenet/model.ckpt jump.mp4
    python -m i3d.predict --checkpoint=runs/rgb/best.weights.h5 --format=json --out=a.json *.mp4
    python -m i3d.predict ... --records=data/ucf101 --split=test
    python -m i3d.predict --model=actionclip_b16_8f --checkpoint=FILE --text=labels.txt my.mp4
    python -m i3d.predict --model=clip_b16 --checkpoint=FILE --text="falling,sitting down" my.mp4
    python -m i3d.predict ... --examples=clips my.mp4     # clips/falling/a.mp4, ...
    python -m i3d.predict ... --out=all.csv --runner=beam *.mp4 -- --runner=FlinkRunner ...

Files that keep a published name are tested by the published protocol; weights of a training run
by the config.json beside them, or --config=FILE.py. Scores are a softmax, or where the training
was of several labels per video the sigmoid of each class. With --image_fps a folder of images is a
video too. A video that cannot be read is reported in one line on standard error and the others
follow; the exit status is then 1. If it is interrupted, --out holds the videos that were done.

A model with a text tower takes its classes in words, by --text, else the class names of its
training, else those of --records; each is put in the 16 templates of ActionCLIP. --examples adds to
the features of the text those of a few videos of each class, without training
(i3d/inference/few_shot.py).
"""

import contextlib
import dataclasses
import io
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from i3d.data import read
from i3d.inference import classes, decoding, options, views
from i3d.inference import examples as example_videos
from i3d.inference import text as text_options
from i3d.inference.table import FORMATS, written
from i3d.runtime import beam, command, files, labels
from i3d.runtime.command import UserError
from i3d.runtime.progress import NoProgress, Progress
from i3d.runtime.stopping import sigterm_as_ctrl_c
from i3d.runtime.text import printable
from i3d.training import config
from i3d.video import frames, images
from i3d.video.inputs import Item
from i3d.video.source import VideoError
from i3d.weights import find
from i3d.weights.cards import Card
from i3d.weights.clip_zoo import takes_text

NAME = "predict"
WORKERS = 4  # processes that decode, at most


class Job(NamedTuple):
    """What is asked for.

    Attributes:
      cards: of the networks.
      videos: (name, path, Images or Place) of each.
      options: parsed flags.
      text: labels for models with a text tower.
      examples: videos of --examples, with the number of their class in text.labels.
      beam_options: Beam's own options where its workers do the work, else None.
    """

    cards: list[Card]
    videos: list[tuple[str, Any]]
    options: flags.FlagValues
    text: text_options.Text = text_options.Text()
    examples: Sequence[Item] = ()
    beam_options: list[str] | None = None


def main(argv: list[str]) -> int:
    """Prints the classes of every video; returns the exit status."""
    return command.run(argv, NAME, __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    config.define_flag(own, argv)
    options.define(own, several=True)
    options.define_engine(own)
    text = flags.DEFINE_string
    classes.define(own, "those of the training, of --examples, or of --records")
    example_videos.define(own)
    flags.DEFINE_integer("top_k", 5, "number of classes to print per video", 1, flag_values=own)
    flags.DEFINE_enum("format", "text", FORMATS, "format of the output", flag_values=own)
    text("out", None, "new file for the output; default: standard output", flag_values=own)
    images.define_flag(own)
    text("records", None, "folder of a data set, in place of video files", flag_values=own)
    text("split", "test", "split of --records", flag_values=own)
    beam.define(own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: what was asked for cannot be.
    """
    argv, beam_options = beam.split(argv)
    settings, words = config.parsed(own, argv)
    if beam_options is not None:
        _check_beam(own, beam_options)
    text, examples = _text(own)
    if own.out:
        files.check_new(own.out, Path(own.out).suffix)
    videos = _videos(own, words)
    if any(map(find.is_missing, own.checkpoint)):  # looked at before weights are downloaded
        _check_readable(videos)
    cards = options.cards(own, settings)
    text = _with_class_names(own, cards, text)
    if own.examples and len(cards) > 1:
        raise UserError("--examples goes with one --checkpoint, got more")
    classes.check(own, cards, text, example_videos.given(own))
    return Job(cards, videos, own, text, examples, beam_options)


def _check_beam(own, options):
    if not own.out:
        raise UserError("--runner=beam needs --out=FILE, beside which the workers write")
    if own.examples:
        raise UserError("--examples goes with --runner=local")
    beam.check(options)


def _text(own):
    """Returns the Text of --text or of the folders of --examples, and the examples."""
    text = classes.of_flags(own)  # what is wrong with them is told before all else
    examples: list[Item] = []
    if own.examples:
        examples, names = example_videos.read(own.examples, text.labels, images.rate(own))
        text = dataclasses.replace(text, labels=text.labels or text_options.labels_of(names))
    named = [find.NAMED[name] for name in own.checkpoint if name in find.NAMED]
    given = example_videos.given(own)
    if len(named) == len(own.checkpoint):  # before they are downloaded
        text_options.check(named, text, given)
    return text, examples


def _with_class_names(own, cards, text):
    """Returns the Text with the class names of --records where networks have no other labels."""
    lack = not text.labels and all(takes_text(c.model) and not c.class_names() for c in cards)
    if not lack or not own.records:
        return text
    names = read.opened(own.records).class_names
    if tuple(names) == (labels.UNLABELLED,):
        return text
    return dataclasses.replace(text, labels=text_options.labels_of(names))


def _videos(own, words):
    if bool(words) == bool(own.records):
        got = "both" if words else "neither"
        raise UserError(f"expected videos, or --records=FOLDER of a data set, got {got}")
    if not own.records:
        if own["split"].present:
            raise UserError("--split goes with --records=FOLDER of a data set")
        if not any(map(os.path.exists, words)):
            raise UserError(f"{words[0]}: no such file")
        fps = images.rate(own)
        return [(printable(word), _source(word, fps)) for word in words]
    data = read.opened(own.records)
    if own.split not in data.shards:
        raise UserError(f"--split: this data set has: {', '.join(data.shards)}; got {own.split!r}")
    return [(place.id, place) for place in read.videos(data, [own.split])]


def _check_readable(videos):
    """Raises UserError, with the first reason, where none of the files can be read as a video."""
    problems = []
    for _, source in videos:
        try:
            if isinstance(source, str):
                frames.stated(source)
            return
        except VideoError as error:
            problems.append(error)
    raise UserError(str(problems[0]))


def _source(word, fps):
    return images.checked(word, fps) if images.are_in(word) else word


def work(job: Job) -> int:
    """Prints or writes the classes of all videos; returns the exit status.

    Videos are decoded by processes of their own, from before TensorFlow is imported.

    Raises:
      UserError: the weights or the output cannot be used, no video can be read, or the logits
        are not finite.
    """
    failed = _work_here(job) if job.beam_options is None else _work_in_beam(job)
    if failed:
        print(f"{NAME}: {failed} of {len(job.videos)} videos failed", file=sys.stderr)
    return int(failed > 0)


def _work_here(job):
    own, specs = job.options, [card.spec for card in job.cards]
    tasks = views.tasks_of(specs, [video for _, video in job.videos])
    workers = min(WORKERS, os.cpu_count() or 1)
    view_bytes = max(views.view_bytes(spec) for spec in specs)
    with decoding.Decoders(views.of_task, tasks, workers, view_bytes) as pieces:
        from i3d.inference import load

        size = options.batch_size(own, job.cards)
        found = load.of_cards(
            job.cards, own.labels, own.precision, size, text=job.text, engine=own.engine
        )
        _describe(job)
        if job.examples:
            found = example_videos.added(found, job.examples, own.examples_weight, workers)
        _tell_unknown_names(job, found)
        progress = Progress(len(job.videos), "video", NAME, part="clip")
        # By a thread, so that Ctrl-C does not wait for the network.
        scores = decoding.ahead(found.scores(_counted(pieces, progress)))
        return _write(job, found.class_names, scores, progress)


def _work_in_beam(job):
    from i3d.inference import remote

    own = job.options
    size = options.batch_size(own, job.cards)
    asked = remote.Asked(job.cards, own.labels, own.precision, size, job.text, own.engine)
    names = asked.predictor().class_names
    _describe(job)
    _tell_unknown_names(job, asked.predictor())
    out = Path(os.path.abspath(own.out))
    videos = [os.path.abspath(one) if isinstance(one, str) else one for _, one in job.videos]
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        progress = Progress(len(videos), "video", NAME)
        found = remote.scores_of(asked, videos, Path(folder), job.beam_options, progress)
        return _write(job, names, found, NoProgress())


def _describe(job):
    """Prints what is run."""
    for card in job.cards:
        print(*filter(None, (card.note, card.described())), sep="\n", file=sys.stderr)
    if job.text.labels and not (job.options.text or job.options.examples):
        count, records = len(job.text.labels), job.options.records
        print(f"the text: the {count} class names of {records}", file=sys.stderr)
    if len(job.cards) > 1:
        kind = job.cards[0].spec.activation
        print(f"their mean logits are added; scores are the {kind} of the sum", file=sys.stderr)


def _tell_unknown_names(job, found):
    if found.class_names[0] == "0" and not job.text.labels:
        print("names of the classes are not known; --labels=FILE gives them", file=sys.stderr)


def _write(job, names, found, progress):
    """Writes the scores of the videos in their order; returns how many failed.

    What stops it is raised when the table of what was done is complete.
    """
    failed, waiting, following, stopped = 0, {}, 0, None
    with contextlib.ExitStack() as stack:
        stack.enter_context(sigterm_as_ctrl_c())
        table = stack.enter_context(written(job.options.format, _output(job.options.out, stack)))
        stack.enter_context(progress)
        try:
            for place, scores in found:
                waiting[place] = scores
                progress.add()
                while following in waiting:
                    failed += not _add(table, job, names, following, waiting.pop(following))
                    following += 1
        except BaseException as error:
            if following == failed and all(isinstance(scores, str) for scores in waiting.values()):
                raise  # nothing is done that could be kept
            stopped = error
        for place, scores in sorted(waiting.items()):  # done, but after one that is not
            failed += not _add(table, job, names, place, scores)
        if failed == len(job.videos):
            raise UserError(f"none of {failed} videos could be read")  # and nothing is written
    if stopped:
        done = following + len(waiting) - failed
        kept = job.options.out or "the output"
        print(f"{NAME}: {kept} holds {done} of {len(job.videos)} videos", file=sys.stderr)
        raise stopped
    return failed


def _counted(pieces, progress):
    """Yields the views and ends of videos; the progress moves within a long one."""
    for piece in pieces:
        yield piece
        if isinstance(piece, decoding.View):
            progress.add_parts(1)


def _add(table, job, names, place, scores):
    """Writes the best classes of a video, or tells why there are none; returns whether it did."""
    from i3d.inference.predictor import ranked

    name = job.videos[place][0]
    if isinstance(scores, str):
        reason = printable(scores)
        command.told(NAME, reason if name in reason else f"{name}: {reason}", 1)
        return False
    p = scores.probabilities
    best = ranked(p, job.options.top_k)
    table.add(name, [(i, names[i], round(float(p[i]), 6)) for i in best])
    return True


def _output(path, stack):
    if not path:
        return sys.stdout
    file = io.TextIOWrapper(stack.enter_context(files.new_file(path)), encoding="utf-8")
    stack.callback(file.detach)  # new_file closes what is below
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv))
