"""Reads text files that a user wrote, lists and CSV tables, and writes names and counts.

    from i3d.runtime import text
    for where, line in text.read_lines("list.txt"):  # "list.txt:3", "jump/a.mp4 0"
        ...

What cannot be used is an InputError that names the file and the line.
"""

import codecs
import csv
import math
import os
import re
import unicodedata

from i3d.runtime.command import BadData

_MOST_DIGITS = 9  # of a number that is a label, a count of frames or the like
_LONGEST_PATH = 4096  # characters
_MOST_IN_NAME = 16  # numbers at the end of a path that has blanks


class InputError(BadData):
    """What --videos, --video_root, --split or --labels names cannot be used; one clear line."""


def read_text(file):
    """Returns the text of a file in UTF-8, or in UTF-16 with its byte-order mark.

    Raises:
      InputError: it is in another encoding, such as Latin-1, or no text.
      OSError: it cannot be read.
    """
    with open(file, "rb") as stream:
        data = stream.read()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}:{line}: expected text in UTF-8; save the file so") from None
    if "\0" in text:
        raise InputError(f"{file}: expected text in UTF-8, it holds zero bytes; save the file so")
    return text


def read_lines(file):
    """Returns [("file:line", line)] of a text file: stripped lines that are not blank."""
    lines = enumerate(stripped(read_text(file)), 1)
    return [(f"{file}:{number}", line) for number, line in lines if line]


def stripped(text):
    """Returns the lines of a text without blanks at their ends."""
    return [line.strip() for line in re.split("\r\n|\r|\n", text)]


def last_word(line):
    """Returns what stands before the last space, and the word after it."""
    *before, word = line.rsplit(maxsplit=1)
    return "".join(before), word


def number(word):
    """Returns the int that a word of decimal digits says, None for other words and huge ones."""
    return int(word) if word.isdecimal() and len(word) <= _MOST_DIGITS else None


def path_and_numbers(line, root):
    """Returns (path, words) of a line `path 40 0`: a tuple of the whole numbers at its end.

    Of a path that itself ends in numbers, such as "take 2", as much is path as makes it one that
    exists in the root; if none does, all numbers are words.
    """
    ends = line.rsplit(maxsplit=2)
    if len(ends) == 3 and _is_whole(ends[2]) and not _is_whole(ends[1]):  # one number, as in most
        return line[: -len(ends[2])].rstrip(), (ends[2],)
    words = line.split()
    count = 0
    while count < len(words) - 1 and _is_whole(words[-1 - count]):
        count += 1
    for taken in range(count, max(count - _MOST_IN_NAME, 1) - 1, -1):
        path = line.rsplit(maxsplit=taken)[0] if taken else line
        if taken == count == 1 or os.path.exists(below(path, root)):
            return path, tuple(words[len(words) - taken :])
    path = line.rsplit(maxsplit=count)[0] if count else line
    return path, tuple(words[len(words) - count :])


def _is_whole(word):
    return (word[1:] if word[0] in "+-" else word).isdecimal()


def below(path, root):
    """Returns the absolute path of what a list names, in the spelling that exists.

    Where the name as it stands is not there, back-slashes are read as those of Windows, and
    accents in Unicode's other form.
    """
    whole = os.path.normpath(os.path.join(root, path))
    if path.isascii() and "\\" not in path or os.path.exists(whole):
        return whole
    spellings = [path, path.replace("\\", "/")]
    spellings += [unicodedata.normalize(form, spellings[1]) for form in ("NFC", "NFD")]
    wholes = [os.path.normpath(os.path.join(root, spelling)) for spelling in spellings[1:]]
    return next(filter(os.path.exists, wholes), wholes[0])


def inside(path, root, where):
    """Returns `below`; InputError where that is not inside the root."""
    if len(path) > _LONGEST_PATH:
        raise InputError(f"{where}: expected a path, got {len(path)} characters: {path[:80]!r}")
    whole = below(path, root)
    if not (whole.startswith(root) and whole[len(root.rstrip(os.sep)) :][:1] == os.sep):
        raise InputError(
            f"{where}: expected a path inside {root}, got {path[:200]!r}; give the folder that "
            "holds the videos by --video_root"
        )
    return whole


def printable(name: str) -> str:
    """Returns a name that can be written as UTF-8: bytes that are none become \\xe9 or the like."""
    data = name.encode("utf-8", "surrogateescape")  # as the system's names are decoded
    return data.decode("utf-8", "backslashreplace")


def counted(number: int, one: str) -> str:
    """Returns a number and what it counts: "1 row", "2,000 rows"."""
    return f"{number:,} {one}{'s' if number != 1 else ''}"


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
    unknown = [repr(c[:80]) for c in header if c not in needed + optional][:9]
    problems = [f"{', '.join(missing)} missing"] * bool(missing)
    problems += [f"{', '.join(unknown)} not known"] * bool(unknown)
    problems += ["a column twice"] * (len(set(header)) < len(header))
    if problems:
        expected = ",".join(needed) + "".join(f"[,{column}]" for column in optional)
        raise InputError(
            f"{where}: expected the columns {expected}, here {'; '.join(problems)}; correct the "
            "header"
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
        raise InputError(f"{where}: expected a time in seconds, 0 or more, got {text[:80]!r}")
    return seconds
