"""Reads CSV files of boxes by column, with or without a header; errors name the line.

(rows,) = read("val.csv", [("video", "second", *BOX)])
rows.seconds()                                     # float64 [N]
rows.boxes()                                       # float64 [N, 4], in x1, y1, x2, y2
"""

import csv
import io
import itertools
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
VIDEO, BOX = "video", ("x1", "y1", "x2", "y2")
_BLOCK = 50_000  # rows that are held as text at a time
_MOST_SECONDS = 1e6
_MOST_ID = 10**9


class RowError(BadData):
    """A file of rows that cannot be used; one line that names it and the line."""


class Rows:
    """Rows of one layout, by column.

    Attributes:
      path: of the file.
      lines: int64 [N], the line of each row, from 1.
    """

    def __init__(self, path: str, columns: Sequence[str]):
        """Begins without rows."""
        self.path, self.lines = path, np.zeros(0, np.int64)
        self._columns = tuple(columns)
        self._numbers = {name: np.zeros(0) for name in columns if name != VIDEO}
        self._videos: list[str] = []
        self._names: dict[str, str] = {}  # one string for all rows of a video

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.lines)

    def add(self, cells: list[list[str]], lines: list[int]) -> None:
        """Appends rows, each of as many cells as there are columns.

        Raises:
          RowError: a cell that should be a number is none.
        """
        if not cells:
            return
        self.lines = np.append(self.lines, np.array(lines, np.int64))
        for column, own in zip(self._columns, zip(*cells, strict=True), strict=True):
            if column == VIDEO:
                self._videos += [self._names.setdefault(one.strip(), one.strip()) for one in own]
            else:
                numbers = self._converted(column, own)
                self._numbers[column] = np.append(self._numbers[column], numbers)

    def _converted(self, column, cells):
        """Returns the numbers of cells, the last of the rows so far."""
        try:
            return list(map(float, cells))
        except ValueError:
            row = next(i for i, cell in enumerate(cells) if not _is_number(cell))
            where = self.where(row - len(cells))
            got = f"{cells[row][:80]!r}"
            raise RowError(f"{where}: {column}: expected a number, got {got}") from None

    def where(self, row: int) -> str:
        """Returns "file:line" of a row."""
        return f"{self.path}:{self.lines[row]}"

    def has(self, column: str) -> bool:
        """Returns whether there is such a column."""
        return column in self._columns

    def videos(self) -> list[str]:
        """Returns the names of the videos, one for each row.

        Raises:
          RowError: one is empty.
        """
        if "" in self._names:
            where = self.where(self._videos.index(""))
            raise RowError(f"{where}: expected the name of a video, got an empty cell")
        return self._videos

    def seconds(self) -> np.ndarray:
        """Returns float64 [N]: the times of the key frames.

        Raises:
          RowError: one is not finite, or below 0.
        """
        return self.numbers("second", 0, _MOST_SECONDS)

    def boxes(self, clip: bool = True) -> tuple[np.ndarray, int]:
        """Returns (float64 [N, 4] x1, y1, x2, y2, how many of them were clipped).

        Args:
          clip: whether they are cut off at the borders of the picture, and need an area in it.

        Raises:
          RowError: `boxes.problem` finds something in one of them.
        """
        found = np.stack([self._numbers[name] for name in BOX], axis=1)
        if wrong := boxes.problem(found, least_area=clip):
            raise RowError(f"{self.where(wrong[0])}: {wrong[1]}")
        return boxes.clipped(found) if clip else (found, 0)

    def numbers(self, column: str, least: float = -math.inf, most: float = math.inf) -> np.ndarray:
        """Returns float64 [N] of a column.

        Raises:
          RowError: one is no finite number from `least` to `most`.
        """
        found = self._numbers[column]
        usable = np.isfinite(found) & (found >= least) & (found <= most)
        if not usable.all():
            row = int(usable.argmin())
            got = float(found[row])
            bound = f" of {least:g} or more" * (got < least > -math.inf)
            bound += f" of at most {most:,.0f}" * (got > most < math.inf)
            raise RowError(f"{self.where(row)}: {column}: expected a number{bound}, got {got:g}")
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
            raise RowError(
                f"{self.where(row)}: {column}: expected a whole number, got {found[row]:g}"
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
    path, found = os.fspath(path), {layout: Rows(os.fspath(path), layout) for layout in layouts}
    header = None
    for first, cells, lines in _blocks(path):
        if first and (header := _header(cells[0])) is not None:
            layout = _layout_of_header(header, layouts, f"{path}:{lines[0]}")
            places = [header.index(name) for name in layout]
            cells, lines = cells[1:], lines[1:]
        if header is None:
            _add_by_length(found, cells, lines)
        else:
            _check_lengths(cells, lines, header, path)
            found[layout].add([[row[place] for place in places] for row in cells], lines)
    return list(found.values())


def _blocks(path):
    """Yields (whether it is the first, rows that are not blank, their lines) of parts of a file."""
    reader = csv.reader(io.StringIO(text.read_text(path), newline=""), skipinitialspace=True)
    numbered = ((row, reader.line_num) for row in reader if row and (row[0] or any(row)))
    first = True
    try:
        while block := list(itertools.islice(numbered, _BLOCK)):
            cells, lines = zip(*block, strict=True)
            yield first, list(cells), list(lines)
            first = False
    except csv.Error as error:
        raise RowError(f"{path}:{reader.line_num}: expected CSV: {error}") from None


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


def _check_lengths(cells, lines, header, path):
    for line, row in zip(lines, cells, strict=True):
        if len(row) != len(header):
            raise RowError(
                f"{path}:{line}: expected {len(header)} cells as in the header, got {len(row)}"
            )


def _add_by_length(found, cells, lines):
    """Adds rows to the Rows of the layouts that have as many columns."""
    of_length: dict[int, tuple[list, list]] = {len(layout): ([], []) for layout in found}
    for line, row in zip(lines, cells, strict=True):
        if len(row) not in of_length:
            path = next(iter(found.values())).path
            raise RowError(
                f"{path}:{line}: expected {_or(found)}, got {len(row)} cells; a name that holds "
                "a comma needs quotes"
            )
        own = of_length[len(row)]
        own[0].append(row)
        own[1].append(line)
    for layout, rows in found.items():
        if of_length[len(layout)][0]:
            rows.add(*of_length[len(layout)])


def _or(layouts):
    return " or ".join(",".join(layout) for layout in layouts)


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
