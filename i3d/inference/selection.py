"""Which of what a teacher has scored is kept, as lists that data_prep builds, and a summary.

    chosen = Selection.of(rows, threshold=0.5, most=None)
    print(chosen.table())
    write("web.csv", chosen.kept)

Source: Duan et al. 2020, OmniSource (arXiv:2003.13042), section 3.2: what was searched by the name
of a class stays where the teacher is confident of that class. Here what has no label gets the
teacher's best class.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from i3d.inference.score_list import Row
from i3d.runtime import files

_MOST_ROWS = 30  # of the table


class Kept(NamedTuple):
    """A video, a part of one or an image that is kept, and its class."""

    row: Row
    label: str
    probability: float


def kept_of(row: Row, threshold: float) -> Kept | None:
    """Returns the Kept of a Row: by its label, or without one by the best class; None below."""
    label, probability = (row.label, row.of_label) if row.label else (row.top_class, row.top)
    return Kept(row, label, probability) if probability >= threshold else None  # not if NaN


class Selection(NamedTuple):
    """What is kept.

    Attributes:
      rows: all that there is.
      kept: in the order of the rows.
    """

    rows: Sequence[Row]
    kept: Sequence[Kept]

    @classmethod
    def of(cls, rows: Sequence[Row], threshold: float, most: int | None = None) -> "Selection":
        """Returns the Selection of Rows.

        Args:
          rows: of the whole material.
          threshold: the least probability, in [0, 1].
          most: of each class, those with the highest; None: all.
        """
        kept = [one for one in (kept_of(row, threshold) for row in rows) if one]
        if most is not None:
            best, count = set(), Counter[str]()
            for place in sorted(range(len(kept)), key=lambda place: -kept[place].probability):
                if count[kept[place].label] < most:
                    best.add(place)
                count[kept[place].label] += 1
            kept = [one for place, one in enumerate(kept) if place in best]
        return cls(rows, kept)

    def table(self) -> str:
        """Returns a table of how much of each class is kept, left out and cannot be read."""
        classes = {id(row): row.label or row.top_class or "(not read)" for row in self.rows}
        of = Counter(classes.values())
        kept = Counter(one.label for one in self.kept)
        failed = Counter(classes[id(row)] for row in self.rows if row.problem)
        names = sorted(of, key=lambda name: (-kept[name], name))
        lines = [("class", "kept", "left out", "not read")]
        for name in names[:_MOST_ROWS]:
            out = of[name] - kept[name] - failed[name]
            lines.append((name, str(kept[name]), str(out), str(failed[name])))
        width = max(len(line[0]) for line in lines)
        more = len(names) - _MOST_ROWS
        rest = [f"and {more} more classes with fewer or as many"] if more > 0 else []
        return "\n".join([f"{name:{width}} {a:>8} {b:>8} {c:>8}" for name, a, b, c in lines] + rest)


def write(path: str | os.PathLike, kept: Iterable[Kept]) -> int:
    """Writes the list path,label[,start_s,end_s] atomically; returns its number of lines.

    Without any, an older list is removed: it would be of another threshold.
    """
    found = list(kept)
    if not found:
        Path(path).unlink(missing_ok=True)
        return 0
    timed = any(one.row.start_s or one.row.end_s is not None for one in found)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["path", "label", *(["start_s", "end_s"] if timed else [])])
    for row, label, _ in found:
        part = [row.start_s, "" if row.end_s is None else row.end_s] if timed else []
        writer.writerow([row.path, label, *part])
    files.write_text(path, buffer.getvalue())
    return len(found)
