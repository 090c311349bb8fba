"""A list of a teacher's scores on disk, to which a row is added as each video is scored.

    scores = ScoreList("web_scores.csv", windowed=False)
    if scores.key_of(piece) not in scores.rows:
        scores.add(piece, [scored(piece, ...)])
    scores.put_in_order(pieces)

Rows of a video are written at once and reach the disk before the next; a half-written end is left
out when the list is read.
"""

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from i3d.inference.material import Piece
from i3d.runtime import files
from i3d.runtime.text import InputError, number, stripped, table, times

COLUMNS = (
    "path", "start_s", "end_s", "label", "top_class", "top_probability", "label_probability",
    "windows", "problem",
)  # fmt: skip
_DIGITS = 6  # of a probability; what is kept is decided by these, so that it is the same again


class Row(NamedTuple):
    """What a teacher says of a video, of a part of it or of an image.

    Attributes:
      path, label: as a Piece has them.
      start_s, end_s: seconds of the part or window; None is the end.
      top_class: name of the best class.
      top: its probability; NaN of what could not be read.
      of_label: probability of the label; NaN without label.
      windows: number of rows of the video.
      problem: why there are no scores, or "".
    """

    path: str
    start_s: float
    end_s: float | None
    label: str
    top_class: str = ""
    top: float = math.nan
    of_label: float = math.nan
    windows: int = 1
    problem: str = ""


class ScoreList:
    """Rows by what they are of.

    Attributes:
      rows: {key of a Piece: its Rows}.
    """

    def __init__(self, path: str | os.PathLike, windowed: bool):
        """Reads what is there.

        Args:
          path: of the CSV file.
          windowed: whether videos are cut into windows, each with its times.

        Raises:
          UserError: it is no such list.
          OSError: it cannot be read.
        """
        self._path, self._windowed = Path(path), windowed
        self._file: IO[bytes] | None = None
        self.rows: dict[tuple, list[Row]] = {}
        if self._path.exists():
            self._read()

    def key_of(self, piece: Piece | Row) -> tuple:
        """Returns what tells a Piece from others, or the one that a Row is of."""
        if self._windowed:
            return piece.path, piece.label
        return piece.path, piece.label, piece.start_s, piece.end_s

    def _read(self):
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]  # a line without its end was cut off by a kill
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            raise InputError(f"{self._path}: expected text in UTF-8; remove it") from None
        lines = enumerate(stripped(text), 1)
        known = [(f"{self._path}:{place}", line) for place, line in lines if line]
        for where, cells in table(known, COLUMNS, ()):
            row = _row(cells, where)
            there = self.rows.setdefault(self.key_of(row), [])
            if there and len(there) >= there[0].windows:  # it was tried again
                there.clear()
            there.append(row)
        complete = {key: rows for key, rows in self.rows.items() if len(rows) == rows[0].windows}
        if complete != self.rows or whole != data:
            self.rows = complete
            self._write(self.rows.values())

    def add(self, piece: Piece, rows: Sequence[Row]) -> None:
        """Adds the Rows of a Piece; they are on disk when this returns."""
        if not self._path.exists():
            self._write([])
        self._file = self._file or open(self._path, "ab")
        self._file.write(_lines(rows))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows[self.key_of(piece)] = list(rows)

    def put_in_order(self, pieces: Sequence[Piece]) -> None:
        """Writes the list anew in the order of the pieces, other rows behind, if it is not so."""
        self.close()
        first = dict.fromkeys(map(self.key_of, pieces))
        self.rows = {key: self.rows[key] for key in {**first, **self.rows} if key in self.rows}
        if self.rows and self._path.read_bytes() != self._content(self.rows.values()):
            self._write(self.rows.values())

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, groups):
        with files.new_file(self._path) as file:
            file.write(self._content(groups))

    def _content(self, groups):
        header = ",".join(COLUMNS).encode() + b"\n"
        return header + b"".join(map(_lines, groups))


def rounded(probability: float) -> float:
    """Returns a probability as the list keeps it."""
    return round(float(probability), _DIGITS)


def _lines(rows):
    """Returns the lines of Rows, as bytes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        start = "" if not row.start_s and row.end_s is None else row.start_s
        numbers = ["" if math.isnan(p) else f"{p:.{_DIGITS}f}" for p in (row.top, row.of_label)]
        cells = row.path, start, "" if row.end_s is None else row.end_s, row.label, row.top_class
        writer.writerow([*cells, *numbers, row.windows, row.problem])
    return buffer.getvalue().encode()


def _row(cells, where):
    """Returns the Row of the cells of a line; InputError where they are none."""
    top, of_label = (_probability(cells[f"{name}_probability"], where) for name in ("top", "label"))
    windows = number(cells["windows"])
    expected = bool(cells["problem"]) == math.isnan(top) and (
        bool(cells["label"] and cells["top_class"]) != math.isnan(of_label)
    )
    if not windows or not cells["path"] or not expected:
        raise InputError(f"{where}: expected scores as this command writes them; remove the file")
    start_s, end_s = times(cells["start_s"], cells["end_s"], where)
    texts = cells["label"], cells["top_class"]
    return Row(cells["path"], start_s, end_s, *texts, top, of_label, windows, cells["problem"])


def _probability(cell, where):
    try:
        found = float(cell or "nan")
    except ValueError:
        found = -1.0
    if not (math.isnan(found) or 0 <= found <= 1):
        raise InputError(f"{where}: expected a probability from 0 to 1, got {cell[:80]!r}")
    return found
