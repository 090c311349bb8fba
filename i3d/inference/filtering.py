"""Scores web material with a teacher, and writes the lists of what is kept.

    job = Job(pieces, base, cards, text, plan, own)      # own: parsed flags of i3d.filter
    job.check_output()                                   # before any work
    status = run(job)

Source: Duan et al. 2020, OmniSource (arXiv:2003.13042).
"""

import contextlib
import dataclasses
import glob
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from i3d.inference import decoding, material, options, timeline
from i3d.inference.material import Piece
from i3d.inference.score_list import Row, ScoreList, rounded
from i3d.inference.selection import Selection, kept_of, write
from i3d.inference.text import Text
from i3d.runtime import command, files, json_file
from i3d.runtime.command import UserError
from i3d.runtime.progress import Progress
from i3d.runtime.stopping import sigterm_as_ctrl_c
from i3d.weights.cards import Card

NAME = "filter"
WORKERS = 8  # processes that decode, at most, if not asked for


@dataclasses.dataclass(frozen=True)
class Job:
    """What is asked for.

    Attributes:
      pieces: videos and images to be scored.
      base: folder that their paths are relative to.
      cards: of the teacher's networks.
      text: labels for networks with a text tower.
      plan: all that the scores depend on, as JSON has it; "classes" are the names in order.
      options: parsed flags.
    """

    pieces: list[Piece]
    base: str
    cards: list[Card]
    text: Text
    plan: dict[str, Any]
    options: flags.FlagValues

    @property
    def out(self) -> Path:
        """The list of what is kept."""
        return Path(self.options.out)

    @property
    def images(self) -> Path:
        """The list of images that are kept, where there are videos, too."""
        return self.out.with_name(f"{self.out.stem}_images.csv")

    @property
    def scores(self) -> Path:
        """The list of all scores."""
        return self.out.with_name(f"{self.out.stem}_scores.csv")

    @property
    def described(self) -> Path:
        """The file of the plan."""
        return self.scores.with_suffix(".json")

    def check_output(self) -> None:
        """Raises UserError unless the files are new, or those of the same plan."""
        if not self.described.exists():
            for path in self._written():
                files.check_new(path, path.suffix)
            return
        there = json_file.read(self.described)
        for name in self.plan | there:
            before, now = there.get(name), self.plan.get(name)
            if before != now:
                what = f"{name} {str(before)[:60]}, and this command has {str(now)[:60]}"
                if name in ("teacher", "model", "views", "classes"):
                    what = f"another teacher ({name})"
                raise UserError(
                    f"{self.scores}: holds scores of {what}; give the same flags to go on, or "
                    "another --out"
                )

    def _written(self):
        return self.out, self.images, self.scores, self.described

    def remove_partials(self) -> None:
        """Removes what a killed process left half-written; the folder may be used by others."""
        for path in self._written():
            for partial in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
                partial.unlink()


def run(job: Job) -> int:
    """Scores what is not scored yet, and writes what is kept; returns the exit status.

    Raises:
      UserError: another process does so, the teacher cannot be loaded, nothing can be read, or
        nothing is kept.
    """
    lock = job.out.with_name(f".{job.out.stem}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with files.alone_in(lock, f"{job.out}: another command is at work there; wait for it"):
        try:
            job.remove_partials()
            with contextlib.closing(ScoreList(job.scores, bool(job.options.window_s))) as scores:
                _score(job, scores)
                scores.put_in_order(job.pieces)
                return _finish(job, scores)
        finally:
            lock.unlink(missing_ok=True)


def _score(job, scores):
    """Adds the rows of the pieces that have none."""
    own, total = job.options, len(job.pieces)

    def is_missing(piece):
        rows = scores.rows.get(scores.key_of(piece))
        return not rows or own.retry_failed and rows[0].problem

    missing = [piece for piece in job.pieces if is_missing(piece)]
    if len(missing) < total:
        print(f"{total - len(missing)} of {total} have their scores", file=sys.stderr)
    if not missing:
        return
    with _scored(job, missing) as found, sigterm_as_ctrl_c():
        with Progress(total, "item", NAME, done=total - len(missing)) as progress:
            _add(job, scores, missing, found, progress)


@contextlib.contextmanager
def _scored(job, missing):
    """Gives an iterator over (place in missing, windows of it as Predictor.windows has them)."""
    own, specs = job.options, [card.spec for card in job.cards]
    tasks = material.tasks_of(specs, missing, own.window_s)
    workers = own.workers or min(WORKERS, len(os.sched_getaffinity(0)))
    most = timeline.most_bytes(specs)
    with decoding.Decoders(material.of_task, tasks, workers, most) as pieces:
        from i3d.inference import load

        size = options.batch_size(own, job.cards)
        teacher = load.of_cards(job.cards, own.labels, own.precision, size, text=job.text)
        for card in job.cards:
            print(*filter(None, (card.note, card.described())), sep="\n", file=sys.stderr)
        # By a thread, so that Ctrl-C does not wait for the network.
        yield decoding.ahead(teacher.windows(pieces))


def _add(job, scores, missing, found, progress):
    """Adds rows to the list as they are found."""
    kept, left = 0, 0
    for place, windows in found:
        if not job.described.exists():
            files.write_text(job.described, json.dumps(job.plan, ensure_ascii=False, indent=1))
        rows = rows_of(missing[place], windows, job.plan["classes"])
        scores.add(missing[place], rows)
        count = sum(kept_of(row, job.options.threshold) is not None for row in rows)
        kept, left = kept + count, left + len(rows) - count
        progress.note = f"{kept} kept, {left} left out"
        progress.add()


def rows_of(piece: Piece, windows: Any, names: Sequence[str]) -> list[Row]:
    """Returns the Rows of a piece.

    Args:
      piece: what was scored.
      windows: as Predictor.windows gives them, or why there are none.
      names: of the classes.
    """
    first = Row(piece.path, piece.start_s, piece.end_s, piece.label)
    if isinstance(windows, str):
        problem = command.line_of(windows).removeprefix(f"{piece.source}: ")
        return [first._replace(problem=problem)]
    rows = []
    for start_s, end_s, each in zip(*windows[:2], windows[2].probabilities, strict=True):
        best = int(each.argmax())
        row = first._replace(top_class=names[best], top=rounded(each[best]))
        if not math.isnan(end_s):
            row = row._replace(start_s=round(float(start_s), 6), end_s=round(float(end_s), 6))
        if piece.label:
            row = row._replace(of_label=rounded(each[names.index(piece.label)]))
        rows.append(row)
    return [row._replace(windows=len(rows)) for row in rows]


def _finish(job, scores):
    """Writes the lists and prints a summary; returns the exit status."""
    rows = [row for piece in job.pieces for row in scores.rows[scores.key_of(piece)]]
    failed = [row for row in rows if row.problem]
    reasons = f"the reasons are in {job.scores}"
    if len(failed) == len(rows):
        raise UserError(f"none of {len(rows)} could be read; {reasons}")
    chosen = Selection.of(rows, job.options.threshold, job.options.max_per_class)
    print(chosen.table())
    if not chosen.kept:
        best = max(row.of_label if row.label else row.top for row in rows if not row.problem)
        raise UserError(
            f"nothing reaches --threshold={job.options.threshold:g}, the best is {best:g}; a lower "
            f"one computes nothing again. {job.out} is not written"
        )
    _write(job, chosen.kept)
    left = len(rows) - len(chosen.kept) - len(failed)
    print(f"{len(chosen.kept)} kept, {left} left out; all scores: {job.scores}", flush=True)
    if failed:
        line = f"{len(failed)} of {len(rows)} could not be read, the first is {failed[0].path}"
        return command.told(NAME, f"{line}: {failed[0].problem}; {reasons}", 1)
    return 0


def _write(job, kept):
    """Writes the list of what is kept, one of images apart where there are videos too."""
    is_image = {piece.path: piece.is_image for piece in job.pieces}
    both = len(set(is_image.values())) == 2
    apart = [one for one in kept if both and is_image[one.row.path]]
    rest = [one for one in kept if not (both and is_image[one.row.path])]
    in_base = job.base == os.path.abspath(job.out.parent)
    flags_of = ["" if in_base else f" --video_root={job.base}", f" --labels={job.described}"]
    for path, some in ((job.images, apart), (job.out, rest)):
        if write(path, some):
            images = " --images" if is_image[some[0].row.path] else ""
            print(
                f"{path}: {len(some)}; python -m data_prep build --videos={path}"
                f"{''.join(flags_of)}{images} --out=FOLDER"
            )
