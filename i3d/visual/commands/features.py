"""Draws features of videos as a map: one HTML file that needs no other.

    python -m i3d.extract_features --video_list=all.txt --checkpoint=... --out=features.npz
    python -m i3d.visualize features features.npz --out=map.html
    python -m i3d.visualize features features.npz --out=map.html --method=pca --videos=clips

Each mark is a video, or a window of one. Its class is the first folder in its name, as in
"jump/a.mp4"; with --videos, what that folder or list says (of several the first), and a frame of
the video is shown beside its name. Distances in a map of t-SNE tell which videos are near each
other, and little of how far apart others are.
"""

import dataclasses
import sys
from typing import NamedTuple

import numpy as np
from absl import flags

from i3d.features import read
from i3d.runtime import command, files, text
from i3d.runtime.command import UserError
from i3d.runtime.progress import tracked
from i3d.video import inputs
from i3d.video.inputs import Item
from i3d.visual import points, thumbnails

_SIDE = 96  # pixels of a thumbnail


class Job(NamedTuple):
    """What is asked for: the file or folder of features, and the flags.

    Attributes:
      videos: those of --videos, and the names of their classes.
    """

    features: str
    out: str
    method: str
    perplexity: float
    most: int
    seed: int
    videos: tuple[list[Item], list[str]] | None


def main(argv: list[str]) -> int:
    """Writes the map; returns the exit status."""
    return command.run(argv, "visualize features", __doc__, defined_flags, checked, work)


def defined_flags(argv: list[str]) -> flags.FlagValues:
    """Returns the flags of the command."""
    own = flags.FlagValues()
    words, number = flags.DEFINE_string, flags.DEFINE_integer
    words("out", None, "new .html file", flag_values=own)
    flags.DEFINE_enum(
        "method", "tsne", list(points.METHODS), "projection to two dimensions", flag_values=own
    )
    flags.DEFINE_float("perplexity", 30.0, "of t-SNE", 1.0, 1000.0, flag_values=own)
    number("most", 1000, "number of vectors at most, drawn by --seed", 2, 5000, flag_values=own)
    number("seed", 0, "seed of the random numbers", 0, 2**31 - 1, flag_values=own)
    words("videos", None, "folder or list of the videos and their classes", flag_values=own)
    words("video_root", None, "folder that the paths of a list are relative to", flag_values=own)
    return own


def checked(own: flags.FlagValues, argv: list[str]) -> Job:
    """Returns the Job of a command line.

    Raises:
      UserError: a flag cannot be used as given, or a file or folder is not there.
    """
    words = own(argv)[1:]
    if len(words) != 1:
        raise UserError(f"expected one file or folder of i3d.extract_features, got {len(words)}")
    if not own.out:
        raise UserError("--out is needed: a name that ends in .html")
    if own.video_root and not own.videos:
        raise UserError("--video_root goes with --videos")
    files.check_new(own.out, (".html", ".htm"))
    read.check_there(words[0])
    videos = inputs.read(own.videos, own.video_root) if own.videos else None
    return Job(words[0], own.out, own.method, own.perplexity, own.most, own.seed, videos)


def work(job: Job) -> None:
    """Writes the map.

    Raises:
      UserError: the features or the videos cannot be used.
    """
    found = read.read(job.features)
    total = len(found.ids)
    chosen = np.arange(total)
    if total > job.most:
        drawn = np.random.default_rng(job.seed).choice(total, job.most, replace=False)
        chosen = np.sort(drawn)
    ids = [found.ids[i] for i in chosen]
    times = [(float(found.start_s[i]), float(found.end_s[i])) for i in chosen]
    titles = [_title(id, *span) for id, span in zip(ids, times, strict=True)]
    places = points.reduced(found.features[chosen], job.method, job.seed, job.perplexity)
    classes, pictures = _classes_and_pictures(job, ids, times, titles)
    counts = f"{len(ids):,} of {total:,}" if len(ids) < total else f"{total:,}"
    about = f"{_axes(job)} of {counts} vectors of {found.features.shape[1]} features"
    about += f"{_perplexity(job, len(ids))}{_distinct(found.features[chosen])}."
    page = points.points_page("Map of features", about, places, titles, classes, pictures)
    files.write_text(job.out, page)
    print(f"{job.out}: {len(page.encode()):,} bytes; {about}")


def _axes(job):
    return {"pca": "The first two principal components", "tsne": "t-SNE"}[job.method]


def _perplexity(job, count):
    """Returns the words on the perplexity; tells on standard error where it is lowered."""
    if job.method != "tsne":
        return ""
    taken = points.perplexity_of(count, job.perplexity)
    if taken < job.perplexity:
        print(
            f"--perplexity: {job.perplexity:g} is lowered to {taken:.3g}, a third of the other "
            f"{count - 1} vectors",
            file=sys.stderr,
        )
    return f", perplexity {taken:.3g}"


def _distinct(features):
    """Returns the words on vectors that are equal, "" where there are none."""
    count = len(np.unique(features, axis=0))
    return "" if count == len(features) else f"; {count:,} are distinct, equal ones coincide"


def _title(id, start, end):
    name = text.printable(id)
    return name if np.isnan(start) or np.isnan(end) else f"{name} {start:.1f} to {end:.1f} s"


def _classes_and_pictures(job, ids, times, titles):
    """Returns (name of the class of each, data URI of each or "")."""
    if not job.videos:
        folders = [id.replace("\\", "/").rpartition("/")[0].split("/")[0] for id in ids]
        return folders, [""] * len(ids)
    items, names = job.videos
    videos = thumbnails.of_ids(items, ids)
    parts = {
        title: _part(videos[id], *span)
        for id, span, title in zip(ids, times, titles, strict=True)
        if id in videos
    }
    pictures = thumbnails.Thumbnails(parts, _SIDE)
    shown = [pictures(title) for title in tracked(titles, len(titles), "video", "frames")]
    if pictures.failed:
        print(pictures.described(), file=sys.stderr)
    return [names[videos[id].label] if id in videos else "" for id in ids], shown


def _part(item, start, end):
    """Returns the Item of a window of a video, itself of a whole one."""
    if np.isnan(start) or np.isnan(end):
        return item
    begin = item.start_s
    return dataclasses.replace(item, start_s=begin + max(start, 0.0), end_s=begin + end)
