"""Reads the text that a user wrote: lists, CSV tables, class names.

    from i3d.runtime import text
    for where, line in text.read_lines("list.txt"):  # "list.txt:3", "jump/a.mp4 0"
        ...

What cannot be used is an InputError that names the file and the line.
"""

import csv
import math
import os
import re
from collections import Counter

from i3d.runtime.command import BadData


class InputError(BadData):
    """What --videos, --video_root, --split or --labels names cannot be used; one clear line."""


def read_lines(file):
    """Returns [("file:line", line)] of a UTF-8 text file: stripped lines that are not blank."""
    with open(file, "rb") as stream:
        data = stream.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}:{line}: expected text in UTF-8; save the file so") from None
    if "\0" in text:
        raise InputError(f"{file}: expected text in UTF-8, it holds zero bytes; save the file so")
    lines = enumerate(re.split("\r\n|\r|\n", text), 1)
    return [(f"{file}:{number}", line.strip()) for number, line in lines if line.strip()]


def last_word(line):
    """Returns what stands before the last space, and the word after it."""
    *before, word = line.rsplit(maxsplit=1)
    return "".join(before), word


def class_names(labels):
    """Returns the names of a list, or of a text file with a name or `index name` per line."""
    if isinstance(labels, str | os.PathLike):
        source = os.fspath(labels)
        names = _without_index([line for _, line in read_lines(source)], source)
    else:
        source, names = "labels", list(labels)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if not names or repeated:
        came = f"{repeated[0]!r} twice" if repeated else "none"
        raise InputError(f"{source}: expected the name of each class once, got {came}")
    return names


def _without_index(names, source):
    """Returns the names in the order of the numbers before them, if all have one."""
    pairs = [re.fullmatch(r"(\d+)\s+(.+)", name) for name in names]
    numbered = sorted((int(pair[1]), pair[2]) for pair in pairs if pair)
    if not pairs or len(numbered) < len(pairs):
        return names
    first = numbered[0][0]
    if first > 1 or [number for number, _ in numbered] != list(range(first, first + len(names))):
        raise InputError(f"{source}: expected `index name` from 0 or 1 without gaps")
    return [name for _, name in numbered]


def table(lines, needed, optional):
    """Yields ("file:line", {column: cell}) of a CSV file that has just these columns.

    Args:
      lines: of the file, as `read_lines` gives them; the first is the header.
      needed: tuple of the columns that must be there.
      optional: tuple of those that may.
    """
    header = None
    for where, line in lines:
        cells = _cells(line, where)
        if not any(cells):
            continue
        if header is None:
            header = _checked(cells, needed, optional, where)
        elif len(cells) == len(header):
            yield where, dict(zip(header, cells, strict=True))
        else:
            raise InputError(
                f"{where}: expected {len(header)} cells as in the header, got {len(cells)}; a "
                "cell that holds a comma needs quotes"
            )


def _cells(line, where):
    try:
        (cells,) = csv.reader([line], skipinitialspace=True, strict=True)
    except csv.Error as error:
        reason = "a quote is not closed" if "end of data" in str(error) else error
        raise InputError(f"{where}: expected CSV: {reason}") from None
    return [cell.strip() for cell in cells]


def _checked(header, needed, optional, where):
    missing = [column for column in needed if column not in header]
    unknown = [column for column in header if column not in needed + optional]
    problems = [f"{', '.join(missing)} missing"] * bool(missing)
    problems += [f"{', '.join(map(repr, unknown))} not known"] * bool(unknown)
    problems += ["a column twice"] * (len(set(header)) < len(header))
    if problems:
        expected = ",".join(needed) + "".join(f"[,{column}]" for column in optional)
        raise InputError(
            f"{where}: expected the columns {expected}, here {'; '.join(problems)}; correct the "
            "header (videos without labels cannot be used)"
        )
    return header


def filled(cells, column, where):
    """Returns the cell of a row, which must not be empty; None if there is no such column."""
    if cells.get(column) == "":
        raise InputError(f"{where}: expected a value for {column}, the cell is empty; fill it in")
    return cells.get(column)


def times(start, end, where):
    """Returns (start_s, end_s) of two cells; an empty one means the start or end of the file."""
    start_s = _seconds(start, where) if start else 0.0
    end_s = _seconds(end, where) if end else None
    if end_s is not None and end_s <= start_s:
        raise InputError(f"{where}: expected an end after the start, got {start or 0} to {end}")
    return start_s, end_s


def _seconds(text, where):
    try:
        seconds = -1.0 if "_" in text else float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise InputError(f"{where}: expected a time in seconds, 0 or more, got {text!r}")
    return seconds
