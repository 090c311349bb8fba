"""Writes a report on the results of a test: one HTML file that needs no other.

    python -m i3d.evaluate ... --out=rgb.npz
    python -m i3d.visualize results rgb.npz --out=report.html
    python -m i3d.visualize results rgb.npz --out=report.html --videos=clips_test
    python -m i3d.visualize results rgb.npz --out=report.html --records=data/mine --split=test

Holds the accuracies with their protocol, each class with a 95 % interval, the most confused pairs,
the confusion matrix, the calibration curve with its error, and the videos whose true class is least
and most probable; with --videos or --records a frame of each of them. Of videos with several labels
it holds the average precision of each class in place of accuracies and confusion.
"""

import sys
from typing import NamedTuple

from absl import flags

from i3d.data import read, shards
from i3d.data.read import Dataset
from i3d.evaluation import results
from i3d.runtime import command, files
from i3d.runtime.command import UserError
from i3d.video import inputs
from i3d.video.inputs import Item
from i3d.visual import report, thumbnails


class Job(NamedTuple):
    """What is asked for: the file of results, and the flags."""

    results: str
    out: str
    count: int
    videos: list[Item] | None
    records: Dataset | None
    split: str


def main(argv: list[str]) -> int:
    """Writes the report; returns the exit status."""
    return command.run(argv, "visualize results", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    text, number = flags.DEFINE_string, flags.DEFINE_integer
    text("out", None, "new .html file", flag_values=own)
    text("videos", None, "folder or list of the videos, to show frames of", flag_values=own)
    text("video_root", None, "folder that the paths of a list are relative to", flag_values=own)
    text("records", None, "data set with the videos, to show frames of", flag_values=own)
    text("split", "test", "split of --records", flag_values=own)
    number("count", 12, "number of the worst and of the best videos", 0, 1000, flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: a flag cannot be used as given, or a file or data set is not there.
    """
    words = own(argv)[1:]
    if len(words) != 1:
        raise UserError(f"expected one .npz file of i3d.evaluate, got {len(words)}")
    if not own.out:
        raise UserError("--out is needed: a name that ends in .html")
    if own.video_root and not own.videos:
        raise UserError("--video_root goes with --videos")
    if own.videos and own.records:
        raise UserError("expected --videos or --records, got both")
    files.check_new(own.out, (".html", ".htm"))
    results.check_there(words[0])
    videos = inputs.read(own.videos, own.video_root)[0] if own.videos else None
    records = read.opened(own.records) if own.records else None
    if records:
        shards.check_split(records, own.split)
    return Job(words[0], own.out, own.count, videos, records, own.split)


def work(job: Job) -> None:
    """Writes the report.

    Raises:
      UserError: the results or the videos cannot be read.
    """
    result = results.load(job.results)
    pictures = thumbnails.Thumbnails(_videos(job, list(map(str, result.ids))))
    text = report.report(result, pictures, job.count)
    if pictures.failed and (job.videos or job.records):
        print(pictures.described(), file=sys.stderr)
    files.write_text(job.out, text)
    print(f"{job.out}: {len(text.encode()):,} bytes; {result!r}")


def _videos(job, ids):
    """Returns {id: what frames are read from}."""
    if job.records:
        return thumbnails.of_records(job.records, job.split, ids)
    return thumbnails.of_ids(job.videos, ids) if job.videos else {}
