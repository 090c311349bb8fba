"""Reads CSV files of boxes by column, with or without a header; errors name the line.

(rows,) = read("val.csv", [("video", "second", *BOX)])
rows.seconds()                                     # float64 [N]
rows.boxes()                                       # float64 [N, 4], in x1, y1, x2, y2
"""

import csv
import io
import math
import os
from collections.abc import Sequence

import numpy as np

from i3d.detection import boxes
from i3d.runtime import text
from i3d.runtime.command import BadData

# What headers of such files are seen to hold, beside the names of the columns themselves.
_ALSO = {
    "video_id": "video", "video_name": "video", "timestamp": "second", "time": "second",
    "middle_frame_timestamp": "second", "seconds": "second", "xmin": "x1", "ymin": "y1",
    "xmax": "x2", "ymax": "y2", "action_id": "action", "label": "action", "label_id": "action",
    "class_id": "action", "person_id": "person", "entity_id": "person", "confidence": "score",
}  # fmt: skip
BOX = ("x1", "y1", "x2", "y2")
_MOST_SECONDS = 1e6
_MOST_ID = 10**9


class RowError(BadData):
    """A file of rows that cannot be used; one line that names it and the line."""


class Rows:
    """The cells of rows, by column.

    Attributes:
      path: of the file.
      lines: int64 [N], the line of each row, from 1.
    """

    def __init__(self, path: str, cells: list[list[str]], lines: list[int], columns: Sequence[str]):
        """Takes rows of as many cells as there are columns."""
        self.path, self.lines = path, np.array(lines, np.int64)
        by_column = zip(*cells, strict=True) if cells else [()] * len(columns)
        self._cells = dict(zip(columns, by_column, strict=True))

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.lines)

    def where(self, row: int) -> str:
        """Returns "file:line" of a row."""
        return f"{self.path}:{self.lines[row]}"

    def has(self, column: str) -> bool:
        """Returns whether there is such a column."""
        return column in self._cells

    def videos(self) -> list[str]:
        """Returns the names of the videos, one for each row.

        Raises:
          RowError: one is empty.
        """
        names = [name.strip() for name in self._cells["video"]]
        if "" in names:
            where = self.where(names.index(""))
            raise RowError(f"{where}: expected the name of a video, got an empty cell")
        return names

    def seconds(self) -> np.ndarray:
        """Returns float64 [N]: the times of the key frames.

        Raises:
          RowError: one is no number, or below 0.
        """
        return self.numbers("second", 0, _MOST_SECONDS)

    def boxes(self, clip: bool = True) -> tuple[np.ndarray, int]:
        """Returns (float64 [N, 4] x1, y1, x2, y2, how many of them were clipped).

        Args:
          clip: whether they are cut off at the borders of the picture, and need an area in it.

        Raises:
          RowError: `boxes.problem` finds something in one of them.
        """
        found = np.stack([self.numbers(name) for name in BOX], axis=1)
        if wrong := boxes.problem(found, least_area=clip):
            raise RowError(f"{self.where(wrong[0])}: {wrong[1]}")
        return boxes.clipped(found) if clip else (found, 0)

    def numbers(self, column: str, least: float = -math.inf, most: float = math.inf) -> np.ndarray:
        """Returns float64 [N] of a column.

        Raises:
          RowError: one is no finite number between `least` and `most`.
        """
        cells = self._cells[column]
        try:
            found = np.array(list(map(float, cells)), np.float64)
        except ValueError:
            found = np.array(list(map(_number, cells)), np.float64)
        usable = np.isfinite(found) & (found >= least) & (found <= most)
        if not usable.all():
            row = int(usable.argmin())
            bounds = f" of {least:g} or more" * (least > -math.inf)
            bounds += f", at most {most:g}" * (most < math.inf)
            raise RowError(
                f"{self.where(row)}: {column}: expected a number{bounds}, got {cells[row][:80]!r}"
            )
        return found

    def ids(self, column: str, least: int) -> np.ndarray:
        """Returns int64 [N] of a column of whole numbers; `2.0` is one too.

        Raises:
          RowError: one is no whole number of `least` or more.
        """
        found = self.numbers(column, least, _MOST_ID)
        whole = found == np.floor(found)
        if not whole.all():
            row = int(whole.argmin())
            cell = self._cells[column][row]
            raise RowError(
                f"{self.where(row)}: {column}: expected a whole number, got {cell!r:.80}"
            )
        return found.astype(np.int64)


def read(
    path: str | os.PathLike,
    layouts: Sequence[tuple[str, ...]],
) -> list[Rows]:
    """Returns the rows of a CSV file, those of each layout apart.

    Blank lines are left out. A first line that names columns is a header: its columns may stand in
    any order, and those that no layout has are left out.

    Args:
      path: of the file.
      layouts: names of the columns, in the order of files without a header; each has another
        number of columns. Without a header, the number of cells of a row tells its layout.

    Raises:
      RowError: a row has another number of cells, a column is missing, or a quote is not closed.
      OSError: it cannot be read.
    """
    path = os.fspath(path)
    cells, lines = _cells(path)
    header = _header(cells[0]) if cells else None
    if header is None:
        return _by_length(path, cells, lines, layouts)
    layout = _layout_of_header(header, layouts, f"{path}:{lines[0]}")
    for line, row in zip(lines[1:], cells[1:], strict=True):
        if len(row) != len(header):
            raise RowError(
                f"{path}:{line}: expected {len(header)} cells as in the header, got {len(row)}"
            )
    places = [header.index(name) for name in layout]
    chosen = [[row[place] for place in places] for row in cells[1:]]
    return [
        Rows(path, chosen, lines[1:], layout) if own is layout else Rows(path, [], [], own)
        for own in layouts
    ]


def _cells(path):
    """Returns the rows of a file that are not blank, and the number of the line of each."""
    reader = csv.reader(io.StringIO(text.read_text(path), newline=""), skipinitialspace=True)
    cells, lines = [], []
    try:
        for row in reader:
            if any(row):
                cells.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise RowError(f"{path}:{reader.line_num}: expected CSV: {error}") from None
    return cells, lines


def _header(row):
    """Returns the names of the columns, None where a row is none of names."""
    names = [cell.strip().lower() for cell in row]
    names = [_ALSO.get(name, name) for name in names]
    return names if "video" in names or "second" in names else None


def _layout_of_header(header, layouts, where):
    """Returns the longest of the layouts whose columns a header has."""
    fitting = [layout for layout in layouts if set(layout) <= set(header)]
    layout = max(fitting, key=len, default=())
    known = set(header) & set().union(*layouts)
    if not fitting or not known <= set(layout):  # it has a part of the columns of a longer one
        wanted = [own for own in layouts if known <= set(own)] or layouts
        missing = [name for name in min(wanted, key=len) if name not in header]
        raise RowError(
            f"{where}: expected the columns {_or(layouts)}, here {', '.join(missing)} is missing"
        )
    if twice := [name for name in layout if header.count(name) > 1]:
        raise RowError(f"{where}: expected each column once, got {twice[0]} twice")
    return layout


def _by_length(path, cells, lines, layouts):
    of_length: dict[int, tuple[list, list]] = {len(layout): ([], []) for layout in layouts}
    for line, row in zip(lines, cells, strict=True):
        if len(row) not in of_length:
            raise RowError(
                f"{path}:{line}: expected {_or(layouts)}, got {len(row)} cells; a name that holds "
                "a comma needs quotes"
            )
        found = of_length[len(row)]
        found[0].append(row)
        found[1].append(line)
    return [Rows(path, *of_length[len(layout)], layout) for layout in layouts]


def _or(layouts):
    return " or ".join(",".join(layout) for layout in layouts)


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        return math.nan
