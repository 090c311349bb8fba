"""What detection finds in one video, and the files that tell it.

result = Detections(...)                # as i3d.detect gives it
for row in result.rows():
    print(row.second, row.person, row.name, row.score)
write_json(result, "my.json")
write_csv(result, "my.csv")             # columns of detections, see i3d.detection.ava
"""

import csv
import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from i3d.runtime import files
from i3d.runtime.markup import bar, table
from i3d.runtime.text import counted

COLUMNS = (
    *("video", "second", "x1", "y1", "x2", "y2", "action_id", "score"),
    *("person_id", "name"),
)
_SHOWN = 50  # actions in a notebook


class Action(NamedTuple):
    """One action of a person: class id from 1 on, name, score in [0, 1]."""

    id: int
    name: str
    score: float


class Person(NamedTuple):
    """A person on a key frame.

    Attributes:
      number: from 1 on, the same on all key frames.
      box: x1, y1, x2, y2 in [0, 1] of the picture.
      score: of the detector, on its own scale.
      actions: those above the threshold, the best first; there may be none.
    """

    number: int
    box: tuple[float, float, float, float]
    score: float
    actions: tuple[Action, ...]


class KeyFrame(NamedTuple):
    """A key frame: its number at the frame rate of the result, its second, who is on it."""

    number: int
    second: float
    people: tuple[Person, ...]


class Row(NamedTuple):
    """One action of one person on one key frame."""

    second: float
    person: int
    box: tuple[float, float, float, float]
    id: int
    name: str
    score: float


@dataclasses.dataclass(frozen=True)
class Detections:
    """People and their actions in one video.

    Attributes:
      video: its name, without folder and suffix.
      width, height: of its pictures.
      fps: frames per second that key frames are counted at.
      frames: number of frames at that rate.
      key_frames: in order.
      seconds: {stage: seconds that it took}.
      note: what was found below a threshold where nobody, or no action, passed it; else "".
    """

    video: str
    width: int
    height: int
    fps: float
    frames: int
    key_frames: tuple[KeyFrame, ...]
    seconds: dict[str, float]
    note: str = ""

    @property
    def people(self) -> int:
        """Number of different people, as far as their boxes tell them apart."""
        return len({person.number for frame in self.key_frames for person in frame.people})

    def rows(self) -> Iterator[Row]:
        """Yields the actions in the order of key frames, people and scores."""
        for frame in self.key_frames:
            for person in frame.people:
                for action in person.actions:
                    yield Row(frame.second, person.number, person.box, *action)

    def _repr_html_(self) -> str:
        """Returns a table of the actions for a notebook, with a bar for each score."""
        rows = list(self.rows())
        cells = [
            (f"{row.second:.2f}", row.person, row.name, bar(row.score, f"{row.score:.3f}"))
            for row in rows[:_SHOWN]
        ]
        people = counted(self.people, "person").replace("persons", "people")
        shown = f"{self.video}: {people}, {counted(len(rows), 'action')}"
        shown += f", the first {_SHOWN}" if len(rows) > _SHOWN else ""
        return table(("second", "person", "action", "score"), cells, shown)

    def to_json(self) -> dict[str, Any]:
        """Returns what `write_json` writes."""
        names = "video", "width", "height", "fps", "note"
        fields = {name: getattr(self, name) for name in names}
        frames = [
            {
                "frame": frame.number,
                "second": round(frame.second, 3),
                "people": [_person(person) for person in frame.people],
            }
            for frame in self.key_frames
        ]
        return fields | {"frames": self.frames, "people": self.people, "key_frames": frames}


def _person(person):
    """Returns a Person for JSON."""
    return {
        "person": person.number,
        "box": _rounded(person.box),
        "score": round(person.score, 4),
        "actions": [a._asdict() | {"score": round(a.score, 4)} for a in person.actions],
    }


def _rounded(box):
    return [round(value, 5) for value in box]


def write_json(result: Detections, path: str | os.PathLike) -> None:
    """Writes a JSON file: the video, and its key frames, one a line, with people and actions."""
    fields = result.to_json()
    frames = [json.dumps(frame, ensure_ascii=False) for frame in fields.pop("key_frames")]
    head = json.dumps(fields, ensure_ascii=False).removesuffix("}")
    files.write_text(path, head + ', "key_frames": [\n' + ",\n".join(frames) + "\n]}\n")


def write_csv(result: Detections, path: str | os.PathLike) -> None:
    """Writes a CSV file of COLUMNS, a row for each action; people without one are in JSON only."""
    with files.new_file(path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in result.rows():
            place = result.video, f"{row.second:.3f}", *_rounded(row.box)
            table.writerow((*place, row.id, f"{row.score:.4f}", row.person, row.name))


def lines(result: Detections) -> Iterator[str]:
    """Yields a line for each person on each key frame: second, number, box, actions."""
    for frame in result.key_frames:
        for person in frame.people:
            box = " ".join(f"{value:.2f}" for value in person.box)
            actions = ", ".join(f"{a.name} {a.score:.2f}" for a in person.actions)
            yield f"{frame.second:7.2f} s  person {person.number} [{box}]  {actions or '-'}"


def summary(result: Detections) -> str:
    """Returns two lines: what was found, with the note, and the seconds of each stage."""
    total = sum(result.seconds.values())
    found = _counted(result.people, "person", "people") if result.people else "no person was found"
    frames = _counted(result.frames, "frame", "frames")
    keys = _counted(len(result.key_frames), "key frame", "key frames")
    rate = result.frames / total if total else 0.0
    times = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    return (
        f"{result.video}: {frames} at {result.fps:g} per second, {keys}, "
        f"{'; '.join(filter(None, (found, result.note)))}\n"
        f"{times}; {rate:.1f} frames a second"
    )


def _counted(count, one, several):
    return f"{count} {one if count == 1 else several}"
