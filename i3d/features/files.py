"""Writes the output of feature extraction: work in progress, features, failed videos.

    check_output("ucf101.pkl")                           # before the work
    with Work("ucf101.pkl", plan) as work:
        work.save(0, Rows(features, start_s, end_s, views))
        work.finish(entries, failures, forms.VECTORS)

OUT.work/ holds a file per video until OUT is written with all of them, so that a run which was
killed resumes, and one in which videos failed can be run again for those.
"""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i3d.features import complete, forms
from i3d.inference.average import Rows
from i3d.runtime import files, json_file, npy
from i3d.runtime.command import UserError

_SUFFIXES = (".pkl", ".npz")
_OURS = "lacking"  # in the folder of work: OUT, if it is there, is of it, and may be replaced
# Arrays of a file of rows: names and kinds; of windows of frames also the second ones.
_ROWS = {"features": "f", "start_s": "f", "end_s": "f", "views": "i"}
_FRAMES = {"window": "i", "stride": "i", "fps": "f", "extractors": "U"}


class OutputError(UserError):
    """A place that cannot be written to; one line."""


def check_output(out: str | os.PathLike) -> None:
    """Makes sure that `out` can be written: a .pkl, a .npz or a folder that is not there yet,
    or one that lacks videos which failed.

    Raises:
      OutputError: it cannot.
    """
    path, work = Path(out), _work_folder(out)
    if path.suffix not in ("", *_SUFFIXES) and not path.is_dir():
        raise OutputError(
            f"--out: expected a name that ends in .pkl or .npz, or a folder, got {path.name!r}"
        )
    if path.exists() and (work / _OURS).exists():
        return
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise OutputError(f"--out: {path} is there already; remove it or choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"--out: {path.parent} cannot be made: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"--out: no permission to write in {path.parent}")


def _work_folder(out):
    path = Path(os.path.abspath(out))
    return path.with_name(path.name + ".work")


def remove_work(out: str | os.PathLike) -> None:
    """Removes the work that is left of an `out` that is complete."""
    work = _work_folder(out)
    (work / _OURS).unlink(missing_ok=True)  # first: without it nothing replaces `out`
    shutil.rmtree(work, ignore_errors=True)


class Saved:
    """Files of single videos in the folder OUT.work, which workers elsewhere write to, too.

    Attributes:
      done: set of the indices of videos whose rows are there.
    """

    def __init__(self, out):
        """Touches nothing yet; `out` is as for `check_output`."""
        self._out, self._folder = Path(os.path.abspath(out)), _work_folder(out)
        self.done = set()

    def save(self, index: int, rows: Rows | Mapping[str, Any]) -> None:
        """Writes the Rows of a video, or arrays named as those, and more."""
        arrays = dict(rows if isinstance(rows, Mapping) else rows._asdict())
        with files.new_file(self._part(index)) as file:
            npy.write_npz(file, arrays)
        self.done.add(index)

    def partial(self, index: int) -> Path:
        """Returns a new path of a temporary file for a video; the next run removes what is left."""
        return self._folder / f"{index:07d}.rows.{uuid.uuid4().hex}.partial"

    def has(self, index: int) -> bool:
        """Returns whether the rows of a video are there."""
        return self._part(index).exists()

    def fail(self, index: int, reason: str) -> None:
        """Writes why a video has no rows, for the process that put out the work."""
        files.write_text(self._folder / f"failed-{index:07d}.json", json.dumps({"reason": reason}))

    def failures(self) -> dict[int, str]:
        """Returns {index: reason} of `fail`, and removes those files."""
        found = {}
        for path in sorted(self._folder.glob("failed-[0-9]*.json")):
            found[int(path.stem.removeprefix("failed-"))] = str(json_file.read(path)["reason"])
            path.unlink()
        return found

    def count(self) -> int:
        """Returns how many videos have rows or a reason, without reading them."""
        return len([*self._folder.glob("[0-9]*.npz"), *self._folder.glob("failed-[0-9]*.json")])

    def find(self) -> set[int]:
        """Looks for files of videos, and returns `done`; removes those that a crash spoilt."""
        self.done = {int(path.stem) for path in self._folder.glob("[0-9]*.npz") if _whole(path)}
        return self.done

    def _part(self, index):
        return self._folder / f"{index:07d}.npz"


class Work(Saved):
    """The folder OUT.work, for one process at a time and one plan."""

    def __init__(self, out, plan, older_views=""):
        """Touches nothing yet.

        Args:
          out: as for `check_output`.
          plan: {key: text or number}, all that decides the numbers; work is resumed only
            under an equal one.
          older_views: "views" of the plan as version 0.1.0 wrote them, whose work is resumed too.
        """
        super().__init__(out)
        self._plan = plan
        self._older = {"views": older_views} if older_views else {}

    def __enter__(self):
        """Claims the folder and finds what is done.

        Raises:
          UserError: another run is at work here, or left work with another plan.
        """
        self._folder.mkdir(exist_ok=True)
        message = f"--out: another run is writing {self._out}; wait for it"
        with contextlib.ExitStack() as stack:
            stack.enter_context(files.alone_in(self._folder / "lock", message))
            self._check_plan()
            self._lock = stack.pop_all()
        files.remove_partials(self._folder)
        self.find()
        return self

    def __exit__(self, *error):
        """Lets the folder go, and removes it where nothing in it can be resumed."""
        if not self.done and not (self._folder / _OURS).exists():
            shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _check_plan(self):
        path, own = self._folder / "plan.json", json.loads(json.dumps(self._plan))
        begun = any(self._folder.glob("[0-9]*.npz"))
        if begun and not path.exists():
            raise OutputError(f"{self._folder}: holds work without its plan.json; remove it")
        there = json_file.read(path) if begun else own
        for key in own:
            if there.get(key) not in (own[key], self._older.get(key, own[key])):
                raise OutputError(
                    f"{self._folder}: holds work with {key} {there.get(key)!r:.200}, this run has "
                    f"{own[key]!r}; give the same flags to resume, or remove that folder"
                )
        files.write_text(path, json.dumps(own, indent=2) + "\n")

    def finish(self, entries, failures, form, pooled_rows=0):
        """Writes OUT and OUT.failures.jsonl from what was saved.

        Removes the folder if no video failed. An OUT that lacks videos is replaced. What is saved
        is there until OUT is, and marked as complete: a kill at any step loses nothing.

        Args:
          entries: videos.Entry of each video.
          failures: {index: reason}.
          form, pooled_rows: as for `forms.write`.

        Raises:
          OutputError: all videos failed, so that there is nothing to write.
        """
        self._write_failures(entries, failures)
        if not self.done:
            path, reason = entries[min(failures)].path, failures[min(failures)]
            raise OutputError(f"none of {len(entries)} videos gave features; {path}: {reason}")
        parts = [self._part(i) if i in self.done else None for i in range(len(entries))]
        ours = (self._folder / _OURS).exists()
        files.write_text(self._folder / _OURS, "")
        with files.new_path(self._out, self._folder, replace_folder=ours) as path:
            forms.write(path, entries, parts, form, pooled_rows)
            if not failures:
                complete.mark(path, self._plan)
        if not failures:
            remove_work(self._out)

    def _write_failures(self, entries, failures):
        path = self._out.with_name(self._out.name + ".failures.jsonl")
        if failures:
            files.write_text(path, "".join(_failure_lines(entries, failures)))
        else:
            path.unlink(missing_ok=True)  # of a run whose output was removed


def _whole(path):
    """Removes a file of rows that a crash of the machine left unreadable; returns whether it is."""
    with contextlib.suppress(npy.ArrayError, OSError):
        arrays = npy.read_npz(path)
        kinds = {name: array.dtype.kind for name, array in arrays.items()}
        if kinds in (_ROWS, _ROWS | _FRAMES) and arrays["features"].ndim in (2, 3):
            count = len(arrays["features"])
            if all(arrays[name].shape == (count,) for name in [*_ROWS][1:]):
                return True
    path.unlink()
    return False


def _failure_lines(entries, failures):
    for index, reason in sorted(failures.items()):
        entry = entries[index]
        reason = reason.removeprefix(f"{entry.path}: ")
        row = {"index": index, "path": entry.path, "reason": reason}
        yield json.dumps(row, ensure_ascii=False) + "\n"
