"""Reads class names in label order, from a file of any usual format or from a list.

    names = labels.class_names("classInd.txt")       # ["ApplyEyeMakeup", "ApplyLipstick", ...]

Names are kept in Unicode's composed form (NFC), so that a name is the same on every system.
"""

import csv
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from i3d.runtime.text import InputError, number, read_text, stripped

UNLABELLED = "unlabelled"  # the one class of a data set that was built without any
_NUMBERED = re.compile(r"(\d+)(?:\s|[:;]\s?)\s*(\S.*)")


def class_names(labels: str | os.PathLike | Sequence[str]) -> list[str]:
    """Returns the names of a list, or of a file, in label order.

    A text file has a name, `index name` or `id,name` in each line, the last with or without a
    header, or the number after the name; a JSON file has a list of names, {name: id}, {id: name} or
    one of them as "classes". Numbers begin at 0 or 1 and have no gaps.

    Raises:
      InputError: the file cannot be read or is something else, or a name is not usable (see
        `checked`).
    """
    if not isinstance(labels, str | os.PathLike):
        return checked(labels, "labels")
    source = os.fspath(labels)
    try:
        text = read_text(source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    if source.lower().endswith(".json") or text.lstrip()[:1] in ("[", "{"):
        return checked(_of_json(text, source), source)
    return checked(_of_lines(list(filter(None, stripped(text))), source), source)


def texts(file: str | os.PathLike) -> list[str]:
    """Returns the lines of a file, each a label in words; of a .csv or JSON file as `class_names`.

    Raises:
      InputError: the file cannot be read, is empty, or numbers its lines, of which nobody can tell
        whether "2 people dancing" is the second label or one of two people.
    """
    source = os.fspath(file)
    try:
        text = read_text(source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    if source.lower().endswith((".csv", ".json")) or text.lstrip()[:1] in ("[", "{"):
        return class_names(source)
    lines = list(filter(None, stripped(text)))
    if not lines:
        raise InputError(f"{source}: expected one label per line, got an empty file")
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    if all(matches) and _are_counted([(number(match[1]), "") for match in matches if match]):
        raise InputError(
            f"{source}: expected one label per line, got numbered lines such as "
            f"{shortened(lines[0])}: leave the numbers out, or give a JSON list, whose texts are "
            "taken as they are"
        )
    return checked(lines, source)


def checked(names: Iterable[str], source: str) -> list[str]:
    """Returns the names in composed form (NFC).

    Raises:
      InputError: there is none, two are equal, or one is empty, has blanks at an end or holds
        control characters, which files of names cannot keep.
    """
    names = [composed(name) for name in names]
    for name in names:
        if name != name.strip() or not name or not _is_one_line(name):
            raise InputError(
                f"{source}: expected names of classes in one line, without blanks at their ends; "
                f"got {shortened(name)}; rename it"
            )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if not names or repeated:
        came = f"{shortened(repeated[0])} twice" if repeated else "none"
        raise InputError(f"{source}: expected the name of each class once, got {came}")
    return names


def composed(name: str) -> str:
    """Returns a name in Unicode's composed form (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def shortened(name: str) -> str:
    """Returns a name in quotes for a message, its beginning where it is long."""
    return repr(name[:80])


def _is_one_line(name):
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)


def _of_lines(lines, source):
    """Returns the names of lines, in the order of the numbers before or after them, if all do."""
    if pairs := _of_csv(lines, source):
        return _in_order(pairs, source)
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    if matches and all(matches):
        return _in_order([(number(match[1]), match[2]) for match in matches if match], source)
    pairs = [_number_last(line) for line in lines]
    if _are_counted(pairs) and len({name for _, name in pairs}) == len(pairs):  # or "level 1"
        return _in_order(pairs, source)
    return lines


def _number_last(line):
    """Returns (number, name) of `name index`, `name: index` or the like; number None of others."""
    before = line.rstrip("0123456789")
    name = before.rstrip(" \t:;")
    return (number(line[len(before) :]) if name and name != before else None), name


def _of_csv(lines, source):
    """Returns (number, name) of lines `id,name` or `name,id`, after a header or not; or None."""
    if not lines or not all("," in line for line in lines):
        return None
    first = [line.partition(",")[0].strip(' "').isdecimal() for line in lines]
    last = [line.rpartition(",")[2].strip(' "').isdecimal() for line in lines]
    has_header = len(lines) > 1 and not first[0] and not last[0]
    if not (all(first[has_header:]) or all(last[has_header:])):
        return None
    at = 0 if all(first[has_header:]) else 1
    try:
        rows = list(csv.reader(lines[has_header:], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InputError(f"{source}: expected lines `id,name`: {error}") from None
    if wrong := [row for row in rows if len(row) != 2]:
        line = shortened(",".join(wrong[0]))
        raise InputError(
            f"{source}: expected lines `id,name`, got {line}; a name that holds a comma needs "
            "quotes"
        )
    return [(number(row[at].strip()), row[1 - at].strip()) for row in rows]


def _in_order(pairs, source):
    """Returns the names of (number, name) pairs by number: 0 to N - 1, or 1 to N."""
    if not _are_counted(pairs):
        raise InputError(f"{source}: expected `index name` from 0 or 1 without gaps")
    return [name for _, name in sorted(pairs)]


def _are_counted(pairs):
    """Returns whether the numbers are 0 to N - 1, or 1 to N, in any order."""
    found = [index for index, _ in pairs]
    first = min((index for index in found if index is not None), default=-1)
    return first in (0, 1) and Counter(found) == Counter(range(first, first + len(pairs)))


def _of_json(text, source):
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, json.JSONDecodeError) else "numbers or depth of it"
        raise InputError(f"{source}: not JSON that can be read: {reason}") from None
    if isinstance(found, dict) and isinstance(found.get("classes"), list | dict):
        found = found["classes"]
    if isinstance(found, dict):
        pairs = _pairs(found)
        found = _in_order(pairs, source) if pairs else None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise InputError(
            f'{source}: expected a JSON list of names, {{"0": name, ...}} or {{name: 0, ...}}'
        )
    return [_without_quotes(name) for name in found]


def _pairs(found):
    """Returns (number, name) of a dict of either direction, [] where it is none."""
    for pairs in (list(found.items()), [(value, key) for key, value in found.items()]):
        numbers = [number(str(index)) for index, _ in pairs]
        if None not in numbers and all(isinstance(name, str) for _, name in pairs):
            return list(zip(numbers, (name for _, name in pairs), strict=True))
    return []


def _without_quotes(name):
    """Returns a name without the quotes that pytorchvideo's files have inside their strings."""
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name
