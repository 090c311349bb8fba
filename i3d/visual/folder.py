"""A folder of labelled videos in the making, with which the same command goes on.

    check_folder("labelled")                               # before the work
    with Folder("labelled", plan, clips) as folder:
        for clip in folder.left:
            folder.save(clip, Shown(...))                  # its video is there
        folder.finish(failures)

OUT/.unfinished/ holds the plan, and a file for each labelled video, until OUT/index.html is there.
A video without its file was not finished and is removed; what was half-written is removed too.
"""

import base64
import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from i3d.runtime import files, json_file
from i3d.runtime.command import UserError
from i3d.visual import gallery
from i3d.visual.gallery import Shown
from i3d.visual.samples import Clip
from i3d.visual.sheet import write_sheet

_WORK, _PLAN, _PAGE = ".unfinished", "plan.json", "index.html"


def check_folder(out: str | os.PathLike) -> None:
    """Raises UserError unless a folder is new, empty, or was left unfinished."""
    folder = Path(out)
    if (folder / _WORK).is_dir():
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{out}: expected a new or empty folder, got one with files")
    files.check_new(folder / _PAGE)


class Folder:
    """The folder while videos are labelled; a context manager.

    Attributes:
      shown: the labelled videos so far.
      left: the Clips that are still to be labelled.
    """

    def __init__(self, out: str | os.PathLike, plan: Mapping[str, str], clips: Sequence[Clip]):
        """Touches nothing yet.

        Args:
          out: the folder.
          plan: {flag: its value} of what the videos are made by.
          clips: all Clips, whose outputs lie in the folder.
        """
        self._out, self._plan, self._clips = Path(out), dict(plan), clips
        self._places = {clip.out: place for place, clip in enumerate(clips)}
        self._work = self._out / _WORK
        self.shown: list[Shown] = []
        self.left = list(clips)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Folder":
        """Takes up what is there.

        Raises:
          UserError: another process is at work in the folder, or what is there is of another plan.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(_remove_empty, self._out)
            message = f"{self._out}: another command is at work there; wait for it"
            stack.enter_context(files.alone_in_folder(self._work, message))
            stack.callback(self._remove_notes_of_nothing)
            if (self._out / _PAGE).exists():
                shutil.rmtree(self._work)
                raise UserError(f"{self._out}: is finished already; choose another --out")
            self._check_plan()
            for folder in {self._out, self._work, *(Path(clip.out).parent for clip in self._clips)}:
                files.remove_partials(folder)
            self._take_up()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> bool | None:
        """Frees the folder, and removes it where nothing is in it."""
        return self._stack.__exit__(*error)

    def path(self, clip: Clip) -> str:
        """Returns the path of a labelled video relative to the folder."""
        return os.path.relpath(clip.out, self._out)

    def save(self, clip: Clip, shown: Shown) -> None:
        """Notes that a video is labelled, once it is on disk."""
        self.shown.append(shown)
        _, data = cv2.imencode(".png", shown.picture[..., ::-1])
        picture = base64.b64encode(data).decode("ascii")
        note = {"truth": shown.truth, "name": shown.name, "score": shown.score, "picture": picture}
        files.write_text(self._note(clip), json.dumps(note))

    def finish(self, failures: Iterable[str]) -> None:
        """Writes contact_sheet.jpg and index.html.

        Args:
          failures: one line on each video that could not be labelled.

        Raises:
          UserError: no video is labelled.
        """
        if not self.shown:
            raise UserError(f"none of {len(self._clips)} videos could be labelled")
        self.shown.sort(key=lambda each: each[:2])
        write_sheet(self._out / "contact_sheet.jpg", map(gallery.tile, self.shown))
        page = gallery.gallery(self.shown, list(failures))
        files.write_text(self._out / _PAGE, page)
        shutil.rmtree(self._work)

    def _check_plan(self):
        """Writes the plan; UserError where another one is there."""
        path = self._work / _PLAN
        there = json_file.read(path) if path.exists() else self._plan
        for name in self._plan | there:
            before, now = there.get(name), self._plan.get(name)
            if before != now:
                raise UserError(
                    f"{self._out}: holds unfinished work with {name} {before}, this command has "
                    f"{now}: give the same flags to go on, or another --out"
                )
        files.write_text(path, json.dumps(self._plan))

    def _take_up(self):
        """Finds what is labelled, and removes videos that are not noted."""
        self.left = []
        for clip in self._clips:
            if self._note(clip).exists() and os.path.exists(clip.out):
                self.shown.append(self._noted(clip))
            else:
                Path(clip.out).unlink(missing_ok=True)
                self.left.append(clip)

    def _noted(self, clip):
        note = json_file.read(self._note(clip))
        data = np.frombuffer(base64.b64decode(note["picture"]), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        return Shown(self.path(clip), note["truth"], note["name"], note["score"], picture)

    def _note(self, clip):
        return self._work / f"{self._places[clip.out]}.json"

    def _remove_notes_of_nothing(self):
        if not any(self._work.glob("[0-9]*.json")):
            shutil.rmtree(self._work, ignore_errors=True)


def _remove_empty(folder):
    with contextlib.suppress(OSError):  # it holds files
        folder.rmdir()
